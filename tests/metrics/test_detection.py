"""Detection of lesions against scikit-image's components, compared pair by pair, and cases counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.measure import label

from voxlate.metrics import Detection, detect, metrics_of

SHAPE = (14, 13, 12)
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def _lesions(*blocks: tuple[slice, slice, slice]) -> np.ndarray:
    made = np.zeros(SHAPE, dtype=bool)
    for block in blocks:
        made[block] = True
    return made


def _block(i: int, j: int, k: int, size: int = 2) -> tuple[slice, slice, slice]:
    return slice(i, i + size), slice(j, j + size), slice(k, k + size)


def _pairwise(prediction: np.ndarray, truth: np.ndarray) -> Detection:
    """Every component of one map against the other map, one at a time."""
    numbered = [label(array, connectivity=3) for array in (prediction, truth)]
    found, missed, invented = 0, 0, 0
    for number in range(1, numbered[1].max() + 1):
        hit = bool(np.any(prediction[numbered[1] == number]))
        found, missed = found + hit, missed + (not hit)
    for number in range(1, numbered[0].max() + 1):
        invented += not np.any(truth[numbered[0] == number])
    return Detection(found, invented, missed)


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_a_comparison_pair_by_pair(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prediction, truth = (rng.random(SHAPE) > 0.97 for _ in range(2))
    mask = rng.random(SHAPE) > 0.1
    found = detect(prediction, truth, mask=mask, data_range=1.0)
    assert found == _pairwise(prediction & mask, truth & mask)
    assert min(found) > 0 or found.fp + found.fn > 10


def test_by_hand() -> None:
    truth = _lesions(_block(0, 0, 0), _block(5, 5, 5), _block(10, 10, 9))
    prediction = _lesions(_block(1, 1, 1), _block(6, 6, 6, size=1), _block(0, 9, 0), _block(0, 9, 8), _block(9, 0, 0))
    found = detect(prediction, truth, mask=EVERYWHERE, data_range=1.0)
    assert found == Detection(tp=2, fp=3, fn=1)
    values = {
        name: m(prediction, truth, mask=EVERYWHERE, data_range=1.0) for name, m in metrics_of("detection").items()
    }
    assert values == pytest.approx(
        {"detection_tp": 2, "detection_fp": 3, "detection_fn": 1}
        | {"detection_sensitivity": 2 / 3, "detection_precision": 2 / 5, "detection_f1": 4 / 8}
    )


def test_voxels_that_share_a_corner_are_one_lesion() -> None:
    aslant = _lesions(*(_block(a, a, a, size=1) for a in range(5)))
    tip = _lesions(_block(4, 4, 4, size=1))
    assert detect(tip, aslant, mask=EVERYWHERE, data_range=1.0) == Detection(1, 0, 0)
    apart = _lesions(_block(0, 0, 0, size=1), _block(2, 0, 0, size=1))
    assert detect(tip, apart, mask=EVERYWHERE, data_range=1.0) == Detection(0, 1, 2)


def test_lesions_of_the_truth_are_counted() -> None:
    pair, cover = _lesions(_block(0, 0, 0), _block(4, 0, 0)), _lesions((slice(0, 6), slice(0, 2), slice(0, 2)))
    assert detect(cover, pair, mask=EVERYWHERE, data_range=1.0) == Detection(2, 0, 0)
    assert detect(pair, cover, mask=EVERYWHERE, data_range=1.0) == Detection(1, 0, 0)


def test_touching_face_to_face_is_not_enough() -> None:
    found = detect(_lesions(_block(2, 0, 0)), _lesions(_block(0, 0, 0)), mask=EVERYWHERE, data_range=1.0)
    assert found == Detection(0, 1, 1)


def test_the_mask_cuts_lesions_apart() -> None:
    rod = _lesions((slice(0, 9), slice(0, 1), slice(0, 1)))
    mask = EVERYWHERE.copy()
    mask[4] = False
    end = _lesions(_block(8, 0, 0, size=1))
    assert detect(end, rod, mask=mask, data_range=1.0) == Detection(1, 0, 1)


def test_the_rule_for_what_is_empty() -> None:
    some, none = _lesions(_block(0, 0, 0), _block(5, 5, 5)), _lesions()

    def values(prediction: np.ndarray, truth: np.ndarray) -> list[float]:
        return [m(prediction, truth, mask=EVERYWHERE, data_range=1.0) for m in metrics_of("detection").values()]

    nan = math.nan
    assert values(none, none) == pytest.approx([0, 0, 0, nan, nan, nan], nan_ok=True)
    assert values(none, some) == pytest.approx([0, 0, 2, 0, 0, 0], nan_ok=True)
    assert values(some, none) == pytest.approx([0, 2, 0, nan, 0, 0], nan_ok=True)
    assert detect(some, some, mask=np.zeros(SHAPE, dtype=bool), data_range=1.0) is None
