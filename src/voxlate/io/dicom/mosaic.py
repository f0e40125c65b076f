"""Mosaics: the planes of a volume tiled in one picture, as Siemens scanners write EPI.

How many tiles there are, and which way they follow each other, stands in Siemens' private header (CSA), which nibabel
reads; so does the place of the first, once it is known that the picture's position is that of a plane as large as the
whole picture, upon the same centre (nipy.org/nibabel/dicom/dicom_mosaic.html).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import ReadError
from voxlate.io.dicom.header import parsing, read_header
from voxlate.io.dicom.sources import Source

_REMEDY = "Convert it first: dcm2niix takes mosaics apart."


@dataclass(frozen=True)
class Mosaic:
    """How a picture is tiled.

    Attributes:
        count: Planes.
        across: Tiles in a row of them.
        normal: From each plane to the next, a unit vector in LPS.
    """

    count: int
    across: int
    normal: tuple[float, float, float]

    def shape(self, columns: int, rows: int) -> tuple[int, int]:
        """Columns and rows of a tile in a picture of this size."""
        return columns // self.across, rows // self.across

    def first(
        self,
        position: tuple[float, ...],
        directions: tuple[float, ...],
        spacing: tuple[float, float],
        picture: tuple[int, int],
    ) -> NDArray[np.float64]:
        """Where the first pixel of the first plane lies, LPS in mm.

        Args:
            position: Of the picture, as its header has it.
            directions: Of a row, then of a column.
            spacing: Of neighbours in a row, then in a column.
            picture: Columns and rows of the whole.
        """
        beyond = (np.array(picture) - np.array(self.shape(*picture))) / 2 * np.array(spacing)
        along = np.array(directions).reshape(2, 3)
        return np.asarray(np.array(position) + beyond @ along)


def read_mosaic(source: Source) -> Mosaic:
    """How a mosaic is tiled.

    Raises:
        ReadError: If its header does not say, as that of the newest scanners (XA), or makes no sense.
    """
    from nibabel.nicom import csareader

    with parsing(source):
        found = csareader.get_csa_header(read_header(source, whole=True))
        count = csareader.get_n_mosaic(found) if found else None
        normal = csareader.get_slice_normal(found) if found else None
    if not count or normal is None or not np.isclose(np.linalg.norm(normal), 1, atol=1e-3):
        raise mosaic_refused("without Siemens' private header that tells how it is tiled", source)
    x, y, z = map(float, normal)
    return Mosaic(int(count), ceil(sqrt(count)), (x, y, z))


def mosaic_refused(which: str, source: Source) -> ReadError:
    """The refusal of a mosaic of which nothing tells where its planes lie."""
    return ReadError("one plane in a picture", came=f"a mosaic {which}", where=source.place, remedy=_REMEDY)
