"""Voxel values: from stored to physical when reading, from arrays to a type that holds them when writing.

Reading. ``value = stored * scl_slope + scl_inter``. One rule for the slope: 0 (the standard's mark) and NaN (what
several writers put) mean unscaled, and the intercept is then ignored; any other slope and its intercept must be
finite, the slope between 1e-30 and 1e30 in magnitude. No value may be beyond 1e37, scaled or not: what is computed is
kept in float32. Unscaled integers stay integers; scaled values are computed in float64 and kept as float32 (float64
if stored as float64).

A label map holds whole numbers. Where every value lies within 1e-3 of one, or within half a step of what was stored
under a slope (a program that wrote real numbers into an integer file), they are rounded, and the reader says so.

Writing never takes over the type of the source: reals become float32, CT numbers int16 (rounded half to even,
checked), labels the smallest unsigned integer, other integers stay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.config.plan import Reading, how_to_accept
from voxlate.errors import ReadError, WriteError
from voxlate.io.formats.layout import Layout
from voxlate.io.formats.stream import DAMAGED, open_stream
from voxlate.volume import Array, Volume

_SLOPE_RANGE = (1e-30, 1e30)
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_SMALLEST, _LARGEST = 1e-42, 1e37
_FITTING = f"values that a float32 holds with room for sums, from {_SMALLEST:g} to {_LARGEST:g} in magnitude"
_WHOLE_TOLERANCE = 1e-3
_LONGEST_STEP = 0.2
"""Steps of a scaled file up to this are rounding; longer ones could hide values that were interpolated."""
Voxels = Array


def read_stored(layout: Layout) -> Voxels:
    """The voxels as stored, ``(i, j, k)`` in the machine's byte order, i running fastest in memory.

    Raises:
        ReadError: If the data are cut short, damaged, or longer than the header says.
    """
    if layout.decode is not None:
        return layout.decode()
    try:
        buffer = np.empty(layout.voxel_bytes, np.uint8)
    except MemoryError as error:
        remedy = "Free memory, or crop the image."
        raise ReadError(
            f"memory for {layout.voxel_bytes} bytes", came="too little", where=layout.data, remedy=remedy
        ) from error
    with open_stream(layout.data, encoding=layout.encoding, offset=layout.file_offset) as stream:
        stream.skip(layout.stream_offset)
        filled = stream.readinto(buffer.data)
        if filled < len(buffer):
            raise ReadError(
                f"{len(buffer)} bytes of voxels for sizes {layout.sizes}",
                came=str(filled),
                where=layout.data,
                remedy=DAMAGED,
            )
        if not layout.has_footer:
            stream.finish()
    stored = buffer.view(layout.dtype).reshape(layout.shape, order="F")
    return stored if layout.dtype.isnative else stored.byteswap(inplace=True).view(layout.dtype.newbyteorder("="))


def physical(stored: Voxels, layout: Layout, *, reading: Reading) -> tuple[Voxels, list[str], NDArray[np.bool_] | None]:
    """The values that the stored ones stand for, finite, what was accepted to get them, and which of them are made up.

    Raises:
        ReadError: If the scaling is unusable, or a value is not finite and ``reading`` does not accept that.
    """
    slope, intercept = _scaling(layout)
    notes: list[str] = []
    missing: NDArray[np.bool_] | None = None
    if stored.dtype.kind == "f":
        stored, notes, missing = _finite(stored, layout, reading=reading)
    if layout.padding is not None:
        stored, notes, missing = _unpadded(stored, layout.padding)
    is_scaled = (slope, intercept) != (1.0, 0.0)
    if is_scaled or stored.dtype.kind == "f":
        _check_size(stored, slope, intercept, where=layout.header if is_scaled else layout.data)
    if not is_scaled:
        return stored, notes, missing
    scaled = np.empty_like(stored, dtype=np.float64 if stored.dtype == np.float64 else np.float32)
    for k in range(stored.shape[2]):
        scaled[:, :, k] = stored[:, :, k].astype(np.float64) * slope + intercept
    return scaled, notes, missing


def _unpadded(stored: Voxels, padding: tuple[float, float]) -> tuple[Voxels, list[str], NDArray[np.bool_] | None]:
    """The values with those that mean "nothing here" replaced by the least of the others, and where they were."""
    missing = (stored >= padding[0]) & (stored <= padding[1])
    if not missing.any() or missing.all():
        return stored, [], None
    count = int(np.count_nonzero(missing))
    least = stored[~missing].min()
    return np.where(missing, least, stored), [f"{count} voxels of padding were set to {least:g}."], missing


def _check_size(stored: Voxels, slope: float, intercept: float, *, where: object) -> None:
    """Refuses values that the float32 of everything that is computed does not hold, or holds with no room for sums."""
    ends = [float(stored.min()) * slope + intercept, float(stored.max()) * slope + intercept]
    if max(map(abs, ends)) <= _LARGEST and (ends == [0, 0] or max(map(abs, ends)) >= _SMALLEST):
        return
    came = f"values from {ends[0]:.3g} to {ends[1]:.3g}"
    if (slope, intercept) != (1.0, 0.0):
        raise ReadError(_FITTING, came=f"{came} by scl_slope {slope:.6g}", where=where, remedy=_SLOPE_REMEDY)
    remedy = "No scanner measures them: find out which program wrote them, and repair the image."
    raise ReadError(_FITTING, came=came, where=where, remedy=remedy)


_SLOPE_REMEDY = "Repair scl_slope and scl_inter; 0 or NaN mean unscaled."


def _scaling(layout: Layout) -> tuple[float, float]:
    slope, intercept = layout.slope, layout.intercept
    if slope == 0 or np.isnan(slope):
        return 1.0, 0.0
    low, high = _SLOPE_RANGE
    if not (low <= abs(slope) <= high and abs(intercept) <= high):
        came = f"scl_slope {slope:.6g}, scl_inter {intercept:.6g}"
        raise ReadError(f"a finite scaling of at most {high:g}", came=came, where=layout.header, remedy=_SLOPE_REMEDY)
    return slope, intercept


def _finite(stored: Voxels, layout: Layout, *, reading: Reading) -> tuple[Voxels, list[str], NDArray[np.bool_] | None]:
    finite = np.isfinite(stored)
    if finite.all():
        return stored, [], None
    count = stored.size - int(np.count_nonzero(finite))
    if reading.on_nonfinite == "refuse":
        raise ReadError(
            "finite voxels",
            came=f"{count} of {stored.size} that are NaN or infinite",
            where=layout.data,
            remedy=f"Repair the image, or accept it with {how_to_accept('on_nonfinite', 'zero')}.",
        )
    filled = np.where(finite, stored, stored.dtype.type(0))
    return filled, [f"{count} NaN or infinite voxels were set to 0."], ~finite


def whole_labels(labels: Voxels, layout: Layout) -> tuple[Voxels, list[str]]:
    """The values of a label map with rounding undone, and a sentence about it; others are left as they are.

    Args:
        labels: Physical values, finite.
        layout: Of the file; its slope tells how coarse the stored values are.
    """
    if labels.dtype.kind != "f":
        return labels, []
    near = np.rint(labels)
    if np.array_equal(labels, near):
        return labels, []
    step = abs(_scaling(layout)[0]) if layout.dtype.kind != "f" else 0.0
    apart = np.abs(labels - near)
    furthest = float(apart.max())
    if furthest > max(_WHOLE_TOLERANCE, 0.51 * step if step <= _LONGEST_STEP else 0.0):
        return labels, []
    count, first = int(np.count_nonzero(apart)), float(labels[apart != 0][0])
    return near, [
        f"{count} label values lay up to {furthest:.2g} beside a whole number (the first {first:.9g}) and were rounded."
    ]


def storable(volume: Volume, *, where: object) -> Voxels:
    """The voxels in the type that a file gets.

    Raises:
        WriteError: If a value is not finite, does not fit, or a label is not a whole number from 0 up.
    """
    array = volume.array
    if array.dtype.kind not in "fiub":
        remedy = "Give real numbers, integers or booleans."
        raise WriteError("a real type of voxel", came=str(array.dtype), where=where, remedy=remedy)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        remedy = "Find out where they come from; a NaN is never written."
        raise WriteError("finite voxels", came=f"{count} that are not", where=where, remedy=remedy)
    kind = volume.contrast.kind if volume.contrast else None
    if kind == "label":
        return _labels(array, where)
    if kind == "ct":
        return _hounsfield(array, where)
    if array.dtype.kind == "f":
        _check_range(array, -_FLOAT32_MAX, _FLOAT32_MAX, what="values that fit a float32", where=where)
        return array.astype(np.float32, copy=False)
    kind_kept = np.dtype(np.uint8) if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    return array.astype(kind_kept, copy=False)


def _labels(array: Voxels, where: object) -> Voxels:
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        remedy = "Use nearest-neighbour interpolation for labels, or give the contrast that this image has."
        raise WriteError("whole numbers in a label map", came="fractions", where=where, remedy=remedy)
    _check_range(array, 0, 2**32 - 1, what="labels from 0 to 4294967295", where=where)
    return array.astype(np.min_scalar_type(int(array.max())), copy=False)


def _hounsfield(array: Voxels, where: object) -> Voxels:
    rounded = np.rint(array) if array.dtype.kind == "f" else array
    _check_range(rounded, -32768, 32767, what="CT numbers that fit an int16", where=where)
    return rounded.astype(np.int16, copy=False)


def _check_range(array: Voxels, low: float, high: float, *, what: str, where: object) -> None:
    least, most = array.min().item(), array.max().item()
    if least < low or most > high:
        remedy = "Check the unit and the scaling of the values."
        raise WriteError(what, came=f"values from {least:g} to {most:g}", where=where, remedy=remedy)
