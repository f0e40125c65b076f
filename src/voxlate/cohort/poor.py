"""Poor scans: there, but so much worse than the cohort's others that a made one may serve better.

A scan is poor by its header if its slices are thicker than 4 mm, or its longest voxel side is more than 3 times its
shortest, and that is more than 1.5 times the median of the cohort's scans of the same contrast. So a cohort that was
scanned in thick slices throughout has no poor scans. It is poor, too, if its slices lie in another orientation than
those of more than half of the others: sagittal among axial ones; a scan has slices if its longest voxel side is more
than 1.5 times its shortest. What a header does not tell, motion above all, the user says in a
table with the columns ``case``, ``contrast`` and, if wanted, ``reason``.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from voxlate.cohort.case import Cohort
from voxlate.config.plan import Reading
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import ReadError, UsageError, VoxlateError
from voxlate.io import read_grid
from voxlate.volume import Grid

_THICK_MM = 4.0
_ANISOTROPIC = 3.0
_ABOVE_MEDIAN = 1.5
_SLICED = 1.5
_PLANES = ("sagittal", "coronal", "axial")
RULE = (
    f"the rule: slices thicker than {_THICK_MM:g} mm, or voxels more than {_ANISOTROPIC:g} times as long as wide, and "
    f"more than {_ABOVE_MEDIAN:g} times the median of the contrast; or slices in another orientation than most"
)
Poor = Mapping[tuple[str, str], str]
"""From case id and contrast to why the scan is poor, as words."""


def find_poor(cohort: Cohort, *, reading: Reading) -> dict[tuple[str, str], str]:
    """The scans that are poor by the rule; only headers are read, and one that is refused is not judged here."""
    found: dict[tuple[str, str], str] = {}
    for name in (name for name, contrast in CONTRASTS.items() if contrast.kind != "label"):
        grids = {case.id: _grid(case.paths[name], reading) for case in cohort.cases if name in case.paths}
        there = {case: grid for case, grid in grids.items() if grid is not None}
        if not there:
            continue
        sides = {case: grid.spacing_mm for case, grid in there.items()}
        known = {case: (max(mm), max(mm) / min(mm)) for case, mm in sides.items()}
        planes = {case: _plane(grid) for case, grid in there.items()}
        usual, often = Counter(planes.values()).most_common(1)[0]
        thickness, ratio = np.median(list(known.values()), axis=0)
        for case, (own, stretched) in known.items():
            if own > max(_THICK_MM, _ABOVE_MEDIAN * thickness):
                found[case, name] = f"slices of {own:.3g} mm, where the median of the cohort is {thickness:.3g} mm"
            elif stretched > max(_ANISOTROPIC, _ABOVE_MEDIAN * ratio):
                found[case, name] = (
                    f"voxels {stretched:.3g} times as long as wide, where the median of the cohort is {ratio:.3g}"
                )
            elif usual and planes[case] not in {usual, ""} and 2 * often > len(planes):
                found[case, name] = f"{planes[case]} slices, where {often} of {len(planes)} scans have {usual} ones"
    return found


def read_poor(path: Path, cohort: Cohort) -> dict[tuple[str, str], str]:
    """The scans that a table calls poor.

    Raises:
        ReadError: If it is no table with the columns ``case`` and ``contrast``.
        UsageError: If there is no such file, or a row names no scan of the cohort.
    """
    if not path.is_file():
        remedy = "Check the name, or write `poor` for the scans that are poor by the rule."
        raise UsageError("a table of poor scans", came="no file of that name", where=path, remedy=remedy)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise _no_table(path, str(error)) from error
    if not rows or not {"case", "contrast"} <= set(rows[0]):
        raise _no_table(path, f"the columns {', '.join(rows[0])}" if rows else "no row")
    scans = {(case.id, name) for case in cohort.cases for name in case.paths}
    found = {}
    for row in rows:
        scan = (row["case"] or "").strip(), get_contrast((row["contrast"] or "").strip()).name
        if scan not in scans:
            raise UsageError(
                "a scan of the data set in every row",
                came=" ".join(scan),
                where=path,
                remedy="Name the case as `voxlate check` lists it, and a contrast that it has.",
            )
        found[scan] = (row.get("reason") or "").strip() or f"named in {path.name}"
    return found


def without_poor(cohort: Cohort, poor: Iterable[tuple[str, str]]) -> Cohort:
    """The cohort as if these scans were missing."""
    gone = set(poor)
    cases = (
        replace(case, paths={name: path for name, path in case.paths.items() if (case.id, name) not in gone})
        for case in cohort.cases
    )
    return replace(cohort, cases=tuple(cases))


def _grid(path: Path, reading: Reading) -> Grid | None:
    try:
        return read_grid(path, reading=reading)
    except (VoxlateError, OSError):
        return None


def _plane(grid: Grid) -> str:
    """The orientation of a scan's slices: across the axis whose voxels are longest; empty if they are about cubes."""
    if max(grid.spacing_mm) <= _SLICED * min(grid.spacing_mm):
        return ""
    across = grid.affine[:3, int(np.argmax(grid.spacing_mm))]
    return _PLANES[int(np.abs(across).argmax())]


def _no_table(path: Path, came: str) -> ReadError:
    remedy = "Give a CSV file with a row per scan: case, contrast and, if you like, reason."
    return ReadError("a table with the columns case and contrast", came=came, where=path, remedy=remedy)
