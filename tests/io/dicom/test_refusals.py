"""What is no volume, or no whole one, is refused with the numbers, and names nobody."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from tests.io.dicom.crafted import Change, placed, two_echoes, values, write_enhanced, write_series
from voxlate.cohort import index_cohort
from voxlate.config.plan import Reading
from voxlate.errors import CohortError, GeometryError, ReadError
from voxlate.io import dicom, read_volume


def _drop(paths: list[Path]) -> None:
    paths[2].unlink()


def _late(dataset: Dataset, plane: int) -> None:
    if plane == 2:
        dataset.ImagePositionPatient = [-30.0, -41.5, -12.25 + 4.7]


def _again(dataset: Dataset, plane: int) -> None:
    if plane == 2:
        dataset.ImagePositionPatient = [-30.0, -41.5, -12.25 + 2]


def _turned(dataset: Dataset, plane: int) -> None:
    if plane == 2:
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def _beside(dataset: Dataset, plane: int) -> None:
    if plane == 2:
        dataset.ImagePositionPatient = [-25.0, -41.5, -12.25 + 4]


def _coarse(dataset: Dataset, plane: int) -> None:
    if plane == 2:
        dataset.PixelSpacing = [0.75, 0.75]


def _rgb(dataset: Dataset, plane: int) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"


def _mosaic(dataset: Dataset, plane: int) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]


def _without(name: str) -> Change:
    return lambda dataset, plane: delattr(dataset, name)


def _bits(dataset: Dataset, plane: int) -> None:
    dataset.BitsStored = 60000


def _frames(dataset: Dataset, plane: int) -> None:
    dataset.NumberOfFrames = 4


def _strange_echo(dataset: Dataset, plane: int) -> None:
    dataset.EchoTime = 90 if plane == 2 else 10


def _lost_intercept(dataset: Dataset, plane: int) -> None:
    if plane != 2:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024


def _two_people(dataset: Dataset, plane: int) -> None:
    dataset.StudyInstanceUID = f"1.2.3.{4 + plane % 2}"


def _backwards(dataset: Dataset, plane: int) -> None:
    dataset.PixelSpacing = [-0.75, 0.5]


def _high(dataset: Dataset, plane: int) -> None:
    dataset.BitsStored, dataset.HighBit = 12, 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_late, r"planes 2\.00 mm apart, got 2\.70 mm between those at -10\.25 and -7\.55 mm"),
        (_again, r"one plane at each position, got 2 at \(-30\.00, -41\.50, -10\.25\) mm"),
        (_turned, r"one orientation, got planes 90\.0 degrees apart"),
        (_beside, r"planes along one line, got one that lies"),
        (_coarse, r"planes of one size, got 5 x 4 pixels of 0\.5 x 0\.75 mm and 5 x 4 pixels of 0\.75 x 0\.75 mm"),
        (_rgb, "one grey value for each pixel, got RGB"),
        (_mosaic, "a mosaic"),
        (_without("PixelSpacing"), "2 numbers in PixelSpacing, got none"),
        (_without("ImagePositionPatient"), "3 numbers in ImagePositionPatient, got none"),
        (_without("ImageOrientationPatient"), "6 numbers in ImageOrientationPatient, got none"),
        (_without("PixelData"), "pixels, got a header alone"),
        (_bits, "1 to 32 bits of a pixel, got 60000"),
        (_frames, "4 frames in one file without functional groups"),
        (_strange_echo, r"one echo time, got planes of 0\.01 and 0\.09 s"),
        (_lost_intercept, "a slope and an intercept of all planes or of none"),
        (_two_people, "one volume, got 2 series"),
        (_backwards, r"two distances above 0 in PixelSpacing, got -0\.75 and 0\.5"),
        (_high, "bit 15 as the highest of 12"),
    ],
)
def test_what_makes_no_volume_is_refused_with_the_numbers(tmp_path: Path, change: Change, message: str) -> None:
    write_series(tmp_path, values((5, 4, 4)), placed(), change=change)
    with pytest.raises(ReadError, match=message):
        read_volume(tmp_path)


def test_a_mosaic_of_an_xa_scanner_is_refused_and_never_read_as_one_slice(tmp_path: Path) -> None:
    said = {"ImageType": ["ORIGINAL", "PRIMARY", "FMRI", "NONE", "MOSAIC"], "SliceThickness": 2.0}
    path = write_enhanced(tmp_path / "e.dcm", values((8, 8, 1)), placed(), **said)
    with pytest.raises(
        ReadError, match=r"a mosaic in an enhanced file, as XA scanners write it\. Convert it first: dcm2"
    ):
        read_volume(path)


def test_a_missing_plane_is_named_in_mm(tmp_path: Path) -> None:
    _drop(write_series(tmp_path, values((5, 4, 6)), placed()))
    with pytest.raises(GeometryError, match=r"got 4\.00 mm between those at .* where 1 plane may be missing"):
        read_volume(tmp_path)


def test_one_file_without_a_place_is_named_and_what_to_do_about_it(tmp_path: Path) -> None:
    def lost(dataset: Dataset, plane: int) -> None:
        if plane == 2:
            del dataset.ImagePositionPatient

    write_series(tmp_path / "p1", values((5, 4, 4)), placed(), change=lost)
    wanted = (
        r"IM002\.dcm: expected 3 numbers in ImagePositionPatient, got none in 1 of 4 files of the series\. "
        r"Export the series anew; if IM002\.dcm is no slice of it, lay it into another folder\."
    )
    with pytest.raises(ReadError, match=wanted):
        read_volume(tmp_path / "p1")
    with pytest.raises(CohortError, match=r"1 file that belongs to none .*1 of 4 files.*Export the series anew; if IM"):
        index_cohort(tmp_path)


@pytest.mark.parametrize("bad", ["nan", "inf", "1e999", "0.5x", "--"])
def test_bad_decimal_strings_are_refused(tmp_path: Path, bad: str) -> None:
    (path,) = write_series(tmp_path, values((5, 4, 1)), placed(), SliceThickness=2, RescaleSlope="12.125")
    path.write_bytes(path.read_bytes().replace(b"12.125", bad.ljust(6).encode()))
    with pytest.raises(ReadError, match=r"finite numbers in RescaleSlope, got .* repair"):
        read_volume(path)


def test_a_tilted_gantry_is_refused_in_degrees_or_resampled_and_noted(tmp_path: Path) -> None:
    affine = placed(spacing=(1, 1, 2))
    affine[1, 2] = 2 * np.tan(np.radians(14))
    write_series(tmp_path, values((8, 8, 6)), affine, modality="CT")
    with pytest.raises(GeometryError, match=r"14\.0 degrees .* gantry that was tilted.*--accept on_shear=resample"):
        read_volume(tmp_path)
    volume = read_volume(tmp_path, reading=Reading(on_shear="resample"))
    assert any("resampled to a square one" in note for note in volume.notes)


@pytest.mark.parametrize("left", [200, 600, -11])
def test_truncated_files_are_refused(tmp_path: Path, left: int) -> None:
    (path,) = write_series(tmp_path, values((5, 4, 1)), placed(), SliceThickness=2)
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ReadError):
        read_volume(path)


def test_bytes_that_were_changed_are_read_or_refused_and_name_nobody(tmp_path: Path) -> None:
    (path,) = write_series(tmp_path / "a", values((5, 4, 1)), placed(), SliceThickness=2)
    enhanced = write_enhanced(tmp_path / "b" / "e.dcm", values((5, 4, 2)), placed(), scales=[(1.0, 0.0), (2.0, 1.0)])
    draw, told = np.random.default_rng(0), ""
    for file, whole in ((path, path.read_bytes()), (enhanced, enhanced.read_bytes())):
        for _ in range(40):
            changed = bytearray(whole)
            for place in draw.integers(132, len(whole), 3):
                changed[place] = draw.integers(256)
            file.write_bytes(changed)
            try:
                read_volume(file)
            except ReadError as refused:
                told += str(refused)
    assert "expected" in told
    assert "CANARY" not in told


def test_nothing_of_the_patient_is_read_or_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    told: list[str] = []
    for number, change in enumerate((_late, _again, _turned, _rgb, _without("PixelData"), two_echoes)):
        folder = tmp_path / str(number)
        write_series(folder, values((5, 4, 4)), placed(), change=change, OtherPatientIDs="CANARY")
        told += map(str, dicom.list_stacks(sorted(folder.iterdir())))
        try:
            told += read_volume(folder).notes
        except ReadError as refused:
            told += [str(refused), repr(refused.__cause__)]
    assert "CANARY" not in "".join([*told, caplog.text])
    assert "1951" not in "".join(told)
