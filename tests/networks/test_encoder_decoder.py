"""What the U-shaped networks share: the way up, the layout of their features, what each resolution gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.methods.hardware import channels_last, resolve_precision
from voxlate.networks.encoder_decoder import EncoderDecoder, rise
from voxlate.networks.residual_encoder_unet import residual_encoder_unet
from voxlate.networks.vnet import vnet

BOTH = pytest.mark.parametrize("build", [vnet, residual_encoder_unet])
LAYOUTS = {2: torch.channels_last, 3: torch.channels_last_3d}


def make(build: Any, **options: Any) -> EncoderDecoder:
    torch.manual_seed(0)
    given = {"dims": 2, "in_channels": 1, "out_channels": 1, "channels": (4, 8, 8), "normalise": "none"}
    network: EncoderDecoder = build(**{**given, **options})
    return network.eval()


def features_of(network: EncoderDecoder, *, dims: int, half: bool) -> list[Tensor]:
    """What every level gives, from a channels-last image."""
    seen: list[Tensor] = []
    for level in [*network.encoder, *network.rises, *network.decoder]:
        level.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        network(torch.randn(2, 1, *[8] * dims).to(memory_format=LAYOUTS[dims]))
    assert len(seen) == 3 + 2 + 2
    return seen


@pytest.fixture
def two_threads() -> Iterator[None]:
    """On one thread torch computes small convolutions of one voxel itself, which answer in another layout."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@BOTH
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("upsample", ["transposed", "interpolate"])
@pytest.mark.parametrize("normalise", ["none", "instance"])
def test_features_stay_channels_last_in_the_precision_of_this_machine_and_in_half_precision(
    build: Any, dims: int, upsample: str, normalise: str
) -> None:
    network = channels_last(make(build, dims=dims, upsample=upsample, normalise=normalise))
    # Where bfloat16 is emulated (and never chosen), torch's convolutions in 3-D answer in another layout.
    seen = features_of(network, dims=dims, half=resolve_precision("auto") == "bf16")
    assert all(features.is_contiguous(memory_format=LAYOUTS[dims]) for features in seen)
    assert {features.dtype for features in features_of(network, dims=dims, half=True)} == {torch.bfloat16}


@BOTH
def test_every_level_is_joined_to_its_own_resolution(build: Any) -> None:
    network, source = make(build), torch.randn(1, 1, 16, 16)
    assert network.divisor == 4
    before = network(source)
    for value in network.rises[0].parameters():
        nn.init.zeros_(value)
    fine = network(source)
    assert not torch.allclose(fine, before), "the coarse levels counted"
    shifted = network(source.roll(1, dims=-1))
    assert torch.allclose(shifted[..., 6:-6], fine.roll(1, dims=-1)[..., 6:-6], atol=1e-5), "only the finest is left"
    assert fine.std() > 0


@BOTH
def test_transposed_way_up_draws_a_pattern_on_a_flat_image_and_interpolation_does_not(build: Any) -> None:
    def roughness(upsample: str) -> float:
        inside = make(build, upsample=upsample)(torch.ones(1, 1, 192, 192))[..., 92:100, 92:100].detach()
        return float(inside.std() / inside.abs().mean())

    assert roughness("interpolate") < 1e-5
    assert roughness("transposed") > 1e-2


@pytest.mark.parametrize("dims", [2, 3])
def test_rising_doubles_sizes_and_interpolation_takes_a_fourth_or_an_eighth_of_the_weights(dims: Any) -> None:
    features = torch.randn(1, 6, *[3] * dims)
    ways = [nn.Sequential(*rise(dims, 6, 4, kind=kind)) for kind in ("transposed", "interpolate")]
    assert {tuple(way(features).shape) for way in ways} == {(1, 4, *[6] * dims)}
    weights = [sum(value.numel() for value in way.parameters() if value.ndim > 1) for way in ways]
    assert weights[0] == weights[1] * 2**dims


@BOTH
@pytest.mark.parametrize("depth", [2, 5])
def test_untrained_network_without_normalisation_keeps_the_size_of_values(build: Any, depth: int) -> None:
    network = make(build, channels=[16] * depth)
    predictions = network(torch.randn(8, 1, 32, 32))
    assert 0.3 < predictions.std() < 10


@pytest.mark.parametrize(("build", "option"), [(vnet, "convolutions"), (residual_encoder_unet, "blocks")])
def test_numbers_per_level_must_be_as_many_as_levels(build: Any, option: str) -> None:
    assert make(build, **{option: 1})(torch.randn(1, 1, 8, 8)).shape == (1, 1, 8, 8)
    with pytest.raises(UsageError, match=option):
        make(build, **{option: (1, 2)})
