"""Several views: which network learns when, what is shipped, and what a combination is before and after it learns."""

from __future__ import annotations

import pytest
import torch

from voxlate.config.choice import Choice
from voxlate.config.recipe import load_recipe
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.methods.interface import Batch
from voxlate.methods.multi_view import COMBINATION, MultiView, combination_of
from voxlate.methods.regression import regression
from voxlate.networks.combination import _LearnedMean, combination

RECIPE = load_recipe("zhao-unet-25d")


def _method(combine: str = "weights") -> MultiView:
    torch.manual_seed(0)
    views = {
        name: regression(
            dims=2,
            source_channels=2,
            target_channels=1,
            loss={"l1": 1.0},
            data_range=1.0,
            network=Choice.model_validate({"name": "unet", "channels": [4, 8]}),
        )
        for name in RECIPE.window.views
    }
    recipe = RECIPE.with_overrides({"window.combine": combine})
    return MultiView(views, combination=combination_of(recipe, data_range=1.0))


def _batch(view: int) -> Batch:
    generator = torch.Generator().manual_seed(view)
    source = torch.randn(2, 2, 8, 8, generator=generator)
    return Batch(source=source, target=source[:, :1] * 2, mask=torch.ones(2, 1, 8, 8), view=view)


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_batch_trains_the_network_of_its_view_alone(view: int) -> None:
    method = _method()
    method.optimisers(Training(steps=1))
    before = {name: value.clone() for name, value in method.state_dict().items()}
    for optimiser, loss, _ in method.training_losses(_batch(view)):
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    changed = {
        name.split(".")[1] for name, value in method.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {list(method.parts)[view]}


def test_views_begin_with_weights_of_their_own_and_all_are_shipped_and_loaded() -> None:
    method, other = _method("network"), _method("network")
    for parameter in other.parameters():
        torch.nn.init.zeros_(parameter)
    other.load_state_dict(method.shipped_state())
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in method.state_dict().items())
    assert any(name.startswith(COMBINATION) for name in method.shipped_state())
    axial, sagittal = (next(method.parts[name].parameters()) for name in ("axial", "sagittal"))
    assert not torch.equal(axial, sagittal)
    assert set(method.describe()) == {f"{name} network" for name in RECIPE.window.views}


@pytest.mark.parametrize("kind", ["mean", "weights", "network"])
def test_every_combination_begins_as_the_mean(kind: str) -> None:
    predictions = torch.randn(2, 3, 5, 6, 7)
    found = combination(kind, views=3)(predictions)
    torch.testing.assert_close(found, predictions.mean(dim=1, keepdim=True))


@pytest.mark.parametrize("kind", ["weights", "network"])
def test_a_combination_that_learns_finds_the_view_that_is_right(kind: str) -> None:
    torch.manual_seed(1)
    truth = torch.randn(2, 1, 8, 8, 8)
    views = torch.cat([truth, truth + torch.randn_like(truth), truth + torch.randn_like(truth)], dim=1)
    method = combination_of(RECIPE.with_overrides({"window.combine": kind}), data_range=1.0)
    rate = {"weights": 0.1, "network": 0.01}[kind]
    [optimiser] = method.optimisers(Training(steps=1, learning_rate=rate))
    batch = Batch(source=views, target=truth, mask=torch.ones_like(truth))
    start = float((method.predict(views) - truth).abs().mean())
    for _ in range(80):
        for _, loss, _ in method.training_losses(batch):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert float((method.predict(views) - truth).abs().mean()) < 0.5 * start
    if isinstance(method.network, _LearnedMean):
        weights = method.network.weights.detach()
        assert float(weights.sum()) == pytest.approx(1.0)
        assert int(weights.argmax()) == 0
        assert float(weights.min()) > 0


def test_a_combination_leaves_out_what_only_slices_can_be_compared_by() -> None:
    recipe = RECIPE.with_overrides({"loss": {"lesion_mask": 1.0}})
    assert combination_of(recipe, data_range=1.0).loss.weights == {"l1": 1.0}
    recipe = RECIPE.with_overrides({"loss": {"pooled": {"weight": 2.0, "of": "dead_zone_huber"}, "lesion_mask": 1.0}})
    assert combination_of(recipe, data_range=1.0).loss.weights == {"pooled": 2.0}


def test_a_recipe_of_one_view_has_no_combination() -> None:
    with pytest.raises(UsageError, match=r"window"):
        RECIPE.with_overrides({"window.axis": 2})
