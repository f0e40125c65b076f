"""What stands where an image should be is named, with what to do about it."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.io.crafted import volume_array, write_mha, write_nifti, write_nrrd
from voxlate.cohort import index_cohort
from voxlate.cohort.layouts.listing import list_folder
from voxlate.errors import ReadError, UsageError
from voxlate.io import read_grid, read_volume

DICOM = b"\0" * 128 + b"DICM\x02\x00\x00\x00UL" + b"\0" * 200


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("scan.nii", b"x")
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("scan.nii"), io.BytesIO())
    return buffer.getvalue()


def _nifti(folder: Path) -> bytes:
    return write_nifti(folder / "whole.nii").read_bytes()


FOREIGN: list[tuple[bytes, str, str]] = [
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer", "git lfs pull"),
    (b"/annex/objects/SHA256E-s9--0.nii.gz\n", "git-annex pointer", "git annex get"),
    (b"\n<!DOCTYPE html><html><title>Log in</title></html>", "web page", "logged in"),
    (b"\xef\xbb\xbf<HTML>", "web page", "logged in"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "web page", "logged in"),
    (b'{"error": "not found"}', "text file that begins with", "Download"),
    (b"", "an empty file", "Download"),
    (b"\0" * 5000, "zero bytes", "copy it again"),
    (DICOM, "DICOM", "Call it .dcm"),
    (_zip(), "zip archive", "Unpack"),
    (_tar(), "tar archive, packed by gzip", "Unpack"),
    (gzip.compress(DICOM), "DICOM file, packed by gzip", "gunzip"),
    (gzip.compress(gzip.compress(b"x" * 999)), "gzip twice", "gunzip"),
    (b"\x89HDF\r\n\x1a\n", "HDF5", "Convert"),
    (b"\x89PNG\r\n", "PNG", "volume"),
]


NAMED = [
    (suffix, *foreign)
    for suffix in (".nii.gz", ".nii", ".mha", ".nrrd")
    for foreign in FOREIGN
    if ".nii" in suffix or not foreign[1].startswith("text")  # the others begin with text themselves
]


@pytest.mark.parametrize(("suffix", "content", "what", "remedy"), NAMED, ids=lambda value: str(value)[:20])
def test_it_is_named(tmp_path: Path, suffix: str, content: bytes, what: str, remedy: str) -> None:
    path = tmp_path / f"scan_t1{suffix}"
    path.write_bytes(content)
    for read in (read_volume, read_grid):
        with pytest.raises(ReadError) as caught:
            read(path)
        assert what in caught.value.came
        assert remedy in caught.value.remedy
        assert "Compress" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "packed", "remedy"),
    [
        ("a.nii", True, "Call it .nii.gz."),
        ("a.nii.gz", False, "Call it .nii,"),
        ("a.mha", True, "Unpack it with gunzip."),
    ],
)
def test_packed_is_told_from_plain(tmp_path: Path, name: str, packed: bool, remedy: str) -> None:
    content = _nifti(tmp_path) if "nii" in name else write_mha(tmp_path / "b.mha").read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ReadError, match=remedy.replace(".", r"\.")):
        read_volume(tmp_path / name)


def test_another_format_is_told_its_suffix(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "a.nii")
    write_mha(tmp_path / "b.nii.gz")
    for name, remedy in (("a.nii", r"Call it \.nrrd"), ("b.nii.gz", r"Call it \.mha")):
        with pytest.raises(ReadError, match=remedy):
            read_volume(tmp_path / name)


def test_voxels_beside_a_header_may_be_a_pointer(tmp_path: Path) -> None:
    path = write_mha(tmp_path / "a.mhd", ElementDataFile="a.raw", data=b"")
    (tmp_path / "a.raw").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ReadError, match=r"a\.raw.*Git LFS"):
        read_volume(path)
    (tmp_path / "a.raw").write_bytes(volume_array().tobytes(order="F"))
    assert read_volume(path).shape == (5, 4, 3)


def test_a_link_of_git_annex_is_told_from_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").symlink_to(".git/annex/objects/x/y")
    (tmp_path / "b.nii.gz").symlink_to("gone.nii.gz")
    with pytest.raises(ReadError, match="git annex get"):
        read_volume(tmp_path / "a.nii.gz")
    with pytest.raises(ReadError, match="nothing of that name"):
        read_volume(tmp_path / "b.nii.gz")
    reasons = [(item.code, "git annex get" in item.reason) for item in list_folder(tmp_path).left_out]
    assert reasons == [("missing_file", True), ("missing_file", False)]


def test_a_folder_is_told_what_is_in_it(tmp_path: Path) -> None:
    for name in ("one.nii", "series.nii.gz"):
        (tmp_path / name).mkdir()
    (tmp_path / "one.nii" / "scan.nii").write_bytes(_nifti(tmp_path))
    (tmp_path / "series.nii.gz" / "IM0001").write_bytes(DICOM)
    with pytest.raises(ReadError, match=r"folder\. Give the image inside: scan\.nii"):
        read_volume(tmp_path / "one.nii")
    with pytest.raises(ReadError, match=r"folder of DICOM files.*a name that is no image's"):
        read_volume(tmp_path / "series.nii.gz")


def test_a_file_of_no_image_suffix_is_told_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "IM0001.dcm").write_bytes(DICOM)
    with pytest.raises(ReadError, match="DICOM images, got none"):
        read_volume(tmp_path / "IM0001.dcm")
    (tmp_path / "scan.raw").write_bytes(gzip.compress(DICOM))
    with pytest.raises(UsageError, match=r"a DICOM file, packed by gzip.*gunzip"):
        read_volume(tmp_path / "scan.raw")


def test_dicom_in_a_data_set_is_told_once_for_each_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"IM{number}").write_bytes(DICOM)
    (tmp_path / "data.zip").write_bytes(_zip())
    found = {(item.code, item.path.name): item.reason for item in list_folder(tmp_path).left_out}
    assert set(found) == {("archive", "data.zip")}
    assert "unpack" in found["archive", "data.zip"]
    write_nifti(tmp_path / "c_T1.nii")
    told = [item.reason for item in index_cohort(tmp_path).left_out if item.code == "dicom"]
    more = " (nor are 2 more beside it)"
    told_of_three = f"is not used{more}: the data set's images are not DICOM; a CSV table can list both"
    assert told == [told_of_three] * 2
