"""The patient's outline of a structure set: areas that are known, holes, planes, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from tests.io.dicom.crafted import LPS, oblique, placed, plain, save, write_series
from voxlate.cohort import index_cohort
from voxlate.errors import GeometryError, ReadError
from voxlate.io import file_digest, read_volume

SHAPE = (40, 36, 6)


def _circle(radius: float, *, at: tuple[float, float] = (18.3, 17.4), points: int = 180) -> np.ndarray:
    """Columns and rows."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([at[0] + radius * np.cos(angles), at[1] + radius * np.sin(angles)], axis=1)


def write_outline(
    path: Path,
    affine: np.ndarray,
    contours: dict[int, list[np.ndarray]],
    *,
    series: str = "1.2.3.4.5",
    name: str = "BODY",
    kind: str = "",
    beside: float = 0.0,
) -> Path:
    """A structure set of one structure, its contours by plane in columns and rows, beside a tumour."""
    dataset = plain(SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", SeriesInstanceUID="1.2.3.4.99")
    dataset.Modality, dataset.SOPInstanceUID = "RTSTRUCT", generate_uid()
    for keyword in ("SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored", "HighBit"):
        delattr(dataset, keyword)
    frame, study, drawn = Dataset(), Dataset(), Dataset()
    drawn.SeriesInstanceUID, study.RTReferencedSeriesSequence = series, [drawn]
    frame.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    structures, rois, types = [], [], []
    for number, (called, typed) in enumerate((("GTV", "GTV"), (name, kind)), 1):
        roi, structure, observed = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, called
        structure.ReferencedROINumber = observed.ReferencedROINumber = number
        observed.RTROIInterpretedType = typed
        given = {1: [_circle(2.0)]} if number == 1 else contours
        structure.ContourSequence = [
            _contour(polygon, plane + beside, affine) for plane, ones in given.items() for polygon in ones
        ]
        structures.append(structure)
        rois.append(roi)
        types.append(observed)
    dataset.StructureSetROISequence, dataset.ROIContourSequence = rois, structures
    dataset.RTROIObservationsSequence = types
    return save(dataset, path)


def _contour(polygon: np.ndarray, plane: float, affine: np.ndarray) -> Dataset:
    count = len(polygon)
    index = np.column_stack([polygon, np.full(count, plane), np.ones(count)])
    contour = Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", count
    contour.ContourData = [round(float(value), 4) for value in (LPS @ (affine @ index.T)[:3]).T.ravel()]
    return contour


def _scan(folder: Path, affine: np.ndarray, **header: Any) -> np.ndarray:
    i, j, _ = np.indices(SHAPE)
    array = np.where((i - 18) ** 2 + (j - 17) ** 2 < 13**2, 900, 10).astype(np.int16)
    write_series(folder, array, affine, **header)
    return array


@pytest.mark.parametrize("affine", [placed(), oblique(), placed(turn=((0, 0, 1), (-1, 0, 0), (0, 1, 0)))])
def test_an_outline_has_the_area_and_the_place_that_was_drawn(tmp_path: Path, affine: np.ndarray) -> None:
    _scan(tmp_path / "MR", affine)
    contours = {plane: [_circle(13.0 - plane)] for plane in range(1, 5)}
    path = write_outline(tmp_path / "RS.dcm", affine, contours)
    mask, scan = read_volume(path), read_volume(tmp_path / "MR")
    assert mask.grid.matches(scan.grid)
    areas = mask.array.sum(axis=(0, 1)).tolist()
    assert areas[0] == areas[5] == 0
    for plane in range(1, 5):  # which the series counts the other way round, where that is along its normal
        own = round(float((np.linalg.inv(scan.affine) @ affine @ [0, 0, plane, 1])[2]))
        assert areas[own] == pytest.approx(np.pi * (13 - plane) ** 2, rel=0.03)
    i, j = np.nonzero(mask.array[:, :, 2])
    assert (i.mean(), j.mean()) == pytest.approx((18.3, 17.4), abs=0.1)
    assert file_digest(path) != file_digest(tmp_path / "MR")


def test_a_contour_in_another_is_a_hole_and_two_side_by_side_are_both(tmp_path: Path) -> None:
    _scan(tmp_path / "MR", placed())
    square = np.array([[4.5, 4.5], [14.5, 4.5], [14.5, 14.5], [4.5, 14.5]])
    contours = {0: [square, square * 0.4 + 5.7], 3: [square, square + np.array([16, 0])]}
    path = write_outline(tmp_path / "RS.dcm", placed(), contours, name="patient", kind="EXTERNAL")
    volume = read_volume(path)
    assert volume.array.sum(axis=(0, 1)).tolist() == [84, 84, 200, 200, 0, 0]
    assert any("Of 2 planes without a contour" in note for note in volume.notes)


def test_what_is_no_outline_is_refused_with_words(tmp_path: Path) -> None:
    _scan(tmp_path / "MR", placed())
    circles = {2: [_circle(9.0)]}
    with pytest.raises(ReadError, match=r"a structure of type EXTERNAL, or called BODY"):
        read_volume(write_outline(tmp_path / "a.dcm", placed(), circles, name="Liver"))
    with pytest.raises(GeometryError, match=r"on the planes of the series, got one 0\.80 mm beside"):
        read_volume(write_outline(tmp_path / "b.dcm", placed(), circles, beside=0.4))
    with pytest.raises(GeometryError, match=r"or beyond them"):
        read_volume(write_outline(tmp_path / "c.dcm", placed(), {7: [_circle(9.0)]}))
    with pytest.raises(ReadError, match=r"the series that the structure set was drawn on, got none nearby"):
        read_volume(write_outline(tmp_path / "RS" / "d.dcm", placed(), circles, series="1.7"))


def test_an_outline_is_the_mask_of_its_case(tmp_path: Path) -> None:
    for patient in ("p1", "p2"):
        uid = f"1.2.3.4.{patient[1]}"
        _scan(tmp_path / patient / "MR", placed(), SeriesInstanceUID=f"{uid}.1")
        _scan(tmp_path / patient / "CT", placed(), SeriesInstanceUID=f"{uid}.2", Modality="CT")
        contours = {plane: [_circle(13.0)] for plane in range(6)}
        write_outline(tmp_path / patient / "RTSTRUCT" / "RS.dcm", placed(), contours, series=f"{uid}.2")
    write_outline(tmp_path / "p1" / "RTSTRUCT" / "PTV.dcm", placed(), {}, series="1.2.3.4.1.2", name="PTV")
    cohort = index_cohort(tmp_path)
    assert {case.id: sorted(case.paths) for case in cohort.cases} == {
        "p1": ["ct", "mask", "t1"],
        "p2": ["ct", "mask", "t1"],
    }
    mask = read_volume(cohort.cases[1].paths["mask"])
    assert mask.array.sum() == pytest.approx(6 * np.pi * 13**2, rel=0.03)
    assert cohort.cases[0].attributes["mask by"] == "structure set: called BODY"
    assert [item.reason for item in cohort.left_out] == ["is a structure set without an outline of the patient"]
