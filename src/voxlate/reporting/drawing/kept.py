"""What is kept of a case for its pictures whatever they show: its grid, and the grey values of black and white."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from voxlate.reporting.drawing.tiles import Window
from voxlate.volume import Array


@dataclass(frozen=True)
class KeptGrid:
    """The grid of a case.

    Attributes:
        shape: Voxels along i, j, k.
        spacing_mm: Voxel size along i, j, k.
        window: Grey values of black and white.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    window: Window

    def to_arrays(self) -> dict[str, Array]:
        """To be kept beside the scores of the case; ``from_arrays`` reads them."""
        return {name: np.array(getattr(self, name)) for name in ("shape", "spacing_mm", "window")}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """What was kept of a case."""
        i, j, k = (int(size) for size in arrays["shape"])
        across, along, up = (float(step) for step in arrays["spacing_mm"])
        return cls((i, j, k), (across, along, up), window_of(arrays["window"]))

    def facts(self) -> dict[str, str]:
        """What a page of the case says of it."""
        return {
            "grid": " x ".join(map(str, self.shape)),
            "voxel size": f"{' x '.join(f'{step:.3g}' for step in self.spacing_mm)} mm",
        }


def window_of(ends: Array) -> Window:
    """The grey values of black and white that were kept as an array."""
    low, high = (float(end) for end in ends)
    return low, high
