"""A map per class: what the label map of probabilities is, what the loss sees, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxlate.cohort.labels.classes import members
from voxlate.cohort.labels.painting import own_values
from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.methods import METHODS, Batch
from voxlate.methods.encoder import class_maps
from voxlate.methods.segmentation import _PRIOR, Segmentation

REGIONS = {"whole": (1, 2, 4), "core": (1, 4), "enhancing": (4,)}
APART = {"front": (1,), "back": (2,)}


def make(classes: Any, *, network: dict[str, Any] | None = None, loss: dict[str, float] | None = None) -> Segmentation:
    torch.manual_seed(0)
    network = network or {"name": "unet", "channels": [4, 8]}
    choice = Choice.model_validate({"name": "segmentation", "classes": classes, "network": network})
    context = {"source_channels": 1, "target_channels": 1, "loss": loss or {"bce": 1.0}, "data_range": 1.0}
    method = build(METHODS, choice, what="method", dims=2, **context)
    assert isinstance(method, Segmentation)
    return method


def column(*values: float) -> NDArray[np.float32]:
    """One probability per class at a single voxel, ``(classes, 1, 1, 1)``."""
    return np.array(values, dtype=np.float32).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("classes", "probabilities", "label"),
    [
        (REGIONS, (0.9, 0.2, 0.1), 2),  # of the whole, what is neither core nor enhancing
        (REGIONS, (0.9, 0.8, 0.4), 1),
        (REGIONS, (0.9, 0.8, 0.6), 4),  # the inner paints over the outer, though less probable
        (REGIONS, (0.4, 0.3, 0.2), 0),
        (REGIONS, (0.3, 0.2, 0.7), 4),  # the inner alone
        (APART, (0.6, 0.8), 2),
        (APART, (0.8, 0.6), 1),  # of two that exclude one another the more probable
        (APART, (0.5, 0.5), 0),  # half is not more than half
        ("binary", (0.51,), 1),
    ],
)
def test_label_of_a_voxel_from_the_probabilities_of_its_classes(
    classes: Any, probabilities: tuple[float, ...], label: int
) -> None:
    found = make(classes).decode(column(*probabilities))
    assert found.shape == (1, 1, 1, 1)
    assert found.item() == label


def test_classes_that_are_painted_are_found_again() -> None:
    """Whatever the probabilities, the members of a region in the label map contain those of the regions inside it."""
    method = make(REGIONS)
    labels = method.decode(np.random.default_rng(0).random((3, 6, 7, 8), dtype=np.float32))[0]
    whole, core, enhancing = (members(labels, values) for values in REGIONS.values())
    assert (core <= whole).all()
    assert (enhancing <= core).all()
    assert set(np.unique(labels)) == {0, 1, 2, 4}


def test_true_maps_are_told_and_painted_back() -> None:
    method = make(REGIONS)
    labels = torch.tensor([[0, 1, 2, 4]]).float()[None, None]
    maps = class_maps(labels, method.classes)
    assert maps[0, :, 0].tolist() == [[0, 1, 1, 1], [0, 1, 0, 1], [0, 0, 0, 1]]
    painted = method.decode(maps[0, :, None].numpy())
    assert painted[0, 0].tolist() == labels[0, 0].tolist()
    assert members(np.array([0.0, 0.9, 2.0]), ()).tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("classes", "came"),
    [
        ({}, "no class"),
        ({"a": [1, 2], "b": [2, 3]}, "overlap"),
        ({"inner": [1], "outer": [1, 2]}, "overlap"),  # the outer must come first
        ({"outer": [1, 2], "one": [1], "two": [2]}, "outer without a value"),
        ({"a": [0]}, "above 0"),
        ({"all": [], "one": [3]}, "overlap"),
        ("each", "each"),
        ({"a": [-1]}, "classes"),
        ("some", "classes"),
    ],
)
def test_classes_that_no_label_map_can_hold_are_refused(classes: Any, came: str) -> None:
    with pytest.raises(UsageError, match=came):
        make(classes)


def test_losses_of_images_are_refused() -> None:
    with pytest.raises(UsageError, match=r"losses of segmentations.*got l1"):
        make("binary", loss={"l1": 1.0})


def test_own_values_are_the_first_that_no_later_class_has() -> None:
    assert own_values({"whole": (1, 2, 3), "core": (1, 3), "enhancing": (3,)}) == [2, 1, 3]
    assert own_values({"any label": ()}) == [1]


@pytest.mark.parametrize("network", ["residual_encoder_unet", "dilated_unet3d", "residual_unet3d", "simple_unet3d"])
def test_every_class_begins_improbable(network: str) -> None:
    """A bias of the last layers says so; what the weights add has no mean."""
    method = make(APART, network={"name": network, "channels": [8, 16, 16]})
    probability = method.predict(torch.randn(2, 1, 16, 16))
    assert probability.shape == (2, 2, 16, 16)
    assert 0.2 * _PRIOR < float(probability.median()) < 5 * _PRIOR


@pytest.mark.parametrize("name", ["residual_encoder_unet", "dilated_unet3d"])
def test_deep_supervision_teaches_the_coarser_maps(name: str) -> None:
    """Every resolution's last layer gets a gradient, and the loss is the weighted mean of theirs."""
    method = make(APART, network={"name": name, "channels": [4, 8, 8], "deep_supervision": True})
    batch = Batch(
        source=torch.randn(2, 1, 16, 16),
        target=torch.randint(3, (2, 1, 16, 16)).float(),
        mask=torch.ones(2, 1, 16, 16),
    )
    method.optimisers(Training(steps=1))
    [(_, loss, parts)] = list(method.training_losses(batch))
    loss.backward()  # type: ignore[no-untyped-call]
    heads = [method.network.head, *method.network.coarser]  # type: ignore[union-attr,misc]
    assert len(heads) >= 2
    assert all(float(head.linear.weight.grad.abs().sum()) > 0 for head in heads)
    assert float(loss.detach()) == pytest.approx(_by_hand(method, batch), rel=1e-5)
    assert set(parts) == {"bce"}


def _by_hand(method: Segmentation, batch: Batch) -> float:
    truth, total, weights = class_maps(batch.target, method.classes), 0.0, 0.0
    for level, logits in enumerate(method.network.maps(batch.source)):  # type: ignore[operator]
        step = 2**level
        there: Tensor = truth[:, :, ::step, ::step]
        total += 0.5**level * float(torch.nn.functional.binary_cross_entropy_with_logits(logits.detach(), there))
        weights += 0.5**level
    return total / weights
