"""Densities from CT numbers: relative electron density and mass density, by piecewise linear calibration.

A calibration belongs to a scanner and its tube voltage; a clinic gives its own as a CSV file. The defaults serve to
compare two images of one kind, not to plan. Mass density (g/cm3) is the fit of Schneider, Bortfeld and Schlegel 2000
(doi:10.1088/0031-9155/45/2/314, 120 kV):

    air 0.00121 at -1000 HU     to 0.930 at -98 HU: a straight line (lung)
    -98 to 14 HU: 1.018 + 0.893e-3 H      23 to 100 HU:   1.003 + 1.169e-3 H
    14 to 23 HU:  1.030                   100 to 1600 HU: 1.017 + 0.592e-3 H, drawn on to 3071 HU

Relative electron density (to water) is mass density times electrons per gram, ``sum w Z / A``, of the tissues between
which that fit interpolates: air, adipose tissue, adrenal gland, small intestine, connective tissue, and mixtures of
marrow with cortical bone; their compositions ``w`` are those of Woodard and White 1986
(doi:10.1259/0007-1285-59-708-1209). It gives cortical bone 1.781 and differs from the formula that Thomas 1999
(doi:10.1259/bjr.72.860.10624344) recommends where no measurement is at hand (``1 + H/1000``, for bone ``1 + H/1950``)
by less than 0.02 in bone and 0.04 elsewhere. Both tables fall by 3 to 4 % at 100 HU, where bone begins: at the same CT
number connective tissue is denser than marrow with a little bone.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import ReadError, UsageError
from voxlate.volume import Array

_COLUMNS = ("hu", "density")


def _problem(hu: tuple[float, ...], density: tuple[float, ...]) -> str:
    """What is wrong with these nodes; empty if nothing is."""
    if len(hu) < 2 or len(hu) != len(density):
        return f"{len(hu)} CT numbers and {len(density)} densities"
    if not all(map(math.isfinite, (*hu, *density))):
        return "a value that is not finite"
    for before, after in pairwise(hu):
        if after <= before:
            return f"{after:g} HU after {before:g} HU"
    lowest = min(density)
    return f"the density {lowest:g}" if lowest < 0 else ""


@dataclass(frozen=True)
class Calibration:
    """Density as a piecewise linear function of the CT number, constant beyond both ends.

    Attributes:
        name: What it is called on a page.
        hu: CT numbers of the nodes, increasing.
        density: Densities there, not negative: relative to water, or in g/cm3.

    Raises:
        UsageError: If there are fewer than two nodes, CT numbers do not increase, or a density is negative or no
            finite number.

    Example:
        >>> float(Calibration("two lines", (-1000.0, 0.0, 1000.0), (0.0, 1.0, 1.5)).apply(np.float32(-250)))
        0.75
    """

    name: str
    hu: tuple[float, ...]
    density: tuple[float, ...]

    def __post_init__(self) -> None:
        problem = _problem(self.hu, self.density)
        if problem:
            raise UsageError(
                "at least two rows of hu and density, hu increasing, density not negative",
                came=problem,
                where=self.name,
                remedy="Correct the calibration.",
            )

    def apply(self, hu: Array | np.floating) -> NDArray[np.float64]:
        """Densities of CT numbers, any shape, float64; NaN stays NaN."""
        return np.asarray(np.interp(np.asarray(hu, dtype=np.float64), self.hu, self.density))


MASS_DENSITY = Calibration(
    "mass density, Schneider et al. 2000",
    (-1000.0, -98.0, 14.0, 23.0, 100.0, 101.0, 1600.0, 3071.0),
    (0.00121, 0.930, 1.030, 1.030, 1.1199, 1.0768, 1.9642, 2.8350),
)
"""In g/cm3."""

ELECTRON_DENSITY = Calibration(
    "relative electron density, after Schneider et al. 2000",
    (-1000.0, -98.0, 14.0, 23.0, 100.0, 101.0, 1600.0, 3071.0),
    (0.0011, 0.933, 1.024, 1.024, 1.102, 1.064, 1.818, 2.559),
)
"""Relative to water."""


def read_calibration(path: str | Path) -> Calibration:
    """A calibration from a CSV file with the header ``hu,density`` and a row for each node.

    Raises:
        ReadError: If the file cannot be read, has other columns, a cell that is no number, fewer than two rows, CT
            numbers that do not increase, or a negative density.
    """
    place = Path(path)
    try:
        with place.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, strict=True) if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError("a CSV file", came=str(error), where=place, remedy="Check the file.") from error
    header = tuple(cell.casefold() for cell in rows[0]) if rows else ()
    if header != _COLUMNS:
        raise _refusal(place, f"the columns {','.join(header)}" if header else "an empty file")
    nodes = [_node(row, where=place) for row in rows[1:]]
    hu, density = tuple(node[0] for node in nodes), tuple(node[1] for node in nodes)
    problem = _problem(hu, density)
    if problem:
        raise _refusal(place, problem)
    return Calibration(place.name, hu, density)


def _node(row: list[str], *, where: Path) -> tuple[float, float]:
    try:
        hu, density = map(float, row)
    except ValueError as error:
        raise _refusal(where, f"the row {','.join(row)!r}") from error
    return hu, density


def _refusal(path: Path, came: str) -> ReadError:
    return ReadError(
        "a table with the columns hu,density, at least two rows, hu increasing and density not negative",
        came=came,
        where=path,
        remedy="Sort and correct the rows; a row is, say, -1000,0.001.",
    )
