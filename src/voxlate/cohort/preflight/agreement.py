"""What no case tells alone: one whose images agree unlike those of the others, and targets that were exchanged.

Outliers. Over the cases of a cohort that have a pair of contrasts, the logarithms of the best mutual information and of
what a straight line leaves, and Fisher's ``artanh`` of the correlation of noise, are held against median and median
absolute deviation.

Turned targets. A turn that gains too little to be told of one case is told where most cases have it, by the same angle.

Exchanged targets. On portraits: the mutual information of a case's source with its own target, and with those of the
others, laid voxel on voxel or by their places in the world. An aligned pair of one person has more than twice what two
people have, also where all images lie in one standard space. Labels tell less: there both cases must fit
crosswise, and labels of less than 1 % of the image, such as lesions, are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import onto_grid
from voxlate.cohort.preflight.measures.alignment import normalised_information
from voxlate.cohort.preflight.measures.binned import Portrait
from voxlate.volume import Volume

_LEAST_CASES = 5
_FAR = 6.0
_HALF = 0.5
_NOISE_GAP = 0.08
_LEVELS = 16
_SIDE = _LEVELS + 2
_PLACES = 6_000
_LEAST_PLACES = 300
_EXCHANGED = 1.25
_LEAST_GAIN = 0.03
_LEAST_INFORMATION = 0.06
_LEAST_OF_LABELS = 0.015
_LEAST_LABELLED = 0.01
_OTHERS = 12
_TURNED_GAIN, _TURNED, _ALIKE, _MOST_OF = 1.02, 2.0, 0.8, 0.6
_OWN, _OWN_LABELS = 1.5, 1.1
_BELOW_USUAL = 0.9
"""A pair that agrees as pairs of the cohort do was not exchanged."""


@dataclass(frozen=True)
class Agreement:
    """How the images of one case agree.

    Attributes:
        case: Id of the case.
        pair: The two contrasts.
        information: The best normalised mutual information that was found.
        noise: Correlation of their noise.
        straight: What a straight line of the first leaves of the second, 0 to 1.
        portraits: Of the two images.
        turned: The turn, in degrees round the axes of the grid, by which they agree best; empty if there is none, or if
            it was told.
        gain: How much better they agree by it, as a factor.
    """

    case: str
    pair: tuple[str, str]
    information: float
    noise: float
    straight: float
    portraits: tuple[Portrait, Portrait]
    turned: tuple[float, ...] = ()
    gain: float = 1.0


def check_agreement(agreements: Sequence[Agreement], path_of: Callable[[str, str], object]) -> Iterator[Finding]:
    """Findings that the cases tell together.

    Args:
        agreements: Of every case, as far as it has the images.
        path_of: The file of a case's contrast, for the messages.
    """
    by_pair: dict[tuple[str, str], list[Agreement]] = {}
    for agreement in agreements:
        by_pair.setdefault(agreement.pair, []).append(agreement)
    for pair, group in by_pair.items():
        exchanged = _find_exchanged([agreement.portraits for agreement in group])
        for number, other in exchanged.items():
            one, two = group[number], group[other]
            message = (
                f"{path_of(two.case, pair[1])} fits {path_of(one.case, pair[0])} better than the case's own "
                f"{path_of(one.case, pair[1])}. Were the files of two subjects exchanged? Put each into its case."
            )
            yield Finding("warning", "exchanged", one.case, message)
        yield from _turned_alike(group, pair, path_of)
        yield from _outliers([a for n, a in enumerate(group) if n not in exchanged], pair, path_of)


def _find_exchanged(portraits: Sequence[tuple[Portrait, Portrait]]) -> Mapping[int, int]:
    """From a case's number to that of the case whose second image fits its first better than its own.

    Args:
        portraits: Of both images, case by case.
    """
    better = {}
    scores = [_scores_on(*own) for own in portraits]
    rng = np.random.default_rng(0)
    of_labels = any(second.of_labels for _, second in portraits)
    gain, least = (0.0, _LEAST_OF_LABELS) if of_labels else (_LEAST_GAIN, _LEAST_INFORMATION)
    owned = [None if score is None else score(own) for score, (_, own) in zip(scores, portraits, strict=True)]
    told = [mine for mine in owned if mine is not None]
    usual = float(np.median(told)) if len(told) >= _LEAST_CASES else np.inf
    for number, (score, mine) in enumerate(zip(scores, owned, strict=True)):
        others = [other for other in range(len(portraits)) if other != number]
        if score is None or mine is None or not others or mine > _BELOW_USUAL * usual:
            continue
        if len(others) > _OTHERS:  # a sample tells whether the own one stands out; only then all are tried
            some = rng.choice(others, _OTHERS, replace=False).tolist()
            if mine > (_OWN_LABELS if of_labels else _OWN) * max(score(portraits[other][1]) for other in some):
                continue
        found = {other: score(portraits[other][1]) for other in others}
        best = max(found, key=lambda other: found[other])
        if found[best] > max(_EXCHANGED * mine, mine + gain, least):
            better[number] = best
    if not of_labels:  # an image that its own case has no better use for is not one that was taken from another
        return {one: other for one, other in better.items() if other in better}
    return {one: other for one, other in better.items() if better.get(other) == one}  # labels tell less


def _turned_alike(
    group: Sequence[Agreement], pair: tuple[str, str], path_of: Callable[[str, str], object]
) -> Iterator[Finding]:
    """Cases that are turned too little to be told alone, the most of a cohort by the same."""
    turned = [one for one in group if one.turned and one.gain > _TURNED_GAIN]
    if len(group) < _LEAST_CASES or len(turned) < _MOST_OF * len(group):
        return
    ways = np.array([one.turned for one in turned])
    degrees = float(np.linalg.norm(ways.mean(axis=0)))
    if degrees < _TURNED or degrees < _ALIKE * float(np.linalg.norm(ways, axis=1).mean()):
        return
    for one in turned:
        message = (
            f"{path_of(one.case, pair[1])} fits {path_of(one.case, pair[0])} better when it is turned by about "
            f"{degrees:.0f} degrees (information {one.gain:.2f} times as high), as in {len(turned)} of {len(group)} "
            "cases. Look at the pairs; if it is so, register them (plan.grids: rigid)."
        )
        yield Finding("warning", "misaligned", one.case, message)


def _outliers(
    group: Sequence[Agreement], pair: tuple[str, str], path_of: Callable[[str, str], object]
) -> Iterator[Finding]:
    group = [agreement for agreement in group if agreement.information > 0]
    if len(group) < _LEAST_CASES:
        return
    information = np.array([agreement.information for agreement in group])
    noise = np.array([agreement.noise for agreement in group])
    low = _distance(np.log(information), floor=0.05) < -_FAR
    left = np.array([agreement.straight for agreement in group])
    close = _distance(np.log(np.maximum(left, 1e-3)), floor=0.05) < -_FAR
    loud = _distance(np.arctanh(np.clip(noise, -0.99, 0.99)), floor=0.012) > _FAR
    for number, agreement in enumerate(group):
        files = f"{path_of(agreement.case, pair[1])} and {path_of(agreement.case, pair[0])}"
        if low[number] and information[number] < _HALF * np.median(information):
            message = (
                f"{files} agree far less than in the other cases (normalised mutual information "
                f"{information[number]:.3f}, median {np.median(information):.3f}). Look whether both are of this "
                "subject."
            )
            yield Finding("warning", "unlike_others", agreement.case, message)
        if close[number] and left[number] < _HALF * np.median(left):
            message = (
                f"{files} are far more alike than in the other cases (a straight line leaves {left[number]:.2f} of the "
                f"spread, median {np.median(left):.2f}). Is the one made from the other?"
            )
            yield Finding("warning", "unlike_others", agreement.case, message)
        elif loud[number] and noise[number] > np.median(noise) + _NOISE_GAP:
            message = (
                f"{files} share noise, which in the other cases they do not (correlation {noise[number]:.2f}, median "
                f"{np.median(noise):.2f}). Is the one made from the other?"
            )
            yield Finding("warning", "shared_noise", agreement.case, message)


def _distance(values: NDArray[np.float64], *, floor: float) -> NDArray[np.float64]:
    """From the median, in robust standard deviations of at least ``floor``."""
    middle = np.median(values)
    return np.asarray((values - middle) / max(1.4826 * float(np.median(np.abs(values - middle))), floor))


def _scores_on(first: Portrait, second: Portrait) -> Callable[[Portrait], float] | None:
    """The mutual information of a portrait with others, as a function of the other; of labels, everywhere."""
    everywhere = second.of_labels
    index = np.arange(first.steps.size) if everywhere else np.flatnonzero(first.steps.ravel(order="F"))
    too_small = everywhere and np.count_nonzero(second.steps) < _LEAST_LABELLED * second.steps.size
    if index.size < _LEAST_PLACES or too_small:
        return None
    index = index[:: max(1, index.size // _PLACES)]
    values = (_levels(first) + everywhere).ravel(order="F")[index].astype(np.int64) * _SIDE

    def score(other: Portrait) -> float:
        laid = [onto_grid(Volume(other.steps, other.affine), first.grid, outside=0.0)]
        if other.steps.shape == first.steps.shape and not other.grid.matches(first.grid):
            laid.append(other.steps)
        levels = ((_levels(replace(other, steps=steps)) + everywhere).ravel(order="F")[index] for steps in laid)
        return max(_information(values, some) for some in levels)

    return score


def _levels(portrait: Portrait) -> NDArray[np.uint8]:
    """255 steps as 16, labels as they are, 16 at most; 0 stays 0."""
    if portrait.of_labels:
        return np.minimum(portrait.steps, _LEVELS)
    return np.asarray((portrait.steps.astype(np.uint16) + _LEVELS - 1) // _LEVELS, dtype=np.uint8)


def _information(values: NDArray[np.int64], levels: NDArray[np.uint8]) -> float:
    counts = np.bincount(values + levels, minlength=_SIDE**2).reshape(_SIDE, _SIDE)[1:, 1:]
    return normalised_information(counts) if counts.sum() >= _HALF * values.size else 0.0
