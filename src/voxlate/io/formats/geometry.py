"""The geometry gate: every format's header passes here, and no voxel gets a place that the file does not state.

Refused unless the reading options accept it, and recorded when they do: no stated orientation, two stated affines
that part by more than 1e-3 mm at a corner voxel, shear. Always refused: an affine that is not finite or not
invertible, a spacing that no scanner has. Lengths become millimetres here; the unit "unknown" means mm, as it does
in nearly every file that says so.

Resampling a sheared volume to a grid with right angles, where the reading options ask for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxlate.config.plan import Reading, how_to_accept
from voxlate.errors import GeometryError
from voxlate.io.formats.layout import HeaderGeometry
from voxlate.volume import AFFINE_TOLERANCE_MM, Affine, Grid, Volume

_UNITS_MM = {"mm": 1.0, "unknown": 1.0, "m": 1e3, "cm": 10.0, "um": 1e-3}
_SPACING_RANGE_MM = (1e-4, 1e4)
_SHEAR_LIMIT = 5e-4
_MADE_UP = 1e-3
"""Largest cosine between two axes that counts as square: what directions rounded to four digits show."""


def place(
    placement: HeaderGeometry, shape: tuple[int, int, int], *, reading: Reading, where: Path
) -> tuple[Grid, list[str]]:
    """The grid that a header means, and what was accepted to get it; shear is left in.

    Raises:
        GeometryError: If the header states no usable geometry or two, and ``reading`` does not accept that.
    """
    notes: list[str] = []
    forms = _in_mm(placement, notes, reading=reading, where=where)
    if not forms:
        name, affine = "spacing", _from_spacing(placement, notes, reading=reading, where=where)
    else:
        name = _choose(forms, shape, notes, reading=reading, where=where)
        affine = forms[name]
    _check_affine(affine, name, where)
    return Grid(shape, affine), notes


def shear(affine: Affine) -> float:
    """Largest absolute cosine between two voxel axes: 0 for a square grid."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def is_sheared(affine: Affine) -> bool:
    """Whether the voxel axes are not at right angles, beyond what rounding explains."""
    return shear(affine) > _SHEAR_LIMIT


def shear_error(affine: Affine, where: Path) -> GeometryError:
    """The error for a sheared grid."""
    angle = np.degrees(np.arcsin(min(shear(affine), 1.0)))
    return GeometryError(
        "voxel axes at right angles",
        came=f"shear: two axes {angle:.1f} degrees from a right angle, as of a gantry that was tilted",
        where=where,
        remedy=f"Resample it to a square grid, or accept it with {how_to_accept('on_shear', 'resample')}.",
    )


def nearest_rotation(affine: Affine) -> Affine:
    """The orthogonal ``(3, 3)`` matrix nearest to the directions of the voxel axes (polar decomposition)."""
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    left, _, right = np.linalg.svd(axes)
    return np.asarray(left @ right)


def square_grid(grid: Grid) -> Grid:
    """The smallest grid with right angles, the same spacing and the nearest directions that covers a sheared one.

    Raises:
        GeometryError: If it would have more than eight times the voxels.
    """
    rotation, spacing = nearest_rotation(grid.affine), np.array(grid.spacing_mm)
    corners = grid.corners_mm() @ rotation
    low, high = corners.min(axis=0), corners.max(axis=0)
    counts = np.ceil((high - low) / spacing - 1e-3).astype(int) + 1
    if np.prod(counts.astype(float)) > 8.0 * float(np.prod(grid.shape)):
        raise GeometryError(
            "a shear that a moderate grid can hold",
            came=f"shape {tuple(counts.tolist())} for {grid.shape}",
            remedy="Correct the affine.",
        )
    affine = np.eye(4)
    affine[:3, :3] = rotation * spacing
    affine[:3, 3] = rotation @ low
    i, j, k = (int(n) for n in counts)
    return Grid((i, j, k), affine)


def corner_distance_mm(first: Affine, second: Affine, shape: tuple[int, ...]) -> float:
    """Largest distance between the places that two affines give to a corner voxel, in mm; NaN if one is not finite."""
    ends = [(0, size - 1) for size in (*shape, 1, 1, 1)[:3]]
    index = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]])
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.linalg.norm(index @ (first - second)[:3].T, axis=1).max())


def _in_mm(placement: HeaderGeometry, notes: list[str], *, reading: Reading, where: Path) -> dict[str, Affine]:
    if placement.unit == "pixel":
        notes.append(
            "A picture states no place: columns taken from right to left, rows from front to back, "
            f"{reading.pixel_mm:g} mm a pixel."
        )
        scale = np.diag([reading.pixel_mm, reading.pixel_mm, reading.pixel_mm, 1.0])
        return {name: scale @ form for name, form in placement.forms.items()}
    if placement.unit not in _UNITS_MM:
        remedy = "Rewrite the header in millimetres."
        raise GeometryError(f"a unit among {', '.join(_UNITS_MM)}", came=placement.unit, where=where, remedy=remedy)
    factor = _UNITS_MM[placement.unit]
    if factor != 1.0:
        notes.append(f"Lengths were converted from {placement.unit} to mm.")
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.diag([factor, factor, factor, 1.0])
        return {name: scale @ np.asarray(form, np.float64) for name, form in placement.forms.items()}


def _from_spacing(placement: HeaderGeometry, notes: list[str], *, reading: Reading, where: Path) -> Affine:
    if reading.on_missing_affine == "refuse" or placement.spacing is None:
        came = "none" if placement.spacing is None else "a spacing without orientation and origin"
        remedy = "Take the geometry from the original scan" + (
            ". If its axes are known to point right, front and up, accept it with "
            f"{how_to_accept('on_missing_affine', 'ras')}."
            if placement.spacing is not None
            else "; Voxlate never assumes 1 mm."
        )
        raise GeometryError("a stated orientation", came=came, where=where, remedy=remedy)
    where_from = "with voxel 0 at the origin" if placement.origin is None else "from the origin that it states"
    notes.append(f"The file states no orientation: axes taken as right, anterior, superior {where_from}.")
    factor, affine = _UNITS_MM[placement.unit], np.eye(4)
    affine[:3, :3] = np.diag(np.array(placement.spacing) * factor)
    affine[:3, 3] = np.array(placement.origin or (0.0, 0.0, 0.0)) * factor
    return affine


def _choose(
    forms: dict[str, Affine], shape: tuple[int, int, int], notes: list[str], *, reading: Reading, where: Path
) -> str:
    first, *others = forms
    for other in others:
        distance = corner_distance_mm(forms[first], forms[other], shape)
        if distance <= AFFINE_TOLERANCE_MM:
            continue
        if reading.on_affine_conflict not in forms:
            raise GeometryError(
                f"{first} and {other} within {AFFINE_TOLERANCE_MM} mm of each other",
                came=f"a difference of {distance:.4g} mm",
                where=where,
                remedy="Find out which is right. To take sform, and likewise qform: "
                f"{how_to_accept('on_affine_conflict', 'sform')}.",
            )
        notes.append(
            f"{first} and {other} differ by {distance:.4g} mm; {reading.on_affine_conflict} was used as asked."
        )
        return reading.on_affine_conflict
    return first


def _check_affine(affine: Affine, name: str, where: Path) -> None:
    low, high = _SPACING_RANGE_MM
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        volume = abs(np.linalg.det(affine[:3, :3] / spacing)) if np.isfinite(affine).all() and spacing.all() else 0.0
    usable = np.isfinite(affine).all() and volume > 1e-6 and spacing.min() >= low and spacing.max() <= high
    if not usable:
        numbers = np.array2string(affine[:3], precision=5, separator=", ").replace("\n", "")
        raise GeometryError(
            f"a finite, invertible affine with spacings of {low:g} to {high:g} mm",
            came=f"{name} {numbers}",
            where=where,
            remedy="Repair the header with the scanner's geometry; Voxlate never assumes 1 mm.",
        )


def resample_square(volume: Volume) -> Volume:
    """The volume on the square grid that covers it, as ``resample_onto``."""
    return resample_onto(volume, square_grid(volume.grid))


def resample_onto(volume: Volume, grid: Grid) -> Volume:
    """The volume on another grid: linear (labels: nearest), its least value outside.

    The least value is air in CT and background in MR and label maps; such voxels are ``missing``.
    """
    index = np.linalg.inv(volume.affine) @ grid.affine
    label = volume.contrast is not None and volume.contrast.kind == "label"
    source = volume.array if label or volume.array.dtype == np.float64 else volume.array.astype(np.float32)
    from scipy import ndimage  # only here: commands that read no sheared image do without it

    array = ndimage.affine_transform(
        source,
        index[:3, :3],
        index[:3, 3],
        output_shape=grid.shape,
        order=0 if label else 1,
        mode="constant",
        cval=float(source.min()),
        prefilter=False,
    )
    missing = np.zeros(volume.shape, np.float32) if volume.missing is None else volume.missing.astype(np.float32)
    made_up = ndimage.affine_transform(
        missing, index[:3, :3], index[:3, 3], output_shape=grid.shape, order=1, mode="constant", cval=1.0
    )
    return Volume(array, grid.affine, volume.contrast, volume.notes, volume.trailing_axes, made_up > _MADE_UP)
