"""Cohorts of heads from a folder of label maps: what lies where, and that a rerun completes."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import voxlate
from tests.phantoms.labelled.test_rendering import ball
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.io import read_volume, write_volume
from voxlate.phantoms import HeadMaps, RenderOptions
from voxlate.volume import Volume


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("maps")
    for number, spacing in enumerate((6.0, 5.5)):
        write_volume(ball(spacing_mm=spacing), folder / f"map_{number}.nii.gz")
    return folder


def test_a_cohort_is_written_with_its_acquisitions(maps: Path, tmp_path: Path) -> None:
    out = tmp_path / "heads"
    asked = HeadMaps(maps, options=RenderOptions(spacing_mm=7.0))
    voxlate.phantom(out, cases=2, seed=1, anatomy="labels", labels=asked, contrasts=["t1", "flair"])
    cohort = index_cohort(out)
    assert len(cohort.cases) == 2
    assert all({"t1", "flair", "labels"} <= case.paths.keys() for case in cohort.cases)
    rows = list(csv.DictReader((out / "acquisitions.tsv").read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    assert sorted(row["contrast"] for row in rows) == ["flair", "flair", "t1", "t1"]
    assert all(0 < float(row["EchoTime"]) < 0.2 for row in rows)
    people = list(csv.DictReader((out / "participants.tsv").read_text(encoding="utf-8").splitlines(), delimiter="\t"))
    assert {person["map"] for person in people} == {"map_0.nii.gz", "map_1.nii.gz"}
    truth = out / "derivatives" / "truth" / "Phantom-00001-000" / "Phantom-00001-000-anatomy.nii.gz"
    assert set(np.unique(read_volume(truth).array)) <= {0, 2, 3, 4, 24, 41, 42, 43, 511, 515}
    before = truth.stat().st_mtime_ns
    voxlate.phantom(out, cases=2, seed=1, anatomy="labels", labels=asked, contrasts=["t1", "flair"])
    assert truth.stat().st_mtime_ns == before


def test_what_does_not_fit_is_refused(maps: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got head.*Add --anatomy labels"):
        voxlate.phantom(tmp_path / "a", cases=1, seed=1, labels=maps)
    with pytest.raises(UsageError, match=r"label maps for the anatomy labels, got none.*--labels"):
        voxlate.phantom(tmp_path / "a", cases=1, seed=1, anatomy="labels")
    with pytest.raises(UsageError, match="folder of label maps"):
        voxlate.phantom(tmp_path / "b", cases=1, seed=1, anatomy="labels", labels=tmp_path)


def test_an_image_in_the_place_of_labels_is_refused_with_its_file(tmp_path: Path) -> None:
    image = Volume(np.random.default_rng(0).normal(7, 0.3, (6, 6, 6)), np.eye(4))
    (tmp_path / "maps").mkdir()
    write_volume(image, tmp_path / "maps" / "T1.nii.gz")
    with pytest.raises(UsageError, match=r"T1.nii.gz: .*values from 6.28\d* to 7.69\d*, and others between"):
        voxlate.phantom(tmp_path / "a", cases=1, seed=1, anatomy="labels", labels=tmp_path / "maps")
