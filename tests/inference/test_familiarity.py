"""A source unlike the training scans is told by ``translate``, in the sidecar, and by ``info``, and never refused."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import voxlate
from voxlate.cli import app
from voxlate.cohort import Case, index_cohort, read_split
from voxlate.errors import UsageError
from voxlate.inference.model import load_model
from voxlate.io import read_volume, write_volume
from voxlate.io.provenance import read_provenance
from voxlate.volume import Volume


@pytest.fixture(scope="module")
def held_out(trained: Path, phantom_cohort: Path) -> Case:
    parts = read_split(trained / "split.csv")
    return next(case for case in index_cohort(phantom_cohort).cases if parts[case.id] == "test")


@pytest.fixture
def upside_down(held_out: Case, tmp_path: Path) -> Path:
    volume = read_volume(held_out.paths["t1"])
    return write_volume(Volume(volume.array[:, :, ::-1], volume.affine), tmp_path / "a_t1.nii.gz")


def test_a_held_out_scan_is_translated_without_a_word(
    trained: Path, held_out: Case, caplog: pytest.LogCaptureFixture
) -> None:
    assert not any("unlike" in note for note in load_model(trained).prepare(held_out).notes)
    assert "unlike" not in caplog.text


def test_a_head_upside_down_and_a_t2_named_t1_are_told_in_the_sidecar(
    trained: Path, held_out: Case, upside_down: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voxlate.translate(trained, upside_down, out=tmp_path / "made.nii.gz")
    told = read_provenance(tmp_path / "made.nii.gz")
    assert told is not None
    assert any("upside down" in note and str(tmp_path) not in note for note in told.notes)
    assert "upside down" in caplog.text
    t2 = Case("b", "b", {"t1": held_out.paths["t2"]})
    assert any("lies elsewhere" in note for note in load_model(trained).prepare(t2).notes)


def test_the_table_of_a_data_set_keeps_what_was_said_of_each_case(
    trained: Path, held_out: Case, upside_down: Path, tmp_path: Path
) -> None:
    for name, path in (("a", upside_down), ("b", held_out.paths["t1"])):
        (tmp_path / "scans" / name).mkdir(parents=True)
        shutil.copyfile(path, tmp_path / "scans" / name / "t1.nii.gz")
    for status in ("done", "skipped"):
        one, two = voxlate.translate(trained, tmp_path / "scans", out=tmp_path / "made")
        assert (one.status, two.status, two.warnings) == (status, status, ())
        assert "upside down" in " ".join(one.warnings)
        with (tmp_path / "made" / "manifest.csv").open(encoding="utf-8", newline="") as file:
            assert [row["warnings"] for row in csv.DictReader(file)] == [" ".join(one.warnings), ""]


def test_info_holds_a_file_against_a_model(trained: Path, held_out: Case, upside_down: Path) -> None:
    codes = [
        [one["code"] for one in voxlate.info(path, model=trained)["findings"]]
        for path in (held_out.paths["t1"], upside_down)
    ]
    assert codes == [[], ["unlike_training"]]
    assert voxlate.info(trained)["familiar"]["t1"].startswith("likeness of the training cases 0.")
    shown = CliRunner().invoke(app, ["info", str(upside_down), "--model", str(trained), "--json"])
    assert "upside down" in shown.output
    with pytest.raises(UsageError, match="a volume file to hold against a model, got a folder"):
        voxlate.info(trained, model=trained)
