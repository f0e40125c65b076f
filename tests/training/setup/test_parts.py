"""What a recipe leaves to the data as a whole: what it becomes for which cases, voxels, targets and minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from voxlate.cohort import Case, Cohort
from voxlate.config.recipe import load_recipe
from voxlate.config.settle import FIELDS
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.preprocess.plan import Plan
from voxlate.training.run import RunFolder
from voxlate.training.setup import setup as of_setup
from voxlate.training.setup.settling import may_come_of, resolve
from voxlate.training.setup.setup import Setup

PLAN = Plan.model_validate(
    {
        "reference": "t1",
        "mask": {"kind": "nonzero", "contrast": "t1"},
        "source": ["t1"],
        "target": "t2",
        "normalisers": {"t1": {"kind": "percentile"}, "t2": {"kind": "percentile"}},
    }
)


@pytest.fixture(autouse=True)
def _on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_setup, "pick_device", lambda: torch.device("cpu"))


def setup(
    *,
    cases: int = 4,
    shape: tuple[int, int, int] = (160, 190, 160),
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    **changes: Any,
) -> Setup:
    """A cohort of such cases, for `translate-default` with changed fields."""
    fingerprint = Fingerprint(
        cases=cases,
        reference="t1",
        spacing_mm=spacing,
        spacing_varies=False,
        shape=shape,
        skull_stripped=True,
        mask_files=False,
        foreground_share=0.5,
        foreground_mm=tuple(n * mm for n, mm in zip(shape, spacing, strict=True)),  # type: ignore[arg-type]
        one_grid=True,
        contrasts={},
    )
    ids = [f"case-{number}" for number in range(cases)]
    cohort = Cohort(Path(), layout="", cases=tuple(Case(id=one, subject=one, paths={}) for one in ids))
    recipe = load_recipe("translate-default").with_overrides(changes)
    return Setup(recipe, cohort, dict.fromkeys(ids, "train"), fingerprint, PLAN)


def settled(asked: Setup, run: RunFolder | None = None) -> Setup:
    return resolve(asked, run, report=lambda *_: None)


def test_every_part_is_settled_with_a_reason_and_nothing_is_left_open() -> None:
    found = settled(setup())
    assert found.recipe.settle == ()
    assert set(found.settled_words) == set(FIELDS)
    assert all(one.reason for one in found.settled)


def test_thin_slices_are_seen_with_their_neighbours_and_thick_ones_alone_whatever_their_axis() -> None:
    thin, thick = settled(setup()).recipe.window, settled(setup(shape=(30, 256, 256), spacing=(5, 0.9, 0.9)))
    assert (thin.kind, thin.axis, thin.neighbours > 0) == ("slices", 2, True)
    assert (thick.recipe.window.axis, thick.recipe.window.neighbours) == (0, 0)
    assert "times as thick" in thick.why("window.neighbours")


def test_small_volumes_are_seen_whole() -> None:
    found = settled(setup(shape=(35, 40, 36))).recipe
    assert (found.window.kind, found.window.dimension) == ("volume", "3-D")
    assert len(found.method.options["network"]["channels"]) >= 2


def test_more_minutes_buy_a_larger_network() -> None:
    sizes = [
        settled(setup(**{"training.minutes": minutes})).recipe.method.options["network"]["channels"][0]
        for minutes in (2, 30, 600)
    ]
    assert sizes == sorted(set(sizes))


def test_few_cases_are_varied_more_than_many() -> None:
    few, many = (settled(setup(cases=cases)).recipe.training.augmentation for cases in (1, 40))
    assert few.elastic > many.elastic == 0


def test_without_a_budget_it_ends_by_itself_long_before_29_hours_for_four_cases() -> None:
    training = settled(setup(cases=4)).recipe.training
    assert training.patience is not None
    assert 10 < (training.minutes or 0) <= 60
    assert (settled(setup(cases=10_000)).recipe.training.minutes or 0) <= 240


def test_what_is_said_is_not_settled() -> None:
    found = settled(setup(**{"training.minutes": 3.0, "window.neighbours": 2, "training.batch_size": 5})).recipe
    assert (found.training.minutes, found.training.patience) == (3.0, None)
    assert (found.window.neighbours, found.training.batch_size) == (2, 5)


def test_a_run_keeps_what_it_settled_and_a_bundle_of_it_is_known_again(tmp_path: Path) -> None:
    run, asked = RunFolder(tmp_path), setup()
    first = settled(asked, run)
    again = settled(setup(cases=1), run)
    assert (again.recipe, again.settled_words) == (first.recipe, first.settled_words)
    assert may_come_of(asked.recipe, first.recipe)
    assert not may_come_of(asked.recipe, first.recipe.with_overrides({"target": "flair"}))
