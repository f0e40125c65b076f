"""A choice by name from a catalogue, with options: `unet`, or `{name: unet, widths: [16, 32]}`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from voxlate.plainyaml import Json

LossTerms = dict[str, float | Json]
"""The section ``loss`` of a recipe: from a term to its weight, or to its weight and options."""


class Choice(BaseModel):
    """An entry of a catalogue with its options: ``{name: unet, channels: [16, 32]}``, or just ``unet``."""

    model_config = ConfigDict(extra="allow", frozen=True)
    name: str = Field(description="Name of the entry in its catalogue.")

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @property
    def options(self) -> Json:
        """The options without the name."""
        return dict(self.model_extra or {})
