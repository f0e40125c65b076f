"""DICOM through the verbs and the command line: in as a series, a file or a study, out as a series; nobody is named."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

import voxlate
from tests.io.dicom.crafted import CANARY, write_series
from voxlate.cohort import index_cohort
from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError, UsageError
from voxlate.io import read_maker, read_provenance, read_volume


@pytest.fixture(scope="module")
def study(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T1 and FLAIR of a phantom's first case as DICOM, and a localiser."""
    folder = tmp_path_factory.mktemp("dicom") / "study-7"
    for number, (name, said) in enumerate({"t1": "t1_mprage", "flair": "t2_flair"}.items()):
        volume = read_volume(index_cohort(phantom_cohort).cases[0].paths[name])
        header = {"EchoTime": 110 if number else 3, "InversionTime": 2500 if number else 900}
        series = {"SeriesDescription": said, "SeriesInstanceUID": f"1.2.3.4.{number}", **header}
        write_series(folder / f"S{number}", np.rint(volume.array), volume.affine, **series)
    write_series(
        folder / "S9", np.rint(volume.array), volume.affine, SeriesDescription="localizer", SeriesInstanceUID="1.9"
    )
    return folder


def test_a_series_is_answered_by_a_series_that_lies_upon_it(
    trained: Path, study: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(UsageError, match=r"a scan of t1, got one of FLAIR"):
        voxlate.translate(trained, study / "S0" / "IM001.dcm", shows="flair", out=tmp_path / "no")
    with pytest.raises(UsageError, match="a folder outside the source's"):
        voxlate.translate(trained, study / "S0", out=study / "S0", shows="t1")
    [outcome] = voxlate.translate(trained, study / "S0", out=tmp_path / "out", shows="t1", picture=True)
    made, scan = read_volume(tmp_path / "out" / "S0_t2"), read_volume(study / "S0")
    assert outcome.path == tmp_path / "out" / "S0_t2"
    assert made.grid.matches(scan.grid)
    assert read_maker(tmp_path / "out" / "S0_t2" / "IM0001.dcm") == "model"
    [again] = voxlate.translate(trained, study / "S0", out=tmp_path / "out", shows="t1")
    assert again.status == "skipped"
    [single] = voxlate.translate(trained, study / "S0" / "IM003.dcm", out=tmp_path / "t2.nii.gz")
    assert single.status == "done"
    alike = read_volume(tmp_path / "t2.nii.gz")
    assert np.abs(alike.array - made.array).max() <= made.array.max() / 60000
    told = read_provenance(tmp_path / "t2.nii.gz")
    assert told is not None
    assert told.sources[0].name.startswith("IM")
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["S0_t2", "S0_t2.json", "S0_t2.png"]
    texts = [path.read_text() for path in tmp_path.rglob("*.json")]
    assert not any(value in "".join([*texts, caplog.text, str(outcome)]) for value in CANARY.values())
    assert dcmread(tmp_path / "out" / "S0_t2" / "IM0001.dcm").PatientID == CANARY["PatientID"]


def test_a_tilted_series_is_answered_on_its_planes_and_a_synthetic_one_is_no_source(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    volume = read_volume(index_cohort(phantom_cohort).cases[0].paths["t1"])
    affine = volume.affine.copy()
    affine[:3, 2] += 0.2 * affine[:3, 1]
    write_series(tmp_path / "ct", np.rint(volume.array), affine)
    with pytest.raises(GeometryError, match=r"11\.\d degrees"):
        voxlate.translate(trained, tmp_path / "ct", out=tmp_path / "out", shows="t1")
    accept = {"on_shear": "resample"}
    voxlate.translate(trained, tmp_path / "ct", out=tmp_path / "out", shows="t1", accept=accept, picture=True)
    made, scan = (sorted(folder.iterdir()) for folder in (tmp_path / "out" / "ct_t2", tmp_path / "ct"))
    places = [{str(dcmread(path).ImagePositionPatient) for path in paths} for paths in (made, scan)]
    assert places[0] == places[1]
    told = read_provenance(tmp_path / "out" / "ct_t2")
    assert told is not None
    assert any("resampled to a square one" in note for note in told.notes)
    with pytest.raises(UsageError, match="an image that a model made"):
        voxlate.translate(trained, made[0], out=tmp_path / "twice", shows="t1", accept=accept)


def test_a_scan_that_was_no_dicom_is_written_as_such_where_asked(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    scan = index_cohort(phantom_cohort).cases[0].paths["t1"]
    [outcome] = voxlate.translate(trained, scan, out=tmp_path / "out", dicom=True)
    assert outcome.path is not None
    made = read_volume(outcome.path)
    assert np.allclose(np.abs(np.linalg.inv(read_volume(scan).affine) @ made.affine)[:3, :3], np.eye(3), atol=1e-6)
    with pytest.raises(UsageError, match=r"a folder for DICOM, got an image file, t2\.nii\.gz"):
        voxlate.translate(trained, scan, out=tmp_path / "t2.nii.gz", dicom=True)
    with pytest.raises(UsageError, match=r"one case of DICOM for --format dicom, got a data set of 6"):
        voxlate.translate(trained, phantom_cohort, out=tmp_path / "all", dicom=True)
    one = dcmread(outcome.path / "IM0001.dcm")
    assert (one.SyntheticData, one.PatientName, one.PatientID) == ("YES", "", "")
    assert len({one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID, one.SOPInstanceUID}) == 4


def test_a_study_is_one_case_whose_series_and_their_reasons_are_told(
    trained: Path, study: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    [outcome] = voxlate.translate(trained, study, out=tmp_path / "t2.nii.gz")
    assert (outcome.case, outcome.target, outcome.status) == ("study-7", "t2", "done")
    assert "taken for t1, by its header: 't1 mprage' says so" in caplog.text
    assert "taken for flair" in caplog.text
    assert "left out: shows no contrast that is known: it is a localiser" in caplog.text


def test_info_and_check_say_what_a_series_shows_and_why(study: Path, tmp_path: Path) -> None:
    facts = voxlate.info(study / "S0")
    assert (facts["name"], facts["contrast"], facts["contrast_by"]) == ("S0", "t1", "header: 't1 mprage' says so")
    assert voxlate.info(study / "S0" / "IM001.dcm")["shape"] == [32, 32, 32]
    archive = shutil.make_archive(str(tmp_path / "upload"), "zip", study / "S1")
    assert voxlate.info(archive)["contrast"] == "flair"
    checked = voxlate.check(study)
    assert checked.rows[0][:3] == ("study-7", "study-7", "flair, t1")
    whole = shutil.make_archive(str(tmp_path / "study-8"), "zip", study)
    assert voxlate.check(whole).rows[0][:3] == ("study-8", "study-8", "flair, t1")
    assert voxlate.read(study / "S1").contrast == get_contrast("flair")
    assert checked.attributes["t1 by"] == "header: 't1 mprage' says so (1)"
