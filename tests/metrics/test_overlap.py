from __future__ import annotations

import math

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.metrics import dice

EVERYWHERE = np.ones((4, 4, 4), dtype=bool)


def labels(*places: tuple[int, int, int], value: float = 1.0) -> np.ndarray:
    made = np.zeros((4, 4, 4))
    for place in places:
        made[place] = value
    return made


def test_dice_is_that_of_an_independent_implementation() -> None:
    monai = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, (2, 4, 4, 4))
    sets = [torch.from_numpy(array > 0)[None, None].float() for array in (first, second)]
    expected = float(monai.DiceMetric(include_background=True)(*sets))
    assert dice(first, second, mask=EVERYWHERE, data_range=1.0) == pytest.approx(expected)


def test_labels_are_what_rounds_to_more_than_nothing() -> None:
    truth = labels((0, 0, 0), (1, 1, 1), value=3)
    assert dice(truth * 0.3, truth, mask=EVERYWHERE, data_range=1.0) == 1.0
    assert dice(truth * 0.1, truth, mask=EVERYWHERE, data_range=1.0) == 0.0
    assert dice(labels((0, 0, 0)), truth, mask=EVERYWHERE, data_range=1.0) == pytest.approx(2 / 3)


def test_only_the_mask_counts_and_nothing_is_not_available() -> None:
    truth, inside = labels((0, 0, 0), (1, 1, 1)), EVERYWHERE.copy()
    inside[1, 1, 1] = False
    assert dice(labels((0, 0, 0)), truth, mask=inside, data_range=1.0) == 1.0
    assert math.isnan(dice(labels(), labels(), mask=EVERYWHERE, data_range=1.0))
    assert math.isnan(dice(labels(), labels((0, 0, 0), value=math.nan), mask=EVERYWHERE, data_range=1.0))
    with pytest.raises(UsageError, match="one shape"):
        dice(labels(), np.zeros((4, 4, 5)), mask=EVERYWHERE, data_range=1.0)
