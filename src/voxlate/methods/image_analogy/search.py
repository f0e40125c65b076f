"""The search of image analogies: where among the exemplars a pixel's value comes from (Hertzmann et al. 2001).

Two candidates compete for every pixel ``q``: the nearest feature vector among the exemplars, found approximately by a
k-d tree over principal components, and the best of the coherent ones, which continue what a neighbour ``r`` that is
already made was taken from::

    p_coherent = s(r) + (q - r),      s: where each made pixel came from

With ``d`` the squared distance of whole feature vectors and levels counted from the finest, 0, coherence wins if
``d_coherent <= d_nearest (1 + kappa 2^-level)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voxlate.methods.image_analogy.features import Floats, Indices, Neighbourhoods, Stack, static_features

_COMPONENT_SAMPLES = 20_000


@dataclass(frozen=True)
class NearestNeighbourSearch:
    """How the nearest feature vector is sought.

    Attributes:
        neighbours: Candidates of the tree that are compared by whole feature vectors.
        eps: The tree may return what is up to ``1 + eps`` times as far as the nearest.
        components: Principal components of the feature vectors in the tree.
        pixels: At most so many exemplar pixels, drawn at random, are in the tree.
        seed: Decides the draw.
    """

    neighbours: int
    eps: float
    components: int
    pixels: int
    seed: int


class ExemplarLevel:
    """One level of all exemplars, ready to be searched.

    Args:
        source: The exemplars' source on this level.
        target: Their target, of the same shape.
        coarser: Source and target on the next coarser level; ``None`` on the coarsest.
        neighbourhoods: What a feature vector consists of.
        search: How it is sought.
    """

    def __init__(
        self,
        source: Stack,
        target: Stack,
        *,
        coarser: tuple[Stack, Stack] | None,
        neighbourhoods: Neighbourhoods,
        search: NearestNeighbourSearch,
    ) -> None:
        from scipy.spatial import cKDTree

        self.source, self.target, self.neighbourhoods = source, target, neighbourhoods
        pixels = source.foreground
        static = static_features(source, coarser, index=pixels, neighbourhoods=neighbourhoods)
        self._features = np.concatenate([static, target.around(pixels, neighbourhoods.target)], axis=1)
        self._row = np.full(source.values.shape[1], -1, dtype=np.intp)
        self._row[pixels] = np.arange(len(pixels))
        rng = np.random.default_rng(search.seed)
        self._axes = _principal_axes(self._features, count=search.components, rng=rng)
        self._sought = _some(len(pixels), search.pixels, rng=rng)
        self._tree = cKDTree(self._features[self._sought] @ self._axes)
        self._search = search

    def transfer(self, static: Floats, made: Stack, *, kappa: float) -> Indices:
        """Makes the target of one image in scan order.

        Pixels whose causal neighbourhoods are complete at the same time are made at the same time; this gives exactly
        what one pixel after the other would give.

        Args:
            static: ``(p, d)`` the known part of its feature vectors, in the order of ``made.foreground``.
            made: Receives the values, exemplar values of this level's target.
            kappa: The advantage of coherence on this level.

        Returns:
            ``(p,)`` the flat index among the exemplars that each pixel was taken from.
        """
        causal = self.neighbourhoods.target
        before, behind = made.steps(causal.offsets), self.source.steps(causal.offsets)
        origin = np.full(made.values.shape[1], -1, dtype=np.intp)
        known = static @ self._axes[: static.shape[1]]
        for wave in _waves(made, reach=int(np.abs(causal.offsets).max(initial=0))):
            pixels = made.foreground[wave]
            new = made.around(pixels, causal)
            nearest = self._nearest(known[wave] + new @ self._axes[static.shape[1] :])
            came_from = origin[pixels[:, None] + before]
            coherent = np.where(came_from >= 0, self._row[came_from - behind], -1)
            features = np.concatenate([static[wave], new], axis=1)
            rows = self._choose(features, nearest, coherent, kappa=kappa)
            origin[pixels] = self.source.foreground[rows]
            made.values[:, pixels] = self.target.values[:, origin[pixels]]
        return origin[made.foreground]

    def _nearest(self, projected: Floats) -> Indices:
        """The rows ``(p, neighbours)`` that the tree finds."""
        count = min(self._search.neighbours, len(self._sought))
        _, found = self._tree.query(projected, k=np.arange(1, count + 1), eps=self._search.eps)
        return np.asarray(self._sought[found])

    def _choose(self, features: Floats, nearest: Indices, coherent: Indices, *, kappa: float) -> Indices:
        """The row of each pixel's match; a coherent candidate of -1 does not exist."""
        each = np.arange(len(features))
        rows = np.concatenate([nearest, coherent], axis=1)
        apart = self._features[rows] - features[:, None]
        distance = np.einsum("pmd,pmd->pm", apart, apart)
        distance[rows < 0] = np.inf
        count = nearest.shape[1]
        first = distance[:, :count].argmin(1)
        if rows.shape[1] == count:
            return np.asarray(rows[each, first])
        second = count + distance[:, count:].argmin(1)
        wins = distance[each, second] <= distance[each, first] * (1 + kappa)
        return np.asarray(rows[each, np.where(wins, second, first)])


def _waves(made: Stack, *, reach: int) -> Iterator[Indices]:
    """Numbers of foreground pixels that can be made together, in order.

    All that comes before ``(row, column)`` in its causal neighbourhood has a smaller ``column + (reach + 1) row``.
    """
    _, row, column = made.places(made.foreground)
    time = column + (reach + 1) * row
    order = np.argsort(time, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(time[order])) + 1)


def _principal_axes(features: Floats, *, count: int, rng: np.random.Generator) -> Floats:
    """The ``(d, count)`` directions in which a sample of the feature vectors varies most."""
    sample = features[_some(len(features), _COMPONENT_SAMPLES, rng=rng)].astype(np.float64)
    centred = sample - sample.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    return axes[:, ::-1][:, :count].astype(np.float32)


def _some(available: int, wanted: int, *, rng: np.random.Generator) -> Indices:
    """At most so many of the first ``available`` numbers, increasing."""
    if available <= wanted:
        return np.arange(available)
    return np.sort(rng.choice(available, wanted, replace=False))
