"""What a frozen network gets to see: masked, filled up, slice by slice, as a picture."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures


class Seen(nn.Module):
    """Keeps what it is given, and gives it back."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.BatchNorm2d(1)
        self.images = torch.empty(0)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.images = images
        return {"all": images}


def test_outside_the_mask_and_beyond_the_border_lies_one_value() -> None:
    seen = Seen()
    images, mask = torch.rand(2, 1, 5, 8), torch.ones(2, 1, 5, 8)
    mask[:, :, 0] = 0
    images[:, :, 0] = float("nan")
    FeatureNetwork(seen, dims=2, outside=-1.0, divisor=4)(images, mask)
    assert seen.images.shape == (2, 1, 8, 8)
    assert torch.equal(seen.images[:, :, 1:5], images[:, :, 1:])
    assert (seen.images[:, :, 0] == -1).all()
    assert (seen.images[:, :, 5:] == -1).all()


def test_axial_slices_of_a_volume_are_samples_in_order() -> None:
    seen = Seen()
    images = torch.rand(2, 3, 4, 6, 5)
    FeatureNetwork(seen, dims=2, outside=0.0)(images, torch.ones(2, 1, 4, 6, 5))
    expected = torch.stack([images[b, t, :, :, k] for b in range(2) for t in range(3) for k in range(5)])[:, None]
    assert torch.equal(seen.images, expected)


def test_pictures_are_grey_in_the_colours_of_the_weights() -> None:
    """Black is the lowest value, white the highest: (0 - 0.485) / 0.229 and (1 - 0.485) / 0.229 in red."""
    pictures = Pictures(lowest=-1.0, data_range=4.0, mean=(0.485, 0.456, 0.406), sd=(0.229, 0.224, 0.225))
    colours = pictures(torch.tensor([-1.0, 3.0, 1.0]).view(1, 1, 1, 3))
    assert colours.shape == (1, 3, 1, 3)
    assert colours[0, 0, 0].tolist() == pytest.approx([-2.117904, 2.248908, 0.065502], abs=1e-5)
    assert colours[0, 2, 0].tolist() == pytest.approx([-1.804444, 2.64, 0.417778], abs=1e-5)


def test_it_is_frozen_and_stays_in_evaluation_mode() -> None:
    network = FeatureNetwork(Seen(), dims=2, outside=0.0).train()
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
