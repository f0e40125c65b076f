"""FreeSurfer's MGH (``.mgh``, packed ``.mgz``), which is read and not written.

A header of 284 bytes, big-endian, states sizes, spacing, directions and the centre of the volume; nibabel makes the
affine of them. Behind the voxels stand times of the sequence and tags, which are left alone; the mark of a synthetic
image has no place there. Source: FreeSurfer's wiki,
https://surfer.nmr.mgh.harvard.edu/fswiki/FsTutorial/MghFormat.
"""

from __future__ import annotations

from pathlib import Path

from voxlate.errors import ReadError
from voxlate.io.formats.layout import HeaderGeometry, Layout
from voxlate.io.formats.stream import DAMAGED, Encoding, open_stream
from voxlate.io.paths import volume_suffix

_HEADER_BYTES = 284


def read_layout(path: Path) -> Layout:
    """What the header of a ``.mgh`` or ``.mgz`` file says.

    Raises:
        ReadError: If it is not a header of this format.
    """
    from nibabel.freesurfer.mghformat import MGHError, MGHHeader

    encoding: Encoding = "gzip" if volume_suffix(path) == ".mgz" else "raw"
    with open_stream(path, encoding=encoding) as stream:
        raw = stream.read(_HEADER_BYTES)
    if len(raw) < _HEADER_BYTES:
        raise ReadError(f"an MGH header of {_HEADER_BYTES} bytes", came=str(len(raw)), where=path, remedy=DAMAGED)
    try:
        header = MGHHeader(raw, check=False)
        if int(header["version"]) != 1:
            raise ValueError(f"version {int(header['version'])}")
        dtype = header.get_data_dtype()
        stated = raw[28:30] == b"\0\1"  # goodRASFlag, for which nibabel puts directions of its own
        forms = {"vox2ras": header.get_affine()} if stated else {}
        sizes = tuple(int(size) for size in header["dims"])
    except (MGHError, ValueError, KeyError) as error:
        raise ReadError("an MGH header", came=str(error), where=path, remedy=DAMAGED) from error
    x, y, z = (float(length) for length in header["delta"])
    return Layout(
        header=path,
        data=path,
        sizes=sizes,
        dtype=dtype.newbyteorder(">"),
        encoding=encoding,
        placement=HeaderGeometry(forms, spacing=(x, y, z)),
        file_offset=_HEADER_BYTES if encoding == "raw" else 0,
        stream_offset=_HEADER_BYTES if encoding == "gzip" else 0,
        has_footer=True,
    )
