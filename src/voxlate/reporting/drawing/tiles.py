"""Tiles: one picture of a row, its letters, outlines, scale bar and colour bar.

A tile's axes are in mm, so anisotropic voxels have their true shape on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from voxlate.evaluation.words import with_minus
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.views import Plane, marks

Picture = NDArray[Any]
Window = tuple[float, float]
UNSCORED = "#e9ebed"  # where the error is not read
ROOM_FOR_WORDS_MM = 32.0
LEAST_FOR_WORDS_MM = 23.0


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
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def write(figure: Figure, left: float, top: float, text: str, **style: Any) -> None:  # noqa: ANN401
    """Text at a place in mm from the figure's top left corner."""
    across, down = figure.get_size_inches() * canvas.MM_PER_INCH
    figure.text(left / across, 1 - top / down, text, **{"va": "top", "fontsize": canvas.TEXT, **style})


def _fit(axes: Axes, size_mm: tuple[float, float]) -> None:
    """Centres a picture of that size in the axes without stretching it."""
    width, height = size_mm
    left, bottom, right, top = axes.get_window_extent().extents
    aspect = (right - left) / (top - bottom)
    half_width, half_height = max(width, height * aspect) / 2, max(height, width / aspect) / 2
    axes.set_xlim(width / 2 - half_width, width / 2 + half_width)
    axes.set_ylim(height / 2 - half_height, height / 2 + half_height)


def draw_grey(axes: Axes, picture: Picture, *, window: Window, size_mm: tuple[float, float]) -> None:
    """A picture in greys, black at the lower end of the window and white at the upper."""
    axes.set_facecolor("black")
    axes.imshow(
        np.ma.masked_invalid(np.asarray(picture, dtype=np.float64)).filled(window[0]),
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        extent=(0, size_mm[0], 0, size_mm[1]),
        aspect="auto",
    )
    _fit(axes, size_mm)


def draw_colours(axes: Axes, picture: Picture, *, size_mm: tuple[float, float]) -> None:
    """A picture ``(rows, columns, 3)`` in its own colours, 0 to 1, each voxel a plain square."""
    axes.set_facecolor("black")
    axes.imshow(picture, extent=(0, size_mm[0], 0, size_mm[1]), aspect="auto", interpolation="nearest")
    _fit(axes, size_mm)


def draw_error(
    axes: Axes, error: Picture, *, limit: float, size_mm: tuple[float, float], mask: Picture | None = None
) -> None:
    """A signed error inside the mask, symmetric about zero; the part outside the mask is plain grey."""
    axes.set_facecolor(UNSCORED)
    inside = np.isfinite(error) if mask is None else np.isfinite(error) & (np.asarray(mask) != 0)
    axes.imshow(
        np.ma.masked_array(error, ~inside),
        cmap=canvas.ERROR_COLOURS,
        vmin=-limit,
        vmax=limit,
        extent=(0, size_mm[0], 0, size_mm[1]),
        aspect="auto",
        interpolation="nearest",
    )
    _fit(axes, size_mm)


def outline(axes: Axes, region: Picture, *, size_mm: tuple[float, float], colour: str, halo: str) -> None:
    """The border of a region as a thin line with a halo that keeps it visible on any ground."""
    inside = np.pad(np.asarray(region) != 0, 1).astype(float)
    if not inside.any():
        return
    rows, columns = region.shape
    x = (np.arange(-1, columns + 1) + 0.5) * size_mm[0] / columns
    y = (rows - np.arange(-1, rows + 1) - 0.5) * size_mm[1] / rows
    limits = axes.get_xlim(), axes.get_ylim()
    drawn = axes.contour(x, y, inside, levels=[0.5], colors=colour, linewidths=0.55)
    drawn.set_path_effects([withStroke(linewidth=1.2, foreground=halo)])
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def letter(axes: Axes, plane: Plane, *, dark: bool = False) -> None:
    """Marks the sides of a picture in its upper corners: R and L, or A and P."""
    for mark, x, side in zip(marks(plane), (0.025, 0.975), ("left", "right"), strict=True):
        caption(axes, mark, x=x, y=0.975, ha=side, va="top", dark=dark, fontweight="bold")


def caption(axes: Axes, text: str, *, x: float, y: float, dark: bool = False, **style: Any) -> None:  # noqa: ANN401
    """Small text in a picture, at fractions of its width and height, with a halo that keeps it legible."""
    ink, halo = (canvas.INK, canvas.PAPER) if dark else (canvas.PAPER, "#000000")
    effects = [withStroke(linewidth=1.2, foreground=halo)]
    style = {"fontsize": canvas.SMALL, **style}
    axes.text(x, y, text, transform=axes.transAxes, color=ink, path_effects=effects, **style)


def scale_bar(axes: Axes) -> None:
    """A bar of 5 cm, or of the largest round length that fits."""
    x, y = axes.get_xlim(), axes.get_ylim()
    width, height = x[1] - x[0], y[1] - y[0]
    length = next((size for size in (50.0, 20.0, 10.0, 5.0, 2.0, 1.0) if size <= 0.4 * width), width / 4)
    start, level = x[0] + 0.035 * width, y[0] + 0.03 * height
    axes.plot([start, start + length], [level, level], color=canvas.PAPER, linewidth=1.3, solid_capstyle="butt")
    text = f"{length / 10:g} cm" if length >= 10 else f"{length:.3g} mm"
    caption(axes, text, x=0.035, y=0.045, fontsize=canvas.SMALL - 1, va="bottom", ha="left")


def grey_bar(axes: Axes, *, window: Window, unit: str) -> None:
    """The grey scale with its ends and its middle; the unit stands above it."""
    drawn = axes.figure.colorbar(ScalarMappable(Normalize(*window), cmap="gray"), cax=axes)
    ticks = [window[0], (window[0] + window[1]) / 2, window[1]]
    drawn.set_ticks(ticks, labels=[tick_text(tick) for tick in ticks])
    axes.set_title(unit, fontsize=canvas.SMALL - 0.5, fontweight="normal", pad=5.5, loc="left")
    _finish(drawn)


def error_bar(axes: Axes, *, limit: float, height_mm: float) -> None:
    """The error scale; its pointed ends say that larger errors have the end's colour. A low one has no words beside."""
    mappable = ScalarMappable(Normalize(-limit, limit), cmap=canvas.ERROR_COLOURS)
    drawn = axes.figure.colorbar(mappable, cax=axes, extend="both", extendfrac=0.04)
    wordy = height_mm > LEAST_FOR_WORDS_MM
    ticks = [-limit, -limit / 2, 0.0, limit / 2, limit] if wordy else [-limit, 0.0, limit]
    drawn.set_ticks(ticks, labels=[tick_text(tick) for tick in ticks])
    dark, bright = ("too dark  ", "  too bright") if height_mm > ROOM_FOR_WORDS_MM else ("dark ", " bright")
    words = f"\N{LEFTWARDS ARROW} {dark}{bright} \N{RIGHTWARDS ARROW}"
    drawn.set_label(words if wordy else "", fontsize=canvas.SMALL, labelpad=2)
    _finish(drawn)


def _finish(drawn: Colorbar) -> None:
    drawn.ax.tick_params(length=1.5, pad=1.5, labelsize=canvas.SMALL - 0.5)
    drawn.outline.set_linewidth(0.4)
