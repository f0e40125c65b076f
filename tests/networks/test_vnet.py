"""V-Net against the paper's table of receptive fields, and MONAI's count of parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from voxlate.networks.encoder_decoder import EncoderDecoder
from voxlate.networks.patchgan import _receptive_field
from voxlate.networks.vnet import _Repetition, vnet


def make(**options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    return vnet(**{"dims": 3, "in_channels": 1, "out_channels": 2, **options})


def count(*modules: nn.Module) -> int:
    return sum(value.numel() for module in modules for value in module.parameters())


def test_stages_of_the_way_down_see_what_the_paper_says() -> None:
    """Table 1 of arXiv:1606.04797; it follows from 1, 2, 3, 3, 3 convolutions of size 5 and the strides."""
    with torch.device("meta"):
        encoder = make().encoder
    assert [_receptive_field(encoder[: level + 1]) for level in range(5)] == [5, 22, 72, 172, 372]


def test_parameters_are_those_of_monai_but_for_what_differs() -> None:
    """MONAI 1.6 with PReLU: 45 601 516. The paper's own stages have 65 million, of which it says nothing."""
    from monai.networks.nets.vnet import VNet

    with torch.device("meta"):
        network, theirs = make(convolutions=(1, 1, 2, 2, 2), normalise="batch"), VNet(3, 1, 2, act="prelu")
        paper = make()
    ups = [theirs.up_tr256, theirs.up_tr128, theirs.up_tr64, theirs.up_tr32]
    downs = [theirs.down_tr32, theirs.down_tr64, theirs.down_tr128, theirs.down_tr256]
    before_sum = [stage.ops[-1].act_function for stage in [*ups, *downs]]
    needless_biases = sum(stage.up_conv.bias.numel() for stage in ups)
    differs = count(theirs.down_tr128.ops[0], theirs.out_tr, *before_sum) + needless_biases
    assert count(theirs) == 45_601_516
    assert count(network) - count(network.head) == count(theirs) - differs
    assert round(count(paper) / 1e6, 1) == 65.2


def test_stages_have_the_usual_numbers_of_convolutions_at_any_depth() -> None:
    with torch.device("meta"):
        shallow, deep = make(channels=(4, 8)), make(channels=(2,) * 6)

    def fives(level: nn.Module) -> int:
        return sum(getattr(part, "kernel_size", None) == (5, 5, 5) for part in level.modules())

    assert [fives(level) for level in shallow.encoder] == [1, 2]
    assert [fives(level) for level in deep.encoder] == [1, 2, 3, 3, 3, 3]
    assert [fives(level) for level in deep.decoder] == [1, 2, 3, 3, 3]


@pytest.mark.parametrize("level", [0, 1])
def test_stage_whose_convolutions_are_silent_passes_its_input_on(level: int) -> None:
    network = make(dims=2, in_channels=2, channels=(4, 8))
    stage = network.encoder[0] if level == 0 else network.encoder[1][1]  # type: ignore[index]
    residual, rectifier = stage  # type: ignore[misc]
    nn.init.zeros_(residual.layers[-2].weight)
    features = torch.randn(1, 2 if level == 0 else 8, 6, 6)
    repeated = features.tile(1, 2, 1, 1) if level == 0 else features
    assert torch.equal(stage(features), torch.where(repeated > 0, repeated, 0.25 * repeated))
    assert rectifier.weight.numel() == (4, 8)[level], "a slope per channel"


def test_channels_are_repeated_in_turn_up_to_the_number_asked_for() -> None:
    features = torch.arange(3.0).view(1, 3, 1, 1)
    assert _Repetition(7)(features).flatten().tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert _Repetition(2)(features).flatten().tolist() == [0, 1]
