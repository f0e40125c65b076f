"""Ranks, without ``scipy.stats``, for whose import every command would wait half a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Array


def average_ranks(values: Array) -> NDArray[np.float64]:
    """Ranks from 1 of values ``(n,)`` that are numbers; equal values share their mean.

    Example:
        >>> average_ranks(np.array([7, 3, 3])).tolist()
        [3.0, 1.5, 1.5]
    """
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[where])
