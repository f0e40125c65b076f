"""What no case tells alone: one whose images agree unlike those of the others, and targets that were exchanged.

Outliers. Over the cases of a cohort that have a pair of contrasts, the logarithms of the best mutual information and of
what a straight line leaves, and Fisher's ``artanh`` of the correlation of noise, are held against median and median
absolute deviation.

Turned targets. A turn that gains too little to be told of one case is told where most cases have it, by the same angle.

Exchanged targets are found by ``voxlate.cohort.preflight.exchanged``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.finding import Finding
from voxlate.cohort.preflight.exchanged import find_exchanged
from voxlate.cohort.preflight.measures.binned import Portrait

_LEAST_CASES = 5
_FAR = 6.0
_HALF = 0.5
_NOISE_GAP = 0.08
_TURNED_GAIN, _TURNED, _ALIKE, _MOST_OF = 1.02, 2.0, 0.8, 0.6


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


def check_agreement(
    agreements: Sequence[Agreement], path_of: Callable[[str, str], object], *, poor: Collection[tuple[str, str]] = ()
) -> Iterator[Finding]:
    """Findings that the cases tell together.

    Args:
        agreements: Of every case, as far as it has the images.
        path_of: The file of a case's contrast, for the messages.
        poor: Cases and contrasts of poor scans, which are told as such; less agreement of theirs says nothing more.
    """
    by_pair: dict[tuple[str, str], list[Agreement]] = {}
    for agreement in agreements:
        by_pair.setdefault(agreement.pair, []).append(agreement)
    for pair, group in by_pair.items():
        exchanged = find_exchanged([agreement.portraits for agreement in group])
        for number, other in exchanged.items():
            one, two = group[number], group[other]
            message = (
                f"{path_of(two.case, pair[1])} fits {path_of(one.case, pair[0])} better than the case's own "
                f"{path_of(one.case, pair[1])}. Were the files of two subjects exchanged? Put each into its case."
            )
            yield Finding("warning", "exchanged", one.case, message)
        yield from _turned_alike(group, pair, path_of)
        plain = [one for n, one in enumerate(group) if n not in exchanged and _is_plain(one, poor)]
        yield from _outliers(plain, pair, path_of)


def _is_plain(agreement: Agreement, poor: Collection[tuple[str, str]]) -> bool:
    """Whether neither of its images is a poor scan."""
    return not any((agreement.case, contrast) in poor for contrast in agreement.pair)


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
