"""The recipe that an order means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.plainyaml import Json

if TYPE_CHECKING:
    from voxlate.config.recipe import Recipe


def recipe_of(order: Json) -> Recipe:
    """The recipe of an order, with its contrasts, its budget and the fields that were changed.

    Raises:
        UsageError: If a field, a contrast or the recipe is refused.
    """
    from voxlate.verbs.train import resolve_recipe

    changes = dict(order["fields"])
    if order["minutes"] is not None:
        changes["training.minutes"] = order["minutes"]
    if order["name"]:
        changes["name"] = order["name"]
    return resolve_recipe(
        order["recipe"],
        source=order["sources"] or None,
        target=order["target"] or None,
        overrides=changes,
        data=Path(order["data"]),
    )
