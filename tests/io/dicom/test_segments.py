"""Segmentations are read as label maps: our own come back as they were, others as their segments and planes say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.sr.codedict import codes

import voxlate
from tests.io.dicom.crafted import oblique, placed, save, values, write_series
from voxlate.cohort import index_cohort
from voxlate.contrast import get_contrast
from voxlate.errors import GeometryError, ReadError
from voxlate.io import Provenance, read_maker, read_volume
from voxlate.io.label_names import read_label_names
from voxlate.io.writing import write_series as write_derived

SHAPE = (5, 4, 6)
"""20 bits in a frame: the next one begins within a byte."""
LABELS = get_contrast("labels")
KNOWN = {"PatientSex": "O", "AccessionNumber": "", "ReferringPhysicianName": "", "SliceThickness": 1.0}


def _drawn() -> np.ndarray:
    """Three labels without a symmetry, on planes 1, 2 and 4."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 1:4, 1:3], labels[0, 0, 4], labels[4, 2:, 1] = 1, 2, 3
    return labels


def _series(folder: Path, affine: np.ndarray, **header: Any) -> list[Any]:
    """A series, and its files in the order of their planes."""
    write_series(folder, values(SHAPE), affine, **{**KNOWN, **header})
    return sorted(map(dcmread, folder.iterdir()), key=lambda one: one.InstanceNumber)


def _foreign(
    path: Path, images: list[Any], pixels: np.ndarray, names: tuple[str, ...], *, kind: str = "BINARY", **more: Any
) -> Path:
    """A segmentation that another program writes."""
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.AnatomicalStructure,
            segmented_property_type=codes.SCT.Organ,
            algorithm_type="MANUAL",
        )
        for number, name in enumerate(names, 1)
    ]
    made = hd.seg.Segmentation(
        source_images=images, pixel_array=pixels, segmentation_type=kind, segment_descriptions=described,
        series_instance_uid="1.2.3.4.77", series_number=9, sop_instance_uid=f"1.2.3.4.77.{len(path.name)}",
        instance_number=1, manufacturer="m", manufacturer_model_name="m", software_versions="1",
        device_serial_number="1", **more,
    )  # fmt: skip
    return save(made, path)


def _planes(labels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(labels, (2, 1), (0, 1)))


@pytest.mark.parametrize("affine", [placed(), oblique()])
def test_what_voxlate_wrote_comes_back_with_its_values_and_names(tmp_path: Path, affine: np.ndarray) -> None:
    _series(tmp_path / "s", affine)
    scan = read_volume(tmp_path / "s")
    labels = np.array([0, 205, 3, 4], np.uint8)[_drawn()]
    told = Provenance(synthetic=True, target="labels", unit="", labels={"205": "left kidney", "3": "thing", "9": "no"})
    write_derived(scan.with_array(labels), tmp_path / "made", like=tmp_path / "s", contrast=LABELS, provenance=told)
    for path in (tmp_path / "made", tmp_path / "made" / "IM0001.dcm"):
        back = read_volume(path, contrast=LABELS)
        assert back.grid.matches(scan.grid)
        assert np.array_equal(back.array, labels)
        assert read_label_names(path) == {3: "thing", 9: "no", 205: "left kidney"}
        assert read_maker(path) is not None
    assert voxlate.read(tmp_path / "made").contrast == LABELS
    assert voxlate.info(tmp_path / "made")["contrast"] == "labels"
    assert voxlate.score(tmp_path / "made", back)["dice"] == 1


@pytest.mark.parametrize("beside", [True, False])
def test_another_programs_order_gaps_and_empty_segments(tmp_path: Path, beside: bool) -> None:
    images = _series(tmp_path / "study" / "s", oblique())
    labels = _drawn()
    renumbered = np.array([0, 3, 1, 4], np.uint8)[labels]  # the second of four has no voxel
    place = tmp_path / ("study/seg" if beside else "else/where") / "a.dcm"
    path = _foreign(place, images[::-1], _planes(renumbered)[::-1], ("b", "empty", "a", "c"), omit_empty_frames=True)
    assert dcmread(path).NumberOfFrames == 4
    back, scan = read_volume(path, contrast=LABELS), read_volume(tmp_path / "study" / "s")
    assert back.grid.matches(scan.grid) == beside
    first = 0 if beside else 1
    assert np.array_equal(back.array, renumbered[:, :, first : first + back.shape[2]])
    assert back.shape[2] == (6 if beside else 4)
    assert np.allclose(back.affine[:3, 3], (scan.affine @ [0, 0, first, 1])[:3], atol=1e-4)
    assert read_label_names(path) == {1: "b", 2: "empty", 3: "a", 4: "c"}


def test_segments_that_overlap_are_refused_and_shares_and_label_maps_are_read(tmp_path: Path) -> None:
    images = _series(tmp_path / "s", placed())
    labels = _planes(_drawn())
    both = np.stack([labels == 1, labels > 0], axis=-1).astype(np.uint8)
    over = _foreign(tmp_path / "over" / "over.dcm", images, both, ("core", "whole"))
    with pytest.raises(ReadError, match=r"one segment in a voxel, got 12 voxels of several\. Write segments that over"):
        read_volume(over, contrast=LABELS)
    shares = np.stack([np.where(labels == 1, 0.6, 0.2), np.where(labels == 3, 1.0, 0.4)], axis=-1)
    path = _foreign(
        tmp_path / "s" / "shares.dcm", images, shares, ("a", "b"), kind="FRACTIONAL", fractional_type="PROBABILITY"
    )
    assert np.array_equal(_planes(read_volume(path, contrast=LABELS).array), np.array([0, 1, 0, 2])[labels])
    path = _foreign(tmp_path / "s" / "map.dcm", images, labels, ("a", "b", "c"), kind="LABELMAP")
    assert np.array_equal(_planes(read_volume(path, contrast=LABELS).array), labels)
    odd = dcmread(path)
    for groups in odd.PerFrameFunctionalGroupsSequence[1:]:
        groups.PlanePositionSequence[0].ImagePositionPatient[2] += 0.7
    with pytest.raises(GeometryError, match="planes"):
        read_volume(save(odd, tmp_path / "odd" / "odd.dcm"), contrast=LABELS)


def test_a_segmentation_is_the_label_map_of_the_case_whose_series_it_was_drawn_on(tmp_path: Path) -> None:
    for person in ("p1", "p2"):
        uids = {"StudyInstanceUID": f"1.2.{person[1]}", "SeriesInstanceUID": f"1.2.{person[1]}.1"}
        images = _series(tmp_path / person / "T1", placed(), **uids)
        _foreign(tmp_path / person / "labels" / "x.dcm", images, _planes(_drawn()), ("a", "b", "c"))
    cohort = index_cohort(tmp_path)
    assert {case.id: sorted(case.paths) for case in cohort.cases} == {"p1": ["labels", "t1"], "p2": ["labels", "t1"]}
    assert cohort.cases[0].attributes["labels by"] == "segmentation: 3 segments"
    (tmp_path / "cases.csv").write_text("case,t1,labels\np1,p1/T1,p1/labels\n")
    table = index_cohort(tmp_path / "cases.csv").cases[0]
    assert np.array_equal(read_volume(table.paths["labels"], contrast=LABELS).array, _drawn())
