"""What every call of a verb that reads images begins with."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def telling_anew(verb: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """The verb, each call of which tells what is wrong with an image once, whatever an earlier call has told."""

    @wraps(verb)
    def call(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        from voxlate.cohort.admission import forget_told

        forget_told()
        return verb(*args, **kwargs)

    return call
