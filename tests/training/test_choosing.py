"""What a recipe takes where the data set leaves one choice, and what its user is told to type where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.errors import CohortError, UsageError
from voxlate.training.setup.begin import load_cohort
from voxlate.verbs import resolve_recipe
from voxlate.verbs.calls import begun_with


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    touch(*(tmp_path / side / f"a{n}.nii.gz" for n in (1, 2) for side in ("images", "labels")))
    return tmp_path


@pytest.fixture
def brains(tmp_path: Path) -> Path:
    touch(*(tmp_path / f"p{n}" / f"{name}.nii.gz" for n in (1, 2) for name in ("T1", "FLAIR", "labels")))
    return tmp_path


def test_one_image_contrast_is_the_source_of_a_segmentation(pairs: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = resolve_recipe("segment-default", data=pairs)
    assert (recipe.source, recipe.target) == (("mr",), "labels")
    assert len(load_cohort(pairs, recipe)) == 2
    assert "segment-default: the data set has one image contrast, mr: it is the source" in caplog.text


def test_what_somebody_named_stays(pairs: Path) -> None:
    recipe = resolve_recipe("segment-default", source="t1", data=pairs)
    assert recipe.source == ("t1",)
    with pytest.raises(CohortError, match="Type --source mr --target labels, or look"):
        load_cohort(pairs, recipe)


def test_a_recipe_whose_contrasts_are_there_stays(brains: Path) -> None:
    recipe = resolve_recipe("segment-default", overrides={"source": ["flair"]})
    assert resolve_recipe(recipe, data=brains) == recipe


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("segment-default", "--source t1 --source flair --target labels or --source t1 --target labels or"),
        ("avula2020-t1-to-t2", "--source t1 --target flair or --source flair --target t1"),
    ],
)
def test_a_choice_is_left_to_the_user_with_the_options_to_type(brains: Path, name: str, options: str) -> None:
    with pytest.raises(CohortError, match=f"Type {options}"):
        load_cohort(brains, resolve_recipe(name, data=brains))


def test_without_a_recipe_the_one_that_configures_itself_is_taken(pairs: Path) -> None:
    assert resolve_recipe(None, source="t1", target="flair").name == "translate-default"
    assert resolve_recipe(None, overrides={"source": ["t1"], "target": "ct"}).name == "translate-default"
    segmenter = resolve_recipe(None, target="labels", data=pairs)
    assert (segmenter.name, segmenter.source) == ("segment-default", ("mr",))
    with pytest.raises(UsageError, match="no recipe and no source"):
        resolve_recipe(None, target="flair")


def test_a_run_goes_on_with_its_own_recipe(tmp_path: Path) -> None:
    assert begun_with(tmp_path) is None
    asked = resolve_recipe("avula2020-t1-to-t2", target="flair")
    (tmp_path / "recipe.yaml").write_text(asked.to_yaml(), encoding="utf-8")
    assert resolve_recipe(begun_with(tmp_path)) == asked
