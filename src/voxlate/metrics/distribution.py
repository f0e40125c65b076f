"""Distances between two sets of images, from their features: FID, KID, MMD, precision and recall.

Features are ``(n, c)``, a row for every slice or volume, by a network that is named beside every value (Voxlate has no
default one). Images need not be paired: nothing is said about a single image, all about how alike the sets are.

- Fréchet distance (Heusel et al. 2017, arXiv:1706.08500): ``|m - m'|^2 + tr(S + S' - 2 (S S')^(1/2))`` of means and
  covariances. The estimate from few samples is too high, about as ``1 / n``. From ``PLAIN_FROM`` samples a side it is
  given as it is; with fewer it is the intercept of a line through estimates from parts of both sets against ``1 /
  share`` (FID-infinity, Chong & Forsyth 2020, arXiv:1911.07023, who vary one set), which may come out below 0. From
  fewer than ``_FEWEST`` samples a side, or fewer than twice as many as there are features, it is not available.
- Kernel distance (Bińkowski et al. 2018, arXiv:1801.01401): unbiased squared maximum mean discrepancy with the kernel
  ``(x y / c + 1)^3``, mean and standard deviation over random subsets.
- MMD (Gretton et al. 2012, JMLR 13:723): the same with ``exp(-|x - y|^2 / (2 s^2))``, ``s`` the median distance, and
  the p value of a permutation test that moves whole cases, since slices of one case are alike.
- Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991): the share of synthetic samples that lie no farther
  from some real sample than its ``k``-th nearest real neighbour, and the reverse.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.metrics.metric import Measure

Features = NDArray[np.float64]
_Kernel = NDArray[np.float64]
_FEWEST = 50
PLAIN_FROM = 2048
_PER_FEATURE = 2
_POINTS = 15
_DRAWS = 4
_SUBSETS = 100
_SUBSET_SIZE = 1000
_PERMUTATIONS = 500
NEIGHBOURS = 3
FEWEST_FOR_KERNELS = 6
_FEWEST_FOR_NEIGHBOURS = 10
_MOST_FOR_KERNELS = 2000


@dataclass(frozen=True)
class Estimate:
    """One distance between two sets.

    Attributes:
        value: The value; NaN when not available.
        note: How it was computed, or why it is not available.
        sd: Standard deviation over subsets, where there is one.
        p: Of the hypothesis that both sets come from one distribution, where it was tested.
    """

    value: float
    note: str
    sd: float | None = None
    p: float | None = None


@dataclass(frozen=True, kw_only=True)
class SetMetric(Measure):
    """A distance between sets; all of them share what they need, so ``compare_sets`` computes them together.

    Attributes:
        kind: Always ``set``.
    """

    kind: Literal["set"] = "set"


def compare_sets(
    synthetic: Features, real: Features, *, cases: tuple[Sequence[str], Sequence[str]], equal: int, seed: int = 0
) -> dict[str, Estimate]:
    """Every metric of the kind ``set``, by name.

    Args:
        synthetic: ``(n, c)``.
        real: ``(m, c)``.
        cases: From which case each row of either set is; whole cases are moved in the permutation test.
        equal: Precision and recall depend on how many samples there are, so they compare so many of either set.
        seed: Of the random draws.

    Raises:
        UsageError: If the arrays are not of one width, or hold values that are not finite.
    """
    precision, recall = precision_recall(*(_thinned(rows, equal, seed=seed) for rows in (synthetic, real)))
    return {
        "fid": fid(synthetic, real, seed=seed),
        "kid": kid(synthetic, real, seed=seed),
        "mmd": mmd(synthetic, real, cases=cases, seed=seed),
        "set_precision": precision,
        "set_recall": recall,
    }


def frechet_distance(first: Features, second: Features) -> float:
    """The squared Fréchet distance of the Gaussians with the samples' means and covariances, without any correction.

    The trace of the root is the sum of the roots of the eigenvalues of ``S^(1/2) S' S^(1/2)``, which are real.

    Args:
        first: ``(n, c)``, n at least 2.
        second: ``(m, c)``, m at least 2.

    Raises:
        UsageError: As ``compare_sets``.
    """
    one, two = _checked(first, second)
    shift = one.mean(axis=0) - two.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (one, two)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = vectors * np.sqrt(np.clip(values, 0, None))
    of_product = np.clip(np.linalg.eigvalsh(root.T @ covariances[1] @ root), 0, None)
    traces = sum(float(np.trace(covariance)) for covariance in covariances)
    return float(shift @ shift) + traces - 2 * float(np.sqrt(of_product).sum())


def fid(synthetic: Features, real: Features, *, seed: int = 0) -> Estimate:
    """The Fréchet distance of features, plain, corrected or not available; see the module.

    Raises:
        UsageError: As ``compare_sets``.
    """
    one, two = _checked(synthetic, real)
    n, needed = min(len(one), len(two)), max(_FEWEST, _PER_FEATURE * one.shape[1])
    if n < needed:
        return Estimate(
            math.nan,
            f"not available: {n} samples, {needed} are needed ({_PER_FEATURE} for each of {one.shape[1]} features, and "
            f"at least {_FEWEST})",
        )
    if n >= PLAIN_FROM:
        return Estimate(frechet_distance(one, two), f"not corrected: at least {PLAIN_FROM} samples a side")
    rng = np.random.default_rng(seed)
    shares = np.repeat(np.linspace(0.5, 1.0, _POINTS), [_DRAWS] * (_POINTS - 1) + [1])
    found = [
        frechet_distance(*(rows[rng.permutation(len(rows))[: round(share * len(rows))]] for rows in (one, two)))
        for share in shares
    ]
    intercept = np.polynomial.polynomial.polyfit(1 / shares, found, 1)[0]
    note = f"corrected for {n} samples (fewer than {PLAIN_FROM}): extrapolated to infinitely many"
    return Estimate(float(intercept), f"{note}; {found[-1]:.4g} without correction")


def kid(synthetic: Features, real: Features, *, seed: int = 0) -> Estimate:
    """The kernel distance of features, mean and standard deviation over ``_SUBSETS`` random subsets.

    A subset has ``_SUBSET_SIZE`` samples of either set, or half of the smaller set if that is less.

    Raises:
        UsageError: As ``compare_sets``.
    """
    one, two = _checked(synthetic, real)
    n = min(len(one), len(two))
    if n < FEWEST_FOR_KERNELS:
        return _too_few(n, FEWEST_FOR_KERNELS)
    size = min(_SUBSET_SIZE, n // 2)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(_SUBSETS):
        rows = np.concatenate([part[rng.choice(len(part), size, replace=False)] for part in (one, two)])
        kernel = (rows @ rows.T / rows.shape[1] + 1) ** 3
        found.append(_discrepancy(kernel, np.arange(2 * size) < size))
    return Estimate(
        float(np.mean(found)), f"unbiased; {_SUBSETS} subsets of {size} samples", sd=float(np.std(found, ddof=1))
    )


def mmd(
    synthetic: Features, real: Features, *, cases: tuple[Sequence[str], Sequence[str]] | None = None, seed: int = 0
) -> Estimate:
    """The unbiased squared maximum mean discrepancy with a Gaussian kernel, and its permutation test.

    Args:
        synthetic: ``(n, c)``; of more than ``_MOST_FOR_KERNELS`` rows so many are drawn.
        real: ``(m, c)``, likewise.
        cases: From which case each row is; ``None``: every row is one by itself.
        seed: Of the draws.

    Raises:
        UsageError: As ``compare_sets``.
    """
    one, two = _checked(synthetic, real)
    n = min(len(one), len(two))
    if n < FEWEST_FOR_KERNELS:
        return _too_few(n, FEWEST_FOR_KERNELS)
    rng = np.random.default_rng(seed)
    taken = [np.sort(rng.permutation(len(rows))[:_MOST_FOR_KERNELS]) for rows in (one, two)]
    rows = np.concatenate([part[kept] for part, kept in zip((one, two), taken, strict=True)])
    squares = _squares(rows, rows)
    median = float(np.median(squares[np.triu_indices(len(rows), 1)]))
    kernel = np.exp(-squares / (2 * (median or 1.0)))
    first = np.arange(len(rows)) < len(taken[0])
    value = _discrepancy(kernel, first)
    names = cases or ([str(k) for k in range(len(one))], [str(k) for k in range(len(two))])
    ids = [f"{side} {names[side][k]}" for side in (0, 1) for k in taken[side]]
    found = _permuted(kernel, first, ids=ids, rng=rng)
    p = None if found is None else float((1 + np.sum(found >= value)) / (1 + len(found)))
    note = "unbiased; kernel as wide as the median distance"
    note += "; too few cases for a test" if p is None else f"; p from {_PERMUTATIONS} permutations of whole cases"
    return Estimate(value, note, p=p)


def precision_recall(synthetic: Features, real: Features, *, neighbours: int = NEIGHBOURS) -> tuple[Estimate, Estimate]:
    """How much of the synthetic set lies among the real one, and how much of the real one is reached, 0 to 1.

    Args:
        synthetic: ``(n, c)``.
        real: ``(m, c)``; the numbers depend on n and m, so compare values of like numbers only.
        neighbours: The radius around a sample is the distance to so many neighbours of its own set.

    Raises:
        UsageError: As ``compare_sets``.
    """
    one, two = _checked(synthetic, real)
    n = min(len(one), len(two))
    if n < max(_FEWEST_FOR_NEIGHBOURS, neighbours + 1):
        few = _too_few(n, max(_FEWEST_FOR_NEIGHBOURS, neighbours + 1))
        return few, few
    between = _distances(one, two)
    radii = [np.partition(_distances(rows, rows), neighbours, axis=1)[:, neighbours] for rows in (one, two)]
    precision = float((between <= radii[1][None, :]).any(axis=1).mean())
    recall = float((between <= radii[0][:, None]).any(axis=0).mean())
    note = f"{len(one)} and {len(two)} samples, {neighbours} neighbours"
    return Estimate(precision, note), Estimate(recall, note)


def _thinned(rows: Features, count: int, *, seed: int) -> Features:
    """So many rows, drawn without replacement and kept in order; all if there are no more."""
    drawn = np.random.default_rng(seed).permutation(len(rows))[:count]
    return rows[np.sort(drawn)]


def _checked(first: Features, second: Features) -> tuple[Features, Features]:
    one, two = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    widths = one.shape[1:], two.shape[1:]
    if one.ndim != 2 or widths[0] != widths[1]:
        raise UsageError(
            "features (n, c) of one width", came=f"shapes {one.shape} and {two.shape}", remedy="Use one network."
        )
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise UsageError("finite features", came="NaN or infinity", remedy="Look at the images and the network.")
    return one, two


def _too_few(n: int, needed: int) -> Estimate:
    return Estimate(math.nan, f"not available: {n} samples, {needed} are needed")


def _squares(one: Features, two: Features) -> _Kernel:
    """Squared distances; the common mean is taken away first, which changes none and keeps digits."""
    centre = one.mean(axis=0)
    a, b = one - centre, two - centre
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.clip(squares, 0, None))


def _distances(one: Features, two: Features) -> _Kernel:
    """Distances to the last digit: a sample lies at distance 0 from itself."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(one, two))


def _discrepancy(kernel: _Kernel, first: NDArray[np.bool_]) -> float:
    """The unbiased squared discrepancy from the kernel of all rows, of which some are the first set."""
    weights = first.astype(np.float64)
    n, m = weights.sum(), (1 - weights).sum()
    sums = kernel @ weights
    diagonal = np.diag(kernel)
    within = weights @ sums - weights @ diagonal
    across = (1 - weights) @ sums
    other = kernel.sum() - 2 * across - weights @ sums - (1 - weights) @ diagonal
    return float(within / (n * (n - 1)) + other / (m * (m - 1)) - 2 * across / (n * m))


def _permuted(
    kernel: _Kernel, first: NDArray[np.bool_], *, ids: Sequence[str], rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """The discrepancy after cases were dealt to the two sets anew; ``None`` for fewer than three cases a side."""
    names, place = np.unique(ids, return_inverse=True)
    belongs = np.zeros(len(names), dtype=np.bool_)
    belongs[place[first]] = True
    if min(belongs.sum(), (~belongs).sum()) < 3:
        return None
    deal: Callable[[], NDArray[np.bool_]] = lambda: rng.permutation(belongs)[place]  # noqa: E731
    return np.array([_discrepancy(kernel, deal()) for _ in range(_PERMUTATIONS)])
