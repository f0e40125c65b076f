"""Tiles: one picture of a row, its letters, outlines, scale bar and colour bar.

A tile's axes are in mm, so anisotropic voxels have their true shape on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from voxlate.evaluation.words import with_minus
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.lettering import width_mm
from voxlate.reporting.drawing.views import Plane, marks
from voxlate.volume import Array

Picture = Array
Window = tuple[float, float]
_UNSCORED = "#e9ebed"  # where the error is not read


def grey_window(values: Picture, mask: Picture | None = None) -> Window:
    """The range from the 0.5th to the 99.5th percentile inside the mask, rounded outwards to two digits.

    A range without truly negative values begins at zero, so that black means no signal.
    """
    inside = np.asarray(values[np.asarray(mask) != 0] if mask is not None and np.any(mask) else values, dtype=float)
    inside = inside[np.isfinite(inside)]
    if not inside.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(inside, [0.5, 99.5]))
    if low > -0.05 * high:
        low = 0.0
    step = 10.0 ** (np.floor(np.log10(max(high - low, 1e-12))) - 1)
    low, high = float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
    return (low, high) if high > low else (low, low + 1.0)


def bright(image: Picture) -> NDArray[np.bool_]:
    """Roughly what is no background, to place pictures and grey windows by."""
    low, high = np.percentile(image, [0.5, 99.5])
    return np.asarray(image > low + 0.05 * (high - low))


def error_limit(windows: Sequence[Window]) -> float:
    """The end of the error scale that all these pictures share: a quarter of the widest grey window, rounded up.

    Fixed by the images' range and not by the errors, so that a good and a bad model are drawn on the same scale.
    """
    quarter = max(high - low for low, high in windows) / 4
    step = 10.0 ** np.floor(np.log10(quarter))
    return float(next(step * nice for nice in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * nice >= quarter * 0.999))


def tick_text(value: float) -> str:
    """A number for an axis: four significant digits, a true minus sign."""
    return with_minus(f"{value:.4g}")


def place(figure: Figure, left: float, top: float, *, width: float, height: float) -> Axes:
    """Axes without frame at a place in mm from the figure's top left corner."""
    across, down = figure.get_size_inches() * canvas.MM_PER_INCH
    axes = figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.xaxis.set_visible(False)
    axes.yaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    return axes


class _Colouring(TypedDict, total=False):
    """How the values of a picture become colours."""

    cmap: str | Colormap
    vmin: float
    vmax: float
    interpolation: str


def _show(
    axes: Axes, picture: Picture, *, size_mm: tuple[float, float], ground: str, **style: Unpack[_Colouring]
) -> None:
    """A picture of that size in the middle of the axes, not stretched; what it leaves free has the ground's colour."""
    axes.set_facecolor(ground)
    axes.imshow(picture, extent=(0, size_mm[0], 0, size_mm[1]), aspect="auto", **style)
    left, bottom, right, top = axes.get_window_extent().extents
    width, height, aspect = *size_mm, (right - left) / (top - bottom)
    half_width, half_height = max(width, height * aspect) / 2, max(height, width / aspect) / 2
    axes.set_xlim(width / 2 - half_width, width / 2 + half_width)
    axes.set_ylim(height / 2 - half_height, height / 2 + half_height)


def draw_grey(axes: Axes, picture: Picture, *, window: Window, size_mm: tuple[float, float]) -> None:
    """A picture in greys, black at the lower end of the window and white at the upper; hatched where it is NaN."""
    values = np.ma.masked_invalid(np.asarray(picture, dtype=np.float64)).filled(window[0])
    _show(axes, values, size_mm=size_mm, ground="black", cmap="gray", vmin=window[0], vmax=window[1])
    nothing = np.isnan(np.asarray(picture, dtype=np.float64))
    if nothing.any():
        limits = axes.get_xlim(), axes.get_ylim()
        inside = np.pad(nothing, 1).astype(float)
        hatch: Style = {"levels": [0.5, 1.5], "hatches": ["//////"], "colors": "none"}
        axes.contourf(*edges_mm(nothing.shape, size_mm), inside, **hatch).set_edgecolor(_UNSCORED)
        axes.set(xlim=limits[0], ylim=limits[1])


def draw_colours(axes: Axes, picture: Picture, *, size_mm: tuple[float, float]) -> None:
    """A picture ``(rows, columns, 3)`` in its own colours, 0 to 1, each voxel a plain square."""
    _show(axes, picture, size_mm=size_mm, ground="black", interpolation="nearest")


def draw_error(
    axes: Axes, error: Picture, *, limit: float, size_mm: tuple[float, float], mask: Picture | None = None
) -> None:
    """A signed error inside the mask, symmetric about zero; the part outside the mask is plain grey."""
    inside = np.isfinite(error) if mask is None else np.isfinite(error) & (np.asarray(mask) != 0)
    scale: _Colouring = {"cmap": canvas.ERROR_COLOURS, "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    _show(axes, np.ma.masked_array(error, ~inside), size_mm=size_mm, ground=_UNSCORED, **scale)


def edges_mm(shape: tuple[int, ...], size_mm: tuple[float, float]) -> tuple[Picture, Picture]:
    """Coordinates in mm of the voxel centres of a slice with one voxel around it, for contours."""
    rows, columns = shape
    x = (np.arange(-1, columns + 1) + 0.5) * size_mm[0] / columns
    return x, (rows - np.arange(-1, rows + 1) - 0.5) * size_mm[1] / rows


def outline(
    axes: Axes, region: Picture, *, size_mm: tuple[float, float], colour: str, halo: str, **style: object
) -> None:
    """The border of a region as a thin line with a halo that keeps it visible on any ground; contours' style."""
    if not np.any(region):
        return
    inside, limits = np.pad(np.asarray(region) != 0, 1).astype(float), (axes.get_xlim(), axes.get_ylim())
    look: Style = {"levels": [0.5], "linewidths": 0.6, **style}
    drawn = axes.contour(*edges_mm(region.shape, size_mm), inside, colors=colour, **look)
    drawn.set_path_effects([withStroke(linewidth=1.25, foreground=halo)])
    axes.set(xlim=limits[0], ylim=limits[1])


def mark(axes: Axes, plane: Plane, *, dark: bool = False, scaled: bool = False) -> None:
    """Marks the sides of a picture in its upper corners: R and L, or A and P; ``scaled`` adds scale bar and plane."""
    for letter, x, side in zip(marks(plane), (0.025, 0.975), ("left", "right"), strict=True):
        _caption(axes, letter, x=x, y=0.975, ha=side, va="top", dark=dark, fontweight="bold")
    if scaled:
        _scale_bar(axes)
        _caption(axes, plane, x=0.975, y=0.03, ha="right", va="bottom")


def _caption(axes: Axes, text: str, *, x: float, y: float, dark: bool = False, **more: object) -> None:
    """Small text in a picture, at fractions of its width and height, with a halo that keeps it legible."""
    ink, halo = (canvas.INK, canvas.PAPER) if dark else (canvas.PAPER, "#000000")
    effects = [withStroke(linewidth=1.2, foreground=halo)]
    style: Style = {"fontsize": canvas.SMALL, **more}
    axes.text(x, y, text, transform=axes.transAxes, color=ink, path_effects=effects, **style)


def _scale_bar(axes: Axes) -> None:
    """A bar of 5 cm, or of the largest round length that fits."""
    x, y = axes.get_xlim(), axes.get_ylim()
    width, height = x[1] - x[0], y[1] - y[0]
    length = next((size for size in (50.0, 20.0, 10.0, 5.0, 2.0, 1.0) if size <= 0.4 * width), width / 4)
    start, level = x[0] + 0.035 * width, y[0] + 0.03 * height
    axes.plot([start, start + length], [level, level], color=canvas.PAPER, linewidth=1.3, solid_capstyle="butt")
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:.3g} mm"
    _caption(axes, text, x=0.035, y=0.045, fontsize=canvas.SMALL - 1, va="bottom", ha="left")


def grey_bar(axes: Axes, *, window: Window, unit: str) -> None:
    """The grey scale with its ends and its middle; the unit stands above it."""
    axes.yaxis.set_visible(True)
    drawn = axes.figure.colorbar(ScalarMappable(Normalize(*window), cmap="gray"), cax=axes)
    ticks = [window[0], (window[0] + window[1]) / 2, window[1]]
    drawn.set_ticks(ticks, labels=[tick_text(tick) for tick in ticks])
    axes.set_title(unit, fontsize=canvas.SMALL - 0.5, fontweight="normal", pad=5.5, loc="left", y=1.0)
    _finish(drawn)


def error_bar(axes: Axes, *, limit: float, words: tuple[str, str] = ("too dark", "too bright")) -> None:
    """The error scale; its pointed ends say that larger errors have the end's colour.

    Args:
        axes: Narrow ones.
        limit: The end of the scale.
        words: What errors below and above 0 are, written beside it as far as it is long enough.
    """
    height_mm = axes.get_window_extent().height / axes.figure.dpi * canvas.MM_PER_INCH
    mappable = ScalarMappable(Normalize(-limit, limit), cmap=canvas.ERROR_COLOURS)
    axes.yaxis.set_visible(True)
    drawn = axes.figure.colorbar(mappable, cax=axes, extend="both", extendfrac=0.04)
    full = f"\N{LEFTWARDS ARROW} {words[0]}  {words[1]} \N{RIGHTWARDS ARROW}"
    label = next(
        (text for text in (full, full.replace("too ", "")) if width_mm(text, size=canvas.SMALL) < height_mm), ""
    )
    ticks = [-limit, -limit / 2, 0.0, limit / 2, limit] if label else [-limit, 0.0, limit]
    drawn.set_ticks(ticks, labels=[tick_text(tick) for tick in ticks])
    drawn.set_label(label, fontsize=canvas.SMALL, labelpad=2)
    _finish(drawn)


def _finish(drawn: Colorbar) -> None:
    drawn.ax.tick_params(length=1.5, pad=1.5, labelsize=canvas.SMALL - 0.5)
    drawn.outline.set_linewidth(0.4)
