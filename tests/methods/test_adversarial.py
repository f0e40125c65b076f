"""What the adversarial method promises beside the contract of every method."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from tests.methods.test_methods import TRAINING, make, toy, train
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.methods.adversarial import Adversarial


def pair(dims: int = 2, **options: Any) -> Adversarial:
    method = make("adversarial", dims, **options)
    assert isinstance(method, Adversarial)
    return method


def patchgan(**options: Any) -> dict[str, Any]:
    return {"name": "patchgan", "layers": 1, "width": 8, **options}


def test_step_gives_the_discriminators_loss_and_then_the_generators() -> None:
    method = pair(penalty="r1")
    first, second = method.optimisers(TRAINING)
    (opponent, judged, ours), (own, made, parts) = list(method.training_losses(toy(2)))
    assert (opponent, own) == (first, second)
    assert set(ours) == {"discriminator", "accuracy_real", "accuracy_fake", "penalty"}
    assert set(parts) == {"generator", "adversarial", "fooled", "l1", "ssim"}
    assert float(judged.detach()) == pytest.approx(ours["discriminator"] + 10 * ours["penalty"], rel=1e-5)
    expected = 0.01 * parts["adversarial"] + parts["l1"] + 0.1 * parts["ssim"]
    assert float(made.detach()) == pytest.approx(expected, rel=1e-5) == parts["generator"]
    assert all(0 <= value <= 1 for value in (ours["accuracy_real"], ours["accuracy_fake"], parts["fooled"]))


def test_each_loss_reaches_every_parameter_of_its_own_network_and_none_of_the_other() -> None:
    method = pair()
    method.optimisers(TRAINING)
    assert method.discriminator is not None
    networks = (method.discriminator, method.network)
    for number, (_, loss, _) in enumerate(method.training_losses(toy(2))):
        method.zero_grad(set_to_none=True)
        loss.backward()
        assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in networks[number].parameters())
        assert all(p.grad is None for p in networks[1 - number].parameters())


def test_generator_learns_against_what_the_discriminator_has_become() -> None:
    method = pair(weight=1.0)
    optimiser, _ = method.optimisers(Training(steps=1, learning_rate=0.1))
    pairs = method.training_losses(toy(2))
    _, loss, _ = next(pairs)
    before = copy.deepcopy(method.discriminator)
    assert before is not None
    loss.backward()
    optimiser.step()
    _, _, parts = next(pairs)
    method.discriminator, after = before, method.discriminator
    stale = list(method.training_losses(toy(2)))[1][2]
    assert after is not before
    assert parts["adversarial"] != pytest.approx(stale["adversarial"], rel=1e-3)


def test_background_tells_the_discriminator_nothing() -> None:
    method, batch = pair(), toy(2)
    method.optimisers(TRAINING)
    spoiled = toy(2)
    spoiled.target[spoiled.mask == 0] = 1e6
    judged, judged_spoiled = (next(method.training_losses(one))[2] for one in (batch, spoiled))
    assert judged == pytest.approx(judged_spoiled)


def test_discriminator_learns_to_tell_a_generator_that_stands_still() -> None:
    method, batch = pair(), toy(2)
    optimiser, _ = method.optimisers(TRAINING)
    for _ in range(60):
        _, loss, parts = next(method.training_losses(batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert parts["accuracy_real"] > 0.9
    assert parts["accuracy_fake"] > 0.9


def test_bundle_gets_the_generator_alone_and_a_fresh_method_takes_it() -> None:
    method = pair()
    train(method, toy(2), steps=2)
    state = method.shipped_state()
    assert state
    assert all(name.startswith("network.") for name in state)
    fresh = pair(seed=3)
    fresh.load_state_dict(state)
    assert torch.equal(fresh.predict(toy(2).source), method.predict(toy(2).source))


@pytest.mark.parametrize("objective", ["vanilla", "least_squares", "hinge"])
@pytest.mark.parametrize("penalty", ["none", "r1", "gradient"])
def test_every_game_trains_in_both_dimensions(objective: str, penalty: str) -> None:
    for dims, size in ((2, 16), (3, 8)):
        options = {"discriminator": patchgan(spectral=True), "objective": objective, "penalty": penalty}
        history = train(pair(dims, **options), toy(dims, size=size), steps=3)
        assert len(history) == 6
        assert all(value == value and abs(value) < 1e4 for value in history)  # noqa: PLR0124  (NaN is not itself)


def test_batch_normalisation_of_a_single_sample_is_refused() -> None:
    method = pair(discriminator=patchgan(normalise="batch"))
    with pytest.raises(UsageError, match="two samples"):
        method.optimisers(Training(steps=1, batch_size=1))
    method.optimisers(Training(steps=1, batch_size=1, samples_per_case=2))
    pair().optimisers(Training(steps=1, batch_size=1))


def test_rates_and_moments_are_the_recipes() -> None:
    judge, generator = pair(discriminator_rate=0.5, beta1=0.3).optimisers(TRAINING)
    assert judge.param_groups[0]["lr"] == pytest.approx(0.5 * TRAINING.learning_rate)
    assert generator.param_groups[0]["lr"] == TRAINING.learning_rate
    assert generator.param_groups[0]["betas"] == (0.3, 0.999)


def test_description_names_both_sizes_and_the_receptive_field() -> None:
    method = pair(discriminator={"name": "patchgan"})
    told = method.describe()
    assert told["discriminator's receptive field"].startswith("70 voxels")
    assert "parameters" in told["generator"]


def test_unknown_discriminator_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(UsageError, match="discriminator"):
        pair(discriminator={"name": "oracle"})
    with pytest.raises(UsageError, match="optimisers"):
        next(pair().training_losses(toy(2)))
