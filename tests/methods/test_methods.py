"""The contract of every method in the catalogue, and what each one promises besides."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.config.recipe import Recipe
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.methods import METHODS, Batch, Trainable, Translator
from voxlate.methods.baselines import Lookup
from voxlate.methods.build import method_class
from voxlate.methods.exemplars import Exemplary

UNET = {"name": "unet", "channels": [8, 16]}
SMALL: dict[str, dict[str, Any]] = {
    "regression": {"network": UNET},
    "adversarial": {"network": UNET, "discriminator": {"name": "patchgan", "layers": 1, "width": 8}, "weight": 0.01},
    "segmentation": {"network": UNET},
    "unified": {"network": UNET},
    "style_transfer": {"steps": 2, "features": {"width": 4}},
}
LOSS: dict[str, float] = {"l1": 1.0, "ssim": 0.1}
LOSSES_OF: dict[str, dict[str, float]] = {"segmentation": {"bce": 1.0, "dice": 1.0}}
TRAINING = Training(steps=1, learning_rate=2e-3)
SLICES_ONLY = {"image_analogy", "style_transfer"}
every_method = pytest.mark.parametrize("name", list(METHODS))
every_method_in_its_dimensions = pytest.mark.parametrize(
    ("name", "dims"), [(name, dims) for name in METHODS for dims in (2, 3) if dims == 2 or name not in SLICES_ONLY]
)


def make(name: str, dims: int, *, seed: int = 0, **options: Any) -> Translator:
    """A method ready to predict: what needs fitting, or exemplars, gets the toy cases."""
    torch.manual_seed(seed)
    choice = Choice.model_validate({"name": name, **SMALL.get(name, {}), **options})
    context = {"source_channels": 1, "target_channels": 1, "loss": LOSSES_OF.get(name, LOSS), "data_range": 1.0}
    method = build(METHODS, choice, what="method", dims=dims, **context)
    if isinstance(method, Lookup):
        batch = toy(dims)
        method = Lookup.fit(zip(batch.source.numpy(), batch.target.numpy(), batch.mask.numpy(), strict=True))
    if isinstance(method, Exemplary):
        method.fit(toy(dims))
    return method


def toy(dims: int, *, size: int = 16, name: str = "") -> Batch:
    """Two cases whose target depends on the neighbourhood: blurred noise, of which a voxel alone knows little.

    The source has 16 grey values, so that lookup averages over many voxels instead of learning each by heart. For a
    method that segments the target is where the blurred noise is bright.
    """
    source = torch.randint(16, (2, 1, *[size] * dims), generator=torch.Generator().manual_seed(7)) / 16
    smooth = torch.nn.functional.avg_pool2d if dims == 2 else torch.nn.functional.avg_pool3d
    target = 2 * smooth(source, 3, stride=1, padding=1)
    mask = torch.ones_like(source)
    mask[0, 0, :3] = 0
    if name == "segmentation":
        target = (target > 1).float()
    return Batch(source=source, target=target, mask=mask)


def masked_mae(prediction: torch.Tensor, batch: Batch) -> float:
    return float((prediction - batch.target).abs()[batch.mask > 0].mean())


def train(method: Trainable, batch: Batch, *, steps: int) -> list[float]:
    """The losses of so many steps, in order."""
    history: list[float] = []
    train_on(method, method.train().optimisers(TRAINING), batch, steps=steps, history=history)
    return history


def train_on(
    method: Trainable,
    optimisers: list[torch.optim.Optimizer],
    batch: Batch,
    *,
    steps: int,
    history: list[float] | None = None,
) -> list[dict[str, Any]]:
    """Takes the steps as the loop does and returns the optimisers' states."""
    for _ in range(steps):
        for optimiser, loss, _ in method.training_losses(batch):
            assert optimiser in optimisers
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            if history is not None:
                history.append(float(loss.detach()))
    return [optimiser.state_dict() for optimiser in optimisers]


@every_method_in_its_dimensions
def test_prediction_has_the_targets_shape_and_is_finite_float32(name: str, dims: int) -> None:
    method, source = make(name, dims), toy(dims).source
    assert isinstance(method, Translator)
    prediction = method.predict(source.bfloat16().float())
    assert prediction.shape == source.shape
    assert prediction.dtype == torch.float32
    assert torch.isfinite(prediction).all()
    assert not prediction.requires_grad
    assert torch.equal(source, toy(dims).source), "the source is left as it was"


@every_method
def test_function_of_the_catalogue_says_what_it_makes(name: str) -> None:
    """So that what a recipe's method learns from and gives is known before it is built."""
    method, told = make(name, 2), method_class(Recipe.model_construct(method=Choice(name=name)))
    assert type(method) is told
    assert list(method.parts.values()) == [method]
    assert bool(method.networks) == (told.learns == "steps") == isinstance(method, Trainable)
    assert bool(method.classes) == told.segments
    assert method.channels == max(1, len(method.classes))


@every_method
def test_prediction_is_deterministic(name: str) -> None:
    source = toy(2).source
    method = make(name, 2, seed=1)
    first = method.predict(source)
    assert torch.equal(first, method.predict(source))
    assert torch.equal(first, make(name, 2, seed=1).predict(source))


@every_method
def test_prediction_does_not_depend_on_the_rest_of_the_batch(name: str) -> None:
    method, source = make(name, 2), toy(2).source
    if isinstance(method, Trainable):
        train(method, toy(2, name=name), steps=2)
    assert torch.allclose(method.predict(source)[1:], method.predict(source[1:]), atol=1e-6)


@every_method_in_its_dimensions
def test_method_that_learns_overfits_two_cases_and_beats_lookup(name: str, dims: int) -> None:
    batch, method = toy(dims, size=16 if dims == 2 else 8, name=name), make(name, dims)
    pairs = zip(batch.source.numpy(), batch.target.numpy(), batch.mask.numpy(), strict=True)
    baseline = masked_mae(Lookup.fit(pairs).predict(batch.source), batch)
    if isinstance(method, Trainable):
        history = train(method, batch, steps=150)
        assert history[-1] < 0.5 * history[0]
        assert masked_mae(method.predict(batch.source), batch) < 0.5 * baseline
    elif not isinstance(method, Exemplary):
        assert masked_mae(method.predict(batch.source), batch) >= 0.99 * masked_mae(
            make("lookup", dims).predict(batch.source), batch
        )


@every_method
def test_resumed_training_equals_the_unbroken_run(name: str) -> None:
    whole, broken, resumed = make(name, 2), make(name, 2), make(name, 2, seed=1)
    if not (isinstance(whole, Trainable) and isinstance(broken, Trainable) and isinstance(resumed, Trainable)):
        assert not hasattr(whole, "training_losses")
        return
    batch = toy(2, name=name)
    train(whole, batch, steps=6)
    states = train_on(broken, broken.train().optimisers(TRAINING), batch, steps=3)
    optimisers = resumed.train().optimisers(TRAINING)
    resumed.load_state_dict(load(save({name: value.contiguous() for name, value in broken.state_dict().items()})))
    for optimiser, state in zip(optimisers, states, strict=True):
        optimiser.load_state_dict(state)
    train_on(resumed, optimisers, batch, steps=3)
    expected = whole.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in resumed.state_dict().items())


@pytest.mark.parametrize("name", sorted(SLICES_ONLY & set(METHODS)))
def test_method_of_slices_keeps_its_exemplars_with_its_state_and_refuses_volumes(name: str) -> None:
    method, fresh = make(name, 2), make(name, 2)
    assert isinstance(method, Exemplary)
    assert isinstance(fresh, Exemplary)
    other = toy(2, size=12)
    fresh.fit(Batch(other.source, -other.target, other.mask))
    source = toy(2).source
    before = fresh.predict(source)
    fresh.load_state_dict(load(save(method.state_dict())))
    assert torch.equal(fresh.predict(source), method.predict(source))
    assert not torch.equal(before, fresh.predict(source))
    with pytest.raises(UsageError, match="slices"):
        make(name, 3)


@every_method
def test_unknown_option_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="method"):
        make(name, 2, colour="red")


@pytest.mark.parametrize("name", ["identity", "lookup"])
def test_baseline_names_a_channel_that_exists(name: str) -> None:
    with pytest.raises(UsageError, match="channel"):
        make(name, 2, channel=1)


def test_predicting_leaves_the_training_mode_as_it_was() -> None:
    method = make("regression", 2, network={"name": "unet", "channels": [8, 16], "dropout": 0.5})
    assert isinstance(method, Trainable)
    source = toy(2).source
    method.train()
    assert torch.equal(method.predict(source), method.predict(source)), "no dropout"
    assert all(module.training for module in method.modules())


def test_losses_need_optimisers() -> None:
    method = make("regression", 2)
    assert isinstance(method, Trainable)
    with pytest.raises(UsageError, match="optimisers"):
        next(method.training_losses(toy(2)))


def test_parts_of_the_loss_are_plain_numbers() -> None:
    method = make("regression", 2)
    assert isinstance(method, Trainable)
    method.optimisers(Training(steps=1, optimiser="adamw", weight_decay=0.1))
    [(optimiser, loss, parts)] = list(method.training_losses(toy(2)))
    assert isinstance(optimiser, torch.optim.AdamW)
    assert {type(value) for value in parts.values()} == {float}
    assert float(loss.detach()) == pytest.approx(sum(LOSS[key] * value for key, value in parts.items()))


def test_a_method_with_two_optimisers_is_stepped_in_turn() -> None:
    """The interface carries an adversarial pair: the second loss sees what the first step did."""

    class Pair(Trainable):
        divisor = 1

        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = (torch.nn.Parameter(torch.ones(())) for _ in range(2))

        def predict(self, source: torch.Tensor) -> torch.Tensor:
            return source * self.second.detach()

        def optimisers(self, training: Training) -> list[torch.optim.Optimizer]:
            self.pair: list[torch.optim.Optimizer] = [
                torch.optim.SGD([parameter], lr=training.learning_rate) for parameter in (self.first, self.second)
            ]
            return self.pair

        def training_losses(self, batch: Batch) -> Any:
            yield self.pair[0], self.first**2, {}
            yield self.pair[1], self.second * self.first.detach(), {"seen": float(self.first.detach())}

    method = Pair()
    history = train(method, toy(2), steps=1)
    assert history == pytest.approx([1.0, 1.0 - 2 * TRAINING.learning_rate])


def test_unified_method_may_play_against_a_discriminator_that_sees_the_question() -> None:
    method = make("unified", 2, discriminator={"name": "patchgan", "layers": 1, "width": 8})
    assert isinstance(method, Trainable)
    batch = toy(2)
    asked = Batch(torch.cat([batch.source, torch.ones(2, 2, 16, 16)], dim=1), batch.target, batch.mask)
    optimisers = method.train().optimisers(TRAINING)
    assert len(optimisers) == 2
    parts = [set(found) for _, _, found in method.training_losses(asked)]
    assert "discriminator" in parts[0]
    assert {"l1", "adversarial"} <= parts[1]
    assert not any(name.startswith("discriminator") for name in method.shipped_state())
    alone = make("unified", 2)
    assert isinstance(alone, Trainable)
    assert len(alone.optimisers(TRAINING)) == 1


def test_batch_moves_with_its_labels() -> None:
    batch = toy(2)
    labelled = Batch(batch.source, batch.target, batch.mask, labels=batch.mask.long())
    moved = labelled.to(torch.device("cpu"), memory_format=torch.channels_last)
    assert moved.labels is not None
    assert torch.equal(moved.source, batch.source)
    assert batch.to(torch.device("cpu")).labels is None


@pytest.mark.parametrize("name", ["regression", "adversarial"])
@pytest.mark.parametrize("dims", [2, 3])
def test_method_that_learns_a_difference_begins_with_the_source_and_learns(name: str, dims: int) -> None:
    method, batch = make(name, dims, add_channel=0), toy(dims, size=16 if dims == 2 else 8)
    assert isinstance(method, Trainable)
    assert torch.equal(method.predict(batch.source), batch.source)
    before = masked_mae(batch.source, batch)
    train(method, batch, steps=60)
    assert masked_mae(method.predict(batch.source), batch) < 0.7 * before
    with pytest.raises(UsageError, match="channel"):
        make(name, dims, add_channel=1)


def test_difference_begins_with_nothing_where_a_prediction_is_the_sum_of_several_maps() -> None:
    network = {"name": "residual_unet3d", "channels": [4, 8, 8]}
    method, batch = make("regression", 2, add_channel=0, network=network), toy(2, size=16)
    assert torch.equal(method.predict(batch.source), batch.source)
