"""The recipes that come with Voxlate: each is told of, and known by its earlier name."""

from __future__ import annotations

import pytest

from voxlate import verbs
from voxlate.config.builtin import ALIASES, BUILT_IN, built_in_name, recipe_names
from voxlate.config.recipe import load_recipe
from voxlate.errors import UsageError
from voxlate.verbs.compare import resolve_recipes


def test_every_recipe_is_told_of_and_called_after_its_file() -> None:
    assert sorted(BUILT_IN) == recipe_names()
    assert all(load_recipe(name).name == name for name in BUILT_IN)


@pytest.mark.parametrize("alias", ALIASES)
def test_an_earlier_name_means_the_same_recipe_and_is_kept_so_that_its_runs_are_known(alias: str) -> None:
    assert load_recipe(alias).name == alias
    assert load_recipe(alias).model_copy(update={"name": ALIASES[alias]}) == load_recipe(ALIASES[alias])
    assert built_in_name(alias) == ALIASES[alias]


def test_a_pattern_of_earlier_names_still_stands_for_them() -> None:
    named = [recipe.name for recipe in resolve_recipes("kathane2022-*")]
    assert named == ["kathane2022-simple", "kathane2022-residual", "kathane2022-dilated"]


def test_a_misspelt_earlier_name_is_guessed() -> None:
    with pytest.raises(UsageError, match=r"Did you mean avula2020-t1-to-t2\? `voxlate recipes` shows all\.$"):
        load_recipe("avula2020-t1-tot2")


def test_the_list_has_a_line_for_each_with_dimension_minutes_use_and_origin() -> None:
    rows = {row["name"]: row for row in verbs.recipes()["entries"]}
    assert list(rows) == list(BUILT_IN)
    assert all(row["does"] and row["minutes"] and row["when"] and row["dim"] for row in rows.values())
    assert (rows["t1-to-t2-fcn"]["dim"], rows["t1-to-t2-fcn"]["after"]) == ("2-D", "Avula 2020")
    assert [rows[name]["dim"] for name in ("translate-default", "dixon-to-ct-unet-25d", "ct-to-pet")] == [
        "fits",
        "2.5-D",
        "3-D",
    ]
