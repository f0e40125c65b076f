"""The statistical shape model: principal components of signed distance maps.

``maps = mean + sum of b_m mode_m``, ``b_m`` normal with the mode's standard deviation and never beyond three of them
(Cootes et al. 1995, doi:10.1006/cviu.1995.1004; on distance maps Leventon et al. 2000,
doi:10.1109/CVPR.2000.855835). There are more points than cases, so the modes come from the small matrix of inner
products between cases, in float64. So many modes are kept that they explain a share of the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr, ndtri

from voxlate.shapes.arrays import check_names, take
from voxlate.shapes.distance_maps import DOMAIN, Domain, domain_from, survey
from voxlate.shapes.interface import ShapeFamily, State
from voxlate.volume import Array, Volume

_BLOCK = 2**18
_SPARE = ("mean", "modes", "points")


@dataclass(frozen=True)
class _StatisticalShapes:
    """A fitted statistical shape model.

    Attributes:
        domain: The frame of the maps.
        mean: Mean distances in mm, of all labels and points in one row, float16.
        modes: ``(mode, point that varies)``: a mode times its standard deviation, in mm, float16.
        points: Which points vary, by their number in the row.
        limit_sd: No coefficient is drawn beyond so many standard deviations.
    """

    domain: Domain
    mean: NDArray[np.float16]
    modes: NDArray[np.float16]
    points: NDArray[np.int32]
    limit_sd: float

    def sample(self, rng: np.random.Generator) -> Volume:
        """A new label map; see ``ShapeModel``."""
        low = float(ndtr(-self.limit_sd))
        coefficients = np.asarray(ndtri(rng.uniform(low, 1 - low, size=len(self.modes))))
        return self.domain.draw(self.maps(coefficients), rng)

    def closest(self, labels: Volume) -> Volume:
        """The projection of a map onto the modes; see ``ShapeModel``."""
        return self.domain.on_lattice_of(labels, self.maps(self.coefficients(labels)))

    def coefficients(self, labels: Volume) -> NDArray[np.float64]:
        """What a label map has of each mode, in standard deviations."""
        away = self.domain.encode(labels).ravel()[self.points] - self.mean[self.points].astype(np.float64)
        found, *_ = np.linalg.lstsq(self.modes.astype(np.float64).T, away, rcond=None)
        return np.asarray(found)

    def maps(self, coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
        """Distance maps ``(label, i, j, k)`` in mm, for coefficients in standard deviations."""
        row = self.mean.astype(np.float32)
        row[self.points] += np.asarray(coefficients, dtype=np.float32) @ self.modes.astype(np.float32)
        return row.reshape(self.domain.frame.form)

    def state(self) -> dict[str, Array]:
        """As arrays."""
        return {**self.domain.state(), "mean": self.mean, "modes": self.modes, "points": self.points}


@dataclass(frozen=True)
class _Statistical:
    explained: float
    points: int
    limit_sd: float

    def fit(self, maps: Sequence[Volume], *, seed: int = 0) -> _StatisticalShapes:
        del seed  # nothing is random
        domain, encoded = survey(maps, points=self.points)
        rows = encoded.reshape(len(encoded), -1)
        mean, modes = _principal_components(rows, explained=self.explained)
        varying = np.flatnonzero((modes != 0).any(axis=0)).astype(np.int32)
        return _StatisticalShapes(
            domain,
            mean.astype(np.float16),
            np.ascontiguousarray(modes[:, varying]),
            varying,
            self.limit_sd,
        )

    def from_state(self, state: State) -> _StatisticalShapes:
        check_names(state, *DOMAIN, *_SPARE)
        domain = domain_from(state)
        size, largest = int(np.prod(domain.frame.form)), 1e4
        points = take(state, "points", shape=(None,), kind="i", low=0, high=size - 1)
        return _StatisticalShapes(
            domain,
            take(state, "mean", shape=(size,), kind="f", low=-largest, high=largest),
            take(state, "modes", shape=(None, len(points)), kind="f", low=-largest, high=largest),
            points,
            self.limit_sd,
        )


def _principal_components(
    rows: NDArray[np.floating], *, explained: float
) -> tuple[NDArray[np.float64], NDArray[np.float16]]:
    """The mean of rows and their modes, each times its standard deviation.

    Args:
        rows: ``(case, point)``, at least two.
        explained: The share of the variance that the modes explain, above 0 and at most 1.

    Returns:
        The mean ``(point,)``, and modes ``(mode, point)`` in the order of their variance, at least one.
    """
    cases, size = rows.shape
    mean = np.concatenate([rows[:, i : i + _BLOCK].mean(axis=0, dtype=np.float64) for i in range(0, size, _BLOCK)])
    products = np.zeros((cases, cases))
    for i in range(0, size, _BLOCK):
        away = rows[:, i : i + _BLOCK] - mean[i : i + _BLOCK]
        products += away @ away.T
    variances, vectors = np.linalg.eigh(products / (cases - 1))
    variances, vectors = np.maximum(variances[::-1][: cases - 1], 0), vectors[:, ::-1][:, : cases - 1]
    shares = np.cumsum(variances) / max(float(variances.sum()), np.finfo(np.float64).tiny)
    count = min(int(np.searchsorted(shares, explained - 1e-9)) + 1, cases - 1)
    # A mode is X'v / sqrt((n - 1) variance); times its standard deviation, X'v / sqrt(n - 1).
    weights = (
        vectors[:, :count] * np.where(vectors[np.abs(vectors).argmax(axis=0), range(cases - 1)] < 0, -1, 1)[:count]
    )
    modes = np.empty((count, size), dtype=np.float16)
    for i in range(0, size, _BLOCK):
        modes[:, i : i + _BLOCK] = weights.T @ (rows[:, i : i + _BLOCK] - mean[i : i + _BLOCK]) / np.sqrt(cases - 1)
    return mean, modes


def statistical(
    *,
    explained: Annotated[float, Field(gt=0, le=1)] = 0.97,
    points: Annotated[int, Field(ge=16, le=128)] = 64,
    limit_sd: Annotated[float, Field(gt=0, le=5)] = 3.0,
) -> ShapeFamily:
    """Principal components of signed distance maps.

    Args:
        explained: Share of the variance that the modes explain.
        points: Of the coarse frame along its longest axis.
        limit_sd: Standard deviations that no coefficient is drawn beyond.
    """
    return _Statistical(explained, points, limit_sd)
