"""Outputs of a network's modules: the right ones, of every network of the catalogue, and nothing more is computed."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks import NETWORKS
from voxlate.networks.blocks import pool
from voxlate.networks.frozen.activations import Activations, default_layers

SMALL = {
    "fcn": {"widths": (4, 8, 8)},
    "unet": {"channels": (4, 8, 8)},
    "resnet": {"width": 4, "blocks": 2},
    "pix2pix_unet": {"width": 4, "levels": 3},
    "vnet": {"channels": (4, 8, 8)},
    "residual_encoder_unet": {"channels": (4, 8, 8)},
    "simple_unet3d": {"channels": (4, 8, 8)},
    "residual_unet3d": {"channels": (4, 8, 8)},
    "dilated_unet3d": {"channels": (4, 8, 8)},
    "spade": {"width": 4, "levels": 2},
    "fc_densenet": {"width": 8, "growth": 4, "layers": [1, 1, 2]},
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name](dims=2, in_channels=1, out_channels=1, **SMALL[name]).eval()


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "spade"])  # which has no way down
def test_default_layers_go_down_to_the_coarsest_resolution(name: str) -> None:
    body = network(name)
    layers = default_layers(body)
    found = Activations(body, layers)(torch.rand(1, 1, 16, 16))
    sizes = [features.shape[-1] for features in found.values()]
    assert list(found) == list(layers)
    assert len(sizes) >= 3
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 16 // body.divisor


def test_a_generator_without_a_way_down_is_refused_without_names_of_layers() -> None:
    with pytest.raises(UsageError, match="an encoder"):
        default_layers(network("spade"))


def test_activations_of_the_fcn_are_those_of_its_stages() -> None:
    body = network("fcn")
    features, expected = torch.rand(2, 1, 16, 16), []
    images = features
    for number, stage in enumerate(body.stages):
        features = stage(features if number == 0 else pool(features))
        expected.append(features.clone())
    found = Activations(body, default_layers(body))(images)
    assert all(torch.equal(a, b) for a, b in zip(found.values(), expected, strict=True))


def test_what_is_caught_is_not_changed_by_a_rectifier_behind_it() -> None:
    body = network("fcn")
    images = torch.rand(1, 1, 8, 8)
    before = deepcopy(body).stages[0][0][0](images)
    assert before.min() < 0
    assert torch.equal(Activations(body, ["stages.0.0.0"])(images)["stages.0.0.0"], before)


def test_the_pass_ends_when_all_is_there_and_leaves_no_hook() -> None:
    body = network("unet")
    calls: list[str] = []
    body.decoder[0].register_forward_hook(lambda *_: calls.append("decoder"))
    Activations(body, ["encoder.1"])(torch.rand(1, 1, 8, 8))
    assert calls == []
    whole: Tensor = body(torch.rand(1, 1, 8, 8))
    assert whole.shape == (1, 1, 8, 8)
    assert calls == ["decoder"]


def test_layers_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'encoder.9'.*It has encoder, encoder.0"):
        Activations(network("unet"), ["encoder.1", "encoder.9"])
    with pytest.raises(UsageError, match="compute a tensor"):
        Activations(network("unet"), ["encoder"])(torch.rand(1, 1, 8, 8))
    with pytest.raises(UsageError, match="Name the modules"):
        default_layers(nn.Sequential(nn.Conv2d(1, 1, 1)))
