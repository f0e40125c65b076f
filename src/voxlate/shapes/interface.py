"""What every shape model can do: be fitted, draw, come close to a given map, and be kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from voxlate.volume import Array, Volume

State = Mapping[str, Array]
"""Arrays by name: what is kept of a model in a safetensors file."""


class ShapeModel(Protocol):
    """A fitted model of label maps."""

    def sample(self, rng: np.random.Generator) -> Volume:
        """A new label map, axes in RAS order; the world's origin is in the middle of what is labelled.

        Args:
            rng: The only source of chance; the same state of it draws the same map.
        """

    def closest(self, labels: Volume) -> Volume:
        """What of all that the model can make comes closest to a label map, on the map's lattice in RAS order."""

    def state(self) -> dict[str, Array]:
        """The model as arrays, from which the family makes it again, to the last bit."""


class ShapeFamily(Protocol):
    """A way to model label maps, with its options."""

    def fit(self, maps: Sequence[Volume], *, seed: int = 0) -> ShapeModel:
        """A model of these label maps.

        Args:
            maps: At least two; each is read more than once and none is kept, so that a sequence may read files.
            seed: Of whatever is random in fitting; the same maps and seed give the same model.

        Raises:
            CohortError: If there are too few maps, nothing is labelled, or there are more than 128 label values.
        """

    def from_state(self, state: State) -> ShapeModel:
        """The model that ``ShapeModel.state`` wrote.

        Raises:
            BundleError: If the arrays are not those of such a model.
        """
