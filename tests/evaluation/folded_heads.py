"""Images of made-up heads, each with folds of its own, and the same person's again, for audits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

HEAD_SHAPE = (24, 28, 22)


def head(seed: int) -> NDArray[np.float32]:
    """An ellipsoid with folds of its own."""
    generator = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1.2, 1.2, n) for n in HEAD_SHAPE), indexing="ij"))
    inside = (grid**2 / np.array([0.9, 1.0, 0.85])[:, None, None, None]).sum(axis=0) < 1
    folds = gaussian_filter(generator.standard_normal(HEAD_SHAPE), 1.5)
    shared = gaussian_filter(np.random.default_rng(0).standard_normal(HEAD_SHAPE), 2.5)
    return np.asarray(inside * (100 + 25 * folds / folds.std() + 25 * shared / shared.std()).clip(10), dtype=np.float32)


def deformed(image: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Another gamma, some noise, a shift of a voxel, and an elastic deformation of up to a voxel, which is 5 mm."""
    generator = np.random.default_rng(seed)
    moves = [gaussian_filter(generator.standard_normal(HEAD_SHAPE), 3) for _ in range(3)]
    longest = np.sqrt(sum(move**2 for move in moves)).max()
    at = np.stack(np.meshgrid(*map(np.arange, HEAD_SHAPE), indexing="ij")) + np.stack(moves) / longest
    moved = map_coordinates(image, at + np.array([1.0, -1.0, 0.5])[:, None, None, None], order=1)
    return np.asarray(moved**1.2 + (moved > 0) * 5 * generator.standard_normal(HEAD_SHAPE), dtype=np.float32)
