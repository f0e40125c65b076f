"""A quick foreground, good enough to compare images: where an image differs from its background.

If one value fills more than a tenth of the image (skull-stripped scans, padded CT) everything else is foreground;
otherwise what lies above Otsu's threshold (Otsu 1979, doi 10.1109/TSMC.1979.4310076). CT: above -500 HU. The masks
that training uses are made by ``voxlate.preprocess``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.contrast import Kind

BODY_HU = -500.0
CONSTANT_SHARE = 0.9
_FILLS = 0.1


def foreground(array: NDArray[Any], *, kind: Kind = "mr") -> NDArray[np.bool_]:
    """Where an image shows something, same shape as the image.

    Args:
        array: Voxels, any shape, finite.
        kind: ``label``: not zero; ``ct``: above -500 HU if the image reaches below; ``mr``, ``pet``: see above.
    """
    if kind == "label":
        return np.asarray(array != 0)
    if kind == "ct" and array.min() < BODY_HU:
        return np.asarray(array > BODY_HU)
    sample = array.ravel()[:: max(1, array.size // 100_000)]
    values, counts = np.unique(sample, return_counts=True)
    if counts.max() > _FILLS * sample.size and len(values) > 1:
        return np.asarray(array != values[counts.argmax()])
    return np.asarray(array > otsu_threshold(sample))


def constant_background(array: NDArray[Any]) -> float | None:
    """The one value that nearly all of the border has, or ``None`` if the background is not constant."""
    faces = [array[0], array[-1], array[:, 0], array[:, -1], array[:, :, 0], array[:, :, -1]]
    border = np.concatenate([face.ravel() for face in faces])
    value = np.median(border)
    share = float(np.mean(border == value))
    return float(value) if share >= CONSTANT_SHARE else None


def otsu_threshold(values: NDArray[Any], *, bins: int = 256) -> float:
    """The threshold that parts values into two classes of the greatest variance between them."""
    counts, edges = np.histogram(values.astype(np.float64), bins=bins)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centres)
    apart = sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = below * above * apart**2
    return float(edges[1:-1][np.isclose(between, between.max(), rtol=1e-9)].mean())
