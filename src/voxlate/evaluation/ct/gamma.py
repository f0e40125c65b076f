"""The gamma index: whether two doses agree in value or nearly in place (Low et al. 1998, doi:10.1118/1.598248).

    gamma(r) = min over r' of sqrt( (E(r') - R(r))^2 / (p max R)^2 + (r' - r)^2 / d^2 )

of a reference dose ``R`` and an evaluated dose ``E``, with the dose criterion ``p`` as a share of the highest reference
dose (a global gamma) and the distance criterion ``d``. A voxel passes if its gamma is at most 1. Voxels with less than
10 % of the highest reference dose are not counted. The search goes outward in tenths of the distance criterion, as
Wendling et al. 2007 (doi:10.1118/1.2721657) advise.

``pymedphys.gamma`` computes it; that package is the extra ``voxlate[gamma]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.evaluation.ct.beams import Mask, Spacing
from voxlate.metrics import agreement

Dose = NDArray[np.float64]
_CUTOFF_PERCENT = 10.0
"""Of the highest reference dose; voxels with less are not counted."""
_HIGHEST_GAMMA = 1.001  # who passes is known at 1; a little more keeps 1 apart from what is cut off here
_MEMORY_BYTES = 2**28


def gamma_pass_rate(
    reference: Dose,
    evaluated: Dose,
    *,
    spacing_mm: Spacing,
    mask: Mask,
    dose_percent: float = 2.0,
    distance_mm: float = 2.0,
    cutoff_percent: float = _CUTOFF_PERCENT,
    steps: int = 10,
) -> float:
    """Percentage of the counted voxels whose global gamma index is at most 1.

    Args:
        reference: ``(i, j, k)``, in any unit of dose, such as the dose on the true CT.
        evaluated: ``(i, j, k)``, same unit; it is interpolated linearly and searched.
        spacing_mm: Spacing along i, j, k.
        mask: ``(i, j, k)`` bool, the voxels that may count; the search goes beyond it.
        dose_percent: Dose criterion, percent of the highest reference dose in the mask.
        distance_mm: Distance criterion.
        cutoff_percent: Voxels count from this percentage of the highest reference dose on.
        steps: Into how many steps the search divides the distance criterion; fewer miss places and pass less.

    Returns:
        0 to 100; NaN if the mask is empty.

    Raises:
        UsageError: If shapes differ, a dose is not finite or nowhere above 0, a criterion, a spacing or the steps
            are not positive, the cutoff is not in [0, 100], or pymedphys is not installed.

    Example:
        >>> dose, everywhere = np.ones((4, 4, 4)), np.ones((4, 4, 4), dtype=bool)
        >>> gamma_pass_rate(dose, 1.01 * dose, spacing_mm=(3.0, 3.0, 3.0), mask=everywhere)  # doctest: +SKIP
        100.0
    """
    criteria = (dose_percent, distance_mm, *spacing_mm, steps)
    _refuse(reference, evaluated, mask=mask, criteria=criteria, cutoff_percent=cutoff_percent)
    inside = np.asarray(mask, dtype=bool)
    if not inside.any():
        return math.nan
    true, found = (np.asarray(dose, dtype=np.float64) for dose in (reference, evaluated))
    highest = float(true[inside].max())
    if highest <= 0:
        raise UsageError("a dose above 0", came=f"{highest:g} at most", where="reference", remedy="Check the dose.")
    counted = inside & (true >= cutoff_percent / 100 * highest)
    criterion = _Criterion(dose_percent / 100 * highest, distance_mm)
    possible = counted & _may_pass(true, found, criterion=criterion, spacing_mm=spacing_mm)
    passed = _search(true, found, possible=possible, criterion=criterion, spacing_mm=spacing_mm, steps=steps)
    return agreement(passed, counted, mask=counted, data_range=1.0)


class _Criterion(NamedTuple):
    """By how much a dose may differ, in its own unit, and in place."""

    dose: float
    distance_mm: float


def find_gamma() -> Callable[..., Dose]:
    """``pymedphys.gamma``.

    Raises:
        UsageError: If pymedphys is not installed.
    """
    try:
        from pymedphys import gamma
    except ImportError as error:
        raise UsageError(
            "the package pymedphys", came="none", where="gamma index", remedy="Run: pip install 'voxlate[gamma]'"
        ) from error
    found: Callable[..., Dose] = gamma
    return found


def _refuse(
    reference: Dose, evaluated: Dose, *, mask: Mask, criteria: tuple[float, ...], cutoff_percent: float
) -> None:
    shapes = (np.shape(reference), np.shape(evaluated), np.shape(mask))
    if len(set(shapes)) != 1 or len(shapes[0]) != 3:
        raise UsageError(
            "two doses and a mask of one shape (i, j, k)",
            came=", ".join(map(str, shapes)),
            where="gamma index",
            remedy="Bring them onto one grid first.",
        )
    if not (np.isfinite(reference).all() and np.isfinite(evaluated).all()):
        raise UsageError(
            "finite doses", came="NaN or infinity", where="gamma index", remedy="Set a dose where there is none to 0."
        )
    if not all(math.isfinite(value) and value > 0 for value in criteria) or not 0 <= cutoff_percent <= 100:
        raise UsageError(
            "positive criteria, spacings and steps, and a cutoff from 0 to 100 %",
            came=f"{', '.join(f'{value:g}' for value in criteria)} and {cutoff_percent:g} %",
            where="gamma index",
            remedy="Give 2 (percent) and 2 (mm), say, and 10 (percent).",
        )


def _search(
    reference: Dose, evaluated: Dose, *, possible: Mask, criterion: _Criterion, spacing_mm: Spacing, steps: int
) -> Mask:
    """Which of the possible voxels pass."""
    search = find_gamma()
    if not possible.any():
        return possible
    axes = [np.arange(size) * spacing for size, spacing in zip(reference.shape, spacing_mm, strict=True)]
    index = search(
        tuple(axes),
        np.where(possible, reference, -1.0),  # below the cutoff, so not searched
        *_at_least_two(axes, evaluated, spacing_mm),
        100.0,
        criterion.distance_mm,
        lower_percent_dose_cutoff=0,
        interp_fraction=steps,
        max_gamma=_HIGHEST_GAMMA,
        global_normalisation=criterion.dose,
        skip_once_passed=True,
        ram_available=_MEMORY_BYTES,
        interp_algo="scipy",  # the other one needs numba
    )
    return np.asarray(possible & (index <= 1))


def _may_pass(reference: Dose, evaluated: Dose, *, criterion: _Criterion, spacing_mm: Spacing) -> Mask:
    """Where the difference is at most ``sqrt(dose^2 + (G distance)^2)``, ``G`` being the steepest slope around.

    No other voxel can pass: at a distance ``r`` at least ``difference - G r`` is left, which makes the least gamma the
    difference divided by that root. A search takes long where gamma exceeds 1; to spare it there changes nothing.
    """
    from scipy.ndimage import maximum_filter

    reach = [math.ceil(criterion.distance_mm / spacing) for spacing in spacing_mm]
    squared = np.zeros_like(evaluated)
    for axis, spacing in enumerate(spacing_mm):
        rise = np.abs(np.diff(evaluated, axis=axis)) / spacing
        edges = [(1, 1) if other == axis else (0, 0) for other in range(3)]
        padded = np.pad(rise, edges)
        around = np.maximum(np.delete(padded, 0, axis=axis), np.delete(padded, -1, axis=axis))
        size = [2 * steps + (-1 if other == axis else 1) for other, steps in enumerate(reach)]
        squared += np.square(maximum_filter(around, size=size, mode="nearest"))
    bound = np.sqrt(criterion.dose**2 + squared * criterion.distance_mm**2)
    return np.asarray(np.abs(evaluated - reference) <= bound * (1 + 1e-6))


def _at_least_two(axes: list[Dose], dose: Dose, spacing_mm: Spacing) -> tuple[tuple[Dose, ...], Dose]:
    """Axes and dose with an axis of one voxel made constant over two, as interpolation needs."""
    copies = tuple(2 if size == 1 else 1 for size in dose.shape)
    longer = [
        np.array([0.0, spacing]) if times == 2 else axis
        for axis, times, spacing in zip(axes, copies, spacing_mm, strict=True)
    ]
    return tuple(longer), np.tile(dose, copies)
