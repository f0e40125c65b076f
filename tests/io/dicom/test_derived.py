"""A derived series lies upon its source, says that it is synthetic, and reads back equal in three readers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread
from pydicom.pixels import apply_rescale

from tests.io.dicom.crafted import (
    LPS,
    RESCALED,
    SYNTHETIC,
    faults_in,
    oblique,
    placed,
    values,
    write_enhanced,
    write_series,
)
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, WriteError
from voxlate.io import Provenance, file_digest, read_maker, read_provenance, read_volume
from voxlate.io.writing import write_series as write_derived
from voxlate.provenance import ModelRecord
from voxlate.volume import Volume


def _told(target: str = "t2") -> Provenance:
    return Provenance(synthetic=True, model=ModelRecord(name="tiny", digest="ab" * 32), target=target, unit="a.u.")


def _derive(source: Path, folder: Path, volume: Volume, *, target: str = "t2", **more: Any) -> Path:
    return write_derived(volume, folder, like=source, contrast=get_contrast(target), provenance=_told(target), **more)


def _classic(folder: Path, affine: np.ndarray) -> Path:
    write_series(folder, values(), affine, StationName="CANARYSTATION")
    return folder


def _enhanced(folder: Path, affine: np.ndarray) -> Path:
    return write_enhanced(folder / "e.dcm", values(), affine, scales=[(1.0, 0.0)] * 3)


@pytest.mark.parametrize("make", [_classic, _enhanced])
@pytest.mark.parametrize("affine", [placed(), oblique(), placed(turn=((0, 0, 1), (-1, 0, 0), (0, 1, 0)))])
def test_values_and_place_come_back(tmp_path: Path, make: Any, affine: np.ndarray) -> None:
    source = make(tmp_path / "s", affine)
    scan = read_volume(source)
    made = scan.with_array((scan.array * np.float32(1.37) + 0.25).astype(np.float32))
    out = _derive(source, tmp_path / "out" / "made", made)
    back = read_volume(out)
    assert np.allclose(back.affine, scan.affine, atol=1e-6)
    assert np.abs(back.array - made.array).max() <= made.array.max() / 65535
    whole = read_volume(_derive(source, tmp_path / "whole", scan))
    assert np.array_equal(whole.array, scan.array)
    assert whole.array.dtype.kind in "iu"


@pytest.mark.filterwarnings("ignore:The DICOM readers are highly experimental")
@pytest.mark.parametrize("low", [0, -3, -900])
def test_three_other_readers_find_the_same(tmp_path: Path, low: int) -> None:
    from nibabel.nicom import dicomwrappers

    source = _classic(tmp_path / "s", oblique())
    made = read_volume(source).with_array(np.linspace(low, 700, 60, dtype=np.float32).reshape(5, 4, 3))
    for path in sorted(_derive(source, tmp_path / "made", made).iterdir()):
        image, wrapped, file = SimpleITK.ReadImage(str(path)), dicomwrappers.wrapper_from_file(path), dcmread(path)
        place = LPS @ np.array(file.ImagePositionPatient, float)
        number = round(float((np.linalg.inv(made.affine) @ [*place, 1])[2]))
        assert (file.PixelRepresentation, file.RescaleIntercept) == (int(low < 0), 0)
        assert np.allclose(apply_rescale(file.pixel_array, file).T, made.array[:, :, number], atol=0.015)
        assert np.array_equal(file.pixel_array < 0, file.pixel_array * float(file.RescaleSlope) < 0)
        assert np.allclose(SimpleITK.GetArrayFromImage(image)[0].T, made.array[:, :, number], atol=0.015)
        assert np.allclose(np.squeeze(wrapped.get_data()).T, made.array[:, :, number], atol=0.015)
        assert np.allclose(LPS @ np.array(image.GetOrigin()), (made.affine @ [0, 0, number, 1])[:3], atol=1e-5)


def test_it_cannot_be_taken_for_a_scan_and_belongs_to_its_study(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    out = _derive(source, tmp_path / "made", read_volume(source))
    scans = {dcmread(path).InstanceNumber: dcmread(path) for path in source.iterdir()}
    made = [dcmread(path) for path in sorted(out.iterdir())]
    for number, one in enumerate(made, 1):
        scan = scans[number]
        assert one.SyntheticData == "YES"
        assert list(one.ImageType) == ["DERIVED", "SECONDARY", "OTHER"]
        assert one.SeriesDescription.startswith("SYNTHETIC")
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "PatientName", "StudyDate"):
            assert one[name].value == scan[name].value
        assert one.ImagePositionPatient == scan.ImagePositionPatient
        assert one.InstanceNumber == number
        assert one.SourceImageSequence[0].ReferencedSOPInstanceUID == scan.SOPInstanceUID
        assert "ab" * 32 in one.ContributingEquipmentSequence[1].ContributionDescription
        assert "StationName" not in one
        assert not any(element.tag.is_private for element in one)
    fresh = {one.SOPInstanceUID for one in made} | {one.SeriesInstanceUID for one in made}
    assert len(fresh) == len(made) + 1
    assert not fresh & {value for scan in scans.values() for value in (scan.SOPInstanceUID, scan.SeriesInstanceUID)}
    assert read_maker(out / "IM0001.dcm") == "model"
    told = read_provenance(out)
    assert told is not None
    assert told.output_sha256 == file_digest(out)
    assert "CANARY" not in (tmp_path / "made.json").read_text()


def test_its_identifiers_follow_from_what_it_was_made_of(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    scan = read_volume(source)

    def uids(name: str, volume: Volume, **more: Any) -> list[str]:
        files = [dcmread(path) for path in sorted(_derive(source, tmp_path / name, volume, **more).iterdir())]
        return [*{one.SeriesInstanceUID for one in files}, *(one.SOPInstanceUID for one in files)]

    first, again = uids("first", scan), uids("again", scan)
    others = [uids("other", scan.with_array(scan.array + 1)), uids("flair", scan, target="flair")]
    assert first == again
    assert len({*first, *others[0], *others[1]}) == 3 * len(first) == 12


def test_all_series_that_it_was_made_from_are_named(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    others = {"thick": placed(spacing=(0.5, 0.75, 4)), "turned": placed(turn=((0, 0, 1), (-1, 0, 0), (0, 1, 0)))}
    for name, affine in others.items():
        uids = {"SeriesInstanceUID": f"1.2.3.{len(name)}", "StudyInstanceUID": "1.2.3.9" if name == "turned" else ""}
        write_series(tmp_path / name, values((5, 4, 2)), affine, **{key: value for key, value in uids.items() if value})
    out = _derive(source, tmp_path / "made", read_volume(source), beside=[tmp_path / name for name in others])
    uid_at = {
        name: {
            float(one.ImagePositionPatient[2]): one.SOPInstanceUID for one in map(dcmread, (tmp_path / name).iterdir())
        }
        for name in ("s", *others)
    }
    for one in map(dcmread, out.iterdir()):
        height = float(one.ImagePositionPatient[2])
        nearest = min(uid_at["thick"], key=lambda z: abs(z - height))
        own, thick, *turned = (item.ReferencedSOPInstanceUID for item in one.SourceImageSequence)
        assert (own, thick) == (uid_at["s"][height], uid_at["thick"][nearest])
        assert len(turned) == 2
        assert [item.SeriesInstanceUID for item in one.ReferencedSeriesSequence] == ["1.2.3.4.5", "1.2.3.5"]
        [study] = one.StudiesContainingOtherReferencedInstancesSequence
        assert study.StudyInstanceUID == "1.2.3.9"
        assert len(study.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 2


def test_ct_is_in_hounsfield_units(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    scan = read_volume(source)
    hounsfield = np.linspace(-1100, 3000, 60, dtype=np.float32).reshape(5, 4, 3)
    out = _derive(source, tmp_path / "ct", scan.with_array(hounsfield), target="ct")
    one = dcmread(out / "IM0001.dcm")
    assert (one.Modality, one.RescaleType, one.RescaleSlope) == ("CT", "HU", 1)
    assert list(one.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert np.array_equal(read_volume(out).array, np.rint(hounsfield))


def test_a_tilted_series_is_answered_on_its_tilted_planes(tmp_path: Path) -> None:
    affine = placed(spacing=(1, 1, 2))
    affine[1, 2] = 2 * np.tan(np.radians(14))
    i, j, k = np.mgrid[:12, :12, :8]
    write_series(tmp_path / "s", (20 * i + 10 * j + 5 * k).astype(np.int16), affine, modality="CT")
    square = read_volume(tmp_path / "s", reading=Reading(on_shear="resample"))
    out = _derive(tmp_path / "s", tmp_path / "made", square, target="ct")
    made, scan = ([dcmread(path) for path in sorted((tmp_path / name).iterdir())] for name in ("made", "s"))
    assert sorted(str(one.ImagePositionPatient) for one in made) == sorted(
        str(one.ImagePositionPatient) for one in scan
    )
    inside = (slice(3, -3), slice(3, -3), slice(2, -2))
    back = read_volume(out, reading=Reading(on_shear="resample"))
    assert np.abs(back.array[inside] - square.array[inside]).max() <= 3


def test_what_is_there_is_not_replaced_unless_told(tmp_path: Path) -> None:
    source = _classic(tmp_path / "s", placed())
    scan = read_volume(source)
    _derive(source, tmp_path / "made", scan)
    with pytest.raises(WriteError, match="there already"):
        _derive(source, tmp_path / "made", scan)
    _derive(source, tmp_path / "made", scan.with_array(scan.array + 1), overwrite=True)
    assert np.array_equal(read_volume(tmp_path / "made").array, scan.array + 1)
    with pytest.raises(UsageError, match=r"an MR or a CT.*\.nii\.gz"):
        _derive(source, tmp_path / "pet", scan, target="pet")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["made", "made.json", "s"]


@pytest.mark.parametrize("target", ["t2", "ct"])
@pytest.mark.parametrize("make", [_classic, _enhanced])
def test_dciodvfy_finds_nothing_wrong(tmp_path: Path, make: Any, target: str) -> None:
    source = make(tmp_path / "s", oblique())
    scan = read_volume(source)
    write_series(tmp_path / "other", values(), placed(), SeriesInstanceUID="1.2.3.4.6")
    for number, array in enumerate((scan.array, scan.array * np.float32(1.5) - 30)):
        made = scan.with_array(array)
        out = _derive(source, tmp_path / f"made{number}", made, target=target, beside=[tmp_path / "other"])
        known = (SYNTHETIC, RESCALED) if number == 1 and target == "t2" else (SYNTHETIC,)
        assert [line for path in out.iterdir() for line in faults_in(path, *known)] == []
