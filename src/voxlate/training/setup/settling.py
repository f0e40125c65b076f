"""Settling: what a recipe leaves to the data set and the machine becomes values, once per run.

- ``method.classes``: ``binary``, ``each`` or ``regions`` become names with their label values;
- ``conditions.structures`` of a source ``labels``: ``each``, ``binary``, or names that the data set's convention knows,
  become names with their label values; without the section they are those of ``each``;
- ``method.network.channels``: ``auto`` becomes a number of features per level. As many levels as halve the shortest
  side of a sample to 4 voxels or just above, 6 at most; features double from 32 up to 320 in 3-D and 512 in 2-D, as
  nnU-Net plans them (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Without an accelerator they begin at 16;
- ``window.kind``: ``auto`` of a segmentation becomes patches of at most 32 voxels a side where there is no accelerator:
  whole volumes may fit into memory, but in the same time many small samples teach more than a few large ones. With one
  the window is left to the forecast of memory.

What was settled is kept in the run, so that a run that goes on elsewhere keeps its network.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from voxlate.cohort.labels.classes import group_labels
from voxlate.config.conditions import Conditions
from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.io.atomic import write_text
from voxlate.methods.encoder import LABELS
from voxlate.methods.hardware import pick_device

if TYPE_CHECKING:
    from voxlate.training.run import RunFolder
    from voxlate.training.setup.setup import Setup

SEGMENTATION = "segmentation"
LEARNING = ("regression", "adversarial", SEGMENTATION)
"""Methods that a label map goes into as channels."""
AUTO = "auto"
COARSEST = 4
"""Voxels along the shortest side of the coarsest level."""
MOST_LEVELS = 6
WIDEST = {2: 512, 3: 320}
BASE, BASE_WITHOUT_ACCELERATOR = 32, 16
PATCH_WITHOUT_ACCELERATOR = 32


def settle_recipe(setup: Setup, run: RunFolder | None) -> Recipe:
    """The recipe without anything left open but the window, or as it was settled when the run began.

    Args:
        setup: Whose recipe is settled; with plan and fingerprint.
        run: Where the decision is kept; ``None`` to keep nothing.

    Raises:
        CohortError: If the label maps do not have the classes that are asked for.
        ReadError: If a label map is refused.
    """
    if run is not None and run.settled.is_file():
        decided = json.loads(run.settled.read_text(encoding="utf-8"))
    else:
        decided = {**_classes(setup), **_conditions(setup), **_patches(setup)}
        decided |= _levels(replace(setup, recipe=setup.recipe.with_overrides(decided)))
        if run is not None and decided:
            write_text(run.settled, json.dumps(decided, indent=1) + "\n")
    return setup.recipe.with_overrides(decided) if decided else setup.recipe


def without_words(recipe: Recipe) -> Recipe:
    """The recipe with any value in the place of what a run would settle, to check the rest of it."""
    changes: dict[str, Any] = {}
    if isinstance(_grouping(recipe), str):
        changes["method.classes"] = "binary"
    if _open_network(recipe) is not None:
        changes["method.network.channels"] = [BASE_WITHOUT_ACCELERATOR, 2 * BASE_WITHOUT_ACCELERATOR]
    return recipe.with_overrides(changes) if changes else recipe


def settled_as(recipe: Recipe, other: Recipe) -> Recipe:
    """The recipe with the window of another one, of a run that was set up, and with what it leaves open as found there.

    Args:
        recipe: What was asked for.
        other: What may have come of it.
    """
    changes: dict[str, Any] = {}
    found = other.method.options.get("classes")
    if isinstance(_grouping(recipe), str) and isinstance(found, Mapping):
        changes["method.classes"] = dict(found)
    network = other.method.options.get("network")
    if _open_network(recipe) is not None and isinstance(network, Mapping) and "channels" in network:
        changes["method.network.channels"] = network["channels"]
    theirs = other.conditions
    if LABELS in recipe.source and theirs is not None and _structures_open(recipe):
        changes["conditions"] = theirs.model_dump(mode="json")
    settled = recipe.with_overrides(changes) if changes else recipe
    return settled.model_copy(update={"window": other.window})


def levels_for(shortest: int, *, dims: int, base: int) -> list[int]:
    """Features per level, finest first, for samples with so many voxels along their shortest side.

    Example:
        >>> levels_for(96, dims=3, base=32)
        [32, 64, 128, 256, 320]
    """
    halvings = max(1, min(MOST_LEVELS - 1, math.floor(math.log2(max(shortest, 1) / COARSEST))))
    return [min(base * 2**level, WIDEST[dims]) for level in range(halvings + 1)]


def _classes(setup: Setup) -> dict[str, Any]:
    grouping = _grouping(setup.recipe)
    if not isinstance(grouping, str):
        return {}
    return {"method.classes": group_labels(grouping, setup.cohort.cases, setup.recipe.target)}


def _structures_open(recipe: Recipe) -> bool:
    return recipe.conditions is None or not isinstance(recipe.conditions.structures, Mapping)


def _conditions(setup: Setup) -> dict[str, Any]:
    recipe = setup.recipe
    if LABELS not in recipe.source or not _structures_open(recipe) or recipe.method.name not in LEARNING:
        return {}
    asked = (recipe.conditions or Conditions()).structures
    structures = group_labels(asked if isinstance(asked, str) else "each", setup.cohort.cases, LABELS)
    names = structures if isinstance(asked, str) else asked
    unknown = [name for name in names if name not in structures]
    if unknown:
        raise UsageError(
            f"structures of the data set: {', '.join(structures)}",
            came=", ".join(unknown),
            where="conditions.structures",
            remedy="Name some of these, or write names with their label values: {heart: [1, 2]}.",
        )
    encoding = (recipe.conditions or Conditions()).encoding
    return {"conditions": {"structures": {name: structures[name] for name in names}, "encoding": encoding}}


def _grouping(recipe: Recipe) -> Any:  # noqa: ANN401
    return recipe.method.options.get("classes", "binary") if recipe.method.name == SEGMENTATION else None


def _patches(setup: Setup) -> dict[str, Any]:
    window = setup.recipe.window
    if setup.recipe.method.name != SEGMENTATION or window.kind != AUTO or pick_device().type != "cpu":
        return {}
    size = [min(side, PATCH_WITHOUT_ACCELERATOR) for side in window.size or (PATCH_WITHOUT_ACCELERATOR,) * 3]
    return {"window.kind": "patches", "window.size": size}


def _levels(setup: Setup) -> dict[str, Any]:
    if _open_network(setup.recipe) is None:
        return {}
    window = setup.recipe.window
    spacing = setup.plan.spacing_mm or setup.fingerprint.spacing_mm
    extent_mm = setup.fingerprint.foreground_mm or (math.inf,) * 3
    sides = [math.ceil(mm / step) for mm, step in zip(extent_mm, spacing, strict=True)]
    if window.kind == "slices":
        axes = window.axis if isinstance(window.axis, tuple) else (window.axis,)
        sides = [side for axis, side in enumerate(sides) if axes != (axis,)]
    size = window.size or sides
    shortest = min(min(pair) for pair in zip(sides, size, strict=True)) if len(size) == len(sides) else min(size)
    base = BASE if pick_device().type != "cpu" else BASE_WITHOUT_ACCELERATOR
    return {"method.network.channels": levels_for(shortest, dims=window.dims, base=base)}


def _open_network(recipe: Recipe) -> Mapping[str, Any] | None:
    """The network of a recipe whose levels are left open."""
    network = recipe.method.options.get("network")
    return network if isinstance(network, Mapping) and network.get("channels") == AUTO else None
