"""ResNet-50 against MONAI's, which in two dimensions, told to be like torchvision's, is the same network."""

from __future__ import annotations

import torch
from monai.networks.nets.resnet import resnet50

from voxlate.networks.frozen.activations import Activations
from voxlate.networks.frozen.resnet50 import ResNet50

LAYERS = ("act", "maxpool", "layer1", "layer2.3", "layer3", "layer4", "avgpool")


def test_resnet50_is_that_of_monai() -> None:
    """Weights drawn from the same seed, names, activations in training and in evaluation, and what is drawn next."""
    torch.manual_seed(3)
    network = ResNet50()
    drawn_next = torch.rand(1)
    torch.manual_seed(3)
    monai = resnet50(
        spatial_dims=2,
        n_input_channels=3,
        conv1_t_stride=2,
        bias_downsample=False,
        feed_forward=False,
        pretrained=False,
    )
    assert torch.equal(drawn_next, torch.rand(1))
    found, expected = network.state_dict(), monai.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    pictures = torch.rand(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))
    for training in (True, False):
        with torch.no_grad():
            ours = Activations(network.train(training), LAYERS)(pictures)
            theirs = Activations(monai.train(training), LAYERS)(pictures)
        for name in LAYERS:
            torch.testing.assert_close(ours[name], theirs[name], rtol=1e-5, atol=1e-6, msg=name)
        torch.testing.assert_close(network(pictures), monai(pictures), rtol=1e-5, atol=1e-6)
