"""A network that is told a question: absent sources contribute nothing, and everything in it learns."""

from __future__ import annotations

import copy

import pytest
import torch

from voxlate.errors import UsageError
from voxlate.methods.conditional import Conditional
from voxlate.networks import NETWORKS

CHANNELS, TARGETS = 3, 2
both_dims = pytest.mark.parametrize("dims", [2, 3])


def told(dims: int, *, normalise: str = "instance", name: str = "unet", pointwise: int = 0) -> Conditional:
    torch.manual_seed(0)
    network = NETWORKS[name](dims=dims, in_channels=CHANNELS, out_channels=1, channels=(4, 8), normalise=normalise)
    return Conditional(network, channels=CHANNELS, targets=TARGETS, pointwise=pointwise)


def question(*there: int, target: int = 0) -> torch.Tensor:
    numbers = torch.zeros(1, CHANNELS + TARGETS)
    numbers[0, list(there)] = 1
    numbers[0, CHANNELS + target] = 1
    return numbers


def images(dims: int) -> torch.Tensor:
    return torch.rand(1, CHANNELS, *[8] * dims, generator=torch.Generator().manual_seed(1))


@both_dims
@pytest.mark.parametrize(("normalise", "pointwise"), [("none", 0), ("instance", 0), ("batch", 0), ("instance", 4)])
def test_absent_source_contributes_nothing_whatever_its_channel_holds(
    dims: int, normalise: str, pointwise: int
) -> None:
    network = told(dims, normalise=normalise, pointwise=pointwise).eval()
    if network.beside is not None:
        torch.nn.init.ones_(network.beside.last.weight)
    source = images(dims)
    expected = network.answer(source, question(0, 2))
    for value in (0.0, 1e6, float("nan"), float("inf")):
        spoiled = source.clone()
        spoiled[:, 1] = value
        assert torch.equal(network.answer(spoiled, question(0, 2)), expected)
    assert not torch.allclose(network.answer(source, question(0, 1, 2)), expected)


def test_first_layer_is_the_mean_over_the_sources_that_are_there() -> None:
    """Of the same image in every channel, with the same weights for each, any subset gives the same features."""
    network = told(2, normalise="none")
    first = next(part for part in network.network.modules() if isinstance(part, torch.nn.Conv2d))
    first.weight.data[:] = first.weight.data[:, :1]
    seen: list[torch.Tensor] = []
    first.register_forward_hook(lambda _module, _source, features: seen.append(features))
    source = images(2)[:, :1].expand(-1, CHANNELS, -1, -1)
    for there in ((0,), (1, 2), (0, 1, 2)):
        network.answer(source, question(*there))
    assert torch.allclose(seen[0], seen[1], atol=1e-5)
    assert torch.allclose(seen[0], seen[2], atol=1e-5)


@both_dims
def test_answer_depends_on_what_is_wanted_and_the_planes_are_the_question(dims: int) -> None:
    network, source = told(dims).eval(), images(dims)
    one, other = (question(0, 1, target=target) for target in (0, 1))
    assert not torch.allclose(network.answer(source, one), network.answer(source, other))
    planes = other.view(1, -1, *[1] * dims).expand(-1, -1, *source.shape[2:])
    assert torch.equal(network(torch.cat([source, planes], dim=1)), network.answer(source, other))
    everything = network.answer(source, question(*range(CHANNELS)))
    assert torch.equal(network(source), everything), "images alone ask for the first target from all"


def test_each_sample_of_a_batch_is_answered_by_itself() -> None:
    network, source = told(2).eval(), images(2)
    asked = torch.cat([question(0), question(1, 2, target=1)])
    found = network.answer(source.expand(2, -1, -1, -1), asked)
    alone = [network.answer(source, one[None]) for one in asked]
    assert torch.allclose(found, torch.cat(alone), atol=1e-6)


@both_dims
def test_every_parameter_gets_a_gradient(dims: int) -> None:
    network = told(dims)
    network.answer(images(dims), question(0, 1, 2)).square().mean().backward()
    lacking = [
        name
        for name, parameter in network.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    ]
    assert lacking == []


def test_copy_answers_for_itself() -> None:
    """As the moving average of the weights does."""
    network = told(2).eval()
    twin = copy.deepcopy(network)
    expected = network.answer(images(2), question(0))
    for parameter in network.parameters():
        parameter.data.zero_()
    assert torch.equal(twin.answer(images(2), question(0)), expected)


def test_network_without_layers_to_scale_is_refused() -> None:
    with pytest.raises(UsageError, match="scaled and shifted"):
        Conditional(torch.nn.Conv2d(1, 1, 1), channels=1, targets=1)


def test_what_answers_beside_the_last_layer_keeps_the_values_that_a_normalisation_loses() -> None:
    """Images of one grey value each, to be given back: instance normalisation makes all of them alike."""
    greys = torch.linspace(-1, 1, 8).view(-1, 1, 1, 1).expand(-1, CHANNELS, 8, 8)
    asked = question(0, 1, 2).expand(len(greys), -1)
    errors = []
    for pointwise in (0, 8):
        network = told(2, pointwise=pointwise)
        optimiser = torch.optim.Adam(network.parameters(), 0.02)
        for _ in range(80):
            loss = (network.answer(greys, asked) - greys[:, :1]).abs().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        errors.append(float(loss.detach()))
    assert errors[0] > 0.2, "only the padding tells one grey value from another"
    assert errors[1] < errors[0] / 4


def test_a_network_with_several_last_layers_is_refused() -> None:
    options = {"dims": 3, "in_channels": CHANNELS, "out_channels": 1}
    network = NETWORKS["residual_encoder_unet"](**options, channels=(4, 8, 8), deep_supervision=True)
    with pytest.raises(UsageError, match="one last layer, got one with 2"):
        Conditional(network, channels=CHANNELS, targets=TARGETS, pointwise=4)
