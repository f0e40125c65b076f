"""A form that a user fills in as YAML: a strict model, or a refusal that says what is wrong and what was meant."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError

from voxlate.config.catalogue import meant
from voxlate.config.recipe import describe
from voxlate.errors import UsageError

_Form = TypeVar("_Form", bound=BaseModel)


def filled(form: type[_Form], values: object, *, what: str, where: Path) -> _Form:
    """The values as this form.

    Args:
        form: A strict model, whose sections may be models or tuples of such.
        values: As YAML gives them.
        what: What the form is called.
        where: The file.

    Raises:
        UsageError: If a key is unknown or a value is of the wrong type or range; every problem is listed.
    """
    try:
        return form.model_validate(values, context={"folder": where.resolve().parent})
    except ValidationError as error:
        hints = (meant(one, _fields(form, one["loc"][:-1])) for one in error.errors())
        remedy = f"{''.join(dict.fromkeys(hints))}Correct these fields."
        raise UsageError(f"valid {what}", came=describe(error), where=where, remedy=remedy) from None


def _fields(form: object, place: tuple[int | str, ...]) -> list[str]:
    """The names of the fields that a section has."""
    for name in place:
        if isinstance(name, str):
            field = getattr(form, "model_fields", {}).get(name)
            form = None if field is None else field.annotation
            form = next((one for one in get_args(form) if hasattr(one, "model_fields")), form)
    return [*getattr(form, "model_fields", ())]
