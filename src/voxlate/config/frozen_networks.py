"""Frozen networks that a recipe names by path: of the feature loss, pooled or not, and of style transfer.

A path is where a network lies on this machine, a digest is what it is: a run keeps the digest, and may find the
network elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxlate.config.recipe import Recipe
from voxlate.plainyaml import Json

_PLACES = (("loss.features", "network"), ("loss.pooled.of", "network"), ("method.features", "path"))
SECTIONS = tuple(section for section, _ in _PLACES)
"""Sections of a recipe that may name a frozen network."""


@dataclass(frozen=True)
class FrozenNetwork:
    """A frozen network that a recipe names.

    Attributes:
        section: Where in the recipe: ``loss.features``, say.
        field: The dotted field of its path.
        path: A run, a bundle or a file of weights.
        sha256: The first digits of its SHA-256, if the recipe gives them.
    """

    section: str
    field: str
    path: str
    sha256: str | None


def frozen_networks(recipe: Recipe) -> list[FrozenNetwork]:
    """Those that a recipe names and uses; a term with the weight 0 uses none."""
    found = []
    for section, key in _PLACES:
        options = _options(recipe, section)
        if options.get(key) and options.get("name", "features") == "features" and _counts(recipe, section):
            sha256 = options.get("sha256")
            found.append(FrozenNetwork(section, f"{section}.{key}", str(options[key]), sha256 and str(sha256)))
    return found


def without_places(recipe: Recipe) -> Recipe:
    """The recipe as it would be wherever its frozen networks lie, to compare it with another."""
    return recipe.with_overrides({network.field: "elsewhere" for network in frozen_networks(recipe)})


def _options(recipe: Recipe, section: str) -> Json:
    found = recipe.value_of(section)
    return found if isinstance(found, dict) else {}


def _counts(recipe: Recipe, section: str) -> bool:
    weight = recipe.value_of(".".join([*section.split(".")[:2], "weight"]))
    return section.startswith("method") or not isinstance(weight, int | float) or weight > 0
