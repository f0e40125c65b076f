"""De-identification: nothing of a patient is left at any depth, what belongs together still does, and it is said."""

from __future__ import annotations

import csv
import logging
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset

import voxlate
from tests.io.dicom.crafted import CANARY, placed, values, write_enhanced, write_series
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.io import Provenance, read_maker, read_volume
from voxlate.io.writing import write_series as write_derived
from voxlate.provenance import ModelRecord

MARKS = {
    "PN": "CANARY^Z",
    "DA": "19770707",
    "TM": "070707.7",
    "DT": "19770707070707",
    "AS": "077Y",
    "UI": "1.2.77.77.77",
}
LEFT = (b"CANARY", b"canary", b"19770707", b"070707.7", b"077Y", b"1.2.77.77.77", b"19510203", b"20200102")


def _table() -> list[tuple[int, int]]:
    from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector

    return [(tag[0], tag[1]) for tag in dicom_anonymization_database_selector("dicomfields_2026c")["ALL_TAGS"]]


def _filled() -> Dataset:
    """Every attribute of the profile's table that can hold a mark, with one."""
    dataset = Dataset()
    for tag in _table():
        kind = dictionary_VR(tag) if keyword_for_tag(tag) and tag[0] > 2 else ""
        if kind in MARKS or kind in {"LO", "SH", "LT", "ST", "UT", "AE", "UC"}:
            dataset.add_new(tag, kind, MARKS.get(kind, "CANARY text"))
        elif kind == "SQ":
            item = Dataset()
            item.PatientName, item.InstitutionName = "CANARY^NESTED", "CANARY clinic"
            dataset.add_new(tag, kind, [item])
    block = dataset.private_block(0x0029, "CANARY MAKER", create=True)
    block.add_new(1, "LO", "CANARY private")
    return dataset


def _mark(dataset: Dataset, _plane: int) -> None:
    for element in _filled():
        if element.tag not in {(0x8, 0x18), (0x20, 0xD), (0x20, 0xE), (0x20, 0x52)}:
            dataset[element.tag] = element
    dataset.StudyInstanceUID = dataset.FrameOfReferenceUID = "1.2.77.77.77"
    kept = Dataset()  # in a sequence that the profile keeps
    kept.PurposeOfReferenceCodeSequence = [_filled()]
    dataset.ContributingEquipmentSequence = [kept]


def _group(groups: Dataset, _frame: int) -> None:
    content = Dataset()
    content.FrameAcquisitionDateTime, content.FrameComments = "19770707070707", "CANARY"
    groups.FrameContentSequence = [content]


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() + path.name.encode() for path in folder.rglob("*") if path.is_file())


def test_nothing_of_the_patient_is_left_at_any_depth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(tmp_path / "CANARY_study" / "a", values(), placed(), change=_mark)
    write_enhanced(tmp_path / "CANARY_study" / "e.dcm", values(), placed(), change=_group, SeriesInstanceUID="1.2.77.8")
    assert sum(mark in _bytes(tmp_path / "CANARY_study") for mark in LEFT) == len(LEFT) - 1
    caplog.set_level(logging.DEBUG)
    done = voxlate.deidentify(tmp_path / "CANARY_study", out=tmp_path / "out")
    assert (done.files, done.patients, done.left_out) == (4, 2, {})
    found = _bytes(tmp_path / "out")
    assert [mark for mark in LEFT if mark in found] == []
    assert not any(value in f"{done}{caplog.text}" for value in (*CANARY.values(), "CANARY"))
    with (tmp_path / "out" / "deidentified.csv").open() as file:
        rows = {row["keyword"]: (row["done"], row["count"]) for row in csv.DictReader(file)}
    assert rows["PatientBirthDate"] == ("emptied", "7")
    assert rows["FrameAcquisitionDateTime"] == ("dummy", "9")
    assert rows["StudyInstanceUID"] == ("new identifier", "7")


def test_what_belongs_together_still_does_and_reads_the_same(tmp_path: Path) -> None:
    write_series(tmp_path / "s" / "t1", values(), placed())
    scan = read_volume(tmp_path / "s" / "t1")
    told = Provenance(synthetic=True, model=ModelRecord(name="tiny", digest="ab"), target="t2", unit="a.u.")
    like = tmp_path / "s" / "t1"
    write_derived(scan, tmp_path / "s" / "t2", like=like, contrast=get_contrast("t2"), provenance=told)
    write_series(tmp_path / "s" / "other", values(), placed(), PatientID="X9", StudyInstanceUID="1.9.9")
    done = voxlate.deidentify(tmp_path / "s", out=tmp_path / "out")
    assert (done.files, done.patients) == (9, 2)
    made = [dcmread(path) for path in sorted((tmp_path / "out").rglob("*.dcm"))]
    synthetic = [one for one in made if one.get("SyntheticData") == "YES"]
    study = [one for one in made if one.PatientID == synthetic[0].PatientID]
    assert len(synthetic) == 3
    assert len(study) == 6
    assert len({one.StudyInstanceUID for one in study}) == len({one.FrameOfReferenceUID for one in study}) == 1
    assert len({one.StudyInstanceUID for one in made}) == 2
    scans = {one.SOPInstanceUID for one in study} - {one.SOPInstanceUID for one in synthetic}
    assert {one.SourceImageSequence[0].ReferencedSOPInstanceUID for one in synthetic} == scans
    for one in made:
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
        assert one.PatientName == one.PatientID
        assert (one.PatientIdentityRemoved, one.LongitudinalTemporalInformationModified) == ("YES", "REMOVED")
        assert one.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert "1.2.3.4" not in {one.StudyInstanceUID, one.FrameOfReferenceUID}
    for one in synthetic:
        assert one.SeriesDescription == "SYNTHETIC T2"
    series = {one.parent for one in (tmp_path / "out").rglob("*.dcm")}
    for folder in series:
        again = read_volume(folder)
        assert np.array_equal(again.array, scan.array)
        assert np.allclose(again.affine, scan.affine)
    assert sorted(str(read_maker(folder)) for folder in series) == ["None", "None", "model"]


def test_synthetic_series_are_told_apart_by_words_of_our_own_alone(tmp_path: Path) -> None:
    said = ("SYNTHETIC T2", "SYNTHETIC FLAIR", "SYNTHETIC T2 of CANARY", "CANARY 2")
    for number, words in enumerate(said):
        uid = {"SeriesInstanceUID": f"1.2.3.{number}", "SyntheticData": "YES", "SeriesDescription": words}
        write_series(tmp_path / "s" / str(number), values((5, 4, 1)), placed(), **uid)
    voxlate.deidentify(tmp_path / "s", out=tmp_path / "out")
    found = sorted(dcmread(path).SeriesDescription for path in (tmp_path / "out").rglob("*.dcm"))
    assert found == ["SYNTHETIC FLAIR", "SYNTHETIC MR 3", "SYNTHETIC MR 4", "SYNTHETIC T2"]


def test_what_cannot_be_cleaned_is_left_out(tmp_path: Path) -> None:
    write_series(tmp_path / "s" / "burnt", values(), placed(), BurnedInAnnotation="YES")
    write_series(tmp_path / "s" / "shot", values(), placed(), SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    write_series(tmp_path / "s" / "kept", values(), placed(), SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    for path in (tmp_path / "s" / "kept").iterdir():
        one = dcmread(path)
        one.BurnedInAnnotation = "NO"
        one.save_as(path)
    report = next((tmp_path / "s" / "kept").iterdir())
    one = dcmread(report)
    del one.PixelData
    one.save_as(report)
    done = voxlate.deidentify(tmp_path / "s", out=tmp_path / "out")
    assert done.files == 2
    assert done.left_out == {
        "says that something is burnt into the picture": 3,
        "is a picture that does not say that nothing is burnt into it": 3,
        "is no image and no structure set": 1,
    }
    with pytest.raises(UsageError, match=r"a new folder beside the data, got one that is there"):
        voxlate.deidentify(tmp_path / "s", out=tmp_path / "out")
    with pytest.raises(UsageError, match=r"got one in the data"):
        voxlate.deidentify(tmp_path / "s", out=tmp_path / "s" / "out")


def test_dciodvfy_finds_nothing_wrong(tmp_path: Path) -> None:
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is absent: install Debian's dicom3tools")
    write_series(tmp_path / "scan", values(), placed())
    scan = read_volume(tmp_path / "scan")
    told = Provenance(synthetic=True, model=ModelRecord(name="tiny", digest="ab"), target="t2", unit="a.u.")
    where: Any = {"like": tmp_path / "scan", "contrast": get_contrast("t2")}
    write_derived(scan, tmp_path / "made", **where, provenance=told)
    voxlate.deidentify(tmp_path / "made", out=tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.dcm"):
        said = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False).stderr
        assert [line for line in said.splitlines() if line.startswith("Error") and "(0008,001c)" not in line] == []
