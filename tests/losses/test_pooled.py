"""The pooled loss against windows that are visited one by one, and what it forgives and what not."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from voxlate.config.choice import Choice
from voxlate.config.recipe import load_recipe
from voxlate.errors import UsageError
from voxlate.losses import LOSSES, Loss, WeightedLoss
from voxlate.losses.features import FeatureLoss
from voxlate.plainyaml import parse_setting

Array = NDArray[np.float64]


def images(*shape: int, batch: int = 2, channels: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Images of both signs, and a mask with holes that are wider than a window."""
    generator = torch.Generator().manual_seed(seed)
    prediction, target = (torch.randn(batch, channels, *shape, generator=generator) for _ in range(2))
    mask = (torch.rand(batch, 1, *shape, generator=generator) > 0.7).float()
    mask[..., :3] = 0
    return prediction, target, mask


def pooled(of: str = "l1", *, dims: int = 2, inner: dict[str, Any] | None = None, **options: Any) -> Loss:
    return LOSSES["pooled"](dims=dims, data_range=1.0, of=Choice(name=of, **(inner or {})), **options)


def windows(shape: tuple[int, ...], kernel: tuple[int, ...], stride: tuple[int, ...]) -> list[tuple[slice, ...]]:
    """Every window, the last ones cut off at the end of the image, which they reach."""
    starts = []
    for n, width, step in zip(shape, kernel, stride, strict=True):
        last = next(start for start in itertools.count(0, step) if start + width >= n)
        starts.append(range(0, last + 1, step))
    return [
        tuple(slice(a, a + w) for a, w in zip(corner, kernel, strict=True)) for corner in itertools.product(*starts)
    ]


def visited(image: Tensor, mask: Tensor, found: list[tuple[slice, ...]], *, largest: bool) -> Array:
    """The extreme of the foreground in every window that has any, by sample and channel, one after the other."""
    values = []
    pick = np.max if largest else np.min
    for sample, inside in zip(image.double().numpy(), mask[:, 0].numpy() > 0, strict=True):
        values += [
            pick(channel[window][inside[window]]) for channel in sample for window in found if inside[window].any()
        ]
    return np.array(values)


@pytest.mark.parametrize(
    ("shape", "kernel", "stride"),
    [
        ((9, 12), 2, None),
        ((9, 12), 3, 1),
        ((7, 10), (2, 4), (2, 3)),
        ((2, 11), 4, 3),
        ((6, 7, 9), 2, None),
        ((6, 7, 9), (3, 2, 1), (2, 2, 1)),
    ],
)
@pytest.mark.parametrize("extremes", ["maxima", "minima", "both"])
def test_it_is_the_mean_over_windows_that_are_visited_one_by_one(
    shape: tuple[int, ...], kernel: Any, stride: Any, extremes: str
) -> None:
    prediction, target, mask = images(*shape)
    widths = (kernel,) * len(shape) if isinstance(kernel, int) else kernel
    steps = widths if stride is None else (stride,) * len(shape) if isinstance(stride, int) else stride
    found = windows(shape, widths, steps)
    sides = {"maxima": [True], "minima": [False], "both": [True, False]}[extremes]
    pairs = [tuple(visited(x, mask, found, largest=side) for x in (prediction, target)) for side in sides]
    expected = {
        "l1": np.mean([np.abs(p - t).mean() for p, t in pairs]),
        "l2": np.mean([np.square(p - t).mean() for p, t in pairs]),
    }
    options = {"dims": len(shape), "kernel": kernel, "stride": stride, "extremes": extremes}
    measured = {name: float(pooled(name, **options)(prediction, target, mask)) for name in expected}
    assert measured == pytest.approx(expected, rel=1e-5)


def test_the_final_loss_of_the_slides_is_one_section_of_a_recipe() -> None:
    section: dict[str, Any] = {
        "pooled": {"weight": 2, "of": {"name": "dead_zone_huber", "dead_zone": 0.02, "alpha": 0.5}}
    }
    prediction, target, mask = images(8, 8, channels=1)
    target = prediction + 0.3 * target
    found = windows((8, 8), (2, 2), (2, 2))
    a = np.abs(visited(prediction, mask, found, largest=True) - visited(target, mask, found, largest=True))
    expected = np.where(a < 0.02, 0, np.where(a < 0.5, a**2 / 2, 0.5 * (a - 0.25))).mean()
    recipe = load_recipe("avula2020-t1-to-t2").with_overrides({"loss": section})
    total, parts = WeightedLoss(recipe.loss, dims=2, data_range=1.0)(prediction, target, mask)
    assert float(parts["pooled"]) == pytest.approx(expected, rel=1e-5)
    assert float(total) == pytest.approx(2 * expected, rel=1e-5)
    wider = recipe.with_overrides(dict([parse_setting("loss.pooled.of.alpha=0.6")]))
    assert wider.loss["pooled"] == {"weight": 2, "of": {"name": "dead_zone_huber", "dead_zone": 0.02, "alpha": 0.6}}


@settings(max_examples=25, deadline=None)
@given(
    start=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    end=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    moved=st.booleans(),
)
def test_what_moves_within_its_window_costs_nothing(start: tuple[int, int], end: tuple[int, int], moved: bool) -> None:
    """A bright voxel within the window of columns and rows 4 to 7; beyond its border it costs in both windows."""
    prediction, target = torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12)
    target[0, 0, 4 + start[0], 4 + start[1]] = 1.0
    prediction[0, 0, 4 + end[0], 4 + end[1] + 4 * moved] = 1.0
    value = pooled(kernel=4)(prediction, target, torch.ones_like(target))
    assert float(value) == pytest.approx(2 / 9 if moved else 0.0)


def test_maxima_forget_thin_gaps_that_both_extremes_see() -> None:
    target = torch.ones(1, 1, 8, 8)
    target[..., 3] = 0
    filled, mask = torch.ones_like(target), torch.ones_like(target)
    values = {kept: float(pooled(kernel=2, extremes=kept)(filled, target, mask)) for kept in ("maxima", "both")}
    assert values == {"maxima": 0.0, "both": 0.125}


@pytest.mark.parametrize("of", ["l1", "ssim"])
@pytest.mark.parametrize("spoiled", [0, 1])
def test_what_the_mask_leaves_out_has_no_influence_on_value_or_gradient(of: str, spoiled: int) -> None:
    prediction, target, mask = images(10, 9, channels=1)
    labels = torch.ones_like(mask)
    loss = pooled(of, kernel=3, stride=2, extremes="both")
    results = []
    for value in (0.0, float("nan"), float("inf"), -1e30):
        pair = [x.clone() for x in (prediction, target)]
        pair[spoiled] = pair[spoiled].masked_fill(mask == 0, value)
        predicted = pair[0].requires_grad_()
        result = loss(predicted, pair[1], mask, labels=labels)
        result.backward()
        assert predicted.grad is not None
        assert not predicted.grad[mask == 0].any()
        results.append((result.detach(), predicted.grad))
    assert results[0][0] > 0
    for result, grad in results[1:]:
        assert torch.equal(result, results[0][0])
        assert torch.equal(grad, results[0][1])


def test_nan_inside_the_mask_is_not_hidden() -> None:
    prediction, target, mask = images(8, 8)
    prediction[:, :, 5, 5] = float("nan")
    mask[:, :, 5, 5] = 1
    assert torch.isnan(pooled()(prediction, target, mask))


def test_a_window_is_lesion_if_any_foreground_voxel_of_it_is() -> None:
    mask = torch.ones(2, 1, 4, 4)
    mask[0, 0, 2:, 2:] = 0
    mask[0, 0, 3, 3] = 1
    labels = torch.zeros_like(mask)
    labels[0, 0, 1, 1] = 3  # a lesion of the first window
    labels[0, 0, 2, 2] = 3  # outside the foreground: the fourth window has none
    labels[1] = -1  # no label map
    prediction, target = torch.full((2, 1, 4, 4), 0.5), torch.zeros(2, 1, 4, 4)
    loss = pooled("lesion_mask")
    assert float(loss(prediction, target, mask, labels=labels)) == pytest.approx(0.5 / 4)
    assert float(pooled("lesion_mask", inner={"over": "lesion"})(prediction, target, mask, labels=labels)) == 0.5


def test_the_section_tells_that_a_pooled_term_needs_labels() -> None:
    def section(name: str, weight: float = 1.0) -> dict[str, Any]:
        return {"l1": 1.0, "pooled": {"weight": weight, "of": name}}

    assert WeightedLoss(section("lesion_mask"), dims=2, data_range=1.0).uses_labels
    assert not WeightedLoss(section("lesion_mask", 0.0), dims=2, data_range=1.0).uses_labels
    assert not WeightedLoss(section("l2"), dims=2, data_range=1.0).uses_labels
    prediction, target, mask = images(4, 4)
    with pytest.raises(UsageError, match="label maps"):
        WeightedLoss(section("lesion_mask"), dims=2, data_range=1.0)(prediction, target, mask)


def test_copies_share_the_network_of_pooled_features() -> None:
    section: dict[str, Any] = {"pooled": {"weight": 1.0, "of": {"name": "features", "network": "run"}}}
    loss = WeightedLoss(section, dims=2, data_range=1.0)
    [(name, term)] = loss.applied
    assert name == "features"
    assert isinstance(term, FeatureLoss)
    assert deepcopy(loss).applied[0][1] is term


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "pooled"}, "name of a pooled loss, got 'pooled'"),
        ({"of": {"name": "pooled", "of": "l1"}}, "Use one of l1, l2"),
        ({"of": "l3"}, "'l3'"),
        ({"of": {"name": "huber", "alpha": 1}}, "pooled loss 'huber'.*alpha"),
        ({"of": {"name": "l1", "weight": 1}}, "pooled loss 'l1'.*weight"),
        ({"of": 3}, "loss 'pooled'.*of"),
        ({"kernel": 0}, "loss 'pooled'.*kernel"),
        ({"kernel": [2, 2, 2]}, "one number, or 2 of them"),
        ({"kernel": 2, "stride": [1]}, "one number, or 2 of them"),
        ({"kernel": 2, "stride": 3}, "stride of at most the kernel"),
        ({"extremes": "medians"}, "extremes"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WeightedLoss({"pooled": {"weight": 1, **options}}, dims=2, data_range=1.0)


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    parts = images(20, 21)
    loss = pooled("l2", kernel=3, stride=2, extremes="both")
    here, there = loss(*parts), loss(*(part.cuda() for part in parts))
    assert float(there) == pytest.approx(float(here), rel=1e-5)
