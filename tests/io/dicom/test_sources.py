"""Archives, DICOMDIRs and packed files: read without being unpacked to disk, or refused as a whole."""

from __future__ import annotations

import stat
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.io.dicom.crafted import CT, placed, plain, save, values, write_series
from voxlate.errors import ReadError
from voxlate.io import dicom, read_volume


def _zipped(path: Path, folder: Path, *, below: str = "study/series") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(folder.iterdir()):
            archive.write(one, f"{below}/{one.name}")
        archive.writestr("study/README.txt", "not an image")
        archive.writestr("study/DICOMDIR", b"\0" * 128 + b"DICM")
    return path


def test_a_zip_archive_is_read_in_place(tmp_path: Path) -> None:
    write_series(tmp_path / "s", values(), placed())
    archive = _zipped(tmp_path / "upload.zip", tmp_path / "s")
    before = sorted(tmp_path.rglob("*"))
    assert np.array_equal(read_volume(archive).array, values())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["../out.dcm", "a/../../out.dcm", "/etc/out.dcm", "C:/out.dcm", "..\\out.dcm", "\\\\server\\out.dcm"]
)
def test_an_archive_whose_names_lead_out_is_refused_as_a_whole(tmp_path: Path, name: str) -> None:
    write_series(tmp_path / "s", values(), placed())
    archive = _zipped(tmp_path / "a.zip", tmp_path / "s")
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(zipfile.ZipInfo(name), b"x")
    with pytest.raises(ReadError, match="leads out of it"):
        read_volume(archive)


def test_an_archive_with_a_link_is_refused_as_a_whole(tmp_path: Path) -> None:
    write_series(tmp_path / "s", values(), placed())
    archive = _zipped(tmp_path / "a.zip", tmp_path / "s")
    link = zipfile.ZipInfo("study/passwords")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(link, "/etc/passwd")
    with pytest.raises(ReadError, match="a link"):
        read_volume(archive)


def test_an_archive_that_promises_too_much_is_refused_at_once(tmp_path: Path) -> None:
    write_series(tmp_path / "s", values(), placed())
    archive = _zipped(tmp_path / "a.zip", tmp_path / "s")
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\x01\x02")  # the central directory's size of the first file
    data[entry + 24 : entry + 28] = (3 * 2**30).to_bytes(4, "little")
    archive.write_bytes(data)
    began = time.perf_counter()
    with pytest.raises(ReadError, match=r"an archive of at most .* bytes, 2147483648 in a file"):
        read_volume(archive)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_a_damaged_archive_is_refused(tmp_path: Path, cut: float) -> None:
    write_series(tmp_path / "s", values(), placed())
    archive = _zipped(tmp_path / "a.zip", tmp_path / "s")
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * cut)])
    with pytest.raises(ReadError):
        read_volume(archive)


def test_a_deflated_bomb_is_refused(tmp_path: Path) -> None:
    dataset = plain("CT", SOPInstanceUID="1.2.3", Rows=4, Columns=4, PixelData=bytes(32), PatientName="")
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = CT, "1.2.3"
    path = save(dataset, tmp_path / "bomb.dcm")
    head = path.read_bytes()[: 144 + int.from_bytes(path.read_bytes()[140:144], "little")]
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    piece = bytes(2**22)
    with path.open("wb") as file:
        file.write(head)
        for _ in range(66):
            file.write(packer.compress(piece))
        file.write(packer.flush())
    began = time.perf_counter()
    with pytest.raises(ReadError, match="unpacks to more than"):
        read_volume(path)
    assert time.perf_counter() - began < 5


def test_a_deflated_image_is_read(tmp_path: Path) -> None:
    paths = write_series(tmp_path, values(), placed())
    for path in paths:
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        dataset.save_as(path)
    assert np.array_equal(read_volume(tmp_path).array, values())


def test_a_dicomdir_stands_for_the_files_below_it(tmp_path: Path) -> None:
    write_series(tmp_path / "disc" / "DICOM" / "S1", values(), placed(), name="I{}")
    (tmp_path / "disc" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    for path in (tmp_path / "disc" / "DICOMDIR", tmp_path / "disc"):
        assert np.array_equal(read_volume(path).array, values())


def test_files_without_a_preamble_and_called_like_a_directory_are_read_in_archives_too(tmp_path: Path) -> None:
    for path in write_series(tmp_path / "s", values(), placed(), name="DICOMDIR-{:03d}"):
        dataset = dcmread(path)
        del dataset.file_meta
        dataset.preamble = None
        dataset.save_as(path, implicit_vr=True, little_endian=True, enforce_file_format=False)
        assert path.read_bytes()[:4] == b"\x08\0\x16\0"
    for place in (tmp_path / "s", _zipped(tmp_path / "a.zip", tmp_path / "s")):
        assert np.array_equal(read_volume(place).array, values())


def test_a_series_of_an_archive_is_not_chosen_by_chance(tmp_path: Path) -> None:
    write_series(tmp_path / "s", values(), placed(), name="a{}")
    write_series(tmp_path / "s", values(), placed(), name="b{}", SeriesInstanceUID="1.2.3.9")
    archive = _zipped(tmp_path / "a.zip", tmp_path / "s")
    with pytest.raises(ReadError, match=r"2 series.*Unpack it, and give the folder"):
        read_volume(archive)
    assert np.array_equal(read_volume(archive / "study" / "series" / "b2").array, values())
    assert not dicom.has_dicom(archive / "study" / "series" / "b9")


def test_what_is_no_image_is_passed_by_and_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    save(plain(SOPInstanceUID="1.2.9", SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3"), tmp_path / "RS.dcm")
    with pytest.raises(ReadError, match="expected DICOM images, got none"):
        read_volume(tmp_path)
    write_series(tmp_path, values(), placed())
    (tmp_path / ".hidden").write_bytes(b"\0" * 128 + b"DICM")
    assert np.array_equal(read_volume(tmp_path).array, values())
    assert dicom.has_dicom(tmp_path)
    assert not dicom.has_dicom(tmp_path / "nowhere")


@pytest.mark.parametrize("begin", [b"", b"\x08\0\x05\0CS\0\0"])
def test_what_has_no_end_of_attributes_is_refused_at_once(tmp_path: Path, begin: bytes) -> None:
    path = tmp_path / "zeros.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IM1", bytes(128) + b"DICM" + begin + bytes(20_000_000))
    started = time.process_time()
    with pytest.raises(ReadError, match="expected the attributes of"):
        read_volume(path)
    assert time.process_time() - started < 3
