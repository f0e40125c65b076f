"""The form of everything that is read from a file a user may write: strict and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

_NUMBERS = (int, float, int | None, float | None)


class StrictModel(BaseModel):
    """A frozen model that refuses unknown keys, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: object) -> object:
        """``batch_size: true`` is a mistake, not a batch of one."""
        if isinstance(value, Mapping):
            for name, field in cls.model_fields.items():
                if isinstance(value.get(name), bool) and field.annotation in _NUMBERS:
                    raise ValueError(f"{name}: expected a number, got {str(value[name]).lower()}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _text_alone(cls, value: object) -> object:
        """A text in the place of a list of texts is a list of one, never one of letters."""
        if not isinstance(value, Mapping):
            return value
        texts = [name for name, field in cls.model_fields.items() if field.annotation == tuple[str, ...]]
        return {**value, **{name: (value[name],) for name in texts if isinstance(value.get(name), str)}}


def later(default: object, *, description: str, ge: float | None = None, le: float | None = None) -> Any:  # noqa: ANN401
    """A field that has come since files of its model were written: at its default it is left out of what is written.

    So the digests that runs, stores and trials are known by stay what they were for whoever does not use it.
    """
    return Field(default, ge=ge, le=le, description=description, exclude_if=lambda value: value == default)
