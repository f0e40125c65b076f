"""What a model is called after, and which recipe it says that it came of."""

from __future__ import annotations

from typing import Any

import pytest

from voxlate.config.lineage import with_lineage
from voxlate.config.recipe import load_recipe

UNET = {"name": "unet", "channels": [8, 16]}


@pytest.mark.parametrize(
    ("name", "changes", "called", "after"),
    [
        (
            "avula2020-t1-to-t2",
            {"target": "flair", "loss": {"l1": 1.0}, "method.network": UNET},
            "t1-to-flair-unet",
            "avula2020-t1-to-t2; changed: target, loss, network",
        ),
        (
            "t1-to-t2-fcn",
            {"training.learning_rate": 0.1, "training.augmentation.flip": 0},
            "t1-to-t2-fcn",
            "t1-to-t2-fcn; changed: augmentation, learning rate",
        ),
        ("t2-to-flair-gan", {"source": "t1"}, "t1-to-flair-gan", "t2-to-flair-gan; changed: source"),
        ("any-to-any", {"source": ["t1", "t2"]}, "any-to-any", "any-to-any; changed: source"),
        ("translate-default", {"target": "flair"}, "t1-to-flair", "translate-default"),
        ("translate-default", {"loss": {"ssim": 1}}, "t1-to-t2", "translate-default; changed: loss"),
    ],
)
def test_changed_fields_make_a_name_of_what_it_does(
    name: str, changes: dict[str, Any], called: str, after: str
) -> None:
    found = with_lineage(load_recipe(name).with_overrides(changes))
    assert (found.name, found.after) == (called, after)


def test_budget_split_and_what_was_settled_change_no_name() -> None:
    recipe = load_recipe("t1-to-t2-fcn")
    same = recipe.with_overrides({"training.minutes": 5, "training.epochs": None, "plan.split.train": ["a"]})
    assert with_lineage(same) == same
    settled = recipe.with_overrides({"method.network.widths": [4, 8]})
    assert with_lineage(settled, settled=["method.network"]) == settled
    own = recipe.with_overrides({"name": "mine", "target": "flair"})
    assert with_lineage(own) == own
