"""Intensity lookup against relations that are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voxlate.errors import CohortError, UsageError
from voxlate.methods.baselines import _BINS, Lookup

EVERYWHERE = np.ones((12, 11, 10), bool)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((12, 11, 10), dtype=np.float32)


def test_linear_relation_is_reproduced() -> None:
    source = noise(0)
    table = Lookup.fit([(source, 3 - 2 * source, EVERYWHERE)])
    assert np.allclose(table.apply(source), 3 - 2 * source, atol=1e-3)
    inner = np.linspace(0.1, 0.9, 50)
    assert np.allclose(table.apply(inner), 3 - 2 * inner, atol=1e-6)


def test_tissue_values_give_the_mean_target_of_each_tissue() -> None:
    rng = np.random.default_rng(0)
    tissue = rng.integers(0, 3, size=(12, 11, 10))
    source = np.array([0.1, 0.5, 0.9])[tissue]
    target = np.array([1.0, 0.2, 0.6])[tissue] + rng.normal(0, 0.05, tissue.shape)
    table = Lookup.fit([(source, target, EVERYWHERE)])
    means = [target[tissue == label].mean() for label in range(3)]
    assert table.apply(np.array([0.1, 0.5, 0.9])) == pytest.approx(means, abs=1e-6)
    assert table.apply(np.array([0.3])) == pytest.approx((means[0] + means[1]) / 2, abs=1e-6), "linear over empty bins"
    assert table.apply(np.array([-5.0, 5.0])) == pytest.approx([means[0], means[2]], abs=1e-6), "constant beyond"


def test_only_the_foreground_counts() -> None:
    source, target = noise(0), noise(1)
    mask = source > 0.5
    spoiled = np.where(mask, target, np.nan)
    table = Lookup.fit([(source, spoiled, mask)])
    assert np.isfinite(table.target_values).all()
    assert table.source_values.min() > 0.5


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(0, 20)), min_size=1, max_size=5),
)
@example([(5.0, 0.0), (0.0, 0.0), (5.0, 0.0)])
@example([(0.0, 9.349609375), (8.5, 1.0), (0.0, 0.0)])
def test_growing_range_loses_no_voxel(cases: list[tuple[float, float]]) -> None:
    """Cases with any offset and scale, in any order: sums are kept, and the table has a fine enough grid."""
    sources = [offset + scale * noise(number).astype(np.float64) for number, (offset, scale) in enumerate(cases)]
    table = Lookup.fit((source, 2 * source + 1, EVERYWHERE) for source in sources)
    everything = np.concatenate([source.ravel() for source in sources])
    assert (np.diff(table.source_values) > 0).all()
    assert table.source_values.size <= _BINS
    coarse = (np.ptp(everything) or 1e-6) / (_BINS // 2 - 2)
    assert np.abs(table.apply(everything) - (2 * everything + 1)).max() <= 2 * coarse + 1e-4


def test_mean_squared_error_is_that_of_the_conditional_mean() -> None:
    rng = np.random.default_rng(3)
    source = rng.integers(0, 200, size=(40, 40, 40)) / 200
    target = np.sin(6 * source) + rng.normal(0, 0.1, source.shape)
    pairs = [(source[:20], target[:20], np.ones((20, 40, 40))), (source[20:], target[20:], np.ones((20, 40, 40)))]
    predicted = Lookup.fit(pairs).apply(source)
    labels = np.rint(source * 200).astype(int)
    mean = np.bincount(labels.ravel(), target.ravel()) / np.bincount(labels.ravel())
    assert np.allclose(predicted, mean[labels], atol=1e-6)


def test_table_survives_being_stored() -> None:
    table = Lookup.fit([(noise(0), noise(1), EVERYWHERE)])
    again = Lookup.from_arrays(table.to_arrays())
    assert np.array_equal(again.apply(noise(2)), table.apply(noise(2)))


def test_a_table_without_counts_is_read_and_has_no_threshold_of_its_own() -> None:
    """Bundles of earlier versions kept no counts."""
    arrays = Lookup.fit([(noise(0), (noise(0) > 0.8).astype(float), EVERYWHERE)]).to_arrays()
    del arrays["counts"]
    old = Lookup.from_arrays(arrays)
    assert old.best_share() == 0.5
    assert set(old.to_arrays()) == {"source_values", "target_values"}


def test_best_share_has_the_highest_dice_of_all_thresholds() -> None:
    rng = np.random.default_rng(5)
    source = rng.integers(0, 60, size=(30, 30, 30)) / 60
    labels = rng.random(source.shape) < 0.4 * source**2
    table = Lookup.fit([(source, labels.astype(float), np.ones(source.shape))])

    def dice(share: float) -> float:
        found = table.apply(source) > share
        return float(2 * (found & labels).sum() / (found.sum() + labels.sum()))

    assert dice(table.best_share()) == pytest.approx(max(map(dice, np.linspace(0, 0.5, 2001))), abs=1e-9)
    assert dice(table.best_share()) > dice(0.5), "0.5 labels nothing where labels are rare"


def test_batches_and_arrays_get_the_same_values() -> None:
    table = Lookup.fit([(noise(0), noise(1), EVERYWHERE)])
    values = noise(2)
    batch = torch.from_numpy(np.stack([values, 1 - values]))[None]
    assert np.array_equal(table.predict(batch)[0, 0].numpy(), table.apply(values))
    other = Lookup(table.source_values, table.target_values, channel=1, target_channels=2)
    assert other.predict(batch).shape == (1, 2, 12, 11, 10)
    assert np.array_equal(other.predict(batch)[0, 1].numpy(), table.apply(1 - values))


def test_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(CohortError, match="foreground"):
        Lookup.fit([(noise(0), noise(1), ~EVERYWHERE)])
    with pytest.raises(UsageError, match=r"Lookup\.fit"):
        Lookup().apply(noise(0))
