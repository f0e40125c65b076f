"""The contract of every discriminator in the catalogue, and what the patch discriminator sees."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.networks import DISCRIMINATORS
from voxlate.networks.patchgan import PatchGAN, _receptive_field, _smallest_size

SMALL: dict[str, dict[str, Any]] = {"patchgan": {"width": 4, "layers": 1}}
KINDS = [
    {"normalise": normalise, "spectral": spectral}
    for normalise in ("batch", "instance", "none")
    for spectral in (False, True)
]
every_discriminator = pytest.mark.parametrize("name", list(DISCRIMINATORS))
both_dims = pytest.mark.parametrize("dims", [2, 3])
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def make(name: str = "patchgan", dims: int = 2, *, seed: int = 0, in_channels: int = 2, **options: Any) -> PatchGAN:
    torch.manual_seed(seed)
    choice = Choice.model_validate({"name": name, **SMALL.get(name, {}), **options})
    return build(DISCRIMINATORS, choice, what="discriminator", dims=dims, in_channels=in_channels)


def example(dims: int, *, batch: int = 2) -> Tensor:
    return torch.randn(batch, 2, *(16, 12, 8)[:dims], generator=torch.Generator().manual_seed(1))


@every_discriminator
@both_dims
@every_kind
@pytest.mark.parametrize("batch", [1, 2])
def test_only_the_score_comes_back_and_every_parameter_learns(
    name: str, dims: int, kind: dict[str, Any], batch: int
) -> None:
    network = make(name, dims, **kind).train()
    logits = network(example(dims, batch=batch))
    logits.square().mean().backward()
    assert logits.shape == (batch, 1, *(6, 4, 2)[:dims])
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    silent = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.abs().sum() > 0]
    assert silent == []


@every_discriminator
@every_kind
def test_same_seed_gives_the_same_discriminator(name: str, kind: dict[str, Any]) -> None:
    first, again, other = (make(name, seed=seed, **kind)(example(2)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@every_discriminator
@both_dims
@every_kind
def test_state_survives_safetensors_and_copies(name: str, dims: int, kind: dict[str, Any]) -> None:
    network, other = make(name, dims, seed=1, **kind), make(name, dims, seed=2, **kind)
    images = example(dims)
    network(images)  # moves running statistics and singular vectors, where there are any
    other.load_state_dict(load(save({key: value.contiguous() for key, value in network.state_dict().items()})))
    twin = deepcopy(network)
    expected = network.eval()(images)
    assert torch.equal(expected, other.eval()(images))
    assert torch.equal(expected, twin.eval()(images))


@every_discriminator
@both_dims
@every_kind
def test_bfloat16_and_channels_last_stay_close_to_float32(name: str, dims: int, kind: dict[str, Any]) -> None:
    network = make(name, dims, width=16, **kind).eval()
    images = example(dims)
    expected = network(images)
    layout = torch.channels_last if dims == 2 else torch.channels_last_3d
    network.to(memory_format=layout)  # type: ignore[call-overload]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(images.to(memory_format=layout))
    assert logits.dtype == torch.float32
    assert (logits - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize(
    ("dims", "layers", "expected"),
    [(2, 1, 16), (2, 2, 34), (2, 3, 70), (3, 1, 16)],
    ids=["16", "34", "70", "16 in 3-D"],
)
def test_receptive_field_is_where_the_gradient_of_one_logit_reaches(dims: int, layers: int, expected: int) -> None:
    network = make(dims=dims, layers=layers, in_channels=1, normalise="none")
    images = torch.randn(1, 1, *[expected + 40] * dims, requires_grad=True)
    logits = network(images)
    centre = tuple(size // 2 for size in logits.shape[2:])
    logits[(0, 0, *centre)].backward()
    assert images.grad is not None
    touched = images.grad[0, 0] != 0
    for axis in range(dims):
        lines = touched.any(dim=tuple(other for other in range(dims) if other != axis))
        reached = lines.nonzero().flatten()
        assert reached.min() > 0, "the probe must not end at the border"
        assert reached.max() < len(lines) - 1
        assert reached.max() - reached.min() + 1 == expected == network.receptive_field


def test_four_strided_layers_score_every_16_pixels_of_which_each_sees_94() -> None:
    network = make(layers=3, last_stride=2, normalise="none")
    assert [layer.stride[0] for layer in network.modules() if isinstance(layer, nn.Conv2d)] == [2, 2, 2, 2, 1]
    assert network.receptive_field == 94
    assert network(torch.randn(1, 2, 64, 48)).shape == (1, 1, 64 // 16 - 1, 48 // 16 - 1), "and none beyond the border"


def test_receptive_field_counts_dilation_and_stride() -> None:
    chain = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2), nn.ReLU(), nn.Conv2d(1, 1, 3, dilation=2), nn.Conv2d(1, 1, 1))
    assert _receptive_field(chain) == 3 + 2 * 4
    assert _smallest_size(chain) == 11
    assert chain(torch.zeros(1, 1, 11, 12)).shape == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("in_channels", "layers", "normalise", "millions"),
    [(6, 3, "batch", 2.769), (6, 3, "instance", 2.769), (2, 3, "batch", 2.765), (2, 2, "batch", 0.662)],
)
def test_patchgan_has_the_published_number_of_parameters(
    in_channels: int, layers: int, normalise: str, millions: float
) -> None:
    """As github.com/junyanz/pytorch-CycleGAN-and-pix2pix prints it; for grey images (2 channels) in its issue 1152."""
    network = make(in_channels=in_channels, width=64, layers=layers, normalise=normalise)
    assert sum(value.numel() for value in network.parameters()) / 1e6 == pytest.approx(millions, abs=5.1e-4)


@both_dims
@every_kind
@pytest.mark.parametrize("layers", [1, 2])
def test_smallest_size_gives_one_logit_and_less_is_refused(dims: int, kind: dict[str, Any], layers: int) -> None:
    network = make(dims=dims, layers=layers, **kind).train()
    size = network.smallest_size
    assert network(torch.randn(1, 2, *[size] * dims)).shape[2:] == (1,) * dims
    with pytest.raises(UsageError, match=f"at least {size} voxels"):
        network(torch.randn(1, 2, size - 1, *[64] * (dims - 1)))


def test_spectral_norm_holds_every_convolution_at_one() -> None:
    network = make(layers=2, normalise="none", spectral=True).train()
    for _ in range(30):
        network(example(2))
    for layer in (part for part in network.modules() if isinstance(part, nn.Conv2d)):
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2) == pytest.approx(1, abs=0.02)


def test_instance_normalisation_learns_scale_and_offset() -> None:
    network = make(normalise="instance")
    assert {tuple(value.shape) for value in network.parameters() if value.ndim == 1} == {(4,), (8,), (1,)}
    assert sum(value.ndim == 1 for value in network.parameters()) == 4, "two biases, one scale, one offset"


@pytest.mark.parametrize("option", [{"normalise": "group"}, {"layers": 0}, {"depth": 3}])
def test_unusable_options_are_refused(option: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="discriminator"):
        make(**option)


@both_dims
@pytest.mark.parametrize("normalise", ["batch", "instance", "none"])
def test_patchgan_is_that_of_monai_but_for_what_comes_back(dims: int, normalise: str) -> None:
    """Weights drawn from the same seed, names, scores in training and in evaluation, and what is drawn next."""
    from monai.networks.nets.patchgan_discriminator import PatchDiscriminator

    network = make(dims=dims, layers=2, normalise=normalise)
    drawn_next = torch.rand(1)
    torch.manual_seed(0)
    options = {"norm": None if normalise == "none" else normalise, "bias": normalise == "none"}
    monai = PatchDiscriminator(spatial_dims=dims, channels=4, in_channels=2, num_layers_d=2, **options)
    assert torch.equal(drawn_next, torch.rand(1))
    named = {name.removeprefix("chain."): value for name, value in network.state_dict().items()}
    expected = monai.state_dict()
    learned = {name for name in named if name not in expected}
    assert all(torch.equal(named[name], value) for name, value in expected.items())
    assert learned == ({"0.adn.N.weight", "0.adn.N.bias", "1.adn.N.weight", "1.adn.N.bias"} & learned)
    assert bool(learned) == (normalise == "instance"), "MONAI's instance normalisation has no scale and no offset"
    images = torch.randn(2, 2, *(24, 20, 16)[:dims], generator=torch.Generator().manual_seed(1))
    for training in (True, False):
        found, features = network.train(training)(images), monai.train(training)(images)
        torch.testing.assert_close(found, features[-1], rtol=1e-5, atol=1e-6)
