"""Strips: a few slices of a case, each with its pictures beside each other, for a page in which a reader scrolls.

A strip is one small JPEG without letters; titles, sides and the number of the slice are written by the page. Beside a
figure it is for looking only: nothing is measured in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.tiles import Window
from voxlate.reporting.drawing.views import PLANES, Cut, Plane, SliceChoice
from voxlate.volume import Array, extent

Colours = NDArray[np.uint8]
"""A picture ``(rows, columns, 3)``."""
_MOST_SLICES = 7
_SIDE = 128  # pixels; the longer side of a picture
_GAP = 2  # pixels between pictures
_QUALITY = 75
_OPACITY = 0.6
_NOTHING = np.array([96, 96, 120], np.uint8)
_UNSCORED = np.array([233, 235, 237], np.uint8)


@dataclass(frozen=True)
class Strips:
    """The slices of one case, from one end to the other.

    Attributes:
        plane: In which they were cut.
        indices: Of each slice, from 0.
        count: Number of slices of the volume.
        first: Which of them is shown first.
        images: Of each slice a JPEG.
    """

    plane: Plane
    indices: tuple[int, ...]
    count: int
    first: int
    images: tuple[bytes, ...]

    def to_arrays(self) -> dict[str, Array]:
        """To be kept beside the scores of the case; ``from_arrays`` reads them."""
        return {
            "strips": np.frombuffer(b"".join(self.images), np.uint8),
            "strips_ends": np.cumsum([len(image) for image in self.images]),
            "strips_slices": np.array([self.count, self.first, *self.indices]),
            "strips_plane": np.array(self.plane),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Strips | None:
        """What was kept of a case; ``None`` if it has none."""
        if "strips" not in arrays:
            return None
        data, ends = arrays["strips"].tobytes(), [int(end) for end in arrays["strips_ends"]]
        count, first, *indices = (int(value) for value in arrays["strips_slices"])
        [plane] = [plane for plane in PLANES if plane == str(arrays["strips_plane"])]
        images = tuple(data[start:end] for start, end in zip([0, *ends], ends, strict=False))
        return cls(plane, tuple(indices), count, first, images)


@dataclass(frozen=True, eq=False)
class Pane:
    """One of the pictures beside each other.

    Attributes:
        colours: ``(rows, columns, 3)``.
        smooth: Whether it is interpolated where it is enlarged.
        areas: From a colour to the area ``(rows, columns)`` that has it, shining through; later ones lie above.
        region: What a line encloses, of the same shape.
        line: Its colour.
    """

    colours: Colours
    smooth: bool = True
    areas: Mapping[str, Array] = field(default_factory=dict)
    region: Array | None = None
    line: str = canvas.OUTLINE

    def at(self, size: tuple[int, int]) -> Colours:
        """The picture at that width and height in pixels, with its areas and its line."""
        drawn = _resized(self.colours, size, smooth=self.smooth).astype(np.float64)
        ground = drawn.copy()
        for colour, area in self.areas.items():
            inside = _region_at(area, size)
            drawn[inside] = (1 - _OPACITY) * ground[inside] + _OPACITY * _bytes(colour)
        if self.region is not None:
            inside = _region_at(self.region, size)
            drawn[binary_dilation(inside) & ~inside] = _bytes(self.line)
        return np.rint(drawn).astype(np.uint8)


def cut_strips(cut: Cut, pictures: Callable[[Cut], Sequence[Pane]], *, region: Array | None) -> Strips:
    """A strip of the slice that a figure shows, and of others on both sides of it.

    Args:
        cut: The slice that was chosen by rule.
        pictures: What stands beside each other in a slice.
        region: ``(i, j, k)``; the slices are spread over what is not 0; ``None`` for the whole volume.
    """
    axis = PLANES[cut.choice.plane]
    around = None if region is None else extent(region)
    sides = slice(0, cut.count) if around is None else around[axis]
    indices = _spread(sides.start, sides.stop, chosen=cut.choice.index)
    images = []
    for index in indices:
        there = Cut(SliceChoice(cut.choice.plane, index, ""), cut.box, cut.spacing_mm, cut.count)
        images.append(_join(pictures(there), size_mm=there.laid.size_mm))
    return Strips(cut.choice.plane, indices, cut.count, indices.index(cut.choice.index), tuple(images))


def _spread(start: int, stop: int, *, chosen: int) -> tuple[int, ...]:
    """At most ``_MOST_SLICES`` from the first to the last, equally far apart, the chosen one among them."""
    even = np.unique(np.linspace(start, stop - 1, min(_MOST_SLICES, stop - start)).round().astype(int))
    nearest = int(np.abs(even - chosen).argmin())
    return tuple(sorted({*(int(index) for place, index in enumerate(even) if place != nearest), chosen}))


def _join(panes: Sequence[Pane], *, size_mm: tuple[float, float]) -> bytes:
    scale = _SIDE / max(size_mm)
    size = (max(8, round(size_mm[0] * scale)), max(8, round(size_mm[1] * scale)))
    joined = Image.new("RGB", (len(panes) * (size[0] + _GAP) - _GAP, size[1]))
    for place, pane in enumerate(panes):
        joined.paste(Image.fromarray(pane.at(size)), (place * (size[0] + _GAP), 0))
    buffer = io.BytesIO()
    joined.save(buffer, format="JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def in_greys(picture: Array, *, window: Window) -> Colours:
    """A slice in greys, as ``tiles.draw_grey`` has them; bluish where it is NaN."""
    values = np.asarray(picture, dtype=np.float64)
    low, high = window
    nothing = np.isnan(values)
    share = np.clip((np.where(nothing, low, values) - low) / ((high - low) or 1.0), 0.0, 1.0)
    greys = np.repeat(np.rint(255 * share).astype(np.uint8)[..., None], 3, axis=-1)
    greys[nothing] = _NOTHING
    return greys


def in_error_colours(error: Array, *, limit: float, mask: Array | None) -> Colours:
    """A signed error in the colours of ``tiles.draw_error``; plain grey outside the mask and where it is NaN."""
    values = np.asarray(error, dtype=np.float64)
    inside = np.isfinite(values) if mask is None else np.isfinite(values) & (np.asarray(mask) != 0)
    share = np.clip((np.where(inside, values, 0.0) / limit + 1) / 2, 0.0, 1.0)
    colours: Colours = _error_palette()[np.rint(255 * share).astype(int)]
    colours[~inside] = _UNSCORED
    return colours


@cache
def _error_palette() -> Colours:
    return np.asarray(np.rint(255 * canvas.ERROR_COLOURS(np.linspace(0, 1, 256))[:, :3]), dtype=np.uint8)


def _resized(picture: Colours, size: tuple[int, int], *, smooth: bool) -> Colours:
    """At that width and height in pixels; what is not smooth has sharp voxels, unless there are more than pixels."""
    rule = Image.Resampling.BILINEAR if smooth or picture.shape[0] > size[1] else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize(size, rule))


def _region_at(region: Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    inside = Image.fromarray(np.where(np.asarray(region) != 0, 255, 0).astype(np.uint8))
    return np.asarray(inside.resize(size, Image.Resampling.BILINEAR)) > 127


def _bytes(colour: str) -> NDArray[np.float64]:
    return np.asarray(np.rint(255 * np.array(to_rgb(colour))), dtype=np.float64)
