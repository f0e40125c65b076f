"""Label maps of made-up organs, each of a shape of its own, for audits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

SHAPE = (28, 30, 26)
Labels = NDArray[np.uint8]


def organs(seed: int) -> Labels:
    """Two organs side by side, 3 within 7, with bumps; the right one (low i) is larger."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in SHAPE), indexing="ij"))
    bumps = gaussian_filter(generator.standard_normal(SHAPE), 3)
    radius = (
        np.sqrt((grid**2 / np.array([0.9, 1.0, 0.7])[:, None, None, None]).sum(axis=0)) + 0.12 * bumps / bumps.std()
    )
    inner = gaussian_filter(generator.standard_normal(SHAPE), 2)
    near = (
        np.sqrt(((grid - np.array([-0.3, 0.1, 0])[:, None, None, None]) ** 2).sum(axis=0)) + 0.08 * inner / inner.std()
    )
    return np.where(near < 0.4, 3, np.where(radius < 0.85, 7, 0)).astype(np.uint8)


def warped(labels: Labels, seed: int, *, voxels: float) -> Labels:
    """Moved smoothly, by so many voxels at most."""
    generator = np.random.default_rng(seed)
    moves = np.stack([gaussian_filter(generator.standard_normal(SHAPE), 4) for _ in range(3)])
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"))
    return map_coordinates(labels, at + voxels * moves / np.sqrt((moves**2).sum(axis=0)).max(), order=0)
