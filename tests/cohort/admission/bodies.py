"""Small simulated scans with air, fat, soft tissue and bone where they lie in CT, and an MR image of the same head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPE = (30, 30, 26)


def depth(seed: int = 0) -> NDArray[np.float64]:
    """0 in the middle of a head, 1 at its skin, above outside."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    place = sum(((axis - rng.normal(0, 0.03)) / 0.8) ** 2 for axis in axes)
    return np.asarray(np.sqrt(place))


def head_ct(*, noise: float = 12, seed: int = 0) -> NDArray[np.float64]:
    """A head in HU: air all around, skin with fat, a skull of spongy and dense bone, brain with ventricles."""
    rng = np.random.default_rng(seed)
    inside = depth(seed)
    ct = np.full(SHAPE, -1000.0)
    ct[inside < 1] = -90
    ct[inside < 0.94] = 45
    skull = inside < 0.9
    ct[skull] = 350 + np.abs(rng.normal(0, 500, int(skull.sum())))
    ct[inside < 0.8] = 34
    ct[inside < 0.25] = 6
    return ct + rng.normal(0, noise, SHAPE)


def chest_ct(*, noise: float = 12, seed: int = 0) -> NDArray[np.float64]:
    """A chest in HU: fat around muscle around two lungs, with a spine."""
    rng = np.random.default_rng(seed)
    inside = depth(seed)
    i, j, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    ct = np.full(SHAPE, -1000.0)
    ct[inside < 1] = -100
    ct[inside < 0.85] = 50
    lung = (np.hypot((np.abs(i) - 0.32) / 0.25, j / 0.4) < 1) & (inside < 0.8)
    ct[lung] = -820 + 60 * rng.normal(size=int(lung.sum()))
    spine = (np.hypot(i, j + 0.5) < 0.14) & (inside < 0.85)
    ct[spine] = 250 + 120 * np.abs(rng.normal(size=int(spine.sum())))
    return ct + rng.normal(0, noise, SHAPE)


def head_mr(*, scale: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    """A T1-weighted head with Rician noise, 0 to about 500 times the scale."""
    rng = np.random.default_rng(seed)
    inside = depth(seed)
    mr = np.zeros(SHAPE)
    for edge, signal in ((1, 420.0), (0.9, 60.0), (0.8, 300.0), (0.5, 400.0), (0.25, 110.0)):
        mr[inside < edge] = signal
    return scale * np.hypot(mr + rng.normal(0, 9, SHAPE), rng.normal(0, 9, SHAPE))


def circle(array: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """What lies outside of the scanned circle has one value."""
    i, j = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE[:2]], indexing="ij")
    return np.where((np.hypot(i, j) > 1)[:, :, None], value, array)
