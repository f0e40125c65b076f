"""Derivations: the arithmetic against hand-written sums, what is refused, and which files a contrast needs."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from tests.config.test_recipe import MINIMAL
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.derivation import Derivation, Operation, compute, files_of, formulas, lacking
from voxlate.errors import ReadError, UsageError

A = np.array([[[4.0, -2.0, 0.0, 8.0]]], dtype=np.float32)
B = np.array([[[2.0, 3.0, 0.0, -8.0]]], dtype=np.float32)
DIXON = {
    "fat": {"operation": "subtract", "of": ["in_phase", "out_phase"], "scale": 0.5},
    "water": {"operation": "add", "of": ["in_phase", "out_phase"], "scale": 0.5},
}
CASES: list[tuple[dict[str, Any], list[float], str]] = [
    ({"operation": "add"}, [6, 1, 0, 0], "t1 + t2"),
    ({"operation": "subtract", "scale": 0.5}, [1, -2.5, 0, 8], "0.5 (t1 - t2)"),
    ({"operation": "multiply"}, [8, -6, 0, -64], "t1 x t2"),
    ({"operation": "divide"}, [2, -2 / 3, 0, -1], "t1 / t2"),
    ({"operation": "divide", "guard": 2.5}, [0, -2 / 3, 0, -1], "t1 / t2"),
    ({"operation": "mean"}, [3, 0.5, 0, 0], "mean of t1 and t2"),
    ({"operation": "absolute_difference", "scale": 2}, [4, 10, 0, 32], "2 |t1 - t2|"),
    ({"operation": "linear", "weights": [2, -1]}, [6, -7, 0, 24], "2 t1 + -1 t2"),
    (
        {"operation": "curve", "of": ["t1"], "points": [[-1, 0], [1, 4], [5, 6]]},
        [5.5, 0, 2, 6],
        "t1 by -1: 0, 1: 4, 5: 6",
    ),
    ({"operation": "subtract", "clip": [0, 10]}, [2, 0, 0, 10], "t1 - t2, at least 0, at most 10"),
    ({"operation": "subtract", "clip": [None, 1]}, [1, -5, 0, 1], "t1 - t2, at most 1"),
]


def _recipe(derive: dict[str, Any], **changes: Any) -> Recipe:
    return parse_recipe({**MINIMAL, "plan": {"derive": derive}, **changes}, where="here")


@pytest.mark.parametrize(("values", "expected", "formula"), CASES)
def test_operations_do_what_their_formula_says(values: dict[str, Any], expected: list[float], formula: str) -> None:
    derivation = Derivation.model_validate({"of": ["T1w", "T2w"], **values})
    result = derivation.apply([A, B])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0, 0], expected, rtol=1e-6)
    assert derivation.formula() == formula


def test_every_operation_is_checked() -> None:
    assert {values["operation"] for values, _, _ in CASES} == set(get_args(Operation))


def test_more_than_two_operands_and_integers_that_would_overflow() -> None:
    images = [np.full((1, 1, 1), 30_000, np.int16)] * 3
    made = {name: Derivation(operation=name, of=("t1", "t2", "pd")).apply(images) for name in ("add", "mean")}
    assert (made["add"].item(), made["mean"].item()) == (90_000, 30_000)


@given(arrays.arrays(np.int16, (2, 3, 4)), arrays.arrays(np.int16, (2, 3, 4)))
def test_water_and_fat_are_the_two_echoes_again(one: np.ndarray, other: np.ndarray) -> None:
    derive = _recipe(DIXON).plan.derive
    water, fat = (compute(name, derive, {"in_phase": one, "out_phase": other}) for name in ("water", "fat"))
    np.testing.assert_array_equal(water + fat, one)
    np.testing.assert_array_equal(water - fat, other)


@pytest.mark.parametrize(
    ("derive", "told"),
    [
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "points": [[0, 1], [1, 2]]}}, "curve needs points"),
        ({"fat": {"operation": "curve", "of": ["t1"], "points": [[1, 1], [0, 2]]}}, "their values rising"),
        ({"fat": {"operation": "power", "of": ["t1", "t2"]}}, r"plan\.derive\.fat\.operation"),
        ({"fat": {"operation": "add", "of": ["t1", "t3"]}}, "no contrast is called 't3'"),
        ({"fett": {"operation": "add", "of": ["t1", "t2"]}}, "no contrast is called 'fett'.*derived_ratio"),
        ({"fat": {"operation": "add", "of": ["t1", "seg"]}}, "labels is a label map"),
        ({"mask": {"operation": "add", "of": ["t1", "t2"]}}, "mask is a label map"),
        ({"fat": {"operation": "subtract", "of": ["t1"]}}, "subtract takes 2 operands, not 1"),
        ({"fat": {"operation": "linear", "of": ["t1", "t2"]}}, "linear needs weights"),
        ({"fat": {"operation": "linear", "of": ["t1", "t2"], "weights": [1]}}, "2 operands need 2 weights, not 1"),
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "weights": [1, 2]}}, "nothing else takes them"),
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "clip": [1, 1]}}, "clip must be below"),
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "scale": 0}}, "scale of 0"),
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "scale": float("nan")}}, r"plan\.derive\.fat\.scale"),
        ({"fat": {"operation": "add", "of": ["t1", "t2"], "factor": 2}}, r"plan\.derive\.fat\.factor"),
        ({"fat": {"operation": "add", "of": ["t1", "fat"]}}, "needs itself: fat needs fat"),
        (
            {
                "fat": {"operation": "add", "of": ["t1", "water"]},
                "water": {"operation": "add", "of": ["derived_x", "t1"]},
                "derived_x": {"operation": "mean", "of": ["fat", "t1"]},
            },
            "needs itself: fat needs water needs derived_x needs fat",
        ),
        ({"fat": {"operation": "add", "of": ["t1", "derived_x"]}}, "fat needs derived_x, which no derivation declares"),
        (dict.fromkeys(("fat", "Dixon-Fat"), DIXON["fat"]), "fat is declared twice"),
        ({"t2": DIXON["fat"]}, "the target t2 is computed by plan.derive"),
        ({f"derived_{n}": DIXON["fat"] for n in range(40)}, "at most 32"),
    ],
)
def test_what_is_wrong_is_named(derive: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        _recipe(derive)


def test_sources_must_be_declared_and_not_come_from_the_target() -> None:
    with pytest.raises(UsageError, match="does not say what derived_ratio is computed from"):
        _recipe({}, source=["t1", "derived_ratio"])
    sum_of_both = {"derived_sum": {"operation": "add", "of": ["t1", "t2"]}}
    hidden = {**sum_of_both, "fat": {"operation": "mean", "of": ["derived_sum", "t1"]}}
    with pytest.raises(UsageError, match="the source fat is computed from the target t2"):
        _recipe(hidden, source=["t1", "fat"])
    assert _recipe(hidden, source=["t1"]).target == "t2"  # what is not used harms nobody


def test_names_are_canonical_and_survive_yaml_and_overrides() -> None:
    recipe = _recipe({"Dixon-Fat": {"operation": "subtract", "of": ["IP", "OOP"]}}, source=["ip", "Fat"])
    assert recipe.plan.derive["fat"].of == ("in_phase", "out_phase")
    changed = recipe.with_overrides({"plan.derive.fat.scale": 0.5, "plan.derive.fat.clip": [0, None]})
    assert (changed.plan.derive["fat"].scale, changed.plan.derive["fat"].clip) == (0.5, (0, None))


def test_files_stand_for_what_they_show_and_operands_for_the_rest() -> None:
    nested = {**DIXON, "derived_fraction": {"operation": "divide", "of": ["fat", "in_phase"]}}
    derive = _recipe(nested).plan.derive
    assert files_of(["fat", "ct"], derive) == ("in_phase", "out_phase", "ct")
    assert files_of(["derived_fraction"], derive, having=["fat"]) == ("fat", "in_phase")
    assert lacking(["derived_fraction", "water"], derive, ["fat", "out_phase"]) == ["in_phase"]
    assert lacking(["fat", "water"], derive, ["in_phase", "out_phase"]) == []
    assert formulas(["t1", "derived_fraction"], derive) == {
        "derived_fraction": "fat / in_phase",
        "fat": "0.5 (in_phase - out_phase)",
    }


def test_a_ladder_of_sums_is_climbed_once_per_rung() -> None:
    derive = {"derived_0": {"operation": "add", "of": ["t1", "t1"]}}
    derive |= {f"derived_{n}": {"operation": "mean", "of": [f"derived_{n - 1}"] * 2} for n in range(1, 32)}
    made = _recipe(derive).plan.derive
    assert files_of(["derived_31"], made) == ("t1",)
    np.testing.assert_array_equal(compute("derived_31", made, {"t1": A}), 2 * A)


def test_values_beyond_float32_are_refused() -> None:
    derive = _recipe({"derived_power": {"operation": "multiply", "of": ["t1"] * 32}}).plan.derive
    with pytest.raises(ReadError, match=r"derived_power.*infinite.*scale"):
        compute("derived_power", derive, {"t1": np.full((1, 1, 1), 30_000, np.int16)})
