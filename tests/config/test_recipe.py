"""The recipe: strict, free of code, and the same after YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxlate.config.builtin import recipe_names
from voxlate.config.plan import Reading, SplitOptions
from voxlate.config.recipe import Recipe, load_recipe, parse_recipe
from voxlate.errors import UsageError
from voxlate.plainyaml import parse_yaml

MINIMAL: dict[str, Any] = {
    "name": "r",
    "source": "T1w",
    "target": "T2w",
    "method": "lookup",
    "training": {"steps": 3},
}


def test_aliases_become_canonical_names() -> None:
    recipe = parse_recipe(MINIMAL, where="here")
    assert (recipe.source, recipe.target, recipe.method.name) == (("t1",), "t2", "lookup")


def test_a_recipe_is_the_same_after_yaml() -> None:
    recipe = parse_recipe({**MINIMAL, "loss": {"l1": 1.0, "ssim": {"weight": 0.5}}}, where="here")
    assert parse_recipe(parse_yaml(recipe.to_yaml(), where="there"), where="there") == recipe


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"training": {"steps": 3, "learning_rat": 1}}, "training.learning_rat"),
        ({"training": {}}, "training"),
        ({"training": {"steps": 0}}, "training.steps"),
        ({"training": {"minutes": float("nan")}}, "training.minutes"),
        ({"window": {"kind": "patches"}}, "window"),
        ({"window": {"kind": "auto", "size": (64, 64)}}, "window"),
        ({"plan": {"reading": {"on_shear": "ignore"}}}, "plan.reading.on_shear"),
        ({"plan": {"split": {"fractions": (0.5, 0.5, 0.5)}}}, "plan.split"),
        ({"plan": {"spacing_mm": (0, 0, 0)}}, "plan.spacing_mm.0"),
        ({"plan": {"spacing_mm": (1, 1, -1)}}, "plan.spacing_mm.2"),
        ({"plan": {"spacing_mm": (1, 1e9, 1)}}, "plan.spacing_mm.1"),
        ({"plan": {"reference": "x1"}}, "plan.reference: .*'x1'"),
        ({"plan": {"normalise": {"x1": "zscore"}}}, "plan.normalise: .*'x1'"),
        ({"plan": {"crop_margin_mm": -1}}, "plan.crop_margin_mm"),
        ({"window": {"kind": "patches", "size": (64, 0, 64)}}, "window.size.1"),
        ({"window": {"kind": "slices", "size": (-8, 8)}}, "window.size.0"),
        ({"source": ["t1", "T1w"]}, "got the source t1 stands twice"),
        ({"source": []}, "there is no source"),
        ({"target": "t1"}, "the target t1 is a source too.*--target"),
        ({"target": ["t2", "t2"]}, "the target t2 stands twice"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError, match=field) as caught:
        parse_recipe({**MINIMAL, **change}, where="my.yaml")
    assert str(caught.value).startswith("my.yaml: ")


def test_overrides_are_checked_like_the_recipe() -> None:
    recipe = parse_recipe(MINIMAL, where="here")
    changed = recipe.with_overrides({"training.learning_rate": 0.5, "plan.reading.on_nonfinite": "zero"})
    assert (changed.training.learning_rate, changed.plan.reading.on_nonfinite) == (0.5, "zero")
    assert recipe.training.learning_rate != 0.5
    for overrides in ({"training.learning_rate": -1}, {"training.speed": 1}, {"name.x": 1}):
        with pytest.raises(UsageError):
            recipe.with_overrides(overrides)


def test_a_list_of_targets_in_brackets_is_read_before_it_is_looked_up() -> None:
    """A name with a comma in it could be an alias: `[t2,flair]` was taken for FLAIR alone."""
    changed = load_recipe("any-to-any").with_overrides({"target": "[t2,flair]"})
    assert changed.targets == ("t2", "flair")
    with pytest.raises(UsageError, match="the target t1 stands twice"):
        changed.with_overrides({"target": "[t1,t1]"})


def test_yaml_holds_no_code() -> None:
    for text in ("!!python/object/apply:os.system ['true']", "a: [", "!!python/name:os.system"):
        with pytest.raises(UsageError, match="YAML"):
            parse_yaml(text, where="evil.yaml")


def test_every_built_in_recipe_is_valid() -> None:
    for name in recipe_names():
        assert isinstance(load_recipe(name), Recipe)
    with pytest.raises(UsageError, match="built-in"):
        load_recipe("no-such-recipe")


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    recipe = parse_recipe(MINIMAL, where="here")
    (tmp_path / "my.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    assert load_recipe(tmp_path / "my.yaml") == recipe


def test_everything_odd_is_refused_by_default() -> None:
    assert set(Reading().model_dump().values()) == {"refuse"}
    assert sum(SplitOptions().fractions) == pytest.approx(1)


def test_overrides_leave_what_was_given_alone() -> None:
    network = {"name": "unet", "channels": [4, 8]}
    recipe = load_recipe("zhao-unet-2d").with_overrides({"method.network": network, "method.network.channels": [2, 4]})
    assert recipe.method.options["network"]["channels"] == [2, 4]
    assert network == {"name": "unet", "channels": [4, 8]}


@pytest.mark.parametrize(("values", "came"), [(None, "an empty one"), (["l1"], "a list"), ("l1", "a str")])
def test_what_has_no_fields_is_no_recipe(values: object, came: str) -> None:
    with pytest.raises(UsageError, match=f"expected a recipe, got {came}. Give fields with their values"):
        parse_recipe(values, where="here")
