"""VGG-19 against the same convolutions in torchvision's order, and its size against the published one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.frozen.vgg import VGG, layer_name, layers_of

LAYERS = layers_of(19)
SEQUENCE = (64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M")
"""Configuration E of the paper's Table 1."""
SEQUENCE_16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
"""Configuration D."""


def reference(*, narrower: int = 8, sequence: tuple[int | str, ...] = SEQUENCE) -> nn.Sequential:
    """The paper's table as torchvision numbers it: convolution, rectifier, pooling one after the other."""
    layers: list[nn.Module] = []
    channels = 3
    for entry in sequence:
        if isinstance(entry, int):
            layers += [nn.Conv2d(channels, entry // narrower, 3, padding=1), nn.ReLU()]
            channels = entry // narrower
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def rectifiers(network: nn.Sequential, images: Tensor) -> list[Tensor]:
    found = []
    features = images
    for layer in network:
        features = layer(features)
        if isinstance(layer, nn.ReLU):
            found.append(features)
    return found


def test_activations_are_those_behind_the_rectifiers() -> None:
    torch.manual_seed(0)
    network, images = reference(), torch.rand(2, 3, 32, 48)
    vgg = VGG(LAYERS, width=8)
    with torch.no_grad():
        for mine, theirs in zip(vgg.parameters(), network.parameters(), strict=True):
            mine.copy_(theirs)
        found, expected = vgg(images), rectifiers(network, images)
    assert list(found) == list(LAYERS)
    for name, features in zip(LAYERS, expected, strict=True):
        assert torch.allclose(found[name], features, atol=1e-5), name


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        vgg = VGG(LAYERS)
        smaller = VGG(layers_of(16), depth=16)
    assert sum(parameter.numel() for parameter in vgg.parameters()) == 20_024_384
    assert sum(parameter.numel() for parameter in smaller.parameters()) == 14_714_688


def test_nothing_behind_the_deepest_layer_is_built_and_the_order_is_that_asked_for() -> None:
    vgg = VGG(["relu2_2", "block1_conv1"], width=4)
    assert list(vgg.convolutions) == list(LAYERS[:4])
    assert vgg.divisor == 2
    assert {name: tuple(x.shape) for name, x in vgg(torch.rand(1, 3, 8, 8)).items()} == {
        "block2_conv2": (1, 8, 4, 4),
        "block1_conv1": (1, 4, 8, 8),
    }


def test_random_weights_keep_the_size_of_the_signal() -> None:
    torch.manual_seed(0)
    deepest = VGG(["block5_conv4"], width=16)(torch.randn(2, 3, 64, 64))["block5_conv4"].detach()
    assert 0.2 < float(deepest.std()) < 5


@pytest.mark.parametrize("name", ["block6_conv1", "relu1_3", "conv1_1", ""])
def test_unknown_activation_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="block5_conv4"):
        layer_name(name)
    with pytest.raises(UsageError, match="at least one"):
        VGG([])
