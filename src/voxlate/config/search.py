"""The section ``search`` of a recipe: what tuning may try, and what it compares."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from voxlate.plainyaml import number
from voxlate.strict import StrictModel


def written(value: object) -> object:
    """A value as a search keeps it: a list, the widths of a network say, as text, which ``with_overrides`` reads again.

    Example:
        >>> written([8, 16]), written(0.1)
        ('[8, 16]', 0.1)
    """
    return json.dumps(value) if isinstance(value, list | tuple) else value


class Range(StrictModel):
    """What tuning may try for one recipe field: a list of ``values``, or an interval."""

    values: tuple[int | float | str | bool, ...] | None = Field(
        None, min_length=1, description="Values to try; lists may be among them, `[[8, 16], [8, 16, 32]]`."
    )
    low: float | None = Field(None, description="Lower end of an interval.")
    high: float | None = Field(None, description="Upper end of an interval.")
    log: bool = Field(False, description="Sample the interval on a logarithmic scale.")
    integer: bool = Field(False, description="Only whole numbers.")

    @field_validator("values", mode="before")
    @classmethod
    def _lists_as_text(cls, values: object) -> object:
        return [written(value) for value in values] if isinstance(values, list | tuple) else values

    @field_validator("values")
    @classmethod
    def _numbers(
        cls, values: tuple[int | float | str | bool, ...] | None
    ) -> tuple[int | float | str | bool, ...] | None:
        # YAML 1.1 reads 1e-3 as text; a number was meant.
        return None if values is None else tuple(number(v) if isinstance(v, str) else v for v in values)

    @model_validator(mode="after")
    def _values_or_interval(self) -> Self:
        if self.values is not None:
            if self.low is not None or self.high is not None or self.log or self.integer:
                raise ValueError("give either values or an interval, not both")
            if len(set(map(repr, self.values))) < len(self.values):
                raise ValueError("the values must differ")
        elif self.low is None or self.high is None:
            raise ValueError("give either values or both low and high")
        elif self.low >= self.high:
            raise ValueError("low must be below high")
        elif self.log and self.low <= 0:
            raise ValueError("low must be above 0 on a logarithmic scale")
        elif self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("low and high of an integer interval must be whole numbers")
        return self

    def holds(self, value: object) -> bool:
        """Whether a value lies in the range."""
        if self.values is not None:
            return value in self.values
        if isinstance(value, bool) or not isinstance(value, int | float) or self.low is None or self.high is None:
            return False
        return self.low <= value <= self.high and (not self.integer or float(value).is_integer())

    def height(self, value: float) -> float:
        """Where a number lies between the ends of the interval, 0 to 1, on a logarithmic scale if it has one."""
        ends = (self.low or 0.0, self.high or 0.0)
        low, high, place = (math.log(x) if self.log else x for x in (*ends, float(value)))
        return (place - low) / (high - low)


class Search(StrictModel):
    """The search of ``voxlate tune``: dotted recipe fields with their ranges, how they are tried, what is compared."""

    sampler: Literal["grid", "random", "tpe", "gp"] = Field(
        "tpe", description="Every combination, random, tree-structured Parzen estimator, or Gaussian process."
    )
    pruner: Literal["auto", "none", "median", "hyperband"] = Field(
        "auto", description="What ends bad trials early; `auto`: `median`, or `none` for a grid."
    )
    metric: str = Field("mae", description="Validation metric that is compared; with `search.task` also `task_dice`.")
    direction: Literal["minimise", "maximise"] | None = Field(
        None, description="Whether lower or higher is better; `null`: as the metric says."
    )
    task: Path | None = Field(
        None,
        description="A model from the target to labels, whose Dice on the predictions every validation reports; "
        "`null`: none.",
    )
    space: dict[str, Range] = Field(
        {}, description="From a dotted recipe field to its range; empty: the default space."
    )
