"""How a label map that goes in becomes channels: which structures a network is told of, and in which form."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, NonNegativeInt, field_validator

from voxlate.strict import StrictModel

Structures = dict[str, tuple[NonNegativeInt, ...]]


class Conditions(StrictModel):
    """What a method sees of a source ``labels``.

    ``structures`` is a word that a run replaces by names with their label values when it looks at its data set
    (``each``: one per value; ``binary``: one of everything labelled), names that the data set's convention knows
    (``[myocardium]``, or short ``myocardium+aorta``), or these names with their values. With ``onehot`` each structure
    has a channel of zeros and ones; with ``ordinal`` there is one channel, in which structure n of N has the value n/N.
    """

    structures: Literal["each", "binary"] | Structures | tuple[str, ...] = Field(
        "each", description="`each`, `binary`, names of the data set's convention, or names with their label values."
    )
    encoding: Literal["onehot", "ordinal"] = Field(
        "onehot", description="A channel per structure, or one channel with a value per structure."
    )

    @field_validator("structures", mode="before")
    @classmethod
    def _names_as_text(cls, value: object) -> object:
        if isinstance(value, str) and value not in {"each", "binary"}:
            return [part.strip() for part in value.split("+")]
        return value

    @field_validator("structures")
    @classmethod
    def _some(cls, value: object) -> object:
        if not value:
            raise ValueError("structures must name at least one")
        return value
