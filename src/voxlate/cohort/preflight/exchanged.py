"""Targets that were exchanged between two cases, by the cases' portraits.

Images. The mutual information of a case's source with its own target, and with those of the others, laid voxel on voxel
or by their places in the world. An aligned pair of one person has more than twice what two people have, also where all
images lie in one standard space.

Labels. The share of the variance of the source's ranks that the labels explain, in the labels and two voxels round
them: what is labelled, and its edge, stand out in the image that it was drawn on. Two cases were exchanged where of all
label maps each one's image fits the other's best, and clearly better than its own, and no third image that is without
better labels fits either; or where both fit less than is usual, and as usual when they are exchanged. True labels of
phantoms explain 0.12 to 0.53, and of hippocampi 0.56 to 0.66; those of other people at most 0.15 and 0.63.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from voxlate.cohort.foreground import onto_grid
from voxlate.cohort.preflight.measures.alignment import normalised_information
from voxlate.cohort.preflight.measures.binned import Portrait
from voxlate.volume import Volume

_LEAST_CASES = 5
_HALF = 0.5
_LEVELS = 16
_SIDE = _LEVELS + 1
_PLACES = 6_000
_LEAST_PLACES = 300
_EXCHANGED = 1.25
_LEAST_GAIN = 0.03
_LEAST_INFORMATION = 0.06
_OTHERS = 12
_OWN = 1.5
_BELOW_USUAL = 0.9
"""A pair that agrees as pairs of the cohort do was not exchanged."""
_LEAST_LABELLED = 20
_ROUND = 2
_BETTER, _MUCH_BETTER, _STANDS_OUT = 1.05, 1.15, 1.1
_SHOW, _SHOW_OF_FEW = 1.25, 2.0
_LEAST_EXPLAINED = 0.1


def find_exchanged(portraits: Sequence[tuple[Portrait, Portrait]]) -> Mapping[int, int]:
    """From a case's number to that of the case whose second image fits its first better than its own.

    Args:
        portraits: Of both images, case by case.
    """
    if any(second.of_labels for _, second in portraits):
        return _exchanged_labels(portraits)
    better = {}
    scores = [_scores_on(first) for first, _ in portraits]
    rng = np.random.default_rng(0)
    owned = [None if score is None else score(own) for score, (_, own) in zip(scores, portraits, strict=True)]
    told = [mine for mine in owned if mine is not None]
    usual = float(np.median(told)) if len(told) >= _LEAST_CASES else np.inf
    for number, (score, mine) in enumerate(zip(scores, owned, strict=True)):
        others = [other for other in range(len(portraits)) if other != number]
        if score is None or mine is None or not others or mine > _BELOW_USUAL * usual:
            continue
        if len(others) > _OTHERS:  # a sample tells whether the own one stands out; only then all are tried
            some = rng.choice(others, _OTHERS, replace=False).tolist()
            if mine > _OWN * max(score(portraits[other][1]) for other in some):
                continue
        found = {other: score(portraits[other][1]) for other in others}
        best = max(found, key=lambda other: found[other])
        if found[best] > max(_EXCHANGED * mine, mine + _LEAST_GAIN, _LEAST_INFORMATION):
            better[number] = best
    # an image that its own case has no better use for is not one that was taken from another
    return {one: other for one, other in better.items() if other in better}


def _exchanged_labels(portraits: Sequence[tuple[Portrait, Portrait]]) -> Mapping[int, int]:
    """Pairs of cases whose label maps fit crosswise, each best of all."""
    images = [first for first, _ in portraits]
    regions = [_region(second) for _, second in portraits]
    numbers = [number for number, region in enumerate(regions) if region is not None]
    rng = np.random.default_rng(0)

    @cache
    def score(image: int, labels: int) -> float:
        region = regions[labels]
        return 0.0 if region is None else _explained(images[image], *region)

    def best_labels(image: int) -> int:
        return max(numbers, key=lambda labels: score(image, labels))

    drawn = {}
    for number in numbers:
        others = [other for other in numbers if other != number]
        some = rng.choice(others, _OTHERS, replace=False).tolist() if len(others) > _OTHERS else others
        drawn[number] = [score(number, other) for other in some]
    many = len(numbers) >= _LEAST_CASES
    if many and np.median([score(n, n) for n in numbers]) < _SHOW * np.median([*itertools.chain(*drawn.values())]):
        return {}  # what is labelled does not show in these images
    clearly = _BETTER if many else _SHOW_OF_FEW
    better: dict[int, int] = {}
    for number, some in drawn.items():
        if not some or score(number, number) > _STANDS_OUT * max(some):
            continue
        best = best_labels(number)
        if score(number, best) > max(clearly * score(number, number), _LEAST_EXPLAINED):
            better[number] = best
    crosswise = {one: other for one, other in better.items() if better.get(other) == one}

    def is_best(image: int, labels: int) -> bool:  # of the images whose own labels do not fit them better
        return all(score(k, labels) <= max(score(image, labels), score(k, k)) for k in numbers)

    found = {one: other for one, other in crosswise.items() if is_best(one, other) and is_best(other, one)}
    if not many:
        return found
    return found | _restored({number: score(number, number) for number in numbers if number not in found}, score)


def _restored(own: Mapping[int, float], score: Callable[[int, int], float]) -> dict[int, int]:
    """Pairs of the cases whose labels fit less than usual, both of which fit as usual once they are exchanged."""
    usual = _BELOW_USUAL * float(np.median(list(own.values())))
    odd = [number for number in own if own[number] < usual]
    pairs = [
        (score(one, other) + score(other, one), one, other)
        for one, other in itertools.combinations(odd, 2)
        if score(one, other) > max(usual, _MUCH_BETTER * own[one])
        and score(other, one) > max(usual, _MUCH_BETTER * own[other])
    ]
    found: dict[int, int] = {}
    for _, one, other in sorted(pairs, reverse=True):
        if one not in found and other not in found:
            found |= {one: other, other: one}
    return found


_Region = tuple[Portrait, NDArray[np.intp], NDArray[np.uint8]]


def _region(labels: Portrait) -> _Region | None:
    """The voxels in and round the labels, ``(n, 3)``, and their labels; ``None`` if there are too few."""
    if np.count_nonzero(labels.steps) < _LEAST_LABELLED:
        return None
    index = np.argwhere(binary_dilation(labels.steps > 0, iterations=_ROUND))
    return labels, index, labels.steps[tuple(index.T)]


def _explained(image: Portrait, labels: Portrait, index: NDArray[np.intp], numbers: NDArray[np.uint8]) -> float:
    """The share of the variance of an image's ranks that labels explain, by place in the world or voxel on voxel."""
    to_image = np.linalg.inv(image.affine) @ labels.affine
    laid = [np.rint(index @ to_image[:3, :3].T + to_image[:3, 3]).astype(np.intp)]
    if image.steps.shape == labels.steps.shape and not image.grid.matches(labels.grid):
        laid.append(index)
    found = [0.0]
    for places in laid:
        inside = ((places >= 0) & (places < image.steps.shape)).all(axis=1)
        if np.count_nonzero(inside) < _HALF * len(index):
            continue
        values, told = image.steps[tuple(places[inside].T)], numbers[inside]
        kept = (values > 0) | (told > 0)  # of the background only what is labelled: much of it is like what is
        values, told = values[kept], told[kept]
        counts = np.bincount(values, minlength=256)
        ranks = (np.cumsum(counts) - counts / 2)[values]
        sizes, sums = np.bincount(told), np.bincount(told, weights=ranks)
        between = float((sums[sizes > 0] ** 2 / sizes[sizes > 0]).sum()) / ranks.size - float(ranks.mean()) ** 2
        found.append(between / max(float(ranks.var()), 1e-12))
    return max(found)


def _scores_on(first: Portrait) -> Callable[[Portrait], float] | None:
    """The mutual information of a portrait with others, as a function of the other."""
    index = np.flatnonzero(first.steps.ravel(order="F"))
    if index.size < _LEAST_PLACES:
        return None
    index = index[:: max(1, index.size // _PLACES)]
    values = _levels(first.steps).ravel(order="F")[index].astype(np.int64) * _SIDE

    def score(other: Portrait) -> float:
        laid = [onto_grid(Volume(other.steps, other.affine), first.grid, outside=0.0)]
        if other.steps.shape == first.steps.shape and not other.grid.matches(first.grid):
            laid.append(other.steps)
        return max(_information(values, _levels(steps).ravel(order="F")[index]) for steps in laid)

    return score


def _levels(steps: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 steps as 16; 0 stays 0."""
    return np.asarray((steps.astype(np.uint16) + _LEVELS - 1) // _LEVELS, dtype=np.uint8)


def _information(values: NDArray[np.int64], levels: NDArray[np.uint8]) -> float:
    counts = np.bincount(values + levels, minlength=_SIDE**2).reshape(_SIDE, _SIDE)[1:, 1:]
    return normalised_information(counts) if counts.sum() >= _HALF * values.size else 0.0
