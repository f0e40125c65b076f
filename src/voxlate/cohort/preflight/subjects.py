"""One person's image in two cases, found also when it was moved, cropped, turned or stored more coarsely.

Every portrait is laid onto cubes of 24 voxels along each edge, and filtered so that only what is finer than a head's
outline stays, since that is alike in all people. A cube lies round the centre of what is shown, as large as that is
wide (its radius of gyration); a second one is as large in all cases, and a third lies in one place of the world too.
Likely pairs are those whose cubes correlate best: the first in any of 48 ways to turn and mirror it, the second at any
shift (by Fourier transform), the third where it is. The likeliest are laid over each other: moved, turned and scaled
until the correlation is as high as it gets. It may be one image above 0.83 where it is also four robust standard
deviations (of ``artanh``; of the upper half where that is wider) above the median of 16 pairs drawn at random and laid
over each other as they are; it is one for certain where it is six above the same pairs turned and mirrored as they fit
best. Different people have 0.76 at most (hippocampi of 35 voxels), heads 0.65, but simulated ones, made by one rule, up
to 0.95. With too few pairs to draw from it is 0.93 and 0.97. Where more pairs than cases would be one image the cohort
is alike, and only what is certain is told. After twelve that are not, or 36 where many are alike, the others are taken
not to be either.

Visits of one person who is called by one name are left alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from voxlate.cohort.preflight.copies import Duplicate, Signature
from voxlate.cohort.preflight.measures.binned import Portrait
from voxlate.cohort.preflight.measures.lattice import Cube, band_passed, on_lattice

_SAME = 0.83
_SAME_OF_FEW, _CERTAIN_OF_FEW = 0.93, 0.97
_DRAWN = 16
_LEAST_DRAWN = 10
_FAR, _FARTHER = 4.0, 6.0
_LIKELY = 0.35
_MISSES, _MISSES_ALIKE, _SEVERAL = 12, 36, 6
_OUT_OF_REACH = 0.15
_MOST_TRIED = 400
_MOST_SHIFTED = 400
_EDGE = 24
_COARSE = 12
_WIDE = 1.5
_FINE = 2.0
_PLACES = 1_500
_OVERLAP = 0.5
_WAYS = [(order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]
_STEPS = ((1.0, 6.0, 0.06), (0.5, 3.0, 0.03), (0.25, 1.5, 0.015))

_Vector = NDArray[np.float64]


@dataclass(frozen=True)
class _Likely:
    score: float
    one: int
    other: int
    frame: int
    way: int = 0


def find_subjects(signatures: Sequence[Signature], subjects: dict[str, str]) -> list[Duplicate]:
    """Pairs of cases of different subjects that show one person's image of one contrast.

    Args:
        signatures: The images.
        subjects: From case id to who was scanned; cases of one subject are not compared.
    """
    by_contrast: dict[str, list[Signature]] = {}
    for signature in signatures:
        if signature.portrait is not None:
            by_contrast.setdefault(signature.contrast, []).append(signature)
    found: dict[tuple[str, str], Duplicate] = {}
    for group in by_contrast.values():
        for pair in _pairs(group, subjects, known=found.keys()):
            found.setdefault((pair.one, pair.other), pair)
    return list(found.values())


def _pairs(
    group: Sequence[Signature], subjects: dict[str, str], *, known: Iterable[tuple[str, str]]
) -> list[Duplicate]:
    shown = [(one.case, one.portrait, one.portrait.frame()) for one in group if one.portrait is not None]
    frames = [(case, portrait, frame) for case, portrait, frame in shown if frame is not None]
    if len(frames) < 2:
        return []
    middle = np.median([centre for _, _, (centre, _) in frames], axis=0)
    half = _WIDE * float(np.median([radius for _, _, (_, radius) in frames]))
    by_case = [
        [
            _cube(portrait, centre=place, half_mm=wide)
            for place, wide in ((centre, _WIDE * radius), (centre, half), (middle, half))
        ]
        for _, portrait, (centre, radius) in frames
    ]
    cubes = [list(column) for column in zip(*by_case, strict=True)]
    names = [case for case, _, _ in frames]
    who = [subjects[name] for name in names]
    found, bars = _tried(cubes, names, who, known=set(known))
    if not found:
        return []
    least, certain = bars
    if sum(score > least for _, _, score in found) > len(frames):  # more than if each were there three times
        least = max(least, certain)
    return [
        Duplicate(one, other, group[0].contrast, min(score, 1.0), False, "moved, cropped or turned", score > certain)
        for one, other, score in found
        if score > least
    ]


def _tried(
    cubes: list[list[Cube]], names: Sequence[str], who: Sequence[str], *, known: set[tuple[str, str]]
) -> tuple[list[tuple[str, str, float]], tuple[float, float]]:
    """Pairs that may be one image, the likeliest tried first, and what other pairs of the cohort do not reach.

    Where several may be, the cohort may be alike: from then on a pair counts as one that is not if others reach it.
    """
    every, found, misses = _likely(cubes), [], 0
    bars: tuple[float, float] | None = None
    for tried, likely in enumerate(every):
        one, other = names[likely.one], names[likely.other]
        if misses >= (_MISSES if bars is None else _MISSES_ALIKE) or tried >= _MOST_TRIED:
            break
        if who[likely.one] == who[likely.other] or (one, other) in known:
            continue
        score = _score(cubes, likely, least=_SAME)
        if score > _SAME:
            found.append((one, other, score))
        if bars is None and len(found) >= _SEVERAL:
            bars, misses = _bars(cubes, who, every), 0
        else:
            misses = 0 if score > (_SAME if bars is None else bars[0]) else misses + 1
    return found, bars or (_bars(cubes, who, every) if found else (_SAME, _SAME))


def _bars(cubes: list[list[Cube]], who: Sequence[str], every: Sequence[_Likely]) -> tuple[float, float]:
    """What pairs of different people do not reach as they are, and turned as they fit best."""
    best = {(likely.one, likely.other): likely for likely in every}
    apart = [pair for pair in itertools.combinations(range(len(who)), 2) if who[pair[0]] != who[pair[1]]]
    drawn = [_Likely(0.0, one, other, frame=1) for one, other in _drawn(apart)]
    turned = [best.get((pair.one, pair.other), pair) for pair in drawn]
    return (
        _never_reached([_score(cubes, pair) for pair in drawn], _FAR, few=_SAME_OF_FEW),
        _never_reached([_score(cubes, pair) for pair in turned], _FARTHER, few=_CERTAIN_OF_FEW),
    )


def _score(cubes: list[list[Cube]], likely: _Likely, *, least: float = -1.0) -> float:
    """The correlation of a likely pair, laid over each other; less exactly where it is far below ``least``."""
    moving = _turned(cubes[likely.frame][likely.other], likely.way)
    return _laid_over(cubes[likely.frame][likely.one], moving, least=least)


def _drawn(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs at random; none where there are too few to tell."""
    if len(pairs) < _LEAST_DRAWN:
        return []
    return [pairs[n] for n in np.random.default_rng(0).choice(len(pairs), min(_DRAWN, len(pairs)), replace=False)]


def _never_reached(scores: Sequence[float], far: float, *, few: float) -> float:
    """What these correlations do not reach, so many spreads above their median; ``few`` without any."""
    if not scores:
        return few
    values = np.arctanh(np.clip(scores, -0.99, 0.99))
    middle, upper = np.quantile(values, (0.5, 0.75))
    spread = 1.4826 * max(float(np.median(np.abs(values - middle))), float(upper - middle))  # alike pairs have a tail
    return max(_SAME, float(np.tanh(middle + far * spread)))


def _cube(portrait: Portrait, *, centre: _Vector, half_mm: float) -> Cube:
    """A portrait on a lattice in the world; its values band-passed, of length 1, ``(24, 24, 24)``."""
    shown, values = (
        on_lattice(array, portrait.affine, centre=centre, step_mm=2 * half_mm / _EDGE, edge=_EDGE)
        for array in (portrait.steps > 0, portrait.steps)
    )
    inside = shown > 0.5
    mean = np.asarray(values / np.maximum(shown, 1e-3), dtype=np.float32)
    fine = band_passed(mean, inside, _FINE)
    scale = 2.5 * float(fine[inside].std()) if inside.any() else 0.0
    fine = np.clip(fine, -scale, scale)
    length = float(np.linalg.norm(fine))
    return np.asarray(fine / length if length > 0 else fine, dtype=np.float32)


def _turned(cube: Cube, way: int) -> Cube:
    order, signs = _WAYS[way]
    return cube.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]


def _likely(cubes: list[list[Cube]]) -> list[_Likely]:
    """Pairs by the best of their three correlations, the likeliest first."""
    count = len(cubes[0])
    rows, columns = np.triu_indices(count, 1)
    table = np.full((3, count, count), -1.0, dtype=np.float32)
    ways = np.zeros((count, count), dtype=np.int64)
    coarse = np.stack([_coarse(cube) for cube in cubes[0]])
    flat = coarse.reshape(count, -1)
    for way in range(len(_WAYS)):
        turned = np.stack([_turned(cube, way) for cube in coarse]).reshape(count, -1)
        scores = flat @ turned.T
        ways = np.where(scores > table[0], way, ways)
        table[0] = np.maximum(scores, table[0])
    there = np.stack([cube.ravel() for cube in cubes[2]])
    table[2] = there @ there.T
    if count <= _MOST_SHIFTED:
        table[1][rows, columns] = _best_shifted(np.stack([_coarse(cube) for cube in cubes[1]]), rows, columns)
    best = table[:, rows, columns].argmax(axis=0)
    scores = table[best, rows, columns]
    order = [n for n in np.argsort(-scores, kind="stable") if scores[n] > _LIKELY]
    return [
        _Likely(float(scores[n]), int(i), int(j), int(best[n]), int(ways[i, j]) if best[n] == 0 else 0)
        for n in order
        for i, j in [(rows[n], columns[n])]
    ]


def _coarse(cube: Cube) -> Cube:
    small = cube.reshape(_COARSE, 2, _COARSE, 2, _COARSE, 2).mean(axis=(1, 3, 5))
    length = float(np.linalg.norm(small))
    return np.asarray(small / length if length > 0 else small, dtype=np.float32)


def _best_shifted(cubes: Cube, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
    """The best correlation of each pair over all shifts of up to a quarter of the cube."""
    edge = _COARSE + _COARSE // 4 + 1
    spectra = fft.rfftn(cubes, (edge,) * 3, axes=(1, 2, 3))
    result = np.zeros(len(rows), dtype=np.float32)
    for start in range(0, len(rows), 256):
        some = slice(start, start + 256)
        product = spectra[rows[some]] * np.conj(spectra[columns[some]])
        result[some] = fft.irfftn(product, (edge,) * 3, axes=(1, 2, 3)).max(axis=(1, 2, 3))
    return result


def _laid_over(fixed: Cube, moving: Cube, *, least: float) -> float:
    """The correlation where both show something, once one is moved, turned and scaled until it is highest."""
    index = np.argwhere(fixed != 0)
    index = index[:: max(1, len(index) // _PLACES)]
    values = fixed[tuple(index.T)].astype(np.float64)
    squares, ones = values**2, np.ones(len(index))
    middle = (_EDGE - 1) / 2
    places = index - middle
    there = np.empty(len(index))

    def score(by: _Vector) -> float:
        moved = (np.exp(by[6]) * _rotation(by[3:6])) @ places.T + (middle + by[:3])[:, None]
        ndimage.map_coordinates(moving, moved, order=1, output=there)
        both = (there != 0).astype(np.float64)
        count = float(both @ ones)
        if count == 0 or count < _OVERLAP * len(index):  # a cube of a far smaller case may be empty
            return -1.0
        x, y = float(values @ both), float(there @ ones)
        square = (float(squares @ both) - x * x / count) * (float(there @ there) - y * y / count)
        return (float(values @ there) - x * y / count) / math.sqrt(square) if square > 0 else -1.0

    here = np.zeros(7)
    here[:3] = _shift_between(fixed, moving)
    best = score(here)
    for shift, degrees, scale in _STEPS:
        sizes = np.array([shift] * 3 + [degrees] * 3 + [scale])
        for _ in range(2):
            before = best
            for number, sign in itertools.product(range(7), (1, -1)):
                tried = here + sign * sizes * (np.arange(7) == number)
                value = score(tried)
                if value > best:
                    here, best = tried, value
            if best == before:
                break
        if best < least - _OUT_OF_REACH:  # finer steps gain less
            break
    return best


def _shift_between(fixed: Cube, moving: Cube) -> _Vector:
    edge = fft.next_fast_len(_EDGE + _EDGE // 2)
    spectra = [fft.rfftn(cube, (edge,) * 3) for cube in (fixed, moving)]
    product = fft.irfftn(spectra[0] * np.conj(spectra[1]), (edge,) * 3)
    place = np.array(np.unravel_index(product.argmax(), product.shape))
    return np.asarray(-np.where(place > edge // 2, place - edge, place), dtype=np.float64)


def _rotation(degrees: _Vector) -> _Vector:
    (a, b, c), (d, e, f) = (tuple(map(of, np.radians(degrees).tolist())) for of in (math.cos, math.sin))
    return np.array(
        [
            [b * c, -b * f, e],
            [a * f + d * e * c, a * c - d * e * f, -d * b],
            [d * f - a * e * c, d * c + a * e * f, a * b],
        ]
    )
