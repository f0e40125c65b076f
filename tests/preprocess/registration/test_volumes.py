"""Two volumes of any kind: a known movement is found, label maps move by the transform, files and figure lie beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import voxlate
from tests.io.dicom.crafted import write_series
from tests.preprocess.registration.test_registration import CT, GRID, LABELS, MR, SHAPE, moved_by
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, WriteError
from voxlate.io import read_provenance, read_volume, write_volume
from voxlate.io.transforms import Transform, read_transform
from voxlate.provenance import ModelRecord, Provenance
from voxlate.volume import Volume

WORLD = moved_by((3, -2, 4), (6, -5, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MR scan, a CT of another format that lies elsewhere, and the head's labels as drawn on the CT."""
    root = tmp_path_factory.mktemp("pair")
    away = WORLD @ GRID.affine
    write_volume(Volume(MR.astype(np.float32), GRID.affine, get_contrast("t1")), root / "scan_T1.nii.gz")
    write_volume(Volume(CT.astype(np.int16), away, get_contrast("ct")), root / "scan_CT.mha")
    write_volume(Volume(LABELS.astype(np.uint8), away, get_contrast("labels")), root / "ct_seg.nii.gz")
    return root


@pytest.fixture(scope="module")
def registered(folder: Path) -> Path:
    out = folder / "out" / "CT_on_T1.nii.gz"
    done = voxlate.register(folder / "scan_CT.mha", folder / "scan_T1.nii.gz", out=out)
    assert (done.path, done.transform, done.figure) == (
        out,
        out.with_name("CT_on_T1.tfm"),
        out.with_name("CT_on_T1.png"),
    )
    return out


def test_a_known_movement_is_found_and_taken_back(registered: Path) -> None:
    found = read_transform(registered.with_name("CT_on_T1.tfm"))
    assert found.distance_mm(Transform(WORLD), GRID)[LABELS > 0].max() < 0.5 * 2.5
    volume = read_volume(registered)
    assert volume.grid.matches(GRID)
    assert volume.array.dtype == np.int16
    inside = LABELS > 0
    assert np.corrcoef(volume.array[inside], CT[inside])[0, 1] > 0.95
    assert registered.with_name("CT_on_T1.png").read_bytes().startswith(b"\x89PNG")


def test_the_sidecar_tells_both_scans_and_that_nothing_is_synthetic(registered: Path) -> None:
    told = read_provenance(registered)
    assert told is not None
    assert not told.synthetic
    assert [(one.contrast, one.name) for one in told.sources] == [("ct", "scan_CT.mha"), ("t1", "scan_T1.nii.gz")]
    assert any("rigid registration" in note for note in told.notes)


def test_a_label_map_moves_by_the_transform_and_keeps_its_values(registered: Path, folder: Path) -> None:
    labels, fixed, out = folder / "ct_seg.nii.gz", folder / "scan_T1.nii.gz", folder / "out" / "labels.nii.gz"
    with pytest.raises(UsageError, match="--apply"):
        voxlate.register(labels, fixed, out=out)
    voxlate.register(labels, fixed, out=out, apply=registered.with_name("CT_on_T1.tfm"), picture=False)
    moved = read_volume(out).array
    assert set(np.unique(moved)) <= set(np.unique(LABELS))
    assert (moved == LABELS).mean() > 0.95
    with pytest.raises(WriteError, match="--overwrite"):
        voxlate.register(labels, fixed, out=out, apply=registered.with_name("CT_on_T1.tfm"))


def test_a_series_is_brought_likewise_and_what_a_model_made_stays_marked(registered: Path, tmp_path: Path) -> None:
    header = {"Modality": "MR", "SeriesDescription": "t1 tse", "SliceThickness": 2.5}
    write_series(tmp_path / "series", np.rint(MR).astype(np.uint16), WORLD @ GRID.affine, **header)
    made = Provenance(synthetic=True, target="ct", unit="HU", model=ModelRecord(name="m", digest="0" * 64))
    whole = Volume(CT.astype(np.int16), GRID.affine, get_contrast("ct"))
    write_volume(whole, tmp_path / "made_CT.nii.gz", provenance=made)
    by = registered.with_name("CT_on_T1.tfm")
    done = voxlate.register(tmp_path / "made_CT.nii.gz", tmp_path / "series", out=tmp_path, apply=by, picture=False)
    told = read_provenance(done.path)
    assert done.path.name == "made_CT_registered.nii.gz"
    assert told is not None
    assert (told.synthetic, told.model) == (True, made.model)
    assert [one.contrast for one in told.sources] == ["ct", "t1"]
    assert read_volume(done.path).shape in {SHAPE, SHAPE[::-1], (SHAPE[1], SHAPE[0], SHAPE[2])}


def test_a_scan_of_bytes_is_registered_as_any_other(folder: Path, tmp_path: Path) -> None:
    grey = np.rint(255 * (MR - MR.min()) / np.ptp(MR)).astype(np.uint8)
    write_volume(Volume(grey, GRID.affine, get_contrast("t1")), tmp_path / "bytes_T1.nii.gz")
    found = voxlate.register(
        folder / "scan_CT.mha", tmp_path / "bytes_T1.nii.gz", out=tmp_path / "x.nii.gz", picture=False
    )
    moved = read_transform(found.transform).distance_mm(Transform(WORLD), GRID)
    assert moved[LABELS > 0].max() < 2.5


def test_labels_that_nothing_names_are_not_mixed_and_a_scan_is_not_replaced(registered: Path, folder: Path) -> None:
    write_volume(Volume(LABELS.astype(np.float32), GRID.affine), folder / "drawn.nii.gz")
    by = registered.with_name("CT_on_T1.tfm")
    with pytest.raises(UsageError, match="--as labels"):
        voxlate.register(folder / "drawn.nii.gz", folder / "scan_T1.nii.gz", out=folder / "out" / "d.nii.gz", apply=by)
    for scan in ("scan_CT.mha", "scan_T1.nii.gz"):
        with pytest.raises(UsageError, match="another file"):
            voxlate.register(folder / "scan_CT.mha", folder / "scan_T1.nii.gz", out=folder / scan, overwrite=True)
