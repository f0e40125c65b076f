"""Voxelwise metrics of segmentations against MONAI, SciPy and their identities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import ConfusionMatrixMetric
from monai.metrics import compute_iou as monai_iou
from scipy.spatial import distance

from voxlate.metrics import accuracy, dice, iou, metrics_of, precision, recall, volume_error

SHAPE = (6, 7, 5)
EVERYWHERE = np.ones(SHAPE, dtype=bool)
EMPTY = np.zeros(SHAPE, dtype=bool)


def _maps(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two label maps and a mask."""
    rng = np.random.default_rng(seed)
    truth = rng.random(SHAPE) > rng.uniform(0.3, 0.9)
    return truth ^ (rng.random(SHAPE) > 0.8), truth, rng.random(SHAPE) > 0.3


@pytest.mark.parametrize("seed", range(4))
def test_values_are_those_of_monai(seed: int) -> None:
    torch = pytest.importorskip("torch")
    prediction, truth, mask = _maps(seed)
    pair = [torch.from_numpy(array[mask])[None, None, :, None].float() for array in (prediction, truth)]
    names = {"accuracy": accuracy, "precision": precision, "sensitivity": recall, "f1 score": dice}
    for name, metric in names.items():
        confusion = ConfusionMatrixMetric(include_background=True, metric_name=name)
        confusion(*pair)
        expected = float(confusion.aggregate()[0])
        assert metric(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(expected, rel=1e-6), name
    assert iou(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(float(monai_iou(*pair)), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_overlap_is_that_of_scipy(seed: int) -> None:
    prediction, truth, mask = _maps(seed)
    p, t = prediction[mask], truth[mask]
    assert iou(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(1 - distance.jaccard(p, t), rel=1e-12)
    assert dice(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(1 - distance.dice(p, t), rel=1e-12)
    assert accuracy(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(
        1 - distance.hamming(p, t), rel=1e-12
    )
    assert volume_error(prediction, truth, mask=mask, data_range=1.0) == pytest.approx(
        abs(p.mean() / t.mean() - 1), rel=1e-12, abs=1e-12
    )


def test_by_hand() -> None:
    truth, prediction, mask = EMPTY.copy(), EMPTY.copy(), EMPTY.copy()
    mask[:5, 0, 0], mask[5, 0, 0] = True, False
    truth[:3, 0, 0] = True
    prediction[2:6, 0, 0] = True  # one right, two wrong, one beyond the mask; one of five is background in both: none
    values = {name: m(prediction, truth, mask=mask, data_range=1.0) for name, m in metrics_of("segmentation").items()}
    assert values == pytest.approx(
        {"dice": 1 / 3, "f1": 1 / 3, "iou": 1 / 5, "accuracy": 1 / 5, "precision": 1 / 3, "recall": 1 / 3}
        | {"volume_error": 0.0}
    )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_identities(seed: int) -> None:
    prediction, truth, mask = _maps(seed)
    value = {name: m(prediction, truth, mask=mask, data_range=1.0) for name, m in metrics_of("segmentation").items()}
    swapped = {name: m(truth, prediction, mask=mask, data_range=1.0) for name, m in metrics_of("segmentation").items()}
    for name in ("dice", "iou", "accuracy", "f1"):
        assert value[name] == swapped[name]
    assert value["precision"] == swapped["recall"]
    assert value["dice"] == pytest.approx(2 * value["iou"] / (1 + value["iou"]), rel=1e-12)
    assert value["f1"] * (value["precision"] + value["recall"]) == pytest.approx(
        2 * value["precision"] * value["recall"], rel=1e-12
    )
    assert value["volume_error"] * value["precision"] == pytest.approx(
        abs(value["recall"] - value["precision"]), rel=1e-9, abs=1e-12
    )


def test_the_rule_for_what_is_empty() -> None:
    some = EMPTY.copy()
    some[2:4, 2:4, 2:4] = True
    share = 1 - 8 / some.size

    def values(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        return {n: m(prediction, truth, mask=EVERYWHERE, data_range=1.0) for n, m in metrics_of("segmentation").items()}

    both, silent, invented = values(EMPTY, EMPTY), values(EMPTY, some), values(some, EMPTY)
    assert both.pop("accuracy") == 1.0
    assert all(math.isnan(value) for value in both.values())
    assert silent == pytest.approx(
        {"dice": 0, "f1": 0, "iou": 0, "accuracy": share, "precision": 0, "recall": 0, "volume_error": 1}
    )
    assert math.isnan(invented.pop("recall"))
    assert math.isnan(invented.pop("volume_error"))
    assert invented == pytest.approx({"dice": 0, "f1": 0, "iou": 0, "accuracy": share, "precision": 0})


def test_labels_beyond_the_mask_leave_an_empty_map() -> None:
    outside = EVERYWHERE.copy()
    outside[:3] = False
    some = EMPTY.copy()
    some[1, 1, 1] = True
    assert math.isnan(dice(some, some, mask=outside, data_range=1.0))
    assert dice(some, some, mask=EVERYWHERE, data_range=1.0) == 1.0
