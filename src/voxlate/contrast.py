"""Contrasts: what an image shows, by which names it is known, and in which unit its values are.

A label map is a contrast of kind ``label``, so that translation, synthesis and segmentation are one task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from voxlate.errors import UsageError
from voxlate.plainyaml import nearest

Kind = Literal["mr", "ct", "pet", "label"]
BACKGROUND: dict[Kind, float] = {"mr": 0.0, "pet": 0.0, "ct": -1024.0, "label": 0.0}
"""From a kind of contrast to its value where there is nothing."""


@dataclass(frozen=True)
class Contrast:
    """One kind of image.

    Attributes:
        name: Canonical name, as used in recipes, file names and tables.
        kind: What sort of values: MR signal, CT number, PET uptake or integer labels.
        unit: Unit of the stored values (``a.u.``, ``HU``, ``SUV``), empty for labels.
        title: Name for figures and pages.
        aliases: Other names in file names and tables, lower case.
    """

    name: str
    kind: Kind
    unit: str
    title: str
    aliases: tuple[str, ...] = ()


_TABLE: tuple[Contrast, ...] = (
    Contrast(
        "t1",
        "mr",
        "a.u.",
        "T1",
        ("t1w", "t1n", "t1-weighted", "t1native", "t1pre", "t1-pre-contrast", "t1-flair", "t1w-flair", "mprage"),
    ),
    Contrast(
        "t1c",
        "mr",
        "a.u.",
        "T1 post-contrast",
        (
            *("t1ce", "t1gd", "t1post", "t1-post", "t1km", "t1contrast", "t1-post-contrast", "t1-post-gd", "ce-t1w"),
            *("t1wce", "t1w-gd", "t1w-post", "t1w-post-contrast"),
        ),
    ),
    Contrast("t2", "mr", "a.u.", "T2", ("t2w", "t2-weighted", "t2tse", "t2fse")),
    Contrast("flair", "mr", "a.u.", "FLAIR", ("t2f", "t2flair", "t2-flair", "fl")),
    Contrast("pd", "mr", "a.u.", "PD", ("pdw", "proton-density")),
    Contrast("t2star", "mr", "a.u.", "T2*", ("t2s", "t2starw")),
    Contrast("dwi", "mr", "a.u.", "DWI", ("trace",)),
    Contrast("adc", "mr", "a.u.", "ADC", ()),
    Contrast("in_phase", "mr", "a.u.", "in-phase", ("inphase", "in-phase", "ip")),
    Contrast("out_phase", "mr", "a.u.", "opposed-phase", ("outphase", "out-phase", "opposed-phase", "op", "oop")),
    Contrast("fat", "mr", "a.u.", "fat", ("dixon-fat",)),
    Contrast("water", "mr", "a.u.", "water", ("dixon-water",)),
    Contrast("mr", "mr", "a.u.", "MR", ("mri",)),
    Contrast("ct", "ct", "HU", "CT", ("ldct", "planning-ct")),
    Contrast("cbct", "ct", "HU", "CBCT", ()),
    Contrast("pet", "pet", "SUV", "PET", ("suv", "fdg")),
    Contrast(
        "labels",
        "label",
        "",
        "labels",
        (
            *("label", "seg", "segmentation", "dseg", "gold-standard", "gt", "roi"),
            *("lesion", "lesions", "lesion-mask", "tumor", "tumour", "tumor-mask", "tumour-mask"),
        ),
    ),
    Contrast("mask", "label", "", "mask", ("brainmask", "brain-mask", "bodymask", "body-mask", "foreground")),
)

CONTRASTS: dict[str, Contrast] = {contrast.name: contrast for contrast in _TABLE}


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower().replace("*", "star"))


DERIVED = "derived_"
"""How the name of a contrast begins that a recipe computes and that no file shows."""
_DERIVED_NAME = re.compile(rf"{DERIVED}[a-z0-9]+(_[a-z0-9]+)*")
_BY_ALIAS: dict[str, Contrast] = {
    _key(alias): contrast for contrast in _TABLE for alias in (contrast.name, *contrast.aliases)
}


def find_contrast(text: str) -> Contrast | None:
    """The contrast that a name or alias stands for, or ``None``; case and punctuation do not matter, except in ``T2*``.

    Example:
        >>> find_contrast("T1-Post").name
        't1c'
    """
    return _BY_ALIAS.get(_key(text))


def get_contrast(text: str) -> Contrast:
    """The contrast that a name or alias stands for; a name like ``derived_ratio`` stands for an image in its own unit.

    Raises:
        UsageError: If no contrast is known by that name.
    """
    contrast = find_contrast(text)
    if contrast is None and _DERIVED_NAME.fullmatch(text.casefold()):
        return Contrast(text.casefold(), "mr", "a.u.", text.casefold().replace("_", " "))
    if contrast is None:
        known = [alias for one in CONTRASTS.values() for alias in (one.name, *one.aliases)]
        raise UsageError(
            "the name of a contrast",
            came=repr(text),
            remedy=f"{nearest(text.casefold(), known)}Use one of {', '.join(CONTRASTS)}, or an alias of one of them.",
        )
    return contrast
