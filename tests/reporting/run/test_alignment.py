from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.conftest import SMALL
from tests.reporting.samples import pixels
from voxlate.cohort import read_split
from voxlate.config.recipe import Recipe
from voxlate.phantoms.cohort import make_cohort
from voxlate.phantoms.scans import PhantomOptions
from voxlate.reporting.run.alignment import Aligned, chessboard, draw_alignment, publish_alignment
from voxlate.training.run import RunFolder
from voxlate.verbs import resolve_recipe


def aligned(**changes: Any) -> Aligned:
    i, j, k = np.indices((30, 36, 24)) / 30 - 0.5
    ball = (i**2 + j**2 + k**2 < 0.12).astype(np.float32)
    values: dict[str, Any] = {
        "case": "one",
        "reference": ball,
        "before": np.roll(ball, 6, axis=0),
        "after": ball,
        "titles": ("T1", "CT"),
        "spacing_mm": (2.0, 2.0, 3.0),
        "mask": ball > 0,
        "notes": ("ct: rigid registration, the foreground moved by 12.00 mm on average",),
    }
    return Aligned(**{**values, **changes})


def test_squares_take_turns_and_are_square_in_mm() -> None:
    ones, zeros = np.ones((40, 80)), np.zeros((40, 80))
    board = chessboard(ones, zeros, size_mm=(80.0, 160.0))
    assert board[0, 0] == 1
    assert (np.diff(np.flatnonzero(np.diff(board[0]))) == 10).all()
    lines = np.flatnonzero(np.diff(board[:, 0]))
    assert ((np.diff(lines) == 2) | (np.diff(lines) == 3)).all()  # 10 mm, at 4 mm a line
    assert np.array_equal(chessboard(zeros, ones, size_mm=(80.0, 160.0)), 1 - board)


def test_what_is_aligned_shows_no_squares() -> None:
    figure = draw_alignment(aligned())
    reference, after, before, board = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[:4])
    assert np.array_equal(reference, board)
    assert np.array_equal(reference, after)
    assert not np.array_equal(reference, before)
    said = " ".join(text.get_text() for text in figure.texts)
    for word in ("Reference: T1", "Registered: CT", "Before", "After", "12.00 mm", "one"):
        assert word in said
    assert np.unique(pixels(figure)).size > 20


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
