"""Choosing by name: what is checked, and what the messages say."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from voxlate.config.catalogue import build, pick
from voxlate.config.choice import Choice
from voxlate.errors import UsageError


def square(*, side: Annotated[float, Field(gt=0)], unit: Literal["mm", "cm"] = "mm", count: int = 1) -> str:
    return f"{count} x {side} {unit}"


def circle(*, radius: float, count: int = 1) -> str:
    return f"{count} o {radius}"


SHAPES = {"square": square, "circle": circle}


def choose(**values: object) -> Choice:
    return Choice.model_validate(values)


def test_builds_with_the_recipes_options_and_the_programs_context() -> None:
    assert build(SHAPES, choose(name="square", side=2, unit="cm"), what="shape", count=3) == "3 x 2.0 cm"


def test_name_alone_is_a_choice() -> None:
    assert Choice.model_validate("square").options == {}


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"name of a shape, got 'cube'\. Use one of square, circle") as caught:
        pick(SHAPES, "cube", what="shape")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "side"),
        ({"side": 0}, "side"),
        ({"side": "wide"}, "side"),
        ({"side": 1, "unit": "inch"}, "unit"),
        ({"side": 1, "colour": "red"}, "colour"),
    ],
)
def test_option_that_does_not_fit_is_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        build(SHAPES, choose(name="square", **options), what="shape")
    assert caught.value.where == "shape.square"


def test_option_that_the_program_decides_cannot_be_given_by_a_recipe() -> None:
    with pytest.raises((UsageError, TypeError)):
        build(SHAPES, choose(name="circle", radius=1.0, count=2), what="shape", count=1)
