"""Slice profiles: the error of every slice from one end of the volume to the other.

Avula et al. report errors per slice; the profile shows where along the head they come from.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from voxlate.errors import UsageError
from voxlate.evaluation.words import in_order, method_title, metric_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.boxes import looks_of
from voxlate.reporting.drawing.plots import Plots, better, count_along, handles_of
from voxlate.reporting.drawing.views import Plane

_ENDS: dict[Plane, tuple[str, str]] = {
    "axial": ("feet", "head"),
    "coronal": ("back", "front"),
    "sagittal": ("left", "right"),
}


@canvas.styled
def draw_slice_profile(
    profiles: Mapping[str, ArrayLike], *, metric: str = "mae", unit: str = "", plane: Plane = "axial", case: str = ""
) -> Figure:
    """One line per method over the slices of one case.

    Args:
        profiles: From a method to its error per slice, ``(slices,)``; NaN where a slice has no foreground.
        metric: What the errors are.
        unit: Their unit.
        plane: The plane of the slices.
        case: Name of the case.

    Raises:
        UsageError: If no slice of any method has a value.
    """
    lines = {method: np.asarray(profiles[method], dtype=np.float64) for method in in_order(profiles)}
    lines = {method: values for method, values in lines.items() if np.isfinite(values).any()}
    if not lines:
        raise UsageError("errors per slice", came="none", remedy="Give a case with a foreground.")
    plots = Plots(1, height_mm=40.0)
    [axes] = plots.axes
    looks = looks_of(lines)
    for method, values in lines.items():
        colour, marker, dash = looks[method]
        axes.plot(
            np.arange(1, values.size + 1),
            values,
            color=colour,
            linestyle=dash,
            linewidth=1.2,
            marker=marker,
            markersize=3.2,
            markevery=max(1, values.size // 12),
            label=method_title(method),
        )
    low, high = _ENDS[plane]
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    count_along(axes)
    axes.set_xlabel(f"{plane} slice (from {low} to {high})")
    axes.set_ylabel(metric_title(metric, unit=unit))
    plots.title(axes, f"Error per slice{f' of {case}' if case else ''}", better(metric))
    return plots.finish(key=handles_of(axes))
