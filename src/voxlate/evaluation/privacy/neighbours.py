"""Neighbours: how near an image comes to those of a data set, against how near these come to each other.

Images are vectors on one lattice: ranks of voxels on a template, features of a network, or label maps. What all of
them have in common is taken away, and what is left is compared by its direction:

    d(q, r) = 1 - cos(q - m, r - m),    m = mean of the real images, without those of the subject of q

0 is a copy; about 1 is a pair that has no more in common than any two. A real image is asked as if it were synthetic:
the mean leaves its subject out, and so do its neighbours.

The threshold lies below a low quantile of the distances of real images to their nearest other real image, as the
distance to the closest record is used for tables (Yale et al. 2020, doi:10.1016/j.neucom.2019.12.136).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SHARE, MARGIN = 0.05, 0.9
"""The threshold is nine tenths of the 5th percentile. The percentile alone, which is uncertain in few images, held
back 6 to 18 % of real images that no model has seen (heads of the phantom and hippocampi, from 130 down to 10 training
images), nine tenths of it 0.3 to 4 %, and deformed copies lie much nearer."""
_TWINS = 0.5
"""Real images nearer to each other than this share of the median nearest distance are taken for one patient's."""
_NOISE = 1e-6
"""Of the length of a vector: what is left of one that is the mean itself, after rounding."""
Vectors = NDArray[np.float32]
Distances = NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """A real image near another image.

    Attributes:
        case: Id of its case.
        distance: 0 (a copy) to 2.
        mirrored: Whether the other image is nearer with left and right exchanged.
        world: The map from this image's world to the other's, ``(4, 4)``, where the pair has a fit of its own.
    """

    case: str
    distance: float
    mirrored: bool = False
    world: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True, eq=False)
class Space:
    """Images as vectors.

    Attributes:
        name: ``pixel``, ``feature`` or ``label``.
        real: ``(n, d)``, one row per real image.
        real_mirrored: The same with left and right exchanged, if the space has it.
        synthetic: ``(s, d)``.
        synthetic_mirrored: As for real images.
    """

    name: str
    real: Vectors
    synthetic: Vectors
    real_mirrored: Vectors | None = None
    synthetic_mirrored: Vectors | None = None

    def from_synthetic(self) -> tuple[Distances, NDArray[np.bool_]]:
        """Distances ``(s, n)`` of synthetic to real images, and which of them are of the mirrored image."""
        mean = self.real.mean(axis=0, dtype=np.float64).astype(np.float32)
        return _nearer(
            _less(self.real, mean), _less(self.synthetic, mean), _less_or_none(self.synthetic_mirrored, mean)
        )

    def among_real(self, subjects: Sequence[str]) -> tuple[Distances, NDArray[np.bool_]]:
        """Distances ``(n, n)`` of each real image (row) to each of another subject; infinite to its own subject's."""
        names = np.asarray(subjects)
        mean = self.real.mean(axis=0, dtype=np.float64).astype(np.float32)
        real, turned = _less(self.real, mean), _less_or_none(self.real_mirrored, mean)
        straight = _Products.of(real, real)
        flipped = None if turned is None else _Products.of(turned, real)
        found = np.full((len(names), len(names)), np.inf)
        mirrored = np.zeros(found.shape, dtype=bool)
        for row, name in enumerate(names):
            own, others = names == name, names != name
            if not others.any():
                continue
            found[row, others] = straight.apart(row, own)
            if flipped is not None:
                exchanged = flipped.apart(row, own, gallery=straight)
                mirrored[row, others] = exchanged < found[row, others]
                found[row, others] = np.minimum(found[row, others], exchanged)
        return found, mirrored


@dataclass(frozen=True, eq=False)
class _Products:
    """Inner products of queries with a gallery of the same images, whose mean is the origin.

    The mean of the images without those of one subject is then minus the sum of the subject's over the number of
    others, so that leaving a subject out needs no vectors any more.

    Attributes:
        pairs: ``(queries, gallery)``.
        squares: ``(queries,)``, of the queries with themselves.
    """

    pairs: Distances
    squares: Distances

    @classmethod
    def of(cls, queries: Vectors, gallery: Vectors) -> _Products:
        pairs = (queries @ gallery.T).astype(np.float64)
        return cls(pairs, np.einsum("ij,ij->i", queries, queries).astype(np.float64))

    def apart(self, row: int, own: NDArray[np.bool_], *, gallery: _Products | None = None) -> Distances:
        """Distances of one query to the images of other subjects than its own.

        Args:
            row: The query.
            own: ``(gallery,)``, its subject's images, which the mean leaves out.
            gallery: Products of the gallery with itself, if they are not these.
        """
        inner = (gallery or self).pairs
        weight = -1 / (~own).sum()
        square = weight**2 * inner[np.ix_(own, own)].sum()
        to_mean = weight * inner[~own][:, own].sum(axis=1)
        query_to_mean = weight * self.pairs[row, own].sum()
        products = self.pairs[row, ~own] - query_to_mean - to_mean + square
        one = self.squares[row] - 2 * query_to_mean + square
        others = (gallery or self).squares[~own] - 2 * to_mean + square
        return _one_less_cosine(products, np.sqrt(np.maximum(one * others, 0)))


@dataclass(frozen=True)
class Threshold:
    """How near is too near.

    Attributes:
        distance: Images nearer than this to a training image are held back.
        typical: Median distance of a training image to its nearest other one.
        twins: Pairs of training images, by row, that are taken for one patient's and do not set the threshold.
    """

    distance: float
    typical: float
    twins: tuple[tuple[int, int], ...] = ()

    def relative(self, distance: float) -> float:
        """A distance in units of the typical one, in which all spaces are read alike."""
        return distance / max(self.typical, _NOISE)


def set_threshold(
    nearest: Distances,
    to: NDArray[np.integer],
    *,
    distance: float | None = None,
    share: float = SHARE,
    margin: float = MARGIN,
) -> Threshold:
    """The threshold from the distances of training images to their nearest other one.

    Args:
        nearest: ``(n,)``, infinite where an image is compared with none.
        to: ``(n,)``, the row of that nearest image.
        distance: A relative distance instead: 1 is the median of the nearest distances, 0 a copy.
        share: The quantile that is taken without it.
        margin: So much of the quantile is too near.
    """
    typical = float(np.median(nearest[np.isfinite(nearest)]))
    close = nearest < _TWINS * typical
    pairs = sorted({(min(row, int(to[row])), max(row, int(to[row]))) for row in np.flatnonzero(close).tolist()})
    kept = nearest[~close & np.isfinite(nearest)]
    found = distance * typical if distance is not None else margin * float(np.quantile(kept, share))
    return Threshold(found, typical, tuple(pairs))


def nearest_of(
    distances: Distances, mirrored: NDArray[np.bool_], *, cases: Sequence[str], count: int
) -> tuple[Neighbour, ...]:
    """The nearest images of one row, nearest first; those at an infinite distance are none.

    Args:
        distances: ``(n,)``.
        mirrored: ``(n,)``.
        cases: Their ids.
        count: How many at most.
    """
    order = [int(at) for at in np.argsort(distances, kind="stable")[:count] if np.isfinite(distances[at])]
    return tuple(Neighbour(cases[at], float(distances[at]), bool(mirrored[at])) for at in order)


def _less(vectors: Vectors, mean: Vectors) -> Vectors:
    """What is left of vectors without the mean; zeros of those that are the mean but for rounding."""
    left = vectors - mean
    left[np.linalg.norm(left, axis=1) <= _NOISE * np.linalg.norm(mean)] = 0
    return left


def _less_or_none(vectors: Vectors | None, mean: Vectors) -> Vectors | None:
    return None if vectors is None else _less(vectors, mean)


def _nearer(gallery: Vectors, queries: Vectors, mirrored: Vectors | None) -> tuple[Distances, NDArray[np.bool_]]:
    """Distances ``(queries, gallery)`` of the image or its mirror image, the nearer, and where it is the latter."""
    straight = _apart(queries, gallery)
    if mirrored is None:
        return straight, np.zeros(straight.shape, dtype=bool)
    turned = _apart(mirrored, gallery)
    return np.minimum(straight, turned), turned < straight


def _apart(one: Vectors, other: Vectors) -> Distances:
    products = (one @ other.T).astype(np.float64)
    return _one_less_cosine(products, np.linalg.norm(one, axis=1)[:, None] * np.linalg.norm(other, axis=1)[None])


def _one_less_cosine(products: Distances, lengths: Distances) -> Distances:
    """From inner products and the products of lengths; an image that is the mean itself is like no other."""
    alike = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return np.asarray(np.clip(1 - alike, 0, 2))
