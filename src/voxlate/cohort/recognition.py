"""Recognition: whether a scan is one of which there is a sketch, though its grey values or its grid were changed.

A scan that was rounded, rescaled, given another gamma, inverted, cropped, padded or resampled has another digest. What
outlasts all of these is compared in correlation: the *ranks* of a sketch, without what is as coarse as an outline, and
its *texture*, in standard deviations of what lies around each place. People are alike in the first (up to 0.91 in whole
heads); two visits of one person are never placed as exactly as one scan is, and reach 0.79 at most in the second.

A scan is laid where the sketch lies in the world, or where it fits best, moved in small steps, never turned. It is the
same where the mean of both is above 0.9. Measured (``docs/results.md``): images of different people reach 0.69, label
maps 0.81, two visits of one person 0.87, two contrasts of one visit 0.88; scans that were changed in any of these ways,
or cropped, resampled and given another gamma at once, 0.92 and more. What lies on a coarser grid than its sketch is not
known, nor is a phantom of 32 voxels along each edge that was changed in three ways at once (0.84): its voxels are so
wide that resampling takes much of what is compared, and a lower limit would call two contrasts of one visit the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.lattice import Cube, band_passed, lay, smoothed
from voxlate.cohort.preflight.measures.ranks import average_ranks
from voxlate.cohort.sketch import EDGE, POINTS, UNKNOWN, Sketch
from voxlate.config.plan import Reading
from voxlate.errors import VoxlateError
from voxlate.io import read_volume
from voxlate.volume import Array, Volume

_SAME = 0.9
_PLACED = 0.8
_FINER = 3
_WIDE, _STEP_RATIO = 1.5, 1.1
_SD = 4 / 3
_RANKS, _TEXTURE = 15, 7
_TEXTURE_SD, _FLOOR = 3.0, 0.1
_LEAST_PLACES, _LEAST_POINTS, _LEAST_SHARE = 100, 200, 0.4
_LONGEST = 128
_CLIPPED = (0.5, 99.5)
_LARGEST_SEARCH = 96
_LOOKED_AT, _REFINED = 8, 2
_COARSE_MOVES, _FINE_MOVES = (0.5, 0.25, 0.12), (1.0, 0.5, 0.25, 0.12)
_WAYS = np.concatenate([np.eye(3), -np.eye(3)])
_Vector = NDArray[np.float64]
_Spectrum = NDArray[np.complex128]


class _Scan:
    """A scan made ready to be laid on lattices: without padding, clipped, at most 128 voxels along an edge."""

    def __init__(self, volume: Volume) -> None:
        box = _without_padding(volume)
        factor = [-(-edge // _LONGEST) for edge in box.shape]
        i, j, k = (edge // by for edge, by in zip(box.shape, factor, strict=True))
        whole = box.array[: i * factor[0], : j * factor[1], : k * factor[2]].astype(np.float32)
        blocks = whole.reshape(i, factor[0], j, factor[1], k, factor[2]).mean(axis=(1, 3, 5))
        self.array = np.clip(blocks, *np.percentile(blocks, _CLIPPED)).astype(np.float32)
        self.affine = np.array(box.affine, dtype=np.float64)
        self.affine[:3, 3] += self.affine[:3, :3] @ ((np.array(factor) - 1) / 2)
        self.affine[:3, :3] *= factor
        self._smooth: dict[float, Cube] = {}
        self._spectra: dict[float, tuple[_Spectrum, _Vector, int] | None] = {}

    def at(self, centre: _Vector, step_mm: float, *, edge: int) -> Cube:
        """On a lattice; NaN where it does not reach."""
        if step_mm not in self._smooth:
            self._smooth[step_mm] = smoothed(self.array, self.affine, step_mm)
        smooth = self._smooth[step_mm]
        return lay(smooth, self.affine, centre=centre, step_mm=step_mm, edge=edge, fill=np.nan)

    def texture_at(self, centre: _Vector, step_mm: float) -> Cube:
        """How each value differs from its surroundings, flat, on the finer lattice of a sketch with this step."""
        values = self.at(centre, step_mm / _FINER, edge=EDGE * _FINER)
        known = ~np.isnan(values)
        if not known.any():
            return values.ravel()
        return np.where(known, _scaled(band_passed(np.nan_to_num(values), known, _SD), known), np.nan).ravel()

    def shifts(self, sketch: Sketch) -> tuple[float, _Vector] | None:
        """How well the sketch fits at the best of all shifts, to compare sketches by, and where its centre is then."""
        step = sketch.step_mm
        if step not in self._spectra:
            self._spectra[step] = self._spectrum(step)
        known = self._spectra[step]
        if known is None:
            return None
        spectrum, first, edge = known
        pattern = _pattern(sketch)
        product = fft.irfftn(spectrum * np.conj(fft.rfftn(pattern, (edge,) * 3)), (edge,) * 3)
        best = int(np.abs(product).argmax())
        place = np.array(np.unravel_index(best, product.shape))
        place = np.where(place >= edge - EDGE, place - edge, place)
        fit = abs(float(product.ravel()[best])) / max(float(np.linalg.norm(pattern)), 1e-9)
        return fit, np.asarray(first + step * place)

    def _spectrum(self, step: float) -> tuple[_Spectrum, _Vector, int] | None:
        """Of the whole scan on a lattice of this step, and where the centre of a sketch is that is not shifted."""
        corners = np.array(np.meshgrid(*((0, edge - 1) for edge in self.array.shape))).reshape(3, -1)
        world = self.affine[:3, :3] @ corners + self.affine[:3, 3:]
        edge = int(np.ceil(float(np.ptp(world, axis=1).max()) / step)) + 2
        if edge > _LARGEST_SEARCH:
            return None
        middle = (world.min(axis=1) + world.max(axis=1)) / 2
        values = self.at(middle, step, edge=edge)
        known = ~np.isnan(values)
        pattern = np.where(known, _scaled(band_passed(np.nan_to_num(values), known, _SD), known), 0)
        room = fft.next_fast_len(edge + EDGE, real=True)
        return fft.rfftn(pattern, (room,) * 3), np.asarray(middle + (EDGE - edge) / 2 * step), room


def _sketch_of(volume: Volume) -> Sketch | None:
    """The sketch of a scan; ``None`` of one that shows too little to be known again."""
    portrait = Binned(volume).portrait()
    frame = portrait.frame()
    if frame is None:
        return None
    centre, radius = frame[0].astype(np.float32).astype(np.float64), frame[1]  # as it is kept
    step = float(np.float32(_STEP_RATIO ** round(np.log(2 * _WIDE * radius / EDGE) / np.log(_STEP_RATIO))))
    scan = _Scan(volume)
    values = scan.at(centre, step, edge=EDGE)
    inside = smoothed(portrait.steps > 0, portrait.affine, step)
    shown = (lay(inside, portrait.affine, centre=centre, step_mm=step, edge=EDGE) > 0.5) & ~np.isnan(values)
    if np.count_nonzero(shown) < _LEAST_PLACES:
        return None
    ranks = np.where(shown, 1 + np.rint((_RANKS - 1) * (_ranked(values, shown) + 0.5)), 0).astype(np.uint8)
    found = scan.texture_at(centre, step)[_points(ranks > 0)]
    known = ~np.isnan(found)
    if np.count_nonzero(known) < _LEAST_POINTS:
        return None
    levels = np.rint(np.nan_to_num(found) * _TEXTURE / _TEXTURE_SD)
    return Sketch(centre, step, ranks, np.where(known, levels, UNKNOWN).astype(np.int8))


def is_sketched(path: Path, sketches: Sequence[Sketch], *, reading: Reading) -> bool:
    """Whether a file holds a scan of which there is a sketch; false where it cannot be read."""
    if not sketches:
        return False
    try:
        state = path.stat()
        return _found_in(path, state.st_size, state.st_mtime_ns, reading, tuple(sketches))
    except (VoxlateError, OSError):
        return False


def shows_sketched(volume: Volume, sketches: Sequence[Sketch]) -> bool:
    """Whether an image in memory is a scan of which there is a sketch."""
    if not sketches or volume.array.min() == volume.array.max():
        return False
    scan = _Scan(volume)
    return any(_is_same(scan, sketch, centre) for sketch, centre in _placed(scan, sketches))


def file_sketch(path: Path, *, reading: Reading) -> str | None:
    """The sketch of a file's scan as text; ``None`` if it cannot be read as ``reading`` says, or shows too little."""
    try:
        state = path.stat()
        return _text_of(path, state.st_size, state.st_mtime_ns, reading)
    except (VoxlateError, OSError):
        return None


@lru_cache(maxsize=4096)
def _text_of(path: Path, _size: int, _changed_ns: int, reading: Reading) -> str | None:
    found = _sketch_of(read_volume(path, reading=reading))
    return None if found is None else found.to_text()


@lru_cache(maxsize=4096)
def _found_in(path: Path, _size: int, _changed_ns: int, reading: Reading, sketches: tuple[Sketch, ...]) -> bool:
    """An evaluation asks more than once: a file is looked at again only if it has changed."""
    return shows_sketched(read_volume(path, reading=reading), sketches)


def _placed(scan: _Scan, sketches: Sequence[Sketch]) -> list[tuple[Sketch, _Vector]]:
    """The few sketches that fit best, each with its centre in the scan: where it lies in the world, or moved."""
    found = [(_by_ranks(scan, sketch, sketch.centre_mm), sketch, sketch.centre_mm) for sketch in sketches]
    shifted = [(*moved, sketch) for sketch in sketches if (moved := scan.shifts(sketch)) is not None]
    for _, centre, sketch in sorted(shifted, key=lambda one: -one[0])[:_LOOKED_AT]:
        found.append((_by_ranks(scan, sketch, centre), sketch, centre))
    best = sorted(found, key=lambda one: -one[0])[:_REFINED]
    return [(sketch, centre) for _, sketch, centre in best]


def _is_same(scan: _Scan, sketch: Sketch, centre: _Vector) -> bool:
    """Whether the mean of both correlations says so, where the scan is or where it was moved to."""
    by_ranks, by_texture = partial(_by_ranks, scan, sketch), partial(_by_texture, scan, sketch)
    if by_ranks(centre) + by_texture(centre) > 2 * _SAME:
        return True
    ranks, centre = _climb(by_ranks, centre, sketch.step_mm, _COARSE_MOVES)
    if ranks < _PLACED:
        return False
    texture, _ = _climb(by_texture, centre, sketch.step_mm / _FINER, _FINE_MOVES)
    return ranks + texture > 2 * _SAME


def _climb(
    score: Callable[[_Vector], float], centre: _Vector, step_mm: float, moves: Sequence[float]
) -> tuple[float, _Vector]:
    """The highest score, and where it is, of ever smaller moves along the axes."""
    best = score(centre)
    for move in np.concatenate([by * step_mm * _WAYS for by in moves]):
        value = score(centre + move)
        if value > best:
            best, centre = value, centre + move
    return best, centre


def _by_ranks(scan: _Scan, sketch: Sketch, centre: _Vector) -> float:
    values, shown = scan.at(centre, sketch.step_mm, edge=EDGE), sketch.ranks > 0
    both = shown & ~np.isnan(values)
    if np.count_nonzero(both) < _LEAST_SHARE * np.count_nonzero(shown):
        return 0.0
    one = band_passed(_ranked(sketch.ranks, both), both, _SD)[both]
    other = band_passed(_ranked(values, both), both, _SD)[both]
    return _correlation(one, other)


def _by_texture(scan: _Scan, sketch: Sketch, centre: _Vector) -> float:
    found = scan.texture_at(centre, sketch.step_mm)[_points(sketch.ranks > 0)]
    both = ~np.isnan(found) & (sketch.texture != UNKNOWN)
    if np.count_nonzero(both) < _LEAST_SHARE * sketch.texture.size:
        return 0.0
    return _correlation(sketch.texture[both], found[both])


def _correlation(one: Array, other: Array) -> float:
    """Without its sign: an inverted image is the same scan."""
    x, y = one.astype(np.float64), other.astype(np.float64)
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    return abs(float(x @ y)) / length if length > 0 else 0.0


def _ranked(values: Array, where: NDArray[np.bool_]) -> Cube:
    """The order of the values at some places, from -0.5 to 0.5; 0 elsewhere."""
    result = np.zeros(values.shape, dtype=np.float32)
    order = average_ranks(values[where])
    result[where] = (order - 0.5) / order.size - 0.5
    return result


def _pattern(sketch: Sketch) -> Cube:
    """The ranks band-passed, with a mean of 0."""
    shown = sketch.ranks > 0
    found = band_passed(sketch.ranks.astype(np.float32), shown, _SD)
    return np.where(shown, found - found[shown].mean(), 0).astype(np.float32)


def _scaled(values: Cube, known: NDArray[np.bool_]) -> Cube:
    """Band-passed values in standard deviations of those around them."""
    weight = np.maximum(ndimage.gaussian_filter(known.astype(np.float32), 2 * _SD), 1e-3)
    spread = np.sqrt(ndimage.gaussian_filter(values**2, 2 * _SD) / weight)
    floor = _FLOOR * float(np.median(spread[known])) + 1e-9
    return np.clip(values / (spread + floor), -_TEXTURE_SD, _TEXTURE_SD).astype(np.float32)


def _points(shown: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Places of the finer lattice, evenly over what is shown."""
    fine = np.flatnonzero(np.kron(shown, np.ones((_FINER,) * 3, dtype=np.bool_)))
    return fine[np.linspace(0, fine.size - 1, POINTS).astype(np.intp)]


def _without_padding(volume: Volume) -> Volume:
    """The volume without outer planes of one value."""
    start, stop = [], []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        varies = np.flatnonzero(volume.array.max(axis=others) > volume.array.min(axis=others))
        start.append(int(varies[0]) if varies.size else 0)
        stop.append(int(varies[-1]) + 1 if varies.size else volume.shape[axis])
    affine = np.array(volume.affine, dtype=np.float64)
    affine[:3, 3] += affine[:3, :3] @ np.array(start)
    return Volume(volume.array[tuple(map(slice, start, stop))], affine, volume.contrast)
