"""What a finished run draws from its data or its network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import voxlate
from tests.conftest import SMALL
from voxlate.cohort import read_split
from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.phantoms.cohort import make_cohort
from voxlate.phantoms.scans import PhantomOptions
from voxlate.training.run import RunFolder
from voxlate.verbs import resolve_recipe
from voxlate.workflows.figures import publish_alignment, publish_reconstructions


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cohort of moved phantoms and a run that registers them."""
    folder = tmp_path_factory.mktemp("registered")
    options = PhantomOptions(factor=1, misalignment_mm={"ct": 8.0})
    make_cohort(folder / "cohort", cases=2, seed=1, size=32, contrasts=("t1", "ct"), options=options)
    return folder / "cohort", voxlate.train(folder / "cohort", recipe=registering(), out=folder / "run")


def registering(**training: Any) -> Recipe:
    changes = {**SMALL, "training.steps": 2, "plan.grids": "rigid", "plan.split.fractions": [0.5, 0.5, 0.0]}
    changes |= {f"training.{name}": value for name, value in training.items()}
    return resolve_recipe("avula2020-t1-to-t2", target="ct", overrides=changes)


def test_a_run_that_registers_leaves_the_figure_and_the_transforms(registered: tuple[Path, Path]) -> None:
    _, run = registered
    assert (run / "figures" / "alignment.png").stat().st_size > 10_000
    assert len(list((run / "prepared").rglob("ct-*.tfm"))) == 2


def test_folds_leave_what_a_single_run_does(registered: tuple[Path, Path], tmp_path: Path) -> None:
    data, run = registered
    folds = voxlate.train(data, recipe=registering(tensorboard=True), out=tmp_path / "folds", folds=2)
    alone = {path.name for path in (run / "figures").iterdir()}
    for number, validating in enumerate(read_split(folds / f"fold-{n}" / "split.csv") for n in range(2)):
        fold = folds / f"fold-{number}"
        assert {path.name for path in (fold / "figures").iterdir()} == alone
        assert (fold / "figures" / "alignment.png").stat().st_size > 10_000
        assert list((fold / "tensorboard").glob("events.*"))
        assert not (fold / "prepared").exists()
        assert sorted(validating.values()) == ["train", "validation"]
    drawn = [(folds / f"fold-{n}" / "figures" / "alignment.png").read_bytes() for n in range(2)]
    assert drawn[0] != drawn[1], "each shows a case that validates it"


def test_a_run_that_registers_nothing_leaves_none(trained: Path, phantom_cohort: Path) -> None:
    assert publish_alignment(phantom_cohort, RunFolder(trained), prepared=trained / "prepared") is None
    assert not (trained / "figures" / "alignment.png").exists()


def test_another_method_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="style_transfer"):
        publish_reconstructions(trained, tmp_path / "figure.png")
