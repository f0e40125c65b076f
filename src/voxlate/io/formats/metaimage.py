"""MetaImage (``.mha``, ``.mhd`` with its data file), the format of ITK.

A row of ``TransformMatrix`` is the direction of one voxel axis in the LPS world, ``Offset`` the place of the first
voxel in mm. ``ElementSpacing`` is how far apart voxels are; ``ElementSize``, how large one is (a slice's thickness),
stands in for it where it is absent. Source: MetaIO's documentation, https://itk.org/Wiki/ITK/MetaIO/Documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import ReadError
from voxlate.io.formats.layout import HeaderGeometry, Layout, Part, Picture, voxel_bytes, zlibbed
from voxlate.io.formats.stream import open_file
from voxlate.io.formats.textheader import FILE_NOTES, LPS, integers, lines, numbers, refusal
from voxlate.io.paths import sibling, volume_suffix, with_volume_suffix

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_NAMES = {np.dtype(kind): name for name, kind in reversed(_TYPES.items()) if "LONG" not in name or "8" in kind}
_SYNONYMS = {
    "Position": "Offset",
    "Origin": "Offset",
    "Rotation": "TransformMatrix",
    "Orientation": "TransformMatrix",
    "BinaryDataByteOrderMSB": "ElementByteOrderMSB",
}
_KNOWN = {
    *_SYNONYMS.values(),
    "ElementSpacing",
    "ElementSize",
    "NDims",
    "DimSize",
    "ElementType",
    "CompressedData",
    "HeaderSize",
    "BinaryData",
}
"""Keys that decide something here: stated twice they must agree. Programs add others, DICOM tags for instance."""


def read_layout(path: Path) -> Layout:
    """What the header of a ``.mha`` or ``.mhd`` file says.

    Raises:
        ReadError: If it is not a header of one 3-D image with real voxels.
    """
    with open_file(path) as file:
        fields = _fields(file, path)
        end = file.tell()
    sizes = integers(_need(fields, "DimSize", path), field="DimSize", where=path)
    if str(len(sizes)) != fields.get("NDims", "").strip():
        raise refusal(f"{len(sizes)} axes in NDims as in DimSize", fields.get("NDims", "none"), path)
    local = fields["ElementDataFile"] in {"LOCAL", "Local", "local"}
    packed = _true(fields, "CompressedData")
    layout = Layout(
        header=path,
        data=path if local else sibling(path, fields["ElementDataFile"]),
        sizes=sizes,
        dtype=_voxel_dtype(fields, path),
        encoding="zlib" if packed else "raw",
        placement=_placement(fields, len(sizes), path),
        file_offset=end if local else _skip(fields, path),
        comment="\n".join(value for key, value in fields.items() if key not in _KNOWN),
    )
    _refuse_intensity_function(fields, path)
    return layout


def _fields(file: BinaryIO, path: Path) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines(file, path):
        key, equals, value = line.partition("=")
        key, value = _SYNONYMS.get(key.strip(), key.strip()), value.strip()
        if not equals or (key in fields.keys() & _KNOWN and fields[key] != value):
            raise refusal("'Key = value', each key once", repr(line), path)
        fields[key] = value
        if key == "ElementDataFile":
            break
    if fields.get("ObjectType", "Image") != "Image":
        raise refusal("ObjectType Image", fields["ObjectType"], path)
    return fields


def _need(fields: Mapping[str, str], key: str, path: Path) -> str:
    if key not in fields:
        raise refusal(f"a field {key}", "none", path)
    return fields[key]


def _true(fields: Mapping[str, str], key: str) -> bool:
    return fields.get(key, "False").lower() in {"true", "1", "t", "yes"}


def _voxel_dtype(fields: Mapping[str, str], path: Path) -> np.dtype:
    name, channels = _need(fields, "ElementType", path), fields.get("ElementNumberOfChannels", "1")
    if name not in _TYPES or channels.strip() != "1":
        remedy = "Convert the image to one real number per voxel."
        raise ReadError("integer or real voxels of one channel", came=f"{name} x {channels}", where=path, remedy=remedy)
    if "BinaryData" in fields and not _true(fields, "BinaryData"):
        raise refusal("binary voxels", "text (BinaryData = False)", path)
    return np.dtype(_TYPES[name]).newbyteorder(">" if _true(fields, "ElementByteOrderMSB") else "<")


def _skip(fields: Mapping[str, str], path: Path) -> int:
    (skip,) = integers(fields.get("HeaderSize", "0"), field="HeaderSize", where=path)[:1]
    if skip < 0:
        raise refusal("HeaderSize from 0 up", str(skip), path)
    return skip


def _placement(fields: Mapping[str, str], axes: int, path: Path) -> HeaderGeometry:
    field = "ElementSpacing" if "ElementSpacing" in fields else "ElementSize"
    if field not in fields or axes < 3:
        return HeaderGeometry({})
    i, j, k = (float(length) for length in numbers(fields[field], count=axes, field=field, where=path)[:3])
    if "TransformMatrix" not in fields or "Offset" not in fields:
        if "Offset" not in fields:
            return HeaderGeometry({}, spacing=(i, j, k))
        left, back, up = (float(n) for n in numbers(fields["Offset"], count=axes, field="Offset", where=path)[:3])
        return HeaderGeometry({}, spacing=(i, j, k), origin=(-left, -back, up))
    matrix = numbers(fields["TransformMatrix"], count=axes * axes, field="TransformMatrix", where=path)
    affine = np.eye(4)
    affine[:3, 3] = numbers(fields["Offset"], count=axes, field="Offset", where=path)[:3]
    with np.errstate(invalid="ignore", over="ignore"):
        affine[:3, :3] = matrix.reshape(axes, axes)[:3, :3].T * (i, j, k)
        if not min(i, j, k) > 0:
            affine[:3, :3] = np.nan  # a spacing of zero, or a negative one, whose meaning no page defines
        return HeaderGeometry({"TransformMatrix": LPS @ affine}, spacing=(i, j, k))


def _refuse_intensity_function(fields: Mapping[str, str], path: Path) -> None:
    slope = fields.get("ElementToIntensityFunctionSlope", "1")
    offset = fields.get("ElementToIntensityFunctionOffset", "0")
    if (*numbers(slope, count=1, field="slope", where=path), *numbers(offset, count=1, field="offset", where=path)) != (
        1,
        0,
    ):
        raise refusal("no intensity function, which readers disagree about", f"slope {slope}, offset {offset}", path)


def parts(picture: Picture, path: Path) -> list[Part]:
    """The files of an image and their bytes, the header's file last: ``.mha`` by zlib, ``.mhd`` with ``.raw``."""
    if volume_suffix(path) == ".mhd":
        raw = with_volume_suffix(path, ".raw")
        return [Part(raw, voxel_bytes(picture.array)), Part(path, iter([_header(picture, raw.name, packed=None)]))]
    pieces = [bytes(piece) for piece in zlibbed(voxel_bytes(picture.array))]
    header = _header(picture, "LOCAL", packed=sum(map(len, pieces)))
    return [Part(path, iter([header, *pieces]))]


def _header(picture: Picture, data: str, *, packed: int | None) -> bytes:
    axes = 3 + picture.trailing_axes
    affine = LPS @ picture.affine
    spacing = np.ones(axes)
    spacing[:3] = np.linalg.norm(affine[:3, :3], axis=0)
    matrix = np.eye(axes)
    matrix[:3, :3] = (affine[:3, :3] / spacing[:3]).T
    offset = np.zeros(axes)
    offset[:3] = affine[:3, 3]
    fields = {
        "ObjectType": "Image",
        "NDims": axes,
        "Comment": picture.comment,
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": packed is not None,
        **({"CompressedDataSize": packed} if packed is not None else {}),
        "TransformMatrix": _text(matrix),
        "Offset": _text(offset),
        "CenterOfRotation": _text(np.zeros(axes)),
        "ElementSpacing": _text(spacing),
        "DimSize": " ".join(map(str, (*picture.array.shape, *[1] * picture.trailing_axes))),
        "ElementType": _NAMES[picture.array.dtype],
        FILE_NOTES: picture.comment,
        "ElementDataFile": data,
    }
    return "".join(f"{key} = {value}\n" for key, value in fields.items()).encode("utf-8", "surrogateescape")


def _text(values: NDArray[np.float64]) -> str:
    return " ".join(repr(float(value) + 0.0) for value in values.reshape(-1))
