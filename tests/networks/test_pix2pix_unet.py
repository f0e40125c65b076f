"""The strided U-Net: its innermost level, its dropout, its joining."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import _GroupNorm
from voxlate.networks.pix2pix_unet import Pix2PixUNet, pix2pix_unet


def make(**options: Any) -> Pix2PixUNet:
    torch.manual_seed(0)
    given = {"dims": 2, "in_channels": 1, "out_channels": 1, "width": 4, "levels": 4, "dropout": 0.0}
    return pix2pix_unet(**{**given, **options})


@pytest.mark.parametrize("normalise", ["batch", "instance", "none"])
def test_single_sample_that_ends_as_one_pixel_still_uses_the_innermost_level(normalise: str) -> None:
    network = make(normalise=normalise).train()
    seen: list[torch.Tensor] = []
    network.encoder[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network(torch.randn(1, 1, 16, 16)).square().mean().backward()
    assert seen[0].shape[2:] == (1, 1)
    assert seen[0].std() > 0, "normalised, every feature would be its offset"
    innermost = network.encoder[-1][0].weight.grad  # type: ignore[index]
    assert innermost is not None
    assert innermost.abs().sum() > 0


def test_first_innermost_and_last_convolution_are_not_normalised() -> None:
    for normalise, kind in (("batch", nn.BatchNorm2d), ("instance", _GroupNorm)):
        network = make(normalise=normalise)
        normalised = [any(isinstance(part, kind) for part in level.modules()) for level in network.encoder]
        assert normalised == [False, True, True, False]
        assert all(any(isinstance(part, kind) for part in level.modules()) for level in network.decoder)
        assert not any(isinstance(part, kind) for part in network.head.modules())


def test_dropout_sits_in_the_three_innermost_levels_of_the_way_up() -> None:
    network = make(levels=6, dropout=0.5)
    places = [any(isinstance(part, nn.Dropout) for part in level.modules()) for level in network.decoder]
    assert places == [True, True, True, False, False]
    source = torch.randn(1, 1, 64, 64)
    assert not torch.equal(network.train()(source), network(source))
    assert torch.equal(network.eval()(source), network(source))


def test_features_double_up_to_eight_times_the_width() -> None:
    with torch.device("meta"):
        network = make(levels=6)
    assert [level[0].out_channels for level in network.encoder] == [4, 8, 16, 32, 32, 32]  # type: ignore[index]
    assert network.divisor == 64


def test_every_level_is_joined_to_its_own_resolution() -> None:
    """Without what comes from below, the output still follows fine detail of the input."""
    network = make(normalise="none").eval()
    for level in network.decoder:
        for value in level.parameters():
            nn.init.zeros_(value)
    one, other = torch.randn(2, 1, 1, 16, 16)
    assert not torch.allclose(network(one), network(other))


@pytest.mark.parametrize("dims", [2, 3])
def test_interpolation_takes_9_of_16_parameters_on_the_way_up(dims: int) -> None:
    def weights(upsample: str) -> int:
        decoder = make(dims=dims, upsample=upsample).decoder
        return sum(value.numel() for value in decoder.parameters() if value.ndim > 1)

    assert weights("interpolate") * 4**dims == weights("transposed") * 3**dims
    source = torch.randn(1, 1, *[16] * dims)
    assert make(dims=dims, upsample="interpolate").eval()(source).shape == source.shape


def test_too_few_levels_are_refused_in_a_recipe() -> None:
    from voxlate.config.catalogue import build
    from voxlate.config.choice import Choice
    from voxlate.networks import NETWORKS

    choice = Choice.model_validate({"name": "pix2pix_unet", "levels": 1})
    with pytest.raises(UsageError, match="levels"):
        build(NETWORKS, choice, what="network", dims=2, in_channels=1, out_channels=1)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("upsample", ["transposed", "interpolate"])
def test_a_smoothed_way_up_ends_in_a_convolution_of_stride_one(dims: int, upsample: str) -> None:
    network = make(dims=dims, levels=3, smooth=True, upsample=upsample).eval()
    for level in [*network.decoder, network.head]:
        found = [part for part in level.modules() if isinstance(part, nn.Conv2d | nn.Conv3d)]
        assert (found[-1].kernel_size, found[-1].stride) == ((4,) * dims, (1,) * dims)
        assert found[-1].in_channels == found[-1].out_channels
    source = torch.randn(1, 1, *[8] * dims)
    assert network(source).shape == source.shape


def test_smoothing_adds_a_convolution_for_each_level_and_nothing_to_networks_from_before() -> None:
    plain, smooth = (make(smooth=smooth) for smooth in (False, True))
    assert {"decoder.0.1.weight", "decoder.0.2.weight", "head.1.linear.weight"} <= set(plain.state_dict())
    more = sum(value.numel() for value in smooth.parameters()) - sum(value.numel() for value in plain.parameters())
    widths = [4 * 4, 4 * 2, 4]
    squares = sum(16 * width**2 for width in widths)
    offsets = sum(widths)  # of the doublings, which no normalisation follows any more
    assert more == squares + offsets + 16 + 1


def test_bounds_hold_whatever_goes_in() -> None:
    network = make(bounds=(-1.0, 3.0)).eval()
    with torch.no_grad():
        network.head[-1].linear.weight.mul_(1e3)  # type: ignore[union-attr,operator]
    found = network(10 * torch.randn(1, 1, 16, 16))
    assert -1 <= found.min() < 0 < found.max() <= 3
    with pytest.raises(UsageError, match="ascending order"):
        make(bounds=(1.0, 0.0))
