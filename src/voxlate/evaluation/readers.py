"""Reader studies: what blinded choices between two images say, exactly, and whether readers agree.

A reader who cannot tell two kinds of image apart chooses the first of them with probability 1/2. How often it was
chosen is tested by the exact binomial test, and has the interval of Clopper and Pearson (1934,
doi:10.1093/biomet/26.4.404). Agreement is kappa = (observed - expected) / (1 - expected), of two readers that of Cohen
(1960, doi:10.1177/001316446002000104), of more that of Fleiss (1971, doi:10.1037/h0031619), over the pairs that all
have read. Ratings are compared pair by pair, each the mean over its readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from voxlate.evaluation.statistics import bootstrap_interval
from voxlate.evaluation.summary import Interval
from voxlate.evaluation.words import p_value

_CHANCE = 0.5
REAL_OR_SYNTHETIC = ("real", "synthetic")
"""What the two kinds are called where the question is which image is real."""
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class PairReading:
    """What a reader has said of a pair.

    Attributes:
        reader: Who.
        pair: Of which.
        first: Whether the image of the first kind was chosen, wherever it stood.
        ratings: Of the image of the first kind and of that of the second, from 1 to 5.
    """

    reader: str
    pair: str
    first: bool
    ratings: tuple[int, int]


@dataclass(frozen=True)
class Chosen:
    """How often images of the first kind were chosen.

    Attributes:
        count: How often.
        of: In how many pairs.
        interval: Clopper and Pearson's, of the share, with 95 %.
        p: Of the exact binomial test against chance, two-sided.
    """

    count: int
    of: int
    interval: Interval
    p: float

    @property
    def share(self) -> float:
        """``count`` of ``of``."""
        return self.count / self.of


@dataclass(frozen=True)
class RatingGap:
    """How both kinds were rated.

    Attributes:
        first: Mean over the pairs.
        second: Likewise.
        difference: Mean of first minus second.
        interval: Of the difference; ``None`` of one pair.
    """

    first: float
    second: float
    difference: float
    interval: Interval | None


@dataclass(frozen=True)
class ReaderVerdict:
    """What the readings of a study say together.

    Attributes:
        readers: From a reader to what was chosen.
        pooled: Of all readings; those of one pair are not independent, so with several readers its interval is narrow.
        shared: How many pairs all readers have read.
        kappa: Agreement on these; ``None`` of one reader, or where all choices are the same.
        agreement: Whose kappa that is.
        ratings: Of both kinds.
    """

    readers: Mapping[str, Chosen]
    pooled: Chosen
    shared: int
    kappa: float | None
    agreement: str
    ratings: RatingGap


def _chosen(count: int, of: int) -> Chosen:
    """The exact test of a count, and its interval.

    Args:
        count: How often images of the first kind were chosen.
        of: In how many pairs, at least 1.
    """
    from scipy.stats import binomtest

    test = binomtest(count, of, _CHANCE)
    interval = test.proportion_ci(method="exact")
    return Chosen(count, of, (float(interval.low), float(interval.high)), float(test.pvalue))


def _cohen_kappa(one: Sequence[bool], other: Sequence[bool]) -> float | None:
    """Agreement of two readers on the same pairs; ``None`` where chance alone would make them agree on all.

    Example:
        >>> _cohen_kappa([True, True, False, False], [True, False, False, False])
        0.5
    """
    observed = mean(float(a == b) for a, b in zip(one, other, strict=True))
    share, others = mean(map(float, one)), mean(map(float, other))
    return _kappa(observed, share * others + (1 - share) * (1 - others))


def _fleiss_kappa(counts: Sequence[int], readers: int) -> float | None:
    """Agreement of several readers; ``None`` where chance alone would make them agree on all.

    Args:
        counts: Of each pair, how many chose its first image.
        readers: How many have read each pair, at least 2.
    """
    others = [readers - count for count in counts]
    pairs = readers * (readers - 1)
    observed = mean((a * (a - 1) + b * (b - 1)) / pairs for a, b in zip(counts, others, strict=True))
    share = sum(counts) / (readers * len(counts))
    return _kappa(observed, share**2 + (1 - share) ** 2)


def _kappa(observed: float, expected: float) -> float | None:
    return None if expected >= 1 - 1e-12 else (observed - expected) / (1 - expected)


def judge_readers(readings: Sequence[PairReading], *, seed: int = 0) -> ReaderVerdict:
    """What readings say together.

    Args:
        readings: At least one; one at most of each reader and pair.
        seed: Of the bootstrap, by which the gap of ratings has its interval.
    """
    by_reader: dict[str, dict[str, bool]] = {}
    for one in readings:
        by_reader.setdefault(one.reader, {})[one.pair] = one.first
    shared = sorted(set.intersection(*(set(said) for said in by_reader.values())))
    kappa, agreement = _agreement([[said[pair] for pair in shared] for said in by_reader.values()])
    return ReaderVerdict(
        readers={name: _chosen(sum(said.values()), len(said)) for name, said in sorted(by_reader.items())},
        pooled=_chosen(sum(one.first for one in readings), len(readings)),
        shared=len(shared),
        kappa=kappa,
        agreement=agreement,
        ratings=_gap(readings, seed=seed),
    )


def _agreement(said: Sequence[Sequence[bool]]) -> tuple[float | None, str]:
    if len(said) < 2:
        return None, ""
    if len(said) == 2:
        return (_cohen_kappa(*said) if said[0] else None), "Cohen"
    counts = [sum(of_pair) for of_pair in zip(*said, strict=True)]
    return (_fleiss_kappa(counts, len(said)) if counts else None), "Fleiss"


def _gap(readings: Sequence[PairReading], *, seed: int) -> RatingGap:
    by_pair: dict[str, list[tuple[int, int]]] = {}
    for one in readings:
        by_pair.setdefault(one.pair, []).append(one.ratings)
    means = np.array([np.mean(rated, axis=0) for rated in by_pair.values()], dtype=np.float64)
    difference = means[:, 0] - means[:, 1]
    first, second = means.mean(axis=0)
    return RatingGap(float(first), float(second), float(difference.mean()), bootstrap_interval(difference, seed=seed))


def say_readers(verdict: ReaderVerdict, *, kinds: tuple[str, str]) -> str:
    """The verdict in words.

    Args:
        verdict: What readings say.
        kinds: What images of the first and of the second kind are: ``real`` and ``synthetic``, or names of models.
    """
    found = verdict.pooled
    low, high = (f"{100 * end:.0f}" for end in found.interval)
    chosen_one = kinds[0] if found.share > _CHANCE else kinds[1]
    if found.p >= _SIGNIFICANT:
        answer = "No more than chance explains it"
    elif kinds == REAL_OR_SYNTHETIC:
        answer = "They can be told apart" if chosen_one == kinds[0] else "Synthetic images are taken for real ones"
    else:
        answer = f"{chosen_one} is preferred"
    return (
        f"{answer}: of {found.of} readings {found.count} chose {kinds[0]}, {100 * found.share:.0f} % (95 % interval "
        f"{low} to {high} %; {p_value(found.p)} against chance)."
    )
