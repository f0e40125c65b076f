"""The recipes that come with Voxlate: what each is for, how long it takes, and what it was called before.

A recipe is named after what it does. The papers' names, by which recipes were known first, go on meaning them: a recipe
that is asked for by such a name keeps it, so that runs and studies that were begun under it are known again.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class BuiltIn:
    """What a list of recipes says of one, beside what its file tells.

    Attributes:
        does: What it does, in a few words.
        when: When to use it.
        minutes: After how many minutes on a few processor cores it is of use, in words.
        alias: Its earlier name; empty if it has none.
    """

    does: str
    when: str
    minutes: str
    alias: str = ""


BUILT_IN: dict[str, BuiltIn] = {
    "translate-default": BuiltIn("an image from others, by what is best for the data", "first, for images", "from 2"),
    "segment-default": BuiltIn("labels from images, by what is best for the data", "first, for labels", "from 15"),
    "any-to-any": BuiltIn(
        "any contrast from any others, one network", "cases lack contrasts, and you want whatever is missing", "from 60"
    ),
    "t1-to-t2-fcn": BuiltIn(
        "an MR contrast from another, slice by slice", "to repeat the paper", "from 5", "avula2020-t1-to-t2"
    ),
    "t2-to-flair-gan-lesions": BuiltIn(
        "an MR contrast from another, as sharp as a scan, lesions kept",
        "texture counts more than error, and you have label maps of lesions",
        "GPU, or a night",
        "genc2022-t2-to-flair",
    ),
    "t2-to-flair-gan": BuiltIn(
        "the same without label maps",
        "texture counts more than error",
        "GPU, or a night",
        "genc2022-t2-to-flair-without-mask",
    ),
    "t1c-to-t1-gan-lesions": BuiltIn(
        "T1 without contrast agent from T1 with it",
        "what the agent lights up is to vanish, and you have label maps of lesions",
        "GPU, or a night",
        "genc2022-t1c-to-t1",
    ),
    "t1c-to-t1-gan": BuiltIn(
        "the same without label maps",
        "what the agent lights up is to vanish",
        "GPU, or a night",
        "genc2022-t1c-to-t1-without-mask",
    ),
    "dixon-to-ct-unet-2d": BuiltIn(
        "CT from MR, slice by slice", "to repeat the slides; MR and CT of the same people", "from 15", "zhao-unet-2d"
    ),
    "dixon-to-ct-unet-25d": BuiltIn(
        "CT from MR in three directions, combined", "slices of one direction show stripes", "from 60", "zhao-unet-25d"
    ),
    "dixon-to-ct-multi-view": BuiltIn(
        "the same, forgiving a voxel", "MR and CT are not quite aligned", "from 60", "zhao-multi-view"
    ),
    "dixon-to-ct-unet-3d": BuiltIn(
        "CT from MR, whole volumes", "a GPU, and volumes that fit into its memory", "from 120", "zhao-unet-3d"
    ),
    "dixon-to-ct-vnet-3d": BuiltIn(
        "CT from MR by V-Net, whole volumes", "a GPU with much memory", "GPU, or a night", "zhao-vnet-3d"
    ),
    "mr-to-ct-image-analogy": BuiltIn(
        "CT pieced together from slices of others", "a handful of pairs, for comparison", "1", "zhao-image-analogy"
    ),
    "mr-to-ct-style-transfer": BuiltIn(
        "MR redrawn in the style of CT", "for comparison: it does not beat lookup", "1", "zhao-style-transfer"
    ),
    "ct-to-pet": BuiltIn("PET from CT, in patches", "CT and PET of the same people", "from 60"),
    "labels-to-ct-gan": BuiltIn(
        "images from label maps",
        "label maps are to become whole cases, new ones too",
        "GPU, or a night",
        "habijan2022-labels-to-ct",
    ),
    "segment-simple-3d": BuiltIn(
        "labels by a small 3-D U-Net", "to repeat the report's grid", "from 60", "kathane2022-simple"
    ),
    "segment-residual-3d": BuiltIn(
        "labels by a residual 3-D U-Net", "to repeat the report's grid", "GPU, or a night", "kathane2022-residual"
    ),
    "segment-dilated-3d": BuiltIn(
        "labels by a dilated 3-D U-Net", "to repeat the report's grid", "GPU, or a night", "kathane2022-dilated"
    ),
    "segment-overlap-tiles": BuiltIn(
        "labels of touching objects in slices, apart", "cells, say, with a border to learn", "GPU, or a night"
    ),
}
"""By name, those to begin with first."""
ALIASES = {one.alias: name for name, one in BUILT_IN.items() if one.alias}
"""From an earlier name to the present one."""


def recipe_names() -> list[str]:
    """Names of the recipes that come with Voxlate, sorted."""
    folder = resources.files("voxlate") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def built_in_name(name: object) -> str:
    """The present name of the built-in recipe that a name means, an earlier one too; empty if it means none.

    Example:
        >>> built_in_name("avula2020-t1-to-t2")
        't1-to-t2-fcn'
    """
    present = ALIASES.get(str(name), str(name))
    return present if present in recipe_names() else ""
