"""Laterality: whether classes of label maps are a left and a right one, which a mirror would exchange.

Samples must not be mirrored then: the network would be taught that left is right. Names tell it, and so do the label
maps: mirrored about the middle of all that is labelled, a left kidney lies on the right one rather than on itself, and
the front of a hippocampus on the front.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from voxlate.cohort.labels.classes import Classes, members
from voxlate.volume import Array

_SIDE = re.compile(r"(?<![a-z])(left|right|lh|rh|l|r)(?![a-z])", re.IGNORECASE)
_EXCHANGED = 2.0
"""How many times more of a class must lie on another, when mirrored, than on itself."""
_ENOUGH = 0.1
"""Share of a class that must lie on the other, at least."""


def named_sides(classes: Classes) -> list[str]:
    """The names of classes that say a side: ``left hippocampus``, ``rh cortex``, ``Kidney L``."""
    return [name for name in classes if _SIDE.search(name.replace("_", " "))]


def exchanged(maps: Sequence[Array], classes: Classes) -> tuple[str, str] | None:
    """Two classes that a mirror exchanges in most label maps that have both; ``None`` if there are none.

    Args:
        maps: Label maps ``(i, j, k)``, ``i`` from left to right.
        classes: From a name to its label values.
    """
    votes: dict[tuple[str, str], list[bool]] = {}
    for labels in maps:
        for pair, is_so in _exchanges(labels, classes).items():
            votes.setdefault(pair, []).append(is_so)
    found = [pair for pair, said in votes.items() if 2 * sum(said) > len(said)]
    return found[0] if found else None


def _exchanges(labels: Array, classes: Classes) -> Mapping[tuple[str, str], bool]:
    """Of each two classes that are there, apart from one another, whether the mirror exchanges them."""
    shown = {name: members(labels, values) for name, values in classes.items()}
    shown = {name: where for name, where in shown.items() if where.any()}
    mirrored = {name: where for name, where in zip(shown, _mirrored(list(shown.values())), strict=True)}
    names = list(shown)
    pairs = [(one, other) for n, one in enumerate(names) for other in names[n + 1 :]]
    return {(one, other): _is_exchange(shown, mirrored, one, other) for one, other in pairs}


def _mirrored(maps: list[Array]) -> list[Array]:
    """The maps mirrored about the middle of the box around all of them."""
    if not maps:
        return []
    lines = np.flatnonzero(np.logical_or.reduce(maps).any(axis=(1, 2)))
    shift = int(lines[0] + lines[-1]) - (maps[0].shape[0] - 1)
    return [np.roll(one[::-1], shift, axis=0) for one in maps]


def _is_exchange(shown: Mapping[str, Array], mirrored: Mapping[str, Array], one: str, other: str) -> bool:
    if (shown[one] & shown[other]).any():
        return False
    for name, counterpart in ((one, other), (other, one)):
        size = mirrored[name].sum()
        on_other, on_itself = ((mirrored[name] & shown[where]).sum() / size for where in (counterpart, name))
        if on_other < _ENOUGH or on_other < _EXCHANGED * on_itself:
            return False
    return True
