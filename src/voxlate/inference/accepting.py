"""What a call accepts that readers refuse by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from voxlate.config.plan import Reading
from voxlate.config.recipe import describe
from voxlate.errors import UsageError


def accepted_reading(reading: Reading, accept: Mapping[str, str | Sequence[str]]) -> Reading:
    """The rules of readers with others in their place; codes of findings join those that are accepted already.

    Raises:
        UsageError: If a field or value is unknown.
    """
    codes = (*reading.accept, *accept.get("accept", ()))
    try:
        return Reading.model_validate({**reading.model_dump(), **accept, "accept": codes})
    except ValidationError as error:
        raise UsageError(
            f"a field of plan.reading ({', '.join(Reading.model_fields)}) and its value",
            came=describe(error),
            where="--accept",
            remedy="Give on_shear=resample, say, or the code of a finding, not_hounsfield say.",
        ) from error


def say_accepted(accept: Mapping[str, str | Sequence[str]]) -> str:
    """What is accepted as the command line takes it; empty if nothing is.

    Example:
        >>> say_accepted({"on_shear": "resample", "accept": ["not_hounsfield"]})
        'on_shear=resample, not_hounsfield'
    """
    fields = (f"{name}={value}" for name, value in sorted(accept.items()) if name != "accept")
    return ", ".join((*fields, *sorted(set(accept.get("accept", ())))))
