"""NRRD (``.nrrd``, ``.nhdr`` with its data file), the format of Teem and 3D Slicer.

``space directions`` are the steps of the voxel axes and ``space origin`` the first voxel's centre, in the world that
``space`` names. Source: http://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from voxlate.errors import ReadError, readable
from voxlate.io.formats.layout import HeaderGeometry, Layout, Part, Picture, gzipped, voxel_bytes
from voxlate.io.formats.stream import Encoding, open_file
from voxlate.io.formats.textheader import FILE_NOTES, LPS, integers, lines, numbers, refusal
from voxlate.io.paths import sibling, volume_suffix, with_volume_suffix
from voxlate.volume import Affine

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: kind for kind, names in _TYPES.items() for name in names}
_ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SPACES = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}
_REMARKS = "#"
"""Under it, no field's name, stand the comments and the pairs ``key:=value``."""
_VECTOR = re.compile(r"none|\(([^()]*)\)")


def read_layout(path: Path) -> Layout:
    """What the header of a ``.nrrd`` or ``.nhdr`` file says.

    Raises:
        ReadError: If it is not a header of one 3-D image with real voxels.
    """
    with open_file(path) as file:
        fields = _fields(file, path)
        end = file.tell()
    sizes = integers(_need(fields, "sizes", path), field="sizes", where=path)
    if str(len(sizes)) != fields.get("dimension", ""):
        raise refusal(f"dimension {len(sizes)} as in sizes", fields.get("dimension", "none"), path)
    encoding = _ENCODINGS.get(_need(fields, "encoding", path).lower())
    if encoding is None:
        raise refusal("encoding raw, gzip or bzip2", fields["encoding"], path)
    detached = fields.get("data file")
    if (detached is None) == (volume_suffix(path) == ".nhdr"):
        raise refusal("voxels in the .nrrd, or a data file named by the .nhdr", f"data file {detached}", path)
    skip = _skip(fields, path)
    return Layout(
        header=path,
        data=path if detached is None else sibling(path, detached),
        sizes=sizes,
        dtype=_voxel_dtype(fields, path),
        encoding=encoding,
        placement=_placement(fields, len(sizes), path),
        file_offset=(0 if detached else end) + (skip if encoding == "raw" else 0),
        stream_offset=0 if encoding == "raw" else skip,
        comment=fields.get(_REMARKS, ""),
    )


def _fields(file: BinaryIO, path: Path) -> dict[str, str]:
    fields: dict[str, str] = {}
    text = lines(file, path, may_end=volume_suffix(path) == ".nhdr")
    magic = file.read(4)
    if magic != b"NRRD":
        raise refusal("a file that starts with NRRD", repr(magic), path)
    version = next(text, "")
    if version not in {"0001", "0002", "0003", "0004", "0005"}:
        raise refusal("NRRD0001 to NRRD0005", f"NRRD{version}", path)
    for line in text:
        if not line:
            break
        field, colon, value = line.partition(":")
        if line.startswith("#") or value.startswith("="):
            fields[_REMARKS] = f"{fields.get(_REMARKS, '')}{line}\n"
            continue
        field = {"datafile": "data file"}.get(field.strip().lower(), field.strip().lower())
        if not colon or field in fields:
            raise refusal("'field: value', each field once", repr(line), path)
        fields[field] = value.strip()
    return fields


def _need(fields: Mapping[str, str], key: str, path: Path) -> str:
    if key not in fields:
        raise refusal(f"a field {key!r}", "none", path)
    return fields[key]


def _skip(fields: Mapping[str, str], path: Path) -> int:
    (rows,) = integers(fields.get("line skip", "0"), field="line skip", where=path)[:1]
    (skip,) = integers(fields.get("byte skip", "0"), field="byte skip", where=path)[:1]
    if rows or skip < 0:
        raise refusal("no line skip and a byte skip from 0 up", f"line skip {rows}, byte skip {skip}", path)
    return skip


def _voxel_dtype(fields: Mapping[str, str], path: Path) -> np.dtype:
    name = " ".join(_need(fields, "type", path).split())
    if name not in _DTYPES:
        remedy = "Convert the image to one real number per voxel."
        raise ReadError("integer or real voxels", came=name, where=path, remedy=remedy)
    dtype = np.dtype(_DTYPES[name])
    order = fields.get("endian", "").lower()
    if dtype.itemsize > 1 and order not in {"little", "big"}:
        raise refusal("endian little or big", order or "none", path)
    return dtype.newbyteorder(">" if order == "big" else "<")


def _placement(fields: Mapping[str, str], axes: int, path: Path) -> HeaderGeometry:
    if "space directions" not in fields:
        if "spacings" not in fields or axes < 3:
            return HeaderGeometry({})
        i, j, k = (float(n) for n in numbers(fields["spacings"], count=axes, field="spacings", where=path)[:3])
        return HeaderGeometry({}, spacing=(i, j, k), unit=_unit(fields, path), origin=_axis_mins(fields, axes, path))
    directions = _vectors(fields["space directions"], "space directions", path)
    if len(directions) != axes or any(vector is None for vector in directions[:3]) or axes < 3:
        came = fields["space directions"]
        remedy = "Save one number per voxel and the three spatial axes first."
        raise ReadError("three spatial axes, the fastest ones", came=came, where=path, remedy=remedy)
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack([vector for vector in directions[:3] if vector is not None])
    i, j, k = np.linalg.norm(affine[:3, :3], axis=0)
    signs = _SPACES.get(fields.get("space", "").lower())
    (origin,) = _vectors(fields.get("space origin", "none"), "space origin", path)[:1] or [None]
    if signs is None or "space origin" not in fields:
        x, y, z = (float(n) for n in origin) if origin is not None else (0.0, 0.0, 0.0)
        kept = (x, y, z) if origin is not None else None
        return HeaderGeometry({}, spacing=(float(i), float(j), float(k)), unit=_unit(fields, path), origin=kept)
    affine[:3, 3] = np.nan if origin is None else origin
    with np.errstate(invalid="ignore", over="ignore"):
        return HeaderGeometry({"space directions": np.diag([*signs, 1.0]) @ affine}, unit=_unit(fields, path))


def _vectors(text: str, field: str, path: Path) -> list[Affine | None]:
    if _VECTOR.sub("", text).strip():
        raise refusal(f"vectors like (1,0,0) in {field!r}", repr(text), path)
    return [
        None
        if match.group(0) == "none"
        else numbers(match.group(1).replace(",", " "), count=3, field=field, where=path)
        for match in _VECTOR.finditer(text)
    ]


def _axis_mins(fields: Mapping[str, str], axes: int, path: Path) -> tuple[float, float, float] | None:
    """The place of the first voxel, of a file without an orientation."""
    text = fields.get("axis mins", fields.get("axismins"))
    if text is None:
        return None
    x, y, z = (float(n) for n in numbers(text, count=axes, field="axis mins", where=path)[:3])
    return (x, y, z) if np.isfinite((x, y, z)).all() else None


def _unit(fields: Mapping[str, str], path: Path) -> str:
    """The unit of the space, or that of the axes where no space is stated."""
    units = set(re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))) - {""}
    if len(units) > 1:
        raise refusal("one unit of length", f"{sorted(units)}", path)
    unit = readable(units.pop()) if units else ""
    known = {"": "unknown", "millimeter": "mm", "meter": "m", "micrometer": "um", "\u00b5m": "um", "\u03bcm": "um"}
    return known.get(unit, unit)


def parts(picture: Picture, path: Path) -> list[Part]:
    """The files of an image and their bytes, the header's file last: ``.nrrd`` by gzip, ``.nhdr`` with ``.raw``."""
    if volume_suffix(path) == ".nhdr":
        raw = with_volume_suffix(path, ".raw")
        header = _header(picture, encoding="raw", data=raw.name)
        return [Part(raw, voxel_bytes(picture.array)), Part(path, iter([header]))]
    packed = gzipped(voxel_bytes(picture.array))
    return [Part(path, (piece for pieces in ([_header(picture, encoding="gzip")], packed) for piece in pieces))]


def _header(picture: Picture, *, encoding: str, data: str | None = None) -> bytes:
    affine, extra = LPS @ picture.affine, picture.trailing_axes
    columns = [_text(affine[:3, axis]) for axis in range(3)]
    rows = [
        "NRRD0005",
        f"# {picture.comment}",
        f"type: {_TYPES[picture.array.dtype.str[1:]][0]}",
        f"dimension: {3 + extra}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, (*picture.array.shape, *[1] * extra)))}",
        f"space directions: {' '.join(columns + ['none'] * extra)}",
        f"kinds: {' '.join(['domain'] * 3 + ['list'] * extra)}",
        "endian: little",
        f"encoding: {encoding}",
        f"space origin: {_text(affine[:3, 3])}",
        f"{FILE_NOTES}:={picture.comment}",
        *([f"data file: {data}"] if data else []),
    ]
    end = "\n" if data else "\n\n"
    return ("\n".join(rows) + end).encode("utf-8", "surrogateescape")


def _text(vector: Affine) -> str:
    return "(" + ",".join(repr(float(value) + 0.0) for value in vector) + ")"
