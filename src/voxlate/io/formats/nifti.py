"""NIfTI-1 and NIfTI-2, single files and pairs, and Analyze 7.5 where its missing geometry is accepted.

The header is read here and not by nibabel because what must be refused has to be seen before the voxels are: sizes,
offsets, codes and scale factors as they stand. Sources: nifti1.h and nifti2.h, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from voxlate.errors import ReadError
from voxlate.io.formats.geometry import corner_distance_mm
from voxlate.io.formats.layout import HeaderGeometry, Layout, Part, Picture, gzipped, voxel_bytes
from voxlate.io.formats.quaternion import Quaternion, quaternion_of
from voxlate.io.formats.stream import DAMAGED, Encoding, open_stream
from voxlate.io.paths import volume_suffix, with_volume_suffix
from voxlate.volume import AFFINE_TOLERANCE_MM

_FIELDS: dict[str, tuple[tuple[str, int], tuple[str, int]]] = {
    "sizeof_hdr": (("i4", 0), ("i4", 0)),
    "magic": (("S4", 344), ("S8", 4)),
    "dim": (("8i2", 40), ("8i8", 16)),
    "datatype": (("i2", 70), ("i2", 12)),
    "bitpix": (("i2", 72), ("i2", 14)),
    "pixdim": (("8f4", 76), ("8f8", 104)),
    "vox_offset": (("f4", 108), ("i8", 168)),
    "scl_slope": (("f4", 112), ("f8", 176)),
    "scl_inter": (("f4", 116), ("f8", 184)),
    "xyzt_units": (("u1", 123), ("i4", 500)),
    "descrip": (("S80", 148), ("S80", 240)),
    "qform_code": (("i2", 252), ("i4", 344)),
    "sform_code": (("i2", 254), ("i4", 348)),
    "quatern": (("3f4", 256), ("3f8", 352)),
    "qoffset": (("3f4", 268), ("3f8", 376)),
    "srow": (("(3,4)f4", 280), ("(3,4)f8", 400)),
}


def _header_dtype(version: int) -> np.dtype:
    columns = {name: where[version - 1] for name, where in _FIELDS.items()}
    return np.dtype(
        {
            "names": list(columns),
            "formats": [kind for kind, _ in columns.values()],
            "offsets": [offset for _, offset in columns.values()],
            "itemsize": {1: 348, 2: 540}[version],
        }
    )


_HEADER = {1: _header_dtype(1), 2: _header_dtype(2)}
_SIZE_VERSION = {348: 1, 540: 2}
_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
_CODES = {np.dtype(kind): code for code, kind in _TYPES.items()}
_REFUSED_TYPES = {
    1: "binary",
    32: "complex",
    128: "RGB",
    1536: "float128",
    1792: "complex",
    2048: "complex",
    2304: "RGBA",
}
_UNITS = {0: "unknown", 1: "m", 2: "mm", 3: "um"}
_MAGIC = {(1, True): b"n+1", (1, False): b"ni1", (2, True): b"n+2\0\r\n\x1a\n", (2, False): b"ni2\0\r\n\x1a\n"}
_EXTENSION_LIMIT = 64 * 2**20


def read_layout(path: Path) -> Layout:
    """What the header of a ``.nii``, ``.nii.gz`` or ``.hdr`` file says.

    Raises:
        ReadError: If it is not a header of one 3-D image with real voxels.
    """
    suffix = volume_suffix(path)
    encoding: Encoding = "gzip" if suffix == ".nii.gz" else "raw"
    with open_stream(path, encoding=encoding) as stream:
        raw = stream.read(_HEADER[2].itemsize)
    header, version = _parse(raw, path)
    single = suffix != ".hdr"
    known = _check_magic(header, version, single=single, path=path)
    sizes = _sizes(header, path)
    offset = _offset(header, _HEADER[version].itemsize + 4 if single else 0, path)
    return Layout(
        header=path,
        data=path if single else with_volume_suffix(path, ".img"),
        sizes=sizes,
        dtype=_voxel_dtype(header, path),
        encoding=encoding,
        placement=_placement(header, sizes, known=known),
        file_offset=offset if encoding == "raw" else 0,
        stream_offset=0 if encoding == "raw" else offset,
        slope=float(header["scl_slope"]),
        intercept=float(header["scl_inter"]) if known else 0.0,
        notes=() if known else ("Analyze 7.5 without NIfTI fields: left and right are not certain.",),
        comment=bytes(header["descrip"]).decode("ascii", "replace"),
    )


def placement_in(raw: bytes, where: Path) -> HeaderGeometry:
    """What the bytes of a NIfTI header state about the place of the voxels.

    Raises:
        ReadError: If they are none.
    """
    header, _ = _parse(raw, where)
    return _placement(header, _sizes(header, where), known=True)


def _refuse(expected: str, came: str, path: Path) -> ReadError:
    return ReadError(expected, came=came, where=path, remedy=DAMAGED)


def _parse(raw: bytes, path: Path) -> tuple[np.void, int]:
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        version = _SIZE_VERSION.get(int(np.frombuffer(raw[:4].ljust(4), f"{order}i4")[0]), 0)
        if version and len(raw) >= _HEADER[version].itemsize:
            return np.frombuffer(raw, _HEADER[version].newbyteorder(order), count=1)[0], version
    raise _refuse("a NIfTI header of 348 or 540 bytes", f"{len(raw)} bytes that start with {raw[:8]!r}", path)


def _check_magic(header: np.void, version: int, *, single: bool, path: Path) -> bool:
    """Whether the magic is that of NIfTI; an Analyze pair has none."""
    found = bytes(header["magic"])
    if found == _MAGIC[version, single].rstrip(b"\0"):
        return True
    if version == 1 and not single and found == b"":
        return False
    raise _refuse(f"the magic {_MAGIC[version, single]!r}", repr(found), path)


def _sizes(header: np.void, path: Path) -> tuple[int, ...]:
    axes = int(header["dim"][0])
    if not 1 <= axes <= 7:
        raise _refuse("1 to 7 axes in dim[0]", str(axes), path)
    return tuple(int(n) for n in header["dim"][1 : axes + 1])


def _voxel_dtype(header: np.void, path: Path) -> np.dtype:
    code, bits = int(header["datatype"]), int(header["bitpix"])
    if code not in _TYPES:
        came = f"{_REFUSED_TYPES.get(code, 'unknown')} (code {code})"
        remedy = "Convert the image to one real number per voxel."
        raise ReadError("integer or real voxels", came=came, where=path, remedy=remedy)
    dtype = np.dtype(_TYPES[code]).newbyteorder(header.dtype["sizeof_hdr"].byteorder)
    if bits != 8 * dtype.itemsize:
        raise _refuse(f"{8 * dtype.itemsize} bits per voxel for type code {code}", str(bits), path)
    return dtype


def _offset(header: np.void, least: int, path: Path) -> int:
    stated = float(header["vox_offset"])
    offset = least if stated == 0 else stated
    if not (math.isfinite(offset) and offset == int(offset) and least <= offset <= least + _EXTENSION_LIMIT):
        raise _refuse(f"voxels that start at byte {least} or a little later", f"vox_offset {stated:g}", path)
    return int(offset)


def _placement(header: np.void, sizes: tuple[int, ...], *, known: bool) -> HeaderGeometry:
    pixdim = header["pixdim"].astype(np.float64)
    x, y, z = (float(abs(length)) for length in pixdim[1:4])
    if not known:
        return HeaderGeometry({}, spacing=(x, y, z))
    unit = _UNITS.get(int(header["xyzt_units"]) & 7, f"code {int(header['xyzt_units']) & 7}")
    forms = {}
    if header["sform_code"] > 0:
        forms["sform"] = np.vstack([header["srow"].astype(np.float64), [0, 0, 0, 1]])
        if not (np.isfinite(pixdim[1:4]).all() and x * y * z > 0):
            forms["sform"] = np.full((4, 4), np.nan)  # a spacing of zero beside it: the header is broken
    if header["qform_code"] > 0:
        b, c, d = (float(value) for value in header["quatern"])
        u, v, w = (float(value) for value in header["qoffset"])
        precision = float(np.finfo(header["quatern"].dtype).eps)
        quaternion = Quaternion(
            (b, c, d), (x, y, z), (u, v, w), qfac=-1.0 if pixdim[0] < 0 else 1.0, precision=precision
        )
        if "sform" not in forms or not quaternion.agrees_with(forms["sform"], sizes):
            forms["qform"] = quaternion.affine
    return HeaderGeometry(forms, spacing=(x, y, z), unit=unit)


def parts(picture: Picture, path: Path) -> list[Part]:
    """The files of an image and their bytes, the header's file last.

    NIfTI-1 keeps the affine in float32; NIfTI-2 is written only where a size does not fit NIfTI-1.
    """
    suffix = volume_suffix(path)
    header = _header_bytes(picture, single=suffix != ".hdr")
    if suffix == ".hdr":
        return [Part(with_volume_suffix(path, ".img"), voxel_bytes(picture.array)), Part(path, iter([header]))]
    content = _chain(header + b"\0\0\0\0", voxel_bytes(picture.array))
    return [Part(path, gzipped(content) if suffix == ".nii.gz" else content)]


def _chain(first: bytes, rest: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    yield first
    yield from rest


def _header_bytes(picture: Picture, *, single: bool) -> bytes:
    sizes = (*picture.array.shape, *([1] * picture.trailing_axes))
    version = 1 if max(sizes) <= 32767 else 2
    header = np.zeros((), _HEADER[version].newbyteorder("<"))
    header["sizeof_hdr"] = _HEADER[version].itemsize
    header["magic"] = _MAGIC[version, single]
    header["dim"] = [len(sizes), *sizes, *([1] * (7 - len(sizes)))]
    header["datatype"] = _CODES[picture.array.dtype]
    header["bitpix"] = 8 * picture.array.dtype.itemsize
    header["vox_offset"] = _HEADER[version].itemsize + 4 if single else 0
    header["scl_slope"] = 1
    header["xyzt_units"] = 2 | 8
    header["descrip"] = picture.comment.encode("ascii", "replace")[:79]
    quaternion = quaternion_of(picture.affine)
    header["pixdim"] = [quaternion.qfac, *quaternion.spacing, 1, 1, 1, 1]
    header["sform_code"] = 1
    header["srow"] = picture.affine[:3]
    if corner_distance_mm(quaternion.affine, picture.affine, picture.array.shape) <= AFFINE_TOLERANCE_MM:
        header["qform_code"] = 1
        header["quatern"] = quaternion.imaginary
        header["qoffset"] = quaternion.offset
    return header.tobytes()
