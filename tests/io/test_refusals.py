"""Rows 1 to 5: damaged, hostile and foreign files are refused, whatever the format."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isal import isal_zlib

from tests.io.crafted import (
    SUFFIXES,
    nifti_bytes,
    nifti_header,
    rewrite,
    volume_array,
    write_mha,
    write_nifti,
    write_nrrd,
)
from voxlate.errors import ReadError, UsageError, VoxlateError
from voxlate.io import read_grid, read_volume, write_volume
from voxlate.volume import Volume


def _written(folder: Path, suffix: str) -> Path:
    array = np.random.default_rng(1).integers(0, 2000, (9, 8, 7)).astype(np.int16)
    return write_volume(Volume(array, np.diag([1.0, 2, 3, 1])), folder / f"whole{suffix}")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_is_refused(tmp_path: Path, suffix: str) -> None:
    path = _written(tmp_path, suffix)
    data = {".hdr": ".img", ".mhd": ".raw", ".nhdr": ".raw"}.get(suffix, suffix)
    for victim in {path, path.with_name(f"whole{data}")}:
        content = victim.read_bytes()
        cuts = {0, 1, 3, 4, 100, 347, 348, 352, len(content) // 2, len(content) - 9, len(content) - 2, len(content) - 1}
        for cut in sorted(cut for cut in cuts if cut < len(content)):
            if suffix in {".nhdr", ".mhd"} and victim == path and cut == len(content) - 1:
                continue  # the newline that ends the header
            victim.write_bytes(content[:cut])
            with pytest.raises(ReadError):
                read_volume(path)
        victim.write_bytes(content)
        read_volume(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("extra", [b"\0", b"x", b"\0" * 512, b"\x1f\x8b\x08\x00"])
def test_bytes_after_the_voxels_are_refused(tmp_path: Path, suffix: str, extra: bytes) -> None:
    path = _written(tmp_path, suffix)
    data = path.with_name("whole" + {".hdr": ".img", ".mhd": ".raw", ".nhdr": ".raw"}.get(suffix, suffix))
    data.write_bytes(data.read_bytes() + extra)
    with pytest.raises(ReadError, match=r"left over|follow|stops"):
        read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_every_flipped_bit_of_a_packed_file_is_refused_or_harmless(tmp_path: Path, suffix: str) -> None:
    if suffix == ".nii.gz":
        path = write_nifti(tmp_path / "a.nii.gz")
        packed = path.read_bytes()
    else:
        packed = zlib.compress(volume_array().tobytes(order="F"))
        path = write_mha(tmp_path / "a.mha", data=packed, CompressedData="True")
    content = path.read_bytes()
    start = len(content) - len(packed)
    inflate = gzip.decompress if suffix == ".nii.gz" else zlib.decompress
    refused = 0
    for bit in range(start * 8, len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        rewrite(path, flipped)
        try:
            read = read_volume(path)
        except VoxlateError:
            refused += 1
            continue
        np.testing.assert_array_equal(read.array, volume_array())
        if bit // 8 - start > 9:  # beyond flags, time and system: a packing of the very same bytes
            assert inflate(flipped[start:]) == inflate(packed)
    assert refused > 0.6 * 8 * len(packed)


def test_gzip_in_several_members_is_one_stream(tmp_path: Path) -> None:
    content = nifti_bytes()
    path = tmp_path / "members.nii.gz"
    for cut in (1, 100, 352, 400):
        path.write_bytes(gzip.compress(content[:cut]) + gzip.compress(b"") + gzip.compress(content[cut:]))
        np.testing.assert_array_equal(read_volume(path).array, volume_array())
    path.write_bytes(gzip.compress(content) + gzip.compress(b"more"))
    with pytest.raises(ReadError, match="further bytes"):
        read_volume(path)


@contextmanager
def _bounded(*, seconds: float, mebibytes: float) -> Iterator[None]:
    tracemalloc.start()
    started = time.process_time()
    yield
    elapsed, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert elapsed < seconds
    assert peak < mebibytes * 2**20


def _bomb(header: bytes, *, wbits: int, mebibytes: int) -> bytes:
    packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, wbits)
    zeros = bytes(2**20)
    return b"".join([packer.compress(header), *(packer.compress(zeros) for _ in range(mebibytes)), packer.flush()])


@pytest.mark.parametrize("kind", ["nifti", "mha", "nrrd", "bzip2"])
def test_a_bomb_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    import bz2

    if kind == "nifti":
        path = tmp_path / "bomb.nii.gz"
        path.write_bytes(_bomb(nifti_bytes(), wbits=31, mebibytes=512))
    elif kind == "mha":
        path = write_mha(tmp_path / "bomb.mha", data=_bomb(b"", wbits=15, mebibytes=512), CompressedData="True")
    elif kind == "nrrd":
        path = write_nrrd(tmp_path / "bomb.nrrd", data=_bomb(b"", wbits=31, mebibytes=512), encoding="gzip")
    else:
        path = write_nrrd(tmp_path / "bomb.nrrd", data=bz2.compress(bytes(2**27)), encoding="bzip2")
    with _bounded(seconds=1, mebibytes=8), pytest.raises(ReadError, match="further bytes"):
        read_volume(path)


@pytest.mark.parametrize("sizes", [(32767, 32767, 32767), (2000, 2000, 2000), (300, 300, 300)])
def test_a_header_that_promises_too_much_is_refused_before_memory_is_taken(tmp_path: Path, sizes: Any) -> None:
    content = nifti_header(volume_array(), dim=[3, *sizes, 1, 1, 1, 1]) + bytes(64)
    for path, data in ((tmp_path / "a.nii", content), (tmp_path / "a.nii.gz", gzip.compress(content))):
        path.write_bytes(data)
        for read in (read_volume, read_grid):
            with _bounded(seconds=1, mebibytes=8), pytest.raises(ReadError):
                read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"<html>not an image</html>" * 40,
        bytes(400),
        b"NRRD",
        b"NRRD0004\n",
        b"\x1f\x8b\x08\0",
        b"a = b\n" * 99,
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_no_image_is_refused_with_what_was_found(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read_volume(path)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


def test_swapped_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(nifti_bytes())
    (tmp_path / "b.nii").write_bytes(gzip.compress(nifti_bytes()))
    (tmp_path / "c.hdr").write_bytes(nifti_bytes())
    for name in ("a.nii.gz", "b.nii", "c.hdr"):
        with pytest.raises(ReadError):
            read_volume(tmp_path / name)


@pytest.mark.parametrize(
    "fields",
    [
        {"magic": b"ni1"},
        {"magic": b"nix"},
        {"magic": b""},
        {"sizeof_hdr": 349},
        {"dim": [0, 5, 4, 3, 1, 1, 1, 1]},
        {"dim": [8, 5, 4, 3, 1, 1, 1, 1]},
        {"dim": [2, 5, 12, 1, 1, 1, 1, 1]},
        {"dim": [3, 5, 4, 0, 1, 1, 1, 1]},
        {"dim": [3, 5, -4, 3, 1, 1, 1, 1]},
        {"dim": [3, 5, 4, 4, 1, 1, 1, 1]},
        {"dim": [3, 5, 4, 2, 1, 1, 1, 1]},
        {"dim": [4, 5, 4, 1, 3, 1, 1, 1]},
        {"dim": [5, 5, 4, 1, 1, 3, 1, 1]},
        {"datatype": 0},
        {"datatype": 1},
        {"datatype": 32, "bitpix": 64},
        {"datatype": 128, "bitpix": 24},
        {"datatype": 2304, "bitpix": 32},
        {"datatype": 1536, "bitpix": 128},
        {"datatype": 999},
        {"bitpix": 8},
        {"vox_offset": 348},
        {"vox_offset": -1},
        {"vox_offset": 352.5},
        {"vox_offset": np.nan},
        {"vox_offset": np.inf},
        {"vox_offset": 1e30},
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_an_impossible_nifti_header_is_refused(tmp_path: Path, suffix: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ReadError):
        read_volume(write_nifti(tmp_path / f"a{suffix}", **fields))


def test_a_damaged_nifti_2_magic_is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", version=2)
    np.testing.assert_array_equal(read_volume(path).array, volume_array())
    path.write_bytes(path.read_bytes().replace(b"\r\n\x1a\n", b"\n\n\x1a\n", 1))
    with pytest.raises(ReadError, match="magic"):
        read_volume(path)


def test_five_axes_in_370_bytes_are_refused(tmp_path: Path) -> None:
    content = nifti_header(volume_array((1, 1, 1, 1, 18), "u1")) + bytes(4 + 18)
    assert len(content) == 370
    path = tmp_path / "five.nii"
    path.write_bytes(content)
    with pytest.raises(ReadError, match="one 3-D image"):
        read_volume(path)


def test_several_volumes_are_refused_with_the_remedy(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii.gz", volume_array((5, 4, 3, 2)))
    with pytest.raises(ReadError, match=r"slicer|fslroi"):
        read_volume(path)


@pytest.mark.parametrize(
    "fields",
    [
        {"ObjectType": "Mesh"},
        {"NDims": "4"},
        {"NDims": "2", "DimSize": "5 12"},
        {"DimSize": "5 4 0"},
        {"DimSize": "5 4 x"},
        {"DimSize": "5 4 4"},
        {"DimSize": "5 4 99999999999999999999"},
        {"DimSize": "100000 100000 100000"},
        {"ElementType": "MET_UCHAR_ARRAY"},
        {"ElementType": "MET_OTHER"},
        {"ElementNumberOfChannels": "3"},
        {"BinaryData": "False"},
        {"CompressedData": "True"},
        {"ElementDataFile": "LIST"},
        {"ElementDataFile": "slice%03d.raw 1 3 1"},
        {"ElementDataFile": "/etc/passwd"},
        {"ElementDataFile": "../a.raw"},
        {"ElementDataFile": "absent.raw"},
        {"ElementDataFile": ""},
        {"HeaderSize": "-1", "ElementDataFile": "a.mha"},
        {"ElementToIntensityFunctionSlope": "2"},
        {"TransformMatrix": "1 0 0 1"},
        {"Offset": "0 0 zero"},
        {"ElementSpacing": "1 1"},
    ],
    ids=str,
)
def test_an_impossible_metaimage_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    with pytest.raises(ReadError):
        read_volume(write_mha(tmp_path / "a.mha", **fields))


@pytest.mark.parametrize("drop", ["NDims", "DimSize", "ElementType", "ElementDataFile", "ElementSpacing"])
def test_a_metaimage_without_a_needed_field_is_refused(tmp_path: Path, drop: str) -> None:
    with pytest.raises(ReadError):
        read_volume(write_mha(tmp_path / "a.mha", drop=(drop,)))


@pytest.mark.parametrize(
    "fields",
    [
        {"dimension": "4"},
        {"dimension": "2", "sizes": "5 12"},
        {"sizes": "5 4 -3"},
        {"sizes": "5 4 4"},
        {"sizes": "3 5 4", "kinds": "vector domain domain", "space_directions": "none (1,0,0) (0,1,0)"},
        {"type": "block"},
        {"type": "complex"},
        {"endian": "middle"},
        {"encoding": "hex"},
        {"encoding": "gzip"},
        {"line_skip": "1"},
        {"byte_skip": "-1"},
        {"data_file": "a.raw"},
        {"space_directions": "(1,0,0) (0,1,0)"},
        {"space_directions": "(1,0,0) (0,1) (0,0,1)"},
        {"space_directions": "(1,0,0) [0,1,0] (0,0,1)"},
        {"space_units": '"mm" "m" "mm"'},
        {"space_units": '"ft" "ft" "ft"'},
    ],
    ids=str,
)
def test_an_impossible_nrrd_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    with pytest.raises(ReadError):
        read_volume(write_nrrd(tmp_path / "a.nrrd", **fields))


@pytest.mark.parametrize("drop", ["type", "dimension", "sizes", "endian", "encoding"])
def test_an_nrrd_without_a_needed_field_is_refused(tmp_path: Path, drop: str) -> None:
    with pytest.raises(ReadError):
        read_volume(write_nrrd(tmp_path / "a.nrrd", drop=(drop,)))


def test_a_header_without_end_is_refused_quickly(tmp_path: Path) -> None:
    for name, start in (("a.nrrd", b"NRRD0004\n"), ("a.mha", b"ObjectType = Image\nComment = ")):
        (tmp_path / name).write_bytes(start + b"#" * 2**23)
        started = time.process_time()
        with pytest.raises(ReadError):
            read_volume(tmp_path / name)
        assert time.process_time() - started < 0.5


def test_missing_files_folders_and_foreign_suffixes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.nii.gz").mkdir()
    for name in ("absent.nii.gz", "folder.nii.gz", "n" * 300 + ".nii"):
        with pytest.raises(ReadError):
            read_volume(tmp_path / name)
    with pytest.raises(UsageError):
        read_volume(tmp_path / "a.jpg")


def test_a_random_header_is_refused_or_read_without_another_error(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    path, content = tmp_path / "a.nii", nifti_bytes()
    path.write_bytes(content)
    outcomes = {"refused": 0, "read": 0}
    for _ in range(600):
        damaged = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            damaged[int(rng.integers(0, 352))] = int(rng.integers(0, 256))
        rewrite(path, damaged)
        try:
            read_volume(path)
            outcomes["read"] += 1
        except VoxlateError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50


def test_what_other_programs_add_to_a_metaimage_is_left_aside(tmp_path: Path) -> None:
    extra = {
        "0008|0070": "MAKER",
        "0008|0008": "ORIGINAL\\PRIMARY",
        "ElementByteOrderMSB": "False",
        "Position": "0 0 0",
    }
    path = write_mha(tmp_path / "a.mha", **extra)
    np.testing.assert_array_equal(read_volume(path).array, volume_array())
    with pytest.raises(ReadError, match="each key once"):
        read_volume(write_mha(tmp_path / "b.mha", Position="0 0 1"))
