"""Contrasts: what an image shows, by which names it is known, and in which unit its values are.

A label map is a contrast of kind ``label``, so that translation, synthesis and segmentation are one task.

Whoever has another contrast, or calls a known one otherwise, declares it: in a recipe, in the head of a manifest's
column, or once for all in ``~/.config/voxlate/contrasts.yaml`` (below ``XDG_CONFIG_HOME``, if that is set):

    swi: {kind: mr}
    ct_venous: {kind: ct, title: venous CT, aliases: [pv, portal]}
    t1: {aliases: [mpr_iso]}
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from voxlate.errors import UsageError
from voxlate.plainyaml import nearest, read_yaml
from voxlate.strict import StrictModel

Kind = Literal["mr", "ct", "pet", "label"]
BACKGROUND: dict[Kind, float] = {"mr": 0.0, "pet": 0.0, "ct": -1024.0, "label": 0.0}
"""From a kind of contrast to its value where there is nothing."""


@dataclass(frozen=True)
class Contrast:
    """One kind of image.

    Attributes:
        name: Canonical name, as used in recipes, file names and tables.
        kind: What sort of values: MR signal or any other that is 0 where nothing is, CT number, PET uptake or labels.
        unit: Unit of the stored values (``a.u.``, ``1``, ``HU``, ``SUV``), empty for labels.
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
            *("t1wce", "t1w-gd", "t1w-post", "t1w-post-contrast", "t1-gad", "t1w-gad", "t1-gado", "t1-gadolinium"),
        ),
    ),
    Contrast("t2", "mr", "a.u.", "T2", ("t2w", "t2-weighted", "t2tse", "t2fse")),
    Contrast("flair", "mr", "a.u.", "FLAIR", ("t2f", "t2flair", "t2-flair", "fl", "fla")),
    Contrast("pd", "mr", "a.u.", "PD", ("pdw", "proton-density")),
    Contrast("t2star", "mr", "a.u.", "T2*", ("t2s", "t2starw")),
    Contrast("dwi", "mr", "a.u.", "DWI", ("trace",)),
    Contrast("adc", "mr", "a.u.", "ADC", ()),
    Contrast("in_phase", "mr", "a.u.", "in-phase", ("inphase", "in-phase", "ip")),
    Contrast("out_phase", "mr", "a.u.", "opposed-phase", ("outphase", "out-phase", "opposed-phase", "op", "oop")),
    Contrast("fat", "mr", "a.u.", "fat", ("dixon-fat",)),
    Contrast("water", "mr", "a.u.", "water", ("dixon-water",)),
    Contrast("fat_fraction", "mr", "1", "fat fraction", ("pdff", "fatfrac")),
    Contrast("mr", "mr", "a.u.", "MR", ("mri",)),
    Contrast("ct", "ct", "HU", "CT", ("ldct", "planning-ct")),
    Contrast("cbct", "ct", "HU", "CBCT", ()),
    Contrast("electron_density", "mr", "1", "relative electron density", ("red", "rel-electron-density")),
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

    Raises:
        UsageError: If it is no text.

    Example:
        >>> find_contrast("T1-Post").name
        't1c'
    """
    if not isinstance(text, str):
        raise UsageError("the name of a contrast", came=f"a {type(text).__name__}", remedy='Give a text, as "t1".')
    found = _BY_ALIAS.get(_key(text))
    if found is None and _declared_by_user():
        found = _BY_ALIAS.get(_key(text))
    return found


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
        names = nearest(text.casefold(), known) or f"Use one of {', '.join(CONTRASTS)}, or an alias of one of them. "
        remedy = (
            f"{names}Or declare it, for a recipe with --set 'contrasts.{_declarable(text)}={{kind: mr}}', for all in "
            f"{_user_file()}."
        )
        raise UsageError("the name of a contrast", came=repr(text), remedy=remedy)
    return contrast


class Declared(StrictModel):
    """What is said of a contrast that is not one of the catalogue's, or of other names of one that is."""

    kind: Kind | None = Field(
        None, description="`mr`, `ct`, `pet` or `label`; it may be left out where a known contrast gets more aliases."
    )
    title: str = Field("", description="Name for figures and pages; empty: the name without its underscores.")
    aliases: tuple[str, ...] = Field((), description="Other names in file names and tables.")


def declare(contrasts: Mapping[str, object], *, where: object) -> dict[str, Declared]:
    """Adds contrasts, and aliases of known ones, to ``CONTRASTS``, for as long as the program runs.

    The same again changes nothing.

    Args:
        contrasts: From a name to its fields, ``{"swi": {"kind": "mr"}}``, or to its kind alone.
        where: Who declares them, for messages.

    Returns:
        The contrasts with their fields checked.

    Raises:
        UsageError: If a name cannot be one, a kind is missing or another than before, or an alias is taken.

    Example:
        >>> declare({"example": "mr"}, where="docs")["example"].kind, find_contrast("Example").name
        ('mr', 'example')
    """
    checked = {}
    for name, fields in contrasts.items():
        try:
            checked[name] = Declared.model_validate({"kind": fields} if isinstance(fields, str) else fields)
        except ValidationError as error:
            came = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise UsageError(
                "fields of a contrast", came=came, where=f"{where}: {name}", remedy="Write {kind: mr}, say."
            ) from error
        _add(name, checked[name], where=where)
    return checked


def find_declaring(text: str, *, where: object) -> Contrast | None:
    """The contrast that a text stands for, which it may declare with its kind: ``swi:mr``; ``None`` if it is unknown.

    Raises:
        UsageError: If it is declared and cannot be, or is known with another kind.
    """
    name, colon, kind = text.strip().partition(":")
    if not colon or kind not in _UNITS:
        return find_contrast(text)
    declare({(found.name if (found := find_contrast(name)) else _declarable(name)): kind}, where=where)
    return find_contrast(name)


def declared_among(values: object) -> dict[str, Declared]:
    """The declared contrasts, without those of the catalogue, that plain values name anywhere.

    Args:
        values: Texts, lists and mappings of them, as of a recipe.
    """
    named = {found.name for text in _texts(values) if (found := find_contrast(text)) is not None}
    own = {contrast.name for contrast in _TABLE}
    return {name: _DECLARED[name] for name in sorted((named & _DECLARED.keys()) - own)}


def _user_file() -> Path:
    """Where a user declares contrasts once for all; the file need not exist."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "voxlate" / "contrasts.yaml"


_DECLARED: dict[str, Declared] = {}
"""What was declared so far."""
_UNITS: dict[Kind, str] = {"mr": "a.u.", "ct": "HU", "pet": "SUV", "label": ""}
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


def _add(name: str, declared: Declared, *, where: object) -> None:
    known = CONTRASTS.get(name)
    if known is None and (not _NAME.fullmatch(name) or name.startswith(DERIVED) or declared.kind is None):
        came = repr(name) if declared.kind else f"{name!r} without a kind"
        remedy = "Write small letters, digits and single underscores, and say mr, ct, pet or label."
        raise UsageError("the name of a contrast with its kind", came=came, where=where, remedy=remedy)
    if known is not None and declared.kind not in {None, known.kind}:
        came, remedy = f"the kind {declared.kind}", "Give it another name."
        raise UsageError(f"{name} to be of the kind {known.kind}, as it is", came=came, where=where, remedy=remedy)
    for alias in (name, *declared.aliases):
        holder = _BY_ALIAS.get(_key(alias))
        if not _key(alias) or (holder is not None and holder.name != name):
            came = f"{alias!r}, which {f'stands for {holder.name}' if holder else 'has no letter'}"
            raise UsageError(f"another alias of {name}", came=came, where=where, remedy="Choose another one.")
    kind = known.kind if known else declared.kind or "mr"
    title = declared.title or (known.title if known else name.replace("_", " "))
    made = known or Contrast(name, kind, _UNITS[kind], title)
    made = replace(made, title=title, aliases=tuple(dict.fromkeys((*made.aliases, *declared.aliases))))
    if made == known:
        return
    before = _DECLARED.get(name, Declared())
    merged = tuple(dict.fromkeys((*before.aliases, *declared.aliases)))
    _DECLARED[name] = Declared(kind=kind, title=declared.title or before.title, aliases=merged)
    CONTRASTS[name] = made
    _BY_ALIAS.update({_key(alias): made for alias in (name, *made.aliases)})


@cache
def _declared_by_user() -> bool:
    """Reads the user's file, once; whether there is one."""
    path = _user_file()
    if not path.is_file():
        return False
    values = read_yaml(path) or {}
    if not isinstance(values, Mapping):
        remedy = "Write a line `swi: {kind: mr}`, say."
        raise UsageError("contrasts with their fields", came=repr(values)[:40], where=path, remedy=remedy)
    declare(values, where=path)
    return True


def _declarable(text: str) -> str:
    return "_".join(re.findall(r"[a-z0-9]+", text.lower())) or "name"


def _texts(values: object) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        yield from _texts(list(values))
        yield from _texts(list(values.values()))
    elif isinstance(values, Iterable):
        for value in values:
            yield from _texts(value)
