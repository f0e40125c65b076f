"""DICOM series written by the test are read with their values and their place, or refused with the numbers."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian

import voxlate
from tests.io.dicom.crafted import LPS, Change, oblique, placed, two_echoes, values, write_enhanced, write_series
from voxlate.errors import GeometryError, ReadError
from voxlate.io import dicom, file_digest, read_grid, read_maker, read_volume

SAGITTAL = placed(turn=((0, 0, 1), (-1, 0, 0), (0, -1, 0)))
CORONAL = placed(turn=((-1, 0, 0), (0, 0, -1), (0, -1, 0)))


@pytest.mark.parametrize("affine", [placed(), oblique(), SAGITTAL, CORONAL])
def test_values_and_place_are_those_that_were_written(tmp_path: Path, affine: np.ndarray) -> None:
    paths = write_series(tmp_path / "s", values(), affine)
    for path in (tmp_path / "s", paths[1]):
        volume = read_volume(path)
        written = np.linalg.inv(affine) @ volume.affine  # planes may come from the other end
        assert np.allclose(np.abs(written[:3, :3]), np.eye(3), atol=1e-6)
        if written[2, 2] < 0:
            assert np.array_equal(volume.array, values()[:, :, ::-1])
        else:
            assert np.array_equal(volume.array, values())
        assert np.allclose(volume.affine, read_grid(path).affine)


def test_an_independent_reader_finds_every_voxel_at_the_same_place(tmp_path: Path) -> None:
    write_series(tmp_path, values((6, 5, 4)), oblique())
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image, volume = reader.Execute(), read_volume(tmp_path)
    for index in np.ndindex(volume.shape):
        x, y, z = (volume.affine @ [*index, 1])[:3]
        assert image.GetPixel(image.TransformPhysicalPointToIndex((-x, -y, z))) == volume.array[index]


def test_left_is_left(tmp_path: Path) -> None:
    """In LPS x grows to the left: with rows along +x, high columns show the left, which is where RAS+ has x < 0."""
    array = np.zeros((8, 4, 3), np.int16)
    array[6:, 1, 1] = 500
    affine = placed(turn=((-1, 0, 0), (0, -1, 0), (0, 0, 1)), spacing=(10, 10, 10))
    affine[:3, 3] = (35, 20, 0)
    write_series(tmp_path, array, affine)
    volume = read_volume(tmp_path)
    bright = (volume.affine @ [*np.argwhere(volume.array == 500).mean(axis=0), 1])[:3]
    assert bright[0] < -25
    assert bright[1] > 5


def test_rescale_is_that_of_each_frame(tmp_path: Path) -> None:
    scales = [(1.0, 0.0), (2.5, -10.0), (0.125, 3.0)]
    volume = read_volume(write_enhanced(tmp_path / "e.dcm", values(), placed(), scales=scales))
    expected = np.stack([values()[:, :, n] * a + b for n, (a, b) in enumerate(scales)], axis=2)
    assert volume.array.dtype == np.float32
    assert np.allclose(volume.array, expected)
    assert np.allclose(volume.affine, placed())


def test_rescale_is_that_of_each_slice(tmp_path: Path) -> None:
    def scale(dataset: Dataset, plane: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = plane + 1, -plane

    write_series(tmp_path, values(), placed(), change=scale)
    expected = np.stack([values()[:, :, n] * (n + 1.0) - n for n in range(3)], axis=2)
    assert np.array_equal(read_volume(tmp_path).array, expected)


def test_ct_is_kept_in_hounsfield_units_as_int16_and_its_padding_is_air(tmp_path: Path) -> None:
    stored = values() + 1000
    stored[0, 0] = -2000
    write_series(
        tmp_path, stored, placed(), modality="CT", RescaleIntercept=-1024, RescaleSlope=1, PixelPaddingValue=-2000
    )
    volume = read_volume(tmp_path)
    assert volume.array.dtype == np.int16
    assert volume.array[0, 0, 0] == stored[1:].min() - 1024
    assert volume.missing is not None
    assert volume.missing[0, 0].all()
    assert not volume.missing[1].any()


def test_padding_of_signed_pixels_is_found_where_it_is_written_without_a_sign(tmp_path: Path) -> None:
    def unsigned(dataset: Dataset, plane: int) -> None:
        dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)

    stored = values()
    stored[0, 0] = -2000
    write_series(tmp_path, stored, placed(), change=unsigned)
    volume = read_volume(tmp_path)
    assert volume.array[0, 0, 0] == stored[1:].min()
    assert volume.missing is not None
    assert volume.missing[0, 0].all()


def test_a_slope_that_an_enhanced_file_states_for_all_frames_is_used(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "e.dcm", values(), placed(), RescaleSlope=2, RescaleIntercept=-5)
    assert np.array_equal(read_volume(path).array, values() * 2.0 - 5)


@pytest.mark.parametrize(("affine", "step"), [(placed(spacing=(0.5, 0.75, 0.625)), 0.625), (oblique(), 2.0)])
def test_positions_of_one_decimal_are_even_steps(tmp_path: Path, affine: np.ndarray, step: float) -> None:
    def rounded(dataset: Dataset, plane: int) -> None:
        dataset.ImagePositionPatient = [f"{value:.1f}" for value in dataset.ImagePositionPatient]

    write_series(tmp_path, values((5, 4, 20)), affine, change=rounded)
    assert np.allclose(read_volume(tmp_path).affine, affine, atol=0.09)
    assert np.isclose(np.linalg.norm(read_volume(tmp_path).affine[:3, 2]), step, atol=0.003)


def _dixon(dataset: Dataset, plane: int) -> None:
    dataset.ImageType = ["DERIVED", "PRIMARY", "DIXON", "WATER" if plane < 3 else "FAT"]


def _phases(dataset: Dataset, plane: int) -> None:
    dataset.TriggerTime = 0.0 if plane < 3 else 300.0


def _runs(dataset: Dataset, plane: int) -> None:
    dataset.AcquisitionNumber = 1 + plane // 3


@pytest.mark.parametrize(
    ("told", "words"),
    [(two_echoes, "echo time 4.9"), (_dixon, "WATER"), (_phases, "trigger time 0"), (_runs, "acquisition 1")],
)
def test_volumes_of_one_series_are_parted_by_their_headers(tmp_path: Path, told: Change, words: str) -> None:
    def again(dataset: Dataset, plane: int) -> None:
        told(dataset, plane)
        dataset.ImagePositionPatient = [-30.0, -41.5, -12.25 + 2 * (plane % 3)]

    array = values((5, 4, 6))
    paths = write_series(tmp_path, array, placed(), change=again)
    with pytest.raises(GeometryError, match=f"2 volumes in one series.*{words}.*Name one of these files"):
        read_volume(tmp_path)
    for first, path in ((0, paths[1]), (3, paths[4])):
        assert np.array_equal(read_volume(path).array, array[:, :, first : first + 3])
    stacks = [stack for _, stack in dicom.list_stacks(paths) if isinstance(stack, dicom.PlaneStack)]
    assert len(stacks) == 2
    assert any(words in one.told_by for one in stacks)
    assert "Of its series" in read_volume(paths[0]).notes[0]


def test_volumes_of_one_enhanced_file_are_counted_and_refused(tmp_path: Path) -> None:
    def twice(groups: Dataset, frame: int) -> None:
        content = Dataset()
        content.TemporalPositionIndex = 1 + frame // 2
        groups.FrameContentSequence = Items([content])
        groups.PlanePositionSequence[0].ImagePositionPatient = [0, 0, frame % 2]

    path = write_enhanced(tmp_path / "e.dcm", values((5, 4, 4)), placed(), change=twice)
    with pytest.raises(
        GeometryError, match=r"2 volumes in one series.*e\.dcm/time-point-2 .time point 2.*Name one of these volumes"
    ):
        read_volume(path)


def test_a_single_slice_is_as_thick_as_it_says_which_is_noted(tmp_path: Path) -> None:
    write_series(tmp_path / "a", values((5, 4, 1)), placed(), SliceThickness=3, SpacingBetweenSlices=4.5)
    volume = read_volume(tmp_path / "a")
    assert volume.spacing_mm == pytest.approx((0.5, 0.75, 4.5))
    assert "4.5 mm thick" in volume.notes[0]
    write_series(tmp_path / "b", values((5, 4, 1)), placed())
    with pytest.raises(GeometryError, match="thickness"):
        read_volume(tmp_path / "b")


def test_thickness_and_numbers_say_nothing_of_the_order(tmp_path: Path) -> None:
    def lie(dataset: Dataset, plane: int) -> None:
        dataset.SliceThickness, dataset.InstanceNumber, dataset.SliceLocation = 9, 7, 100 - plane

    write_series(tmp_path, values(), placed(), change=lie)
    volume = read_volume(tmp_path)
    assert volume.spacing_mm[2] == pytest.approx(2)
    assert np.array_equal(volume.array, values())


def test_copies_byte_for_byte_are_left_out_and_noted(tmp_path: Path) -> None:
    (first, *_) = write_series(tmp_path, values(), placed())
    copy = shutil.copy(first, tmp_path / "IM001 copy.dcm")
    for path in (tmp_path, copy):
        volume = read_volume(path)
        assert np.array_equal(volume.array, values())
        assert volume.notes == ("1 file left out as a copy of another, byte for byte.",)


def test_two_series_of_a_folder_are_told_apart_and_a_file_stands_for_its_own(tmp_path: Path) -> None:
    first = write_series(tmp_path, values(), placed(), name="a{}")
    write_series(tmp_path, values() + 500, placed(), name="b{}", SeriesInstanceUID="1.2.3.9")
    with pytest.raises(GeometryError, match=r"2 series: a1 \(3 files\), b1 \(3 files\)"):
        read_volume(tmp_path)
    assert np.array_equal(read_volume(first[0]).array, values())


def test_big_endian_is_read(tmp_path: Path) -> None:
    def swap(dataset: Dataset, plane: int) -> None:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()

    write_series(tmp_path, values(), placed(), change=swap)
    assert np.array_equal(read_volume(tmp_path).array, values())


def test_one_plane_that_was_computed_marks_the_volume(tmp_path: Path) -> None:
    def mark(dataset: Dataset, plane: int) -> None:
        dataset.SyntheticData = "YES" if plane == 1 else "NO"

    write_series(tmp_path, values(), placed(), change=mark)
    assert read_maker(tmp_path) == "model"


def test_an_image_that_says_it_was_computed_is_taken_as_such(tmp_path: Path) -> None:
    write_series(tmp_path / "real", values(), placed())
    write_series(tmp_path / "made", values(), placed(), SyntheticData="YES")
    assert read_maker(tmp_path / "made") == "model"
    assert read_maker(tmp_path / "real") is None


def test_the_digest_is_that_of_all_files(tmp_path: Path) -> None:
    paths = write_series(tmp_path, values(), placed())
    before = file_digest(tmp_path)
    assert before == file_digest(paths[0])
    dataset = dcmread(paths[2])
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(paths[2])
    assert file_digest(tmp_path) != before


def test_a_file_of_several_volumes_holds_each_by_its_name(tmp_path: Path) -> None:
    stack = np.concatenate([values((5, 4, 3)), values((5, 4, 3)) + 1000], axis=2)
    affine = placed()

    def echoes(groups: Dataset, frame: int) -> None:
        echo = Dataset()
        echo.EffectiveEchoTime = 4.9 if frame < 3 else 80.0
        groups.MREchoSequence = [echo]
        groups.PlanePositionSequence[0].ImagePositionPatient = [*(LPS @ (affine @ [0, 0, frame % 3, 1])[:3])]

    path = write_enhanced(tmp_path / "s" / "e.dcm", stack, affine, change=echoes, SeriesDescription="dual echo")
    with pytest.raises(
        GeometryError, match=r"2 volumes in one series: e\.dcm/echo-time-4\.9 .*Name one of these volumes"
    ):
        read_volume(path)
    for name, plus in {"echo-time-4.9": 0, "echo-time-80.0": 1000}.items():
        volume = read_volume(path / name)
        assert np.array_equal(volume.array, values((5, 4, 3)) + plus)
        assert np.allclose(volume.affine, affine)
    assert [place for place, _ in dicom.list_stacks([path])] == [path / "echo-time-4.9", path / "echo-time-80.0"]
    assert voxlate.info(path / "echo-time-80.0")["shape"] == [5, 4, 3]
    with pytest.raises(ReadError, match=r"expected echo-time-4\.9.* echo-time-80\.0, got echo-time-7"):
        read_volume(path / "echo-time-7")


def test_two_patients_in_one_series_are_refused_without_their_names(tmp_path: Path) -> None:
    write_series(tmp_path, values((5, 4, 3)), placed())
    write_series(tmp_path, values((5, 4, 3)), placed(), name="B{}.dcm", PatientID="CANARYOTHER")
    with pytest.raises(ReadError, match=r"one patient in a series, got 2 patients in one series") as told:
        read_volume(tmp_path)
    assert "CANARY" not in str(told.value)


def test_values_that_the_stated_bits_do_not_hold_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_series(tmp_path, values((5, 4, 3)) + 4000, placed(), BitsStored=12, HighBit=11, PixelRepresentation=0)
    assert read_volume(tmp_path).array.max() < 4096
    assert "values beyond the 12 bits that its header states, whose higher bits were cut off" in caplog.text


def test_a_mosaic_is_taken_apart_as_nibabel_does(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.dcm").symlink_to(real_data / "dicom" / "dcm_qa_ts" / "1.dcm")
    volume = read_volume(tmp_path / "a.dcm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nibabel.nicom import dicomwrappers

        wrapped = dicomwrappers.wrapper_from_file(str(tmp_path / "a.dcm"))
        theirs, affine = wrapped.get_data(), np.diag([-1, -1, 1, 1]) @ wrapped.affine
    assert volume.shape == (64, 64, 35)
    assert np.array_equal(volume.array, theirs.transpose(1, 0, 2))
    assert np.allclose(volume.affine, affine[:, [1, 0, 2, 3]], atol=1e-5)
    one = dcmread(tmp_path / "a.dcm")
    one.remove_private_tags()
    one.save_as(tmp_path / "b.dcm")
    (tmp_path / "a.dcm").unlink()
    with pytest.raises(ReadError, match=r"a mosaic without Siemens' private header"):
        read_volume(tmp_path / "b.dcm")


def test_the_lowest_number_in_a_stripped_mr_is_padding_although_nobody_says_so(tmp_path: Path) -> None:
    array = values((5, 4, 3))
    array[:2] = -32768
    write_series(tmp_path / "mr", array, placed())
    volume = read_volume(tmp_path / "mr")
    assert volume.array.min() == values((5, 4, 3))[2:].min()
    assert any("24 voxels of padding were set to" in note for note in volume.notes)
