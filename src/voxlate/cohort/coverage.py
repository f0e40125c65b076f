"""Coverage: what an image does not show, though its voxels reach there.

An image shows nothing where its file has no number (NaN), where it was padded, and in slices that are missing and were
filled with one value. Air, and the zeros around a stripped brain, are no padding. So two signs are asked for.

*A value that no tissue has.* The lowest value of an image, where it fills a part of the border: in CT below -1100 HU,
in other images at least as far below the next value as those reach. Voxels that were interpolated between it and the
rest count, too.

*A cut.* Whole slices of one value, or whole columns of the corners' value (what lies outside of the cylinder or the
turned box that was measured), count where the case's foreground goes on: it is there as large as beside them, and
beside them the image shows something in most of it. A stripped brain tapers off and is no cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import Kind
from voxlate.volume import Array, Volume

_Mask = NDArray[np.bool_]
Place = Callable[[Array], Array]
"""Brings voxels on the image's grid to the foreground's by the nearest voxel; 0 where the image does not reach."""
_NO_TISSUE_BELOW_HU = -1100.0
_PADS = 1e-3
_HIGH_PERCENT = 99.5
_GOES_ON = 0.5
_SHOWS = 0.5
_LARGE = 0.1
_DEEP_MM = 6.0
_DEEP_SHARE = 0.05
_THINNED = 8
_INSIDE, _EDGE, _BESIDE_SHOWN, _BESIDE_EMPTY = 1, 2, 3, 4


def not_shown(
    volume: Volume, *, foreground: _Mask, spacing_mm: tuple[float, float, float], place: Place
) -> _Mask | None:
    """The voxels of an image that show nothing, on its own grid; ``None`` if it shows all that is foreground.

    Args:
        volume: The image; of a label map, whose background is 0, only what its file has no number for counts.
        foreground: ``(i, j, k)``, where the case has tissue, on any grid.
        spacing_mm: Of the foreground's grid.
        place: From the image's grid to the foreground's.
    """

    def reached(part: _Mask) -> bool:
        return bool((place(part.view(np.uint8)).view(np.bool_) & foreground).any())

    kind = volume.contrast.kind if volume.contrast else "mr"
    found = np.zeros_like(volume.array, np.bool_) if volume.missing is None else volume.missing.copy()
    if kind != "label":
        padding = _padding(volume.array, kind)
        if padding is not None:
            found |= padding
        for axis in range(3):
            constant = _constant_slices(volume.array, axis)
            if reached(np.broadcast_to(_along(constant, axis), volume.shape)) and not constant.all():
                found |= _missing_slices(volume.array, axis, constant, foreground=foreground, place=place)
        known = found.copy()
        for axis in range(3):
            for part in _empty_columns(volume.array, axis, known=known, reached=reached):
                if _is_cut(place(part), foreground, spacing_mm=spacing_mm):
                    found |= (part == _INSIDE) | (part == _EDGE)
    return found if found.any() and reached(found) else None


def _padding(array: Array, kind: Kind) -> _Mask | None:
    """Voxels of a value that no tissue has, and those that were interpolated from it."""
    lowest = float(array.min())
    if lowest >= (_NO_TISSUE_BELOW_HU if kind == "ct" else 0):
        return None
    padding = np.asarray(array == lowest)
    faces = [np.moveaxis(padding, axis, 0)[end] for axis in range(3) for end in (0, -1)]  # take would copy it all
    if not any(face.any() for face in faces) or np.count_nonzero(padding) < max(2, _PADS * array.size):
        return None
    if kind == "ct":
        from scipy.ndimage import binary_propagation

        return np.asarray(binary_propagation(padding, mask=array < _NO_TISSUE_BELOW_HU))
    rest = array[~padding]
    if not rest.size:
        return None
    low, high = (float(value) for value in np.percentile(rest, (0, _HIGH_PERCENT)))
    return padding if low - lowest >= high - low else None


def _missing_slices(array: Array, axis: int, constant: _Mask, *, foreground: _Mask, place: Place) -> _Mask:
    """Whole slices of one value, those that ``constant`` tells, where the foreground goes on."""
    missing = np.zeros_like(array, np.bool_)
    slices = np.moveaxis(array, axis, 0)
    number = _along(np.arange(1, len(slices) + 1, dtype=np.uint16), axis)
    where = _inside(place(np.broadcast_to(number, array.shape)), foreground)
    shown = _inside(place((array != slices[int(constant.argmax())].flat[0]).view(np.uint8)), foreground)
    size = np.bincount(where, minlength=len(slices) + 1)[1:]
    filled = np.bincount(where, weights=shown, minlength=len(slices) + 1)[1:]
    held = np.flatnonzero(size)  # others lie outside the foreground, or between voxels of a coarser one
    for first, last in _runs(constant[held]):
        beside = [(first - 1, first), (last + 1, last)]
        cut = any(
            0 <= neighbour < len(held)
            and filled[held[neighbour]] >= _SHOWS * size[held[neighbour]]
            and size[held[end]] >= max(_GOES_ON * size[held[neighbour]], _LARGE * size.max())
            for neighbour, end in beside
        )
        if cut:
            block = slice(held[first], held[last] + 1)
            np.moveaxis(missing, axis, 0)[block][constant[block]] = True
    return missing


def _along(values: Array, axis: int) -> Array:
    """A value per slice, in the shape that lays it on a volume."""
    return values.reshape([-1 if other == axis else 1 for other in range(3)])


def _constant_slices(array: Array, axis: int) -> _Mask:
    """Whether each slice has one value all over; few of its voxels show it of most that have not."""
    slices = np.moveaxis(array, axis, 0)
    some = slices[:, ::_THINNED, ::_THINNED]
    constant = np.asarray((some == some[:, :1, :1]).all(axis=(1, 2)))
    constant[constant] = [bool((one == one.flat[0]).all()) for one in slices[constant]]
    return constant


def _inside(values: Array, where: _Mask) -> Array:
    """The values there, first axis fastest, as volumes lie in memory."""
    return values.ravel(order="F")[where.ravel(order="F")]


def _runs(flags: _Mask) -> Iterator[tuple[int, int]]:
    """First and last index of every run of true flags."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    yield from zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True)


def _empty_columns(
    array: Array, axis: int, *, known: _Mask, reached: Callable[[_Mask], bool]
) -> Iterator[NDArray[np.uint8]]:
    """For each value of the volume's corners, the columns that have no other one, and what lies beside them.

    What is known not to be shown is neither. Columns that do not reach the foreground are left out.
    """
    from scipy.ndimage import binary_dilation

    columns = np.moveaxis(array, axis, 2)
    ignored = np.moveaxis(known, axis, 2)
    holes = ignored.all(axis=2)
    corners = [(columns[i, j], ignored[i, j]) for i in (0, -1) for j in (0, -1)]
    for value in dict.fromkeys(line[~skip][0].item() for line, skip in corners if not skip.all()):
        if not any((line[~skip] == value).all() for line, skip in corners if not skip.all()):
            continue
        same = columns == value
        empty = (same | ignored if ignored.any() else same).all(axis=2) & ~holes
        whole = np.moveaxis(np.broadcast_to(empty[..., None], columns.shape), 2, axis)
        if not empty.any() or empty.all() or not reached(whole):
            continue
        edge, beside = empty & binary_dilation(~empty), ~empty & binary_dilation(empty)
        part = np.zeros_like(columns, np.uint8)
        part[empty], part[edge] = _INSIDE, _EDGE
        part[beside] = np.where(same[beside], _BESIDE_EMPTY, _BESIDE_SHOWN)
        part[ignored] = 0
        yield np.moveaxis(part, 2, axis)


def _is_cut(part: Array, foreground: _Mask, *, spacing_mm: tuple[float, float, float]) -> bool:
    """Whether the foreground goes on, and deep, in a part where an image that is shown beside it is empty."""
    counts = np.bincount(_inside(part, foreground), minlength=_BESIDE_EMPTY + 1)
    empty, beside = counts[_INSIDE] + counts[_EDGE], counts[_BESIDE_SHOWN] + counts[_BESIDE_EMPTY]
    if not empty or counts[_BESIDE_SHOWN] < _SHOWS * max(beside, 1) or counts[_EDGE] < _GOES_ON * beside:
        return False
    from scipy.ndimage import binary_erosion

    deep = binary_erosion(foreground, iterations=max(2, round(_DEEP_MM / float(np.mean(spacing_mm)))), border_value=1)
    return bool(np.count_nonzero(deep & ((part == _INSIDE) | (part == _EDGE))) >= _DEEP_SHARE * empty)
