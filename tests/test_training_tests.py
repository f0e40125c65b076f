"""The mark of tests that train is found through helpers and programs, and stands only where something trains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import voxlate
from tests.training_tests import _trains


def _helper() -> None:
    voxlate.train("cohort", recipe="recipe", out="run")


def _by_a_helper() -> None:
    _helper()


def _by_a_command() -> tuple[str, ...]:
    return ("-m", "voxlate.cli", "ablate")


def _by_a_program() -> str:
    return "import voxlate\nprint(voxlate.tune('cohort', out='search'))"


def _in_a_function_of_its_own() -> object:
    return lambda run: voxlate.compare(run, recipes=["recipe"], out="comparison")


def _not_at_all() -> str:
    voxlate.evaluate("run", "cohort", out="evaluation")
    return "what a train of thought is called"


@pytest.mark.parametrize("function", [_helper, _by_a_helper, _by_a_command, _by_a_program, _in_a_function_of_its_own])
def test_what_trains_is_found(function: Callable[..., object]) -> None:
    assert _trains(function)


def test_what_does_not_train_is_not_marked() -> None:
    assert not _trains(_not_at_all)
