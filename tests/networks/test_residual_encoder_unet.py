"""The residual encoder U-Net against the parameters that nnU-Net's own code counts, and its blocks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from voxlate.networks.blocks import Residual
from voxlate.networks.encoder_decoder import EncoderDecoder
from voxlate.networks.residual_encoder_unet import residual_encoder_unet

IN_3D = (32, 64, 128, 256, 320, 320)
IN_2D = (32, 64, 128, 256, 512, 512, 512, 512)


def make(**options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    return residual_encoder_unet(**{"dims": 3, "in_channels": 1, "out_channels": 2, **options})


@pytest.mark.parametrize(("dims", "channels", "theirs"), [(3, IN_3D, 102_349_770), (2, IN_2D, 140_017_038)])
def test_parameters_are_those_of_nnunet_but_for_biases_and_coarser_outputs(
    dims: int, channels: tuple[int, ...], theirs: int
) -> None:
    """``ResidualEncoderUNet`` of github.com/MIC-DKFZ/dynamic-network-architectures, one channel to two labels.

    With the features, blocks (1, 3, 4, 6, 6, ...) and single convolutions of the plans ``nnUNetResEncUNetMPlans``.
    There a bias stands before every normalisation, and an output at every level of the way up.
    """
    with torch.device("meta"):
        network = make(dims=dims, channels=channels)
    blocks = (1, 3, 4, *[6] * (len(channels) - 3))
    biases = channels[0] + sum(2 * number * width for number, width in zip(blocks, channels, strict=True))
    biases += sum(channels[:-1])
    coarser = sum(2 * width + 2 for width in channels[1:-1])
    assert sum(value.numel() for value in network.parameters()) == theirs - biases - coarser


def test_levels_have_the_usual_numbers_of_blocks_at_any_depth() -> None:
    with torch.device("meta"):
        shallow, deep = make(channels=(4, 8)), make(channels=(2,) * 7)

    def blocks(level: nn.Module) -> int:
        return sum(isinstance(part, Residual) for part in level.modules())

    assert [blocks(level) for level in shallow.encoder] == [1, 3]
    assert [blocks(level) for level in deep.encoder] == [1, 3, 4, 6, 6, 6, 6]
    assert [blocks(level) for level in deep.decoder] == [0] * 6


@pytest.mark.parametrize("dims", [2, 3])
def test_block_whose_second_convolution_is_silent_is_its_shortcut(dims: int) -> None:
    """ResNet-D: the mean of 2 x 2 (x 2) voxels, changed to the block's channels, rectified."""
    network = make(dims=dims, channels=(4, 8), normalise="none")
    block = network.encoder[1][0]  # type: ignore[index]
    residual = block[0]
    nn.init.zeros_(residual.layers[1].weight)
    features = torch.randn(1, 4, *[6] * dims)
    pool = nn.functional.avg_pool2d if dims == 2 else nn.functional.avg_pool3d
    expected = nn.functional.leaky_relu(residual.shortcut[1](pool(features, 2)))
    assert torch.allclose(block(features), expected, atol=1e-6)


def test_shortcut_of_equal_channels_has_no_parameters() -> None:
    network = make(dims=2, channels=(4, 4))
    strided, plain = network.encoder[1][0][0], network.encoder[1][1][0]  # type: ignore[index]
    assert list(strided.shortcut.parameters()) == []
    assert plain.shortcut is None
