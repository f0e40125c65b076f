"""The feature loss against its formula, and the frozen network that nothing may change."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.losses import LOSSES, WeightedLoss
from voxlate.losses.features import FeatureLoss
from voxlate.networks import NETWORKS
from voxlate.networks.frozen.activations import Activations
from voxlate.networks.frozen.feature_network import FeatureNetwork
from voxlate.networks.frozen.vgg import VGG

LAYERS = ["encoder.0", "encoder.2"]


def images(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    prediction, target = (torch.rand(shape, generator=generator) for _ in range(2))
    mask = (torch.rand(shape[0], 1, *shape[2:], generator=generator) > 0.3).float()
    return prediction, target, mask


def unet(dims: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS["unet"](dims=dims, in_channels=1, out_channels=1, channels=(4, 8, 8), dropout=0.2)


def attached(network: nn.Module, *, dims: int = 2, **options: Any) -> FeatureLoss:
    loss = LOSSES["features"](dims=dims, data_range=1.0, network="run")
    assert isinstance(loss, FeatureLoss)
    loss.attach(network, **options)
    return loss


@pytest.mark.parametrize("dims", [2, 3])
def test_it_is_its_formula_on_features_that_hooks_catch(dims: int) -> None:
    prediction, target, mask = images(2, 1, *(8, 12, 16)[:dims])
    reference = deepcopy(unet(dims)).eval()
    caught: dict[str, list[Tensor]] = {name: [] for name in LAYERS}
    for name in LAYERS:
        reference.get_submodule(name).register_forward_hook(
            lambda _module, _args, output, name=name: caught[name].append(output.clone())
        )
    with torch.no_grad():
        for image in (prediction, target):
            reference(image * mask - (1 - mask))
    expected = sum(float((p.double() - t.double()).abs().mean()) for p, t in caught.values())
    network = FeatureNetwork(Activations(unet(dims), LAYERS), dims=dims, outside=-1.0, divisor=4)
    found = attached(network, dims=dims)(prediction, target, mask)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert expected > 0.01


def test_slices_of_a_volume_seen_by_vgg_are_averaged() -> None:
    prediction, target, mask = images(2, 1, 16, 16, 3)
    torch.manual_seed(0)
    network = FeatureNetwork(VGG(["relu1_1", "relu2_2"], width=4).apply(_one_channel), dims=2, outside=0.0, divisor=2)
    loss = attached(network, dims=3)
    per_slice = [loss(*(x[..., k] for x in (prediction, target, mask))) for k in range(3)]
    assert float(loss(prediction, target, mask)) == pytest.approx(float(torch.stack(per_slice).mean()), rel=1e-5)


def _one_channel(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d) and module.in_channels == 3:
        module.in_channels, module.weight = 1, nn.Parameter(module.weight[:, :1])


def test_gradients_reach_the_prediction_and_never_the_network() -> None:
    prediction, target, mask = images(2, 1, 8, 8)
    network = FeatureNetwork(Activations(unet(), LAYERS), dims=2, outside=-1.0)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    loss = attached(network.train())
    prediction.requires_grad_()
    target.requires_grad_()
    first = loss(prediction, target, mask)
    first.backward()
    assert prediction.grad is not None
    assert bool((prediction.grad[mask > 0] != 0).float().mean() > 0.9)
    assert not prediction.grad[mask == 0].any()
    assert target.grad is None
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.equal(first, loss(prediction, target, mask)), "dropout is off"


def test_it_needs_a_network() -> None:
    loss = LOSSES["features"](dims=2, data_range=1.0, network="run")
    with pytest.raises(UsageError, match="none attached"):
        loss(*images(1, 1, 8, 8))


def test_copies_share_the_network() -> None:
    weighted = WeightedLoss({"l1": 1.0, "features": {"weight": 2.0, "network": "run"}}, dims=2, data_range=1.0)
    copied = deepcopy(weighted)
    term = copied.terms["features"]
    assert isinstance(term, FeatureLoss)
    term.attach(FeatureNetwork(Activations(unet(), LAYERS), dims=2, outside=-1.0))
    total, parts = weighted(*images(1, 1, 8, 8))
    assert float(total) == pytest.approx(float(parts["l1"] + 2 * parts["features"]))


def test_features_in_bfloat16_are_compared_in_float32() -> None:
    prediction, target, mask = images(2, 1, 16, 16)
    types: list[torch.dtype] = []
    body = unet()
    body.get_submodule("encoder.2").register_forward_hook(lambda _m, _a, output: types.append(output.dtype))
    network = FeatureNetwork(Activations(body, LAYERS), dims=2, outside=-1.0)
    exact = attached(network)(prediction, target, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ambient = attached(network)(prediction, target, mask)
    weighted = WeightedLoss({"features": {"weight": 1.0, "network": "run"}}, dims=2, data_range=1.0)
    term = weighted.terms["features"]
    assert isinstance(term, FeatureLoss)
    term.attach(network, autocast=torch.bfloat16)
    total, _ = weighted(prediction.requires_grad_(), target, mask)
    total.backward()
    assert types == [torch.float32] * 2 + [torch.bfloat16] * 4
    assert {exact.dtype, ambient.dtype, total.dtype} == {torch.float32}
    assert float(ambient) == pytest.approx(float(exact), rel=0.03)
    assert float(total.detach()) == pytest.approx(float(ambient))
    assert float(ambient) != float(exact)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "network: missing"),
        ({"network": ""}, "network: string should have at least 1 character"),
        ({"network": "run", "kind": "vgg11"}, "kind: input should be"),
        ({"network": "run", "layers": "encoder.0"}, "layers: input should be a valid tuple"),
        ({"network": "run", "sha256": "abc"}, "sha256: string should match"),
        ({"network": "run", "layer": ["encoder.0"]}, "layer: unexpected keyword"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(LOSSES, Choice(name="features", **options), what="loss", dims=2, data_range=1.0)


@pytest.mark.gpu
def test_the_network_follows_the_device_of_its_input() -> None:
    prediction, target, mask = images(2, 1, 8, 8)
    loss = attached(FeatureNetwork(Activations(unet(), LAYERS), dims=2, outside=-1.0))
    here = loss(prediction, target, mask)
    there = loss(prediction.cuda(), target.cuda(), mask.cuda())
    assert there.device.type == "cuda"
    assert float(there) == pytest.approx(float(here), rel=1e-2)
