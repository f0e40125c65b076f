"""The baseline: a training label map under a random smooth deformation.

It keeps the training maps themselves, so a bundle with it carries real label maps. Displacements are normal on a coarse
grid of points over the labelled part and its margin, joined by a cubic spline (as ``preprocess.augmentation``), and
bounded by 0.4 of the distance between points, so that space does not fold (Choi and Lee 2000,
doi:10.1006/gmod.2000.0531).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.ndimage import map_coordinates

from voxlate.preprocess.warping import displacement_field
from voxlate.shapes.arrays import check_names, refusal, take
from voxlate.shapes.distance_maps import DOMAIN, Domain, domain_from, survey
from voxlate.shapes.interface import ShapeFamily, State
from voxlate.shapes.placement import ras_labels
from voxlate.volume import Array, Volume

_BOUND = 0.4
_COARSE_POINTS = 32
_MAP = "map."


@dataclass(frozen=True)
class _DeformedShapes:
    """Training label maps to be deformed.

    Attributes:
        domain: Where they lay in their images.
        maps: The label maps, axes in RAS order.
        share: Standard deviation of the displacements as a share of the labelled part's extent.
        points: Of the coarse grid along each axis.
    """

    domain: Domain
    maps: tuple[NDArray[np.integer], ...]
    share: float
    points: int

    def sample(self, rng: np.random.Generator) -> Volume:
        """A new label map; see ``ShapeModel``."""
        number = int(rng.integers(len(self.maps)))
        array, placed = self.maps[number], self.domain.placements[number]
        edges = np.array(placed.extent_mm) / placed.spacing_mm * self.share
        limits = _BOUND * (np.array(array.shape) - 1) / (self.points - 1)
        drawn = rng.standard_normal((3, *[self.points] * 3)) * edges[:, None, None, None]
        drawn = np.clip(drawn, -limits[:, None, None, None], limits[:, None, None, None])
        where = displacement_field(drawn, array.shape)
        for axis, line in enumerate(np.ogrid[tuple(slice(n) for n in array.shape)]):
            where[axis] += line
        return placed.volume(map_coordinates(array, where, order=0, mode="nearest"))

    def closest(self, labels: Volume) -> Volume:
        """The training map that is nearest, brought to the other's middle; see ``ShapeModel``."""
        frame = self.domain.frame
        wanted = self.domain.encode(labels)
        known = (
            frame.encode(placed.volume(array), placed)
            for array, placed in zip(self.maps, self.domain.placements, strict=True)
        )
        return self.domain.on_lattice_of(labels, min(known, key=lambda maps: float(np.abs(maps - wanted).sum())))

    def state(self) -> dict[str, Array]:
        """As arrays."""
        return {**self.domain.state(), **{f"{_MAP}{number}": array for number, array in enumerate(self.maps)}}


@dataclass(frozen=True)
class _Deformed:
    share: float
    points: int

    def fit(self, maps: Sequence[Volume], *, seed: int = 0) -> _DeformedShapes:
        del seed  # nothing is random before a map is drawn
        domain, _ = survey(maps, points=_COARSE_POINTS)
        dtype = np.min_scalar_type(max(domain.frame.labels))
        kept = tuple(np.ascontiguousarray(ras_labels(labels), dtype=dtype) for labels in maps)
        return _DeformedShapes(domain, kept, self.share, self.points)

    def from_state(self, state: State) -> _DeformedShapes:
        domain = domain_from(state)
        names = [f"{_MAP}{number}" for number in range(len(domain.placements))]
        check_names(state, *DOMAIN, *names)
        known = domain.frame.labels
        maps = []
        for name, placed in zip(names, domain.placements, strict=True):
            array = take(state, name, shape=placed.shape, kind="i", low=0, high=known[-1])
            if not np.isin(array, known).all():
                raise refusal(name, "label values of the frame", "others")
            maps.append(array)
        return _DeformedShapes(domain, tuple(maps), self.share, self.points)


def deformed(
    *,
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.04,
    points: Annotated[int, Field(ge=3, le=16)] = 5,
) -> ShapeFamily:
    """Training label maps under random smooth deformations; its state holds the maps themselves.

    Args:
        share: Standard deviation of the displacements as a share of the labelled part's extent.
        points: Of the coarse grid along each axis.
    """
    return _Deformed(share, points)
