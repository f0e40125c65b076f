"""A scan of another voxel size than every training scan had: it is brought to theirs before the network sees it.

A network knows sizes in voxels only. Where the training scans had several spacings the plan names one, which every scan
is brought to. Where all had the same, the plan leaves each scan its own, so that no voxel is interpolated, and a scan
of another scanner's would be seen at another size: hippocampi of half the voxel size were found with a Dice of 0.13 in
the place of 0.81. So such a scan is resampled to the training spacing; the result comes back on the scan's own grid.

Only the axes along which a window looks count: slices without neighbours do not know how thick they are.
"""

from __future__ import annotations

from voxlate.bundle.bundle import Bundle
from voxlate.cohort import Case
from voxlate.cohort.admission import read_case_grid
from voxlate.config.window import VIEWS, WindowOptions
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.plan import Plan

_TOLERANCE = 0.1
"""Share of the training spacing up to which another one is taken as it is: head sizes differ by as much."""
_Spacing = tuple[float, float, float]


def plan_for(case: Case, plan: Plan, bundle: Bundle) -> tuple[Plan, tuple[str, ...]]:
    """The plan that a case is prepared by, and what is to be noted about it.

    Args:
        case: Has the plan's reference.
        plan: The bundle's, or one that does without a contrast.
        bundle: The model, which knows what it was trained on.

    Raises:
        ReadError: If the header of the reference is refused.
    """
    grid = ras_grid(read_case_grid(case, plan.reference, reading=plan.reading))
    notes = _of_one_slice(grid.shape, bundle.recipe.window)
    if plan.spacing_mm is not None or bundle.fingerprint.spacing_varies:
        return plan, notes
    trained, own = bundle.fingerprint.spacing_mm, grid.spacing_mm
    wanted = _wanted(own, trained, _looks_along(bundle.recipe.window, plan))
    if wanted == own:
        return plan, notes
    differs = f"its spacing of {_words(own)} mm is not that of the training scans, {_words(trained)} mm"
    if plan.reading.on_spacing == "keep":
        return plan, (*notes, f"{differs}, and was kept as asked")
    return plan.model_copy(update={"spacing_mm": wanted}), (*notes, f"{differs}, so it was resampled")


def _of_one_slice(shape: tuple[int, int, int], window: WindowOptions) -> tuple[str, ...]:
    """A word where a scan has one voxel along an axis in which a model's slices lie: each slice shows a line of it."""
    if window.kind != "slices" or isinstance(window.axis, tuple):
        return ()
    thin = [view for axis, view in VIEWS.items() if axis != window.axis and shape[axis] == 1]
    told = f"of which the model's {VIEWS[window.axis]} slices show lines: what it makes of them is not to be trusted"
    return tuple(f"it is one {view} slice, {told}" for view in thin[:1])


def _looks_along(window: WindowOptions, plan: Plan) -> tuple[bool, bool, bool]:
    """Along which of the RAS axes a window shows more than one voxel, of a size that follows from the scan's."""
    flat = window.kind == "slices" and not window.neighbours and not isinstance(window.axis, tuple)
    resized = plan.resize or (None, None, None)
    first, second, third = (not (flat and axis == window.axis) and resized[axis] is None for axis in range(3))
    return first, second, third


def _wanted(own: _Spacing, trained: _Spacing, along: tuple[bool, bool, bool]) -> _Spacing:
    """The training spacing along every axis that counts, if it differs along any of them; else the scan's own."""
    off = [abs(one / other - 1) > _TOLERANCE for one, other in zip(own, trained, strict=True)]
    if not any(far and counts for far, counts in zip(off, along, strict=True)):
        return own
    i, j, k = (there if counts else here for here, there, counts in zip(own, trained, along, strict=True))
    return i, j, k


def _words(spacing_mm: _Spacing) -> str:
    return " x ".join(f"{value:.3g}" for value in spacing_mm)
