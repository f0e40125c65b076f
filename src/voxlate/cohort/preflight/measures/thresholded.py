"""A label map that an image's grey values alone give away: the image binarised, or cut at thresholds.

The fault of a published generator: the label was the image. A network learns that in minutes and the Dice is near 1.
Held against each label are the best single threshold, either way, and the intensity lookup: every grey value becomes
the label that is most frequent there. Where the better of the two has a Dice of 0.95 or more, mean over the labels,
no network is needed, and a score shows nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from voxlate.volume import Array

_MOST = 60_000
_LEAST = 30
_GREY_VALUES = 256
_GIVEN_AWAY = 0.95
_MOST_LABELS = 64
_Values = NDArray[np.float64]


def lookup_dice(image: Array, labels: Array) -> float:
    """Mean Dice over the labels of the best threshold or the intensity lookup, 0 to 1; 0 without a label.

    Args:
        image: Voxels, finite, any shape.
        labels: Whole numbers at the same places; 0 is no label.
    """
    flat, values = labels.ravel(order="F"), image.ravel(order="F")
    labelled = np.flatnonzero(flat)
    if labelled.size < _LEAST or labelled.size == flat.size:
        return 0.0
    rest = np.flatnonzero(flat == 0)
    kept = [places[:: max(1, places.size // _MOST)] for places in (labelled, rest)]
    weights = np.concatenate(
        [np.full(k.size, places.size / k.size) for k, places in zip(kept, (labelled, rest), strict=True)]
    )
    index = np.concatenate(kept)
    grey, number = values[index].astype(np.float64), flat[index]
    order = np.argsort(grey, kind="stable")
    grey, number, weights = grey[order], number[order], weights[order]
    known = [label for label in np.unique(number) if label != 0][:_MOST_LABELS]
    classes = np.stack([np.where(number == label, weights, 0.0) for label in (0, *known)])
    if grey[0] == grey[-1]:
        return 0.0
    last = np.append(np.flatnonzero(np.diff(grey)), grey.size - 1)
    by_threshold = _threshold_dice(np.cumsum(classes, axis=1)[:, last])
    by_lookup = _lookup_dice(classes, grey)
    return float(np.maximum(by_threshold, by_lookup).mean())


def is_given_away(dice: float) -> bool:
    """Whether grey values alone give a label map away."""
    return dice >= _GIVEN_AWAY


def _threshold_dice(below: _Values) -> _Values:
    """The best Dice of each label over all thresholds and both directions, from counts up to each grey value."""
    total = below.sum(axis=0)
    size = below[1:, -1:]
    lower = 2 * below[1:] / (size + total)
    upper = 2 * (size - below[1:]) / (size + total[-1] - total)
    return np.asarray(np.maximum(lower.max(axis=1), upper.max(axis=1)))


def _lookup_dice(classes: _Values, grey: _Values) -> _Values:
    """The Dice of each label when every grey value is given the label most frequent there."""
    starts = np.unique(np.searchsorted(grey, grey[np.linspace(0, grey.size - 1, _GREY_VALUES).astype(int)]))
    counts = np.add.reduceat(classes, starts, axis=1)
    chosen = counts.argmax(axis=0)
    said = np.stack([np.where(chosen == label, counts.sum(axis=0), 0).sum() for label in range(1, len(classes))])
    right = np.stack([counts[label, chosen == label].sum() for label in range(1, len(classes))])
    return np.asarray(2 * right / np.maximum(said + classes[1:].sum(axis=1), 1e-12))
