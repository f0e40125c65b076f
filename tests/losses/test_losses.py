"""The contract of every loss in the catalogue, and each against its formula or an independent implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from torch import Tensor

from voxlate.errors import UsageError
from voxlate.losses import LOSSES, Loss, WeightedLoss, segmenting
from voxlate.losses.features import FeatureLoss
from voxlate.networks import NETWORKS
from voxlate.networks.frozen.activations import Activations
from voxlate.networks.frozen.feature_network import FeatureNetwork

every_loss = pytest.mark.parametrize("name", list(LOSSES))
both_dims = pytest.mark.parametrize("dims", [2, 3])
NEEDED: dict[str, dict[str, Any]] = {"features": {"network": "run"}}
"""Options that have no default."""


def build(name: str, dims: int) -> Loss:
    """An entry of the catalogue, ready to be called."""
    return ready(LOSSES[name](dims=dims, data_range=1.0, **NEEDED.get(name, {})), dims)


def ready(loss: Loss, dims: int) -> Loss:
    """The loss; if it is that of features, with a small network."""
    if isinstance(loss, FeatureLoss):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            unet = NETWORKS["unet"](dims=dims, in_channels=1, out_channels=1, channels=(4, 8))
        loss.attach(FeatureNetwork(Activations(unet, ["encoder.1"]), dims=dims, outside=-1.0, divisor=2))
    return loss


def images(
    dims: int, *, batch: int = 2, channels: int = 1, size: int = 14, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (size, size - 2, size + 1)[:dims]
    prediction, target = (torch.rand(batch, channels, *shape, generator=generator) for _ in range(2))
    mask = (torch.rand(batch, 1, *shape, generator=generator) > 0.4).float()
    return prediction, target, mask


def samples(name: str, dims: int, **options: Any) -> tuple[Tensor, Tensor, Tensor]:
    """What the loss compares: images, or logits with maps of 0 and 1."""
    prediction, target, mask = images(dims, **options)
    return (4 * prediction - 2, (target > 0.6).float(), mask) if name in segmenting() else (prediction, target, mask)


def perfection(name: str, target: Tensor) -> Tensor:
    """The prediction of nothing but the target."""
    return 40 * target - 20 if name in segmenting() else target.clone()


@every_loss
@both_dims
def test_loss_is_a_finite_scalar_with_a_gradient_and_0_when_perfect(name: str, dims: int) -> None:
    prediction, target, mask = samples(name, dims, channels=2)
    loss = build(name, dims)
    prediction.requires_grad_()
    value = loss(prediction, target, mask, labels=torch.ones_like(mask))
    value.backward()
    assert value.shape == ()
    assert value > 0
    assert prediction.grad is not None
    assert torch.isfinite(prediction.grad).all()
    assert prediction.grad.abs().sum() > 0
    perfect = perfection(name, target).requires_grad_()
    nothing = loss(perfect, target, mask, labels=torch.ones_like(mask))
    nothing.backward()
    assert abs(float(nothing.detach())) < 1e-6
    assert perfect.grad is not None
    assert perfect.grad.abs().max() < 1e-4, "no NaN and no push away from a perfect prediction"


@every_loss
def test_empty_mask_gives_0_without_nan(name: str) -> None:
    prediction, target, mask = samples(name, 2)
    prediction.requires_grad_()
    loss = build(name, 2)
    value = loss(prediction, target, torch.zeros_like(mask), labels=torch.ones_like(mask))
    value.backward()
    assert float(value.detach()) == 0
    assert prediction.grad is not None
    assert torch.equal(prediction.grad, torch.zeros_like(prediction))


@every_loss
def test_sample_with_an_empty_mask_changes_nothing(name: str) -> None:
    prediction, target, mask = samples(name, 2)
    mask[1] = 0
    loss = build(name, 2)
    assert float(loss(prediction, target, mask, labels=torch.ones_like(mask))) == pytest.approx(
        float(loss(prediction[:1], target[:1], mask[:1], labels=torch.ones_like(mask[:1])))
    )


@pytest.mark.parametrize(
    "name",
    ["l1", "l2", "gradient", "euclidean", "huber", "dead_zone_huber", "features", "pooled", *sorted(segmenting())],
)
def test_what_the_mask_leaves_out_has_no_influence_not_even_nan(name: str) -> None:
    prediction, target, mask = samples(name, 2)
    loss = build(name, 2)
    expected = loss(prediction, target, mask)
    spoiled = target.masked_fill(mask == 0, float("nan"))
    assert torch.equal(loss(prediction, spoiled, mask), expected)


def test_ssim_averages_inside_the_mask_only() -> None:
    prediction, target, mask = images(2, size=40)
    mask[..., 15:] = 0
    prediction[..., 15:] = target[..., 15:] = 0.0
    loss = LOSSES["ssim"](dims=2, data_range=1.0)
    assert float(loss(prediction, target, mask)) > float(loss(prediction, target, torch.ones_like(mask))) * 1.5


@both_dims
def test_pixelwise_losses_are_their_formulas(dims: int) -> None:
    prediction, target, mask = images(dims, channels=2)
    p, t, inside = (x.double().numpy() for x in (prediction, target, mask.expand_as(target)))
    d = (p - t)[inside > 0]
    per_sample = [np.sqrt(((p - t)[b][inside[b] > 0] ** 2).mean()) for b in range(2)]
    h = np.where(np.abs(d) <= 0.2, d**2 / 2, 0.2 * (np.abs(d) - 0.1))
    expected = {"l1": np.abs(d).mean(), "l2": (d**2).mean(), "euclidean": np.mean(per_sample), "huber": h.mean()}
    options = {"huber": {"delta": 0.2}}
    found = {
        name: float(LOSSES[name](dims=dims, data_range=1.0, **options.get(name, {}))(prediction, target, mask))
        for name in expected
    }
    assert found == pytest.approx(expected, rel=1e-5)


@both_dims
def test_gradient_is_the_mean_over_axes_of_the_differences_of_neighbours(dims: int) -> None:
    prediction, target, mask = images(dims)
    d, inside = (prediction - target).double().numpy(), mask.numpy() > 0
    means = []
    for axis in range(2, 2 + dims):
        both = np.take(inside, range(1, d.shape[axis]), axis) & np.take(inside, range(d.shape[axis] - 1), axis)
        means.append(np.abs(np.diff(d, axis=axis))[both].mean())
    found = float(LOSSES["gradient"](dims=dims, data_range=1.0)(prediction, target, mask))
    assert found == pytest.approx(np.mean(means), rel=1e-5)
    assert float(LOSSES["gradient"](dims=dims, data_range=1.0)(target + 3.0, target, mask)) < 1e-5, "of a shift nothing"


def test_dead_zone_huber_is_the_formula_of_the_slides_at_every_difference() -> None:
    """Also at the edges: the slides leave |a| = 0.01 open, which counts as beyond the dead zone."""
    dead_zone, alpha = 1 / 64, 0.125
    differences = np.unique(np.concatenate([np.linspace(-0.5, 0.5, 801), [-alpha, -dead_zone, dead_zone, alpha]]))
    loss = LOSSES["dead_zone_huber"](dims=2, data_range=1.0, dead_zone=dead_zone, alpha=alpha)
    for a in map(float, np.float32(differences)):
        if abs(a) < dead_zone:
            expected = 0.0
        elif abs(a) < alpha:
            expected = a**2 / 2
        else:
            expected = alpha * (abs(a) - alpha / 2)
        image = torch.full((1, 1, 2, 3), a)
        found = loss(image, torch.zeros_like(image), torch.ones_like(image))
        assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-12), a


def test_dead_zone_huber_averages_over_the_mask_and_jumps_where_the_slides_let_it_jump() -> None:
    target = torch.tensor([0.0, 0.0099, 0.0101, 0.05, 0.3, float("nan")]).view(1, 1, 2, 3)
    mask = torch.isfinite(target).float()
    prediction = torch.zeros_like(target, requires_grad=True)
    loss = LOSSES["dead_zone_huber"](dims=2, data_range=1.0)
    value = loss(prediction, target, mask)
    value.backward()
    assert float(value.detach()) == pytest.approx((0.0101**2 / 2 + 0.05**2 / 2 + 0.1 * (0.3 - 0.05)) / 5)
    assert prediction.grad is not None
    expected = torch.tensor([0.0, 0.0, -0.0101, -0.05, -0.1, 0.0]) / 5
    torch.testing.assert_close(prediction.grad.flatten(), expected)


def test_huber_is_the_one_without_a_dead_zone() -> None:
    prediction, target, mask = images(2)
    without = LOSSES["dead_zone_huber"](dims=2, data_range=1.0, dead_zone=0.0, alpha=0.2)
    assert torch.equal(
        without(prediction, target, mask), LOSSES["huber"](dims=2, data_range=1.0, delta=0.2)(prediction, target, mask)
    )


def test_euclidean_does_not_depend_on_the_size_of_the_image() -> None:
    values = [
        float(LOSSES["euclidean"](dims=2, data_range=1.0)(torch.full(s, 0.3), torch.zeros(s), torch.ones(s)))
        for s in ((1, 1, 8, 8), (1, 1, 32, 16))
    ]
    assert values == pytest.approx([0.3, 0.3])


@both_dims
@pytest.mark.parametrize("data_range", [1.0, 4.095])
def test_ssim_agrees_with_scikit_image_and_monai_away_from_the_border(dims: int, data_range: float) -> None:
    from monai.metrics.regression import compute_ssim_and_cs

    prediction, target, _ = images(dims, batch=1, size=22)
    prediction = 0.6 * target + 0.4 * prediction
    mask = torch.zeros_like(target)
    mask[(..., *[slice(5, -5)] * dims)] = 1
    found = 1 - float(LOSSES["ssim"](dims=dims, data_range=data_range)(prediction, target, mask))
    monai, _ = compute_ssim_and_cs(
        prediction, target, spatial_dims=dims, data_range=data_range, kernel_size=[11] * dims, kernel_sigma=[1.5] * dims
    )
    assert found == pytest.approx(float(monai.mean()), abs=2e-5)
    _, whole = structural_similarity(
        prediction[0, 0].double().numpy(), target[0, 0].double().numpy(), data_range=data_range, full=True,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert found == pytest.approx(float(whole[mask[0, 0].numpy() > 0].mean()), abs=2e-5)


@pytest.mark.parametrize("size", [(3, 5), (16, 12)])
def test_ssim_accepts_images_smaller_than_its_window(size: tuple[int, int]) -> None:
    target = torch.rand(1, 1, *size)
    value = LOSSES["ssim"](dims=2, data_range=1.0)(1 - target, target, torch.ones_like(target))
    assert 0 < float(value) <= 2


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(0.0, 1.0), scale=st.floats(0.1, 4.0))
def test_ssim_depends_on_the_data_range_and_not_on_the_unit(shift: float, scale: float) -> None:
    prediction, target, mask = images(2)
    prediction, target = prediction + shift, target + shift
    plain = LOSSES["ssim"](dims=2, data_range=1.0)(prediction, target, mask)
    scaled = LOSSES["ssim"](dims=2, data_range=scale)(prediction * scale, target * scale, mask)
    assert float(scaled) == pytest.approx(float(plain), abs=1e-3)


def test_weighted_loss_adds_its_terms_up() -> None:
    prediction, target, mask = images(2)
    section: dict[str, float | dict[str, Any]] = {"l1": 2.0, "huber": {"weight": 3, "delta": 0.5}, "ssim": 0}
    total, parts = WeightedLoss(section, dims=2, data_range=1.0)(prediction, target, mask)
    assert set(parts) == {"l1", "huber"}, "a weight of 0 switches a term off"
    assert float(total) == pytest.approx(2 * float(parts["l1"]) + 3 * float(parts["huber"]))
    huber = LOSSES["huber"](dims=2, data_range=1.0, delta=0.5)
    assert float(parts["huber"]) == pytest.approx(float(huber(prediction, target, mask)))


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"l3": 1.0}, "l3"),
        ({"l1": -1.0}, "loss.l1"),
        ({"l1": float("nan")}, "loss.l1"),
        ({"l1": {"delta": 1}}, "loss.l1"),
        ({"l1": {"weight": 1, "delta": 1}}, "delta"),
        ({"huber": {"weight": 1, "delta": "wide"}}, "delta"),
        ({"dead_zone_huber": {"weight": 1, "dead_zone": 0.1}}, "dead zone below alpha"),
        ({"dead_zone_huber": {"weight": 1, "dead_zone": -0.1}}, "dead_zone"),
        ({}, "weight above 0"),
        ({"l1": 0.0}, "weight above 0"),
        ({"l1": 1.0, "dice": 1.0}, "of images or of segmentations"),
        ({"pooled": {"weight": 1, "of": "dice"}}, "pooled loss"),
        ({"dice": {"weight": 1, "smoothing": 0}}, "smoothing"),
        ({"focal": {"weight": 1, "alpha": 1.5}}, "alpha"),
        ({"bce": {"weight": 1, "class_weights": [1, -1]}}, "class_weights.1"),
    ],
)
def test_weighted_loss_refuses_a_section_it_cannot_use(section: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        WeightedLoss(section, dims=2, data_range=1.0)


@pytest.mark.parametrize("of_labels", [False, True])
def test_weighted_loss_computes_in_float32_under_autocast(of_labels: bool) -> None:
    names = [name for name in LOSSES if (name in segmenting()) == of_labels]
    prediction, target, mask = samples(names[0], 2, size=40)
    loss = WeightedLoss({name: {"weight": 1.0, **NEEDED.get(name, {})} for name in names}, dims=2, data_range=1.0)
    assert loss.segmenting == of_labels
    for term in loss.terms.values():
        ready(term, 2)
    expected, _ = loss(prediction, target, mask, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, _ = loss(prediction, target, mask, mask)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)
    rounded, _ = loss(prediction.bfloat16(), target, mask, mask)
    assert float(rounded) == pytest.approx(float(expected), rel=0.02)


def lesion(dims: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images with a lesion in the first sample and no label map for the second."""
    prediction, target, mask = images(dims, channels=2)
    labels = (torch.rand(mask.shape, generator=torch.Generator().manual_seed(3)) > 0.8) * 2.0
    labels[1] = -1
    return prediction, target, mask, labels


@both_dims
@pytest.mark.parametrize("over", ["image", "lesion"])
def test_lesion_mask_is_the_mean_error_of_the_masked_images(dims: int, over: str) -> None:
    prediction, target, mask, labels = lesion(dims)
    p, t, inside, found = (x[0].double().numpy() for x in (prediction, target, mask, labels))
    masked = (found > 0) * inside
    error = np.abs(p * masked - t * masked)
    expected = error[:, inside[0] > 0].mean() if over == "image" else error[:, masked[0] > 0].mean()
    loss = LOSSES["lesion_mask"](dims=dims, data_range=1.0, over=over)
    assert float(loss(prediction, target, mask, labels=labels)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("over", ["image", "lesion"])
def test_sample_without_label_map_contributes_nothing_to_lesion_mask(over: str) -> None:
    prediction, target, mask, labels = lesion(2)
    prediction.requires_grad_()
    loss = LOSSES["lesion_mask"](dims=2, data_range=1.0, over=over)
    both = loss(prediction, target, mask, labels=labels)
    assert float(both.detach()) == pytest.approx(
        float(loss(prediction[:1], target[:1], mask[:1], labels=labels[:1]).detach())
    )
    both.backward()
    assert prediction.grad is not None
    assert prediction.grad[0].abs().sum() > 0
    assert not prediction.grad[1].any()
    assert not prediction.grad[0][:, (labels[0, 0] <= 0)].any(), "nothing outside the lesion"
    none = loss(prediction, target, mask, labels=torch.full_like(labels, -1))
    assert float(none.detach()) == 0


def test_lesion_mask_needs_labels_and_the_weighted_loss_says_so() -> None:
    prediction, target, mask, labels = lesion(2)
    section = {"l1": 90.24, "lesion_mask": 124.85}
    weighted = WeightedLoss(section, dims=2, data_range=1.0)
    assert weighted.uses_labels
    assert not WeightedLoss({**section, "lesion_mask": 0}, dims=2, data_range=1.0).uses_labels
    with pytest.raises(UsageError, match="label maps"):
        weighted(prediction, target, mask)
    total, parts = weighted(prediction, target, mask, labels)
    assert float(total) == pytest.approx(sum(section[name] * float(value) for name, value in parts.items()), rel=1e-5)


def test_a_term_that_needs_options_can_be_switched_off_by_a_plain_zero() -> None:
    loss = WeightedLoss({"l1": 1.0, "features": 0}, dims=2, data_range=1.0)
    assert set(loss.terms) == {"l1"}
    with pytest.raises(UsageError, match="name of a loss"):
        WeightedLoss({"l1": 1.0, "feature": 0}, dims=2, data_range=1.0)
