"""Label maps as channels of a source: one-hot, ordinal, beside images, and in every method that learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import UsageError
from voxlate.methods.build import build_learner
from voxlate.methods.encoder import LabelEncoder, class_maps, label_encoder
from voxlate.methods.interface import Batch, NetworkMethod
from voxlate.preprocess.masking import MaskRule
from voxlate.preprocess.plan import Normaliser, Plan

HEART = {"left ventricle": (500,), "any other": (205, 820)}


def recipe(**changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "name": "toy",
        "source": ["labels", "t1"],
        "target": "ct",
        "conditions": {"structures": HEART},
        "method": {"name": "regression", "network": {"name": "unet", "channels": [4, 8]}},
        "loss": {"l1": 1.0},
        "training": {"steps": 1},
    }
    return parse_recipe({**values, **changes}, where="test")


def plan() -> Plan:
    kinds = {"labels": "none", "t1": "percentile", "ct": "hounsfield"}
    return Plan(
        reference="labels",
        mask=MaskRule(kind="whole", contrast="labels"),
        normalisers={name: Normaliser(kind=kind) for name, kind in kinds.items()},  # type: ignore[arg-type]
        source=("labels", "t1"),
        target="ct",
    )


def test_onehot_has_a_channel_per_structure_and_leaves_images_alone() -> None:
    labels = torch.tensor([0.0, 500, 205, 820, 421]).view(1, 1, 1, 5)
    image = torch.arange(5.0).view(1, 1, 1, 5)
    encoder = LabelEncoder(HEART, "onehot", (True, False))
    encoded = encoder(torch.cat([labels, image], dim=1))
    assert encoder.channels == 3
    assert encoded[0, :, 0].tolist() == [[0, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 1, 2, 3, 4]]


def test_ordinal_has_one_channel_with_a_value_per_structure() -> None:
    labels = torch.tensor([0.0, 500, 205, 820, 421]).view(1, 1, 1, 5)
    encoder = LabelEncoder(HEART, "ordinal", (True,))
    assert encoder.channels == 1
    assert encoder(labels).flatten().tolist() == [0, 0.5, 1, 1, 0]


def test_neighbouring_slices_are_label_maps_too() -> None:
    encoder = label_encoder(recipe(), recipe(window={"kind": "slices", "neighbours": 1}).window)
    assert encoder is not None
    assert encoder.are_labels == (True, True, True, False, False, False)
    assert encoder.channels == 9


def test_class_without_values_is_everything_labelled() -> None:
    assert class_maps(torch.tensor([[[0.0, 0.4, 0.6, 3.0]]]), {"any": ()}).flatten().tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("method", ["regression", "adversarial"])
def test_networks_and_discriminator_see_structures(method: str) -> None:
    options = {"discriminator": {"name": "patchgan", "width": 4, "layers": 1}} if method == "adversarial" else {}
    chosen = recipe(method={"name": method, "network": {"name": "unet", "channels": [4, 8]}, **options})
    built = build_learner(chosen, plan())
    assert isinstance(built, NetworkMethod)
    source = torch.cat([torch.full((2, 1, 16, 16), 500.0), torch.rand(2, 1, 16, 16)], dim=1)
    other = source.clone()
    other[:, 0] = 205.0
    assert built.predict(source).shape == (2, 1, 16, 16)
    assert not torch.allclose(built.predict(source), built.predict(other))
    other[:, 0] = 421.0  # unknown to the recipe: as if there were no label
    nothing = source.clone()
    nothing[:, 0] = 0.0
    assert torch.equal(built.predict(other), built.predict(nothing))
    built.optimisers(chosen.training)
    batch = Batch(source=source, target=torch.rand(2, 1, 16, 16), mask=torch.ones(2, 1, 16, 16))
    assert all(torch.isfinite(loss) for _, loss, _ in built.training_losses(batch))


def test_conditions_need_a_source_of_labels_and_a_network() -> None:
    with pytest.raises(UsageError, match="no such source"):
        recipe(source=["t1"])
    with pytest.raises(UsageError, match="trains a network"):
        build_learner(recipe(method="lookup"), plan())
    with pytest.raises(UsageError, match="at least one"):
        recipe(conditions={"structures": {}})


def test_short_form_names_structures() -> None:
    conditions = recipe(conditions={"structures": "myocardium+aorta"}).conditions
    assert conditions is not None
    assert conditions.structures == ("myocardium", "aorta")
