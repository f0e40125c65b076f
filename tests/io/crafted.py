"""Files made by hand, field by field, so that each fault of the matrix is what it says."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from voxlate.io.formats.nifti import _HEADER

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".mha", ".mhd", ".nrrd", ".nhdr")


def volume_array(shape: tuple[int, ...] = (5, 4, 3), dtype: str = "i2") -> np.ndarray[Any, Any]:
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def nifti_header(array: np.ndarray[Any, Any], *, version: int = 1, order: str = "<", **fields: Any) -> bytes:
    """A plain, valid single-file header, with any field replaced."""
    header = np.zeros((), _HEADER[version].newbyteorder(order))  # type: ignore[arg-type]
    header["sizeof_hdr"] = _HEADER[version].itemsize
    header["magic"] = b"n+1" if version == 1 else b"n+2\0\r\n\x1a\n"
    header["dim"] = [array.ndim, *array.shape, *[1] * (7 - array.ndim)]
    codes = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
    header["datatype"] = codes.get(array.dtype.str[1:], 0)
    header["bitpix"] = 8 * array.dtype.itemsize
    header["vox_offset"] = _HEADER[version].itemsize + 4
    header["pixdim"] = [1, 1, 1, 1, 1, 1, 1, 1]
    header["xyzt_units"] = 2
    header["sform_code"] = 1
    header["srow"] = np.eye(4)[:3]
    for name, value in fields.items():
        header[name] = value
    return header.tobytes()


def nifti_bytes(array: np.ndarray[Any, Any] | None = None, *, order: str = "<", **fields: Any) -> bytes:
    array = volume_array() if array is None else array
    voxels = array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")  # type: ignore[arg-type]
    return nifti_header(array, order=order, **fields) + b"\0\0\0\0" + voxels


def write_nifti(path: Path, array: np.ndarray[Any, Any] | None = None, **fields: Any) -> Path:
    content = nifti_bytes(array, **fields)
    path.write_bytes(gzip.compress(content, mtime=0) if path.name.endswith(".gz") else content)
    return path


def rewrite(path: Path, content: bytes) -> None:
    """Other bytes of the same number in place: quicker than a new file, of which some file systems sync each."""
    with path.open("r+b") as file:
        file.write(content)


def write_mha(path: Path, *, data: bytes | None = None, drop: tuple[str, ...] = (), **fields: str) -> Path:
    """An uncompressed MetaImage of 5 x 4 x 3 int16, with any field replaced or dropped."""
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": "1 1 1",
        "DimSize": "5 4 3",
        "ElementType": "MET_SHORT",
        **{name: value for name, value in fields.items() if name != "ElementDataFile"},
        "ElementDataFile": fields.get("ElementDataFile", "LOCAL"),
    }
    text = "".join(f"{name} = {value}\n" for name, value in header.items() if name not in drop)
    path.write_bytes(text.encode() + (volume_array().tobytes(order="F") if data is None else data))
    return path


def write_nrrd(path: Path, *, data: bytes | None = None, drop: tuple[str, ...] = (), **fields: str) -> Path:
    """A raw NRRD of 5 x 4 x 3 int16, with any field (blanks as underscores) replaced or dropped."""
    header = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "5 4 3",
        "space directions": "(1,0,0) (0,1,0) (0,0,1)",
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(0,0,0)",
        **{name.replace("_", " "): value for name, value in fields.items()},
    }
    text = "".join(f"{name}: {value}\n" for name, value in header.items() if name not in drop)
    voxels = volume_array().tobytes(order="F") if data is None else data
    path.write_bytes(b"NRRD0004\n# by hand\n" + text.encode() + b"\n" + voxels)
    return path
