"""Which of a data set's contrasts a recipe takes: the only ones that it can, or those that its user is told to name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from voxlate.cohort import contrast_counts, index_cohort
from voxlate.config.recipe import Recipe
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import VoxlateError

logger = logging.getLogger(__name__)
_MOST = 4
"""Choices that are named."""


def take_only_choice(recipe: Recipe, data: Path) -> Recipe:
    """The recipe with the image contrast that the data set has, where there is one, and labels on the other side.

    It stays as it is where a case has all that it asks for, there is a choice, or the data set cannot be read.

    Args:
        recipe: One whose contrasts nobody has named.
        data: The data set.

    """
    try:
        cohort = index_cohort(data, patterns=recipe.plan.patterns)
    except VoxlateError:  # the training says so, behind what is refused before
        return recipe
    names = (recipe.plan.reference_for(recipe.source), *recipe.source, recipe.target)
    if cohort.with_contrasts(*names, derive=recipe.plan.derive).cases:
        return recipe
    counts = contrast_counts(cohort)
    images = [name for name in counts if CONTRASTS[name].kind != "label"]
    of_labels = [get_contrast(name).kind == "label" for name in (*recipe.source, recipe.target)]
    labels = recipe.target if of_labels[-1] else recipe.source[0]
    if len(images) != 1 or sum(of_labels) != 1 or labels not in counts or (of_labels[0] and len(recipe.source) > 1):
        return recipe
    side, before = ("source", recipe.source) if of_labels[-1] else ("target", (recipe.target,))
    logger.warning(
        "%s: the data set has one image contrast, %s: it is the %s, in the place of %s",
        recipe.name,
        images[0],
        side,
        ", ".join(before),
    )
    return recipe.with_overrides({side: images if side == "source" else images[0]})


def options_to_type(recipe: Recipe, counts: Mapping[str, int]) -> str:
    """The sentence that names the options by which a recipe takes contrasts of a data set.

    Args:
        recipe: The recipe whose contrasts no case has.
        counts: How many cases have each contrast.
    """
    images = [name for name in counts if CONTRASTS[name].kind != "label"]
    if get_contrast(recipe.target).kind == "label":
        sources = [*([images] if len(images) > 1 else []), *([name] for name in images)]
        sides = [(names, recipe.target) for names in sources if recipe.target in counts]
    elif recipe.source == ("labels",):
        sides = [(["labels"], name) for name in images if "labels" in counts]
    else:
        sides = [([one], other) for one in images for other in images if one != other]
    typed = [" ".join([*(f"--source {name}" for name in names), f"--target {target}"]) for names, target in sides]
    look = "look at what was matched with `voxlate check`"
    if not typed:
        return f"The data set has nothing that it could be trained on instead: {look}."
    more = " ..." if len(typed) > _MOST else ""
    return f"Type {' or '.join(typed[:_MOST])}{more}, or {look}."
