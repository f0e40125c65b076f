"""Contrasts that the catalogue lacks: declared in a recipe, a manifest or a user's file, and kept with the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate import contrast
from voxlate.cohort import contrast_counts, index_cohort
from voxlate.config.recipe import load_recipe, parse_recipe
from voxlate.contrast import declare, find_contrast, get_contrast
from voxlate.errors import UsageError
from voxlate.plainyaml import parse_yaml
from voxlate.verbs import resolve_recipe

pytestmark = pytest.mark.usefixtures("undeclared")
SWI = {"contrasts": {"swi": {"kind": "mr", "aliases": ["swan"]}, "ct_venous": "ct"}, "source": ["t1"], "target": "swi"}


def _forget() -> None:
    for name in ("swi", "swan", "ctvenous"):
        contrast._BY_ALIAS.pop(name, None)
    for name in ("swi", "ct_venous"):
        contrast.CONTRASTS.pop(name, None)
        contrast._DECLARED.pop(name, None)


def test_a_recipe_declares_them_and_keeps_them(tmp_path: Path) -> None:
    recipe = load_recipe("avula2020-t1-to-t2").with_overrides(SWI)
    text = recipe.to_yaml()
    _forget()
    assert find_contrast("swi") is None
    again = parse_recipe(parse_yaml(text, where="recipe"), where="recipe")
    assert (again, get_contrast("SWAN").name, get_contrast("ct_venous").unit) == (recipe, "swi", "HU")
    touch(*(tmp_path / "p" / f"p_{name}.nii.gz" for name in ("T1", "swan", "ct_venous")))
    assert contrast_counts(index_cohort(tmp_path)) == {"t1": 1, "swi": 1, "ct_venous": 1}


def test_without_a_recipe_a_target_may_be_declared_too() -> None:
    overrides = {"contrasts": {"t1_7t": "mr", "swi": "mr"}}
    recipe = resolve_recipe(None, source="t1_7t", target="swi", overrides=overrides)
    assert (recipe.source, recipe.target, sorted(recipe.contrasts)) == (("t1_7t",), "swi", ["swi", "t1_7t"])


def test_a_recipe_that_declares_nothing_is_written_as_before() -> None:
    assert "contrasts" not in load_recipe("avula2020-t1-to-t2").to_yaml()


def test_a_manifest_declares_them_in_its_head_for_the_recipe_too(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{name}.nii.gz" for name in "abc"))
    (tmp_path / "m.csv").write_text("case,t1_3t:mr,ct_venous:ct\np,a.nii.gz,b.nii.gz\n", encoding="utf-8")
    recipe = resolve_recipe("avula2020-t1-to-t2", source="t1_3t", target="ct_venous", data=tmp_path / "m.csv")
    assert {name: one.kind for name, one in recipe.contrasts.items()} == {"t1_3t": "mr", "ct_venous": "ct"}
    assert set(index_cohort(tmp_path / "m.csv").cases[0].paths) == {"t1_3t", "ct_venous"}


def test_a_user_declares_them_once_for_all() -> None:
    assert find_contrast("t1_7t") is None
    contrast._declared_by_user.cache_clear()
    contrast._user_file().parent.mkdir(parents=True)
    contrast._user_file().write_text(
        "t1_7t: {kind: mr, title: T1 at 7 T}\nt1: {aliases: [mpr_iso]}\n", encoding="utf-8"
    )
    assert get_contrast("T1-7T").title == "T1 at 7 T"
    assert get_contrast("mpr_iso").name == "t1"
    recipe = load_recipe("avula2020-t1-to-t2").with_overrides({"target": "t1_7t"})
    assert set(recipe.contrasts) == {"t1_7t"}


@pytest.mark.parametrize(
    ("contrasts", "problem"),
    [
        ({"t1": {"kind": "ct"}}, "t1 to be of the kind mr"),
        ({"SWI 2": "mr"}, "'SWI 2'"),
        ({"swi": {}}, "'swi' without a kind"),
        ({"swi": {"kind": "us"}}, "'mr', 'ct', 'pet' or 'label'"),
        ({"swi": {"kind": "mr", "aliases": ["T1-w"]}}, "'T1-w', which stands for t1"),
        ({"derived_x": "mr"}, "derived_x"),
        ({"swi": {"kind": "mr", "unit": "x"}}, "unit"),
    ],
)
def test_what_cannot_be_declared_is_refused(contrasts: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        declare(contrasts, where="here")
    assert find_contrast("swi") is None


def test_an_unknown_contrast_is_told_how_to_declare_it() -> None:
    with pytest.raises(UsageError, match=r"--set 'contrasts.my_swi=\{kind: mr\}'.*contrasts\.yaml"):
        get_contrast("my swi")
