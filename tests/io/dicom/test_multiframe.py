"""Segmentations and parametric maps: where they lie, what they refer to, what their segments are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread

from tests.io.dicom.crafted import LPS, SYNTHETIC, faults_in, oblique, placed, values, write_enhanced, write_series
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.io import Provenance, file_digest, read_provenance, read_volume
from voxlate.io.dicom.codes import code_of
from voxlate.io.writing import write_series as write_derived
from voxlate.provenance import ModelRecord
from voxlate.volume import Volume

SHAPE = (8, 6, 3)
"""Frames of whole bytes: GDCM reads bits of others wrongly."""
NAMES = {"205": "left kidney", "3": "funny thing", "4": "oedema"}
KNOWN = (SYNTHETIC, "<99VOXLATE>", "<QUANTITY>")
"""What dciodvfy of 2022 does not know: SyntheticData, a scheme of our own, a term of 2016."""


def _told(target: str, unit: str = "") -> Provenance:
    model = ModelRecord(name="tiny", digest="ab" * 32)
    return Provenance(synthetic=True, model=model, target=target, unit=unit, labels=NAMES if target == "labels" else {})


def _classic(folder: Path, affine: np.ndarray) -> Path:
    write_series(folder, values(SHAPE), affine)
    return folder


def _enhanced(folder: Path, affine: np.ndarray) -> Path:
    return write_enhanced(folder / "e.dcm", values(SHAPE), affine, scales=[(1.0, 0.0)] * 3)


def _labels(shape: tuple[int, ...]) -> np.ndarray:
    """Without a symmetry, so that nothing turned or mirrored passes."""
    labels = np.zeros(shape, np.uint8)
    labels[1:3, 1:4, 1], labels[0, 0, 2], labels[4, 2:, 0] = 205, 3, 4
    return labels


def _written(source: Path | None, folder: Path, volume: Volume, target: str, unit: str = "") -> Path:
    told = _told(target, unit)
    return write_derived(volume, folder, like=source, contrast=get_contrast(target), provenance=told)


def _wrong(path: Path) -> list[str]:
    return faults_in(path, *KNOWN)


@pytest.mark.parametrize("make", [_classic, _enhanced])
@pytest.mark.parametrize("affine", [placed(), oblique(), placed(turn=((0, 0, 1), (-1, 0, 0), (0, 1, 0)))])
def test_a_segmentation_lies_upon_its_source(tmp_path: Path, make: Any, affine: np.ndarray) -> None:
    source = make(tmp_path / "s", affine)
    scan = read_volume(source)
    labels = _labels(scan.shape)
    [path] = _written(source, tmp_path / "made", scan.with_array(labels), "labels").iterdir()
    seg = hd.seg.segread(path)
    expected = np.searchsorted([3, 4, 205], labels, side="right") * (labels > 0)
    assert np.array_equal(_laid_over(seg.get_volume(combine_segments=True), scan), expected)
    image = SimpleITK.ReadImage(str(path))
    frames = SimpleITK.GetArrayFromImage(image)
    for number, groups in enumerate(seg.PerFrameFunctionalGroupsSequence):
        own = np.linalg.inv(scan.affine) @ [*(LPS @ np.array(_position(groups), float)), 1]
        k = round(float(own[2]))
        value = [3, 4, 205][groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber - 1]
        assert np.array_equal(frames[number] > 0, value == labels[:, :, k].T)
        [refers] = groups.DerivationImageSequence[0].SourceImageSequence
        assert _stands_at(refers, source) == pytest.approx([float(one) for one in _position(groups)], abs=1e-4)
    assert _wrong(path) == []


def _laid_over(found: Any, scan: Volume) -> np.ndarray:
    """A volume of highdicom's reader, each voxel where its place in the world says."""
    index = np.indices(found.array.shape).reshape(3, -1)
    world = np.diag([-1, -1, 1, 1]) @ found.affine @ np.vstack([index, np.ones(index.shape[1])])
    own = (np.linalg.inv(scan.affine) @ world)[:3]
    assert np.abs(own - np.rint(own)).max() < 1e-3
    laid = np.full(scan.shape, np.nan)
    laid[tuple(np.rint(own).astype(int))] = found.array.ravel()
    return laid


def _position(groups: Any) -> Any:
    return groups.PlanePositionSequence[0].ImagePositionPatient


def _stands_at(refers: Any, source: Path) -> list[float]:
    """Where the plane lies that a frame was made from, as the source's own file says."""
    for path in [source] if source.is_file() else source.iterdir():
        one = dcmread(path)
        if one.SOPInstanceUID == refers.ReferencedSOPInstanceUID:
            groups = one.get("PerFrameFunctionalGroupsSequence")
            place = _position(groups[refers.ReferencedFrameNumber - 1]) if groups else one.ImagePositionPatient
            return [float(value) for value in place]
    raise AssertionError


def test_it_says_what_it_marks_who_made_it_and_of_what(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    scan = read_volume(source)
    out = _written(source, tmp_path / "made", scan.with_array(_labels(scan.shape)), "labels")
    one, first = dcmread(out / "IM0001.dcm"), dcmread(next((tmp_path / "s").iterdir()))
    assert (one.Modality, one.SyntheticData, one.SeriesDescription) == ("SEG", "YES", "SYNTHETIC labels")
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "StudyDate"):
        assert one[name].value == first[name].value
    assert [item.SegmentLabel for item in one.SegmentSequence] == ["funny thing", "oedema", "left kidney"]
    kinds = [item.SegmentedPropertyTypeCodeSequence[0] for item in one.SegmentSequence]
    assert [(kind.CodeValue, kind.CodingSchemeDesignator) for kind in kinds[1:]] == [
        ("79654002", "SCT"),
        ("64033007", "SCT"),
    ]
    assert kinds[0].CodingSchemeDesignator == "99VOXLATE"
    assert kinds[2].SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert one.SegmentSequence[2].SegmentDescription == "left kidney, label 205"
    assert "ab" * 32 in one.ContributingEquipmentSequence[1].ContributionDescription
    [series] = one.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == first.SeriesInstanceUID
    assert len(series.ReferencedInstanceSequence) == 3
    told = read_provenance(out)
    assert told is not None
    assert told.output_sha256 == file_digest(out)


def test_its_frames_name_all_series_that_it_was_made_from(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    write_series(tmp_path / "other", values((8, 6, 2)), placed(), SeriesInstanceUID="1.2.3.4.6")
    scan, told = read_volume(source), _told("labels")
    where: dict[str, Any] = {"like": source, "beside": [tmp_path / "other"], "contrast": get_contrast("labels")}
    out = write_derived(scan.with_array(_labels(scan.shape)), tmp_path / "made", provenance=told, **where)
    one = dcmread(out / "IM0001.dcm")
    assert {item.SeriesInstanceUID for item in one.ReferencedSeriesSequence} == {"1.2.3.4.5", "1.2.3.4.6"}
    for groups in one.PerFrameFunctionalGroupsSequence:
        items = groups.DerivationImageSequence[0].SourceImageSequence
        assert [item.get("SpatialLocationsPreserved") for item in items] == ["YES", None]
    assert _wrong(out / "IM0001.dcm") == []


def test_codes_are_the_same_for_the_same_name_and_know_sides() -> None:
    assert code_of("Funny  Thing").kind.value == code_of("funny thing").kind.value
    assert code_of("spleen").kind.value == "78961009"
    assert [code_of(name).side.meaning for name in ("Hippocampus right", "left thalamus")] == ["Right", "Left"]  # type: ignore[union-attr]
    assert code_of("necrosis").category.meaning == "Morphologically Abnormal Structure"
    assert code_of("...").kind.scheme_designator == "99VOXLATE"


@pytest.mark.parametrize("make", [_classic, _enhanced])
def test_a_map_holds_its_values_and_says_what_they_are(tmp_path: Path, make: Any) -> None:
    source = make(tmp_path / "s", oblique())
    scan = read_volume(source)
    density = scan.with_array((scan.array / 173).astype(np.float32))
    [path] = _written(source, tmp_path / "made", density, "electron_density", "1").iterdir()
    assert np.allclose(_laid_over(hd.imread(path).get_volume(), scan), density.array)
    one = dcmread(path)
    assert one.SyntheticData == "YES"
    mapping = one.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeMeaning == "Relative Electron Density"
    raw = np.frombuffer(one.FloatPixelData, "<f4").reshape(SHAPE[::-1])  # by hand
    assert sorted(np.unique(raw)) == sorted(np.unique(density.array))
    assert _wrong(path) == []


def test_a_tilted_source_and_one_that_was_no_dicom(tmp_path: Path) -> None:
    affine = placed(spacing=(1, 1, 2))
    affine[1, 2] = 2 * np.tan(np.radians(14))
    write_series(tmp_path / "s", values((12, 12, 8)), affine, modality="CT")
    square = read_volume(tmp_path / "s", reading=Reading(on_shear="resample"))
    labels = np.zeros(square.shape, np.uint8)
    labels[2:8, 3:9, 2:6] = 4
    seg = dcmread(_written(tmp_path / "s", tmp_path / "made", square.with_array(labels), "labels") / "IM0001.dcm")
    places = {str(_position(groups)) for groups in seg.PerFrameFunctionalGroupsSequence}
    scans = [dcmread(path) for path in (tmp_path / "s").iterdir()]
    assert places == {str(one.ImagePositionPatient) for one in scans}
    assert 100 < hd.seg.segread(tmp_path / "made" / "IM0001.dcm").pixel_array.sum() < 190
    alone = _written(None, tmp_path / "alone", square.with_array(labels), "labels") / "IM0001.dcm"
    one = dcmread(alone)
    assert "ReferencedSeriesSequence" not in one
    assert not any("DerivationImageSequence" in groups for groups in one.PerFrameFunctionalGroupsSequence)
    assert all("DICOMDIR" in line for line in _wrong(alone))
