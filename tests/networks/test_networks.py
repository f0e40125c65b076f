"""The contract of every network in the catalogue: a new entry is tested by being listed."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.networks import NETWORKS
from voxlate.networks.blocks import upsample

SMALL: dict[str, dict[str, Any]] = {
    "fcn": {"widths": [4, 8, 8], "score_channels": 4},
    "fc_densenet": {"width": 8, "growth": 4, "layers": [1, 1, 2]},
    "unet": {"channels": [4, 8, 8]},
    "resnet": {"width": 8, "blocks": 2, "downsamplings": 1},
    "pix2pix_unet": {"width": 8, "levels": 3, "dropout": 0.0},
    "vnet": {"channels": [4, 8, 8]},
    "residual_encoder_unet": {"channels": [4, 8, 8], "blocks": [1, 2, 2]},
    "simple_unet3d": {"channels": [4, 8, 8]},
    "residual_unet3d": {"channels": [4, 8, 8]},
    "dilated_unet3d": {"channels": [8, 16, 16]},  # with 4, instance normalisation of 6 voxels magnifies bfloat16
    "spade": {"width": 4, "levels": 2, "hidden": 4},
}
NORMALISATIONS = ("batch", "group", "instance", "none")
every_network = pytest.mark.parametrize("name", list(NETWORKS))
both_dims = pytest.mark.parametrize("dims", [2, 3])


def make(name: str, dims: int, *, seed: int = 0, **options: Any) -> nn.Module:
    torch.manual_seed(seed)
    choice = Choice.model_validate({"name": name, **SMALL.get(name, {}), **options})
    return build(NETWORKS, choice, what="network", dims=dims, in_channels=3, out_channels=2)


def example(network: nn.Module, dims: int, *, multiples: tuple[int, ...] = (2, 3, 1), batch: int = 2) -> Tensor:
    sizes = [int(network.divisor) * multiple for multiple in multiples[:dims]]  # type: ignore[arg-type]
    return torch.randn(batch, 3, *sizes, generator=torch.Generator().manual_seed(1))


@every_network
@both_dims
def test_output_has_the_inputs_size_and_is_finite_float32(name: str, dims: int) -> None:
    network = make(name, dims)
    source = example(network, dims)
    prediction = network(source)
    assert prediction.shape == (2, 2, *source.shape[2:])
    assert prediction.dtype == torch.float32
    assert torch.isfinite(prediction).all()


@every_network
@both_dims
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_gradient_reaches_every_parameter(name: str, dims: int, normalise: str) -> None:
    network = make(name, dims, normalise=normalise)
    network(example(network, dims)).square().mean().backward()
    silent = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert silent == []


@every_network
@both_dims
def test_same_seed_gives_the_same_network_and_prediction(name: str, dims: int) -> None:
    first, again, other = make(name, dims, seed=3), make(name, dims, seed=3), make(name, dims, seed=4)
    source = example(first, dims)
    assert torch.equal(first(source), again(source))
    assert not torch.equal(first(source), other(source))


@every_network
@both_dims
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_weights_survive_safetensors(name: str, dims: int, normalise: str) -> None:
    network, copy = make(name, dims, seed=1, normalise=normalise), make(name, dims, seed=2, normalise=normalise)
    source = example(network, dims)
    network(source)  # moves running statistics, where there are any
    copy.load_state_dict(load(save({key: value.contiguous() for key, value in network.state_dict().items()})))
    network.eval(), copy.eval()
    assert torch.equal(network(source), copy(source))


@every_network
@both_dims
@pytest.mark.parametrize("normalise", ["group", "instance", "none"])
def test_smallest_input_alone_in_a_batch_trains(name: str, dims: int, normalise: str) -> None:
    network = make(name, dims, normalise=normalise).train()
    prediction = network(example(network, dims, multiples=(1, 1, 1), batch=1))
    prediction.mean().backward()
    assert torch.isfinite(prediction).all()


@every_network
def test_default_trains_on_the_smallest_input(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](dims=2, in_channels=1, out_channels=1).train()
    size = int(network.divisor)  # type: ignore[arg-type]
    prediction = network(torch.randn(1, 1, size, size))
    assert torch.isfinite(prediction).all()


@every_network
@both_dims
@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_bfloat16_and_channels_last_stay_close_to_float32(name: str, dims: int, normalise: str) -> None:
    network = make(name, dims, normalise=normalise).eval()
    source = example(network, dims)
    expected = network(source)
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    network.to(memory_format=layout)  # type: ignore[call-overload]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        prediction = network(source.to(memory_format=layout))
    halved = network.bfloat16()(source.bfloat16())  # the weights too, as for fast inference
    for found in (prediction, halved):
        assert found.dtype == torch.float32
        assert (found - expected).abs().max() < 0.05 * expected.abs().max()


@every_network
def test_prediction_does_not_depend_on_the_size_of_the_window(name: str) -> None:
    network = make(name, 2, normalise="none").eval()
    step = int(network.divisor)  # type: ignore[arg-type]
    source = torch.randn(1, 3, 32 * step, 16 * step)
    whole, part = network(source), network(source[:, :, : 24 * step])
    far = 16 * step  # from the cut: further than the network sees
    assert torch.allclose(
        whole[:, :, : 24 * step - far], part[:, :, :-far], atol=1e-5 * max(1.0, float(whole.detach().abs().max()))
    )


@every_network
@pytest.mark.parametrize(
    "option",
    [{"normalise": "nothing"}, {"no_such_option": 3}, {"activation": "tanh"}, {"channels": [4]}, {"widths": [4]}],
)
def test_unusable_options_are_refused(name: str, option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="network"):
        build(
            NETWORKS,
            Choice.model_validate({"name": name, **option}),
            what="network",
            dims=2,
            in_channels=1,
            out_channels=1,
        )


def test_unet_halves_once_per_level_and_takes_its_options() -> None:
    network = make("unet", 2, channels=[4, 6, 8, 10], blocks=1, residual=True, dropout=0.5, activation="elu")
    source = example(network, 2)
    assert network.divisor == 8
    assert not torch.equal(network.train()(source), network(source)), "dropout is random in training"
    network.eval()
    assert torch.equal(network(source), network(source))


def test_fcn_counts_the_parameters_of_the_papers_vgg() -> None:
    with torch.device("meta"):
        network = NETWORKS["fcn"](
            dims=2, in_channels=3, out_channels=1, widths=(64, 128, 256, 512, 512),
            convolutions=(2, 2, 3, 3, 3), finest_stride=8, normalise="none",
        )  # fmt: skip
    stages = sum(value.numel() for key, value in network.named_parameters() if key.startswith("stages"))
    assert stages == 14_714_688, "the convolutions of VGG-16 (Simonyan & Zisserman 2015, configuration D)"


@pytest.mark.parametrize(
    ("name", "channels", "options", "millions"),
    [
        ("resnet", 3, {}, 11.4),  # resnet_9blocks
        ("resnet", 3, {"blocks": 6, "upsample": "transposed"}, 7.84),  # resnet_6blocks
        ("pix2pix_unet", 3, {}, 54.4),  # unet_256
        ("pix2pix_unet", 3, {"levels": 7}, 41.8),  # unet_128
        ("pix2pix_unet", 1, {}, 54.408),
        ("pix2pix_unet", 1, {"levels": 6}, 29.238),
    ],
)
def test_generators_have_the_published_number_of_parameters(
    name: str, channels: int, options: dict[str, Any], millions: float
) -> None:
    """As printed by github.com/junyanz/pytorch-CycleGAN-and-pix2pix, the last two in its issue 1152 for grey images."""
    with torch.device("meta"):
        network = NETWORKS[name](dims=2, in_channels=channels, out_channels=channels, **options)
    count = sum(value.numel() for value in network.parameters()) / 1e6
    decimals = len(str(millions).partition(".")[2])
    assert count == pytest.approx(millions, abs=0.51 * 10**-decimals)


@pytest.mark.parametrize("finest_stride", [1, 2, 4])
def test_fcn_adds_scores_down_to_the_finest_stride(finest_stride: int) -> None:
    network = make("fcn", 2, finest_stride=finest_stride).eval()
    source = example(network, 2, multiples=(4, 4))
    prediction = network(source)
    assert prediction.shape[2:] == source.shape[2:]
    centre = prediction[..., finest_stride : -finest_stride or None, :]
    second = centre[..., 2:, :] - 2 * centre[..., 1:-1, :] + centre[..., :-2, :]
    straight = (second.abs() < 1e-5).float().mean()
    assert (straight > 0.3) == (finest_stride > 2), "interpolated from a coarse stride: straight lines between nodes"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"finest_stride": 3}, "finest_stride"),
        ({"finest_stride": 8}, "finest_stride"),
        ({"convolutions": [1, 2]}, "convolutions"),
    ],
)
def test_fcn_refuses_what_its_stages_do_not_have(option: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make("fcn", 2, **option)


@pytest.mark.parametrize("dims", [2, 3])
def test_upsampling_keeps_constants_and_slopes(dims: Literal[2, 3]) -> None:
    line = torch.arange(8.0).view(1, 1, 8, *[1] * (dims - 1)).expand(1, 1, *[8] * dims)
    doubled = upsample(line)
    assert doubled.shape == (1, 1, *[16] * dims)
    steps = doubled.diff(dim=2)[:, :, 1:-1]
    assert torch.allclose(steps, torch.full_like(steps, 0.5))
    assert torch.equal(upsample(torch.ones_like(line)), torch.ones_like(doubled))
