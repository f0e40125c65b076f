"""A cohort of twelve with gaps, and models that can fill some of them."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SMALL
from voxlate.cohort import Case, index_cohort
from voxlate.io import read_volume, write_volume
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

CONTRASTS = ("t1", "t1c", "t2", "flair")
SUFFIXES = {"t1": "t1n", "t1c": "t1c", "t2": "t2w", "flair": "t2f", "labels": "seg"}
PAIRS = {"t2-to-flair": ("t2", "flair"), "t1c-to-t1": ("t1c", "t1")}
"""From the name of a model's folder to its source and target."""


@pytest.fixture(scope="session")
def twelve(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six phantoms and their mirror images, every contrast there."""
    root = tmp_path_factory.mktemp("twelve") / "cohort"
    cases = index_cohort(phantom_cohort).cases
    for number, case in enumerate(cases):
        _copy(case, root / case.id)
        _mirror(case, root / f"Phantom-{number + 7:05d}-000")
    with (root / "participants.tsv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t")
        writer.writerow(("participant_id", "grade"))
        writer.writerows((f"Phantom-{number + 1:05d}", "HGG" if number % 2 else "LGG") for number in range(12))
    return root


@pytest.fixture(scope="session")
def holes() -> dict[str, set[str]]:
    """From a case's id to the contrasts that it loses: about a third of all, at random, never every one."""
    rng = np.random.default_rng(7)
    lost: dict[str, set[str]] = {}
    for number in range(12):
        gone = {name for name in CONTRASTS if rng.random() < 0.35}
        lost[f"Phantom-{number + 1:05d}-000"] = gone if len(gone) < len(CONTRASTS) else set()
    return lost


@pytest.fixture(scope="session")
def lacking(twelve: Path, holes: dict[str, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the twelve in which contrasts are missing, for tests that change nothing in it."""
    root = tmp_path_factory.mktemp("lacking") / "cohort"
    shutil.copytree(twelve, root)
    for case, names in holes.items():
        for name in names:
            (root / case / f"{case}-{SUFFIXES[name]}.nii.gz").unlink()
    return root


@pytest.fixture
def gapped(lacking: Path, tmp_path: Path) -> Path:
    """A copy of them that a test may change."""
    return shutil.copytree(lacking, tmp_path / "cohort")


@pytest.fixture(scope="session")
def models(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two runs, a few steps long: t2 to flair, and t1c to t1."""
    folder = tmp_path_factory.mktemp("models")
    for name, (source, target) in PAIRS.items():
        recipe = resolve_recipe("avula2020-t1-to-t2", source=[source], target=target, overrides=SMALL)
        train_run(phantom_cohort, recipe, folder / name)
    return folder


def _copy(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in case.paths.values():
        shutil.copy(path, folder)


def _mirror(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, path in case.paths.items():
        volume = read_volume(path)
        flipped = volume.with_array(np.ascontiguousarray(volume.array[::-1]))
        write_volume(flipped, folder / f"{folder.name}-{SUFFIXES[name]}.nii.gz")
