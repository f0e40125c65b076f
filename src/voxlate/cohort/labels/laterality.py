"""Laterality: whether a mirror makes of label maps what none of them is.

It may exchange two classes, a left and a right one: samples must not be mirrored then, since the network would be
taught that left is right. Names tell it, and so do the label maps: mirrored about the middle of all that is labelled, a
left kidney lies on the right one rather than on itself, and the front of a hippocampus on the front.

Or all cases show the same side of a body, or an organ that is no mirror image of itself: then mirrored label maps, with
their centroids laid on one another, overlap less with those of others than the maps themselves do, and the network
would spend its time on what it is never asked. Lesions, which lie anywhere, and both sides of a body overlap alike.
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
_LESS = 0.85
"""Share of their overlap that mirrored label maps keep, at most, where all are of one hand."""
_MOST = 0.75
"""Share of the cases that this must be so of."""


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


def of_one_hand(maps: Sequence[Array]) -> tuple[float, float] | None:
    """The mean overlap (Dice) of the label maps of two cases, and of one with another mirrored, if that is less.

    Args:
        maps: As above, on voxels of one size.

    Returns:
        ``None`` if mirrored maps overlap with others about as much, or fewer than three cases have labels.
    """
    clouds = [np.argwhere(labels > 0) for labels in maps]
    clouds = [cloud - cloud.mean(axis=0) for cloud in clouds if len(cloud)]
    if len(clouds) < 3:  # two cases are not enough to tell
        return None
    sets, turned = ([_voxels(cloud * sign) for cloud in clouds] for sign in ((1, 1, 1), (-1, 1, 1)))
    alike = np.array([[_dice(one, other) for other in sets] for one in sets])
    mirrored = np.array([[_dice(one, other) for other in turned] for one in sets])
    others = ~np.eye(len(sets), dtype=bool)
    by_case = [np.array([table[n, others[n]].mean() for n in range(len(sets))]) for table in (alike, mirrored)]
    same, less = (float(means.mean()) for means in by_case)
    return (same, less) if less < _LESS * same and (by_case[1] < by_case[0]).mean() >= _MOST else None


def _voxels(cloud: Array) -> Array:
    """Places about their centroid as one number each, sorted."""
    return np.unique(np.rint(cloud).astype(np.int64) @ np.array([1 << 40, 1 << 20, 1]))


def _dice(one: Array, other: Array) -> float:
    return 2 * len(np.intersect1d(one, other, assume_unique=True)) / (len(one) + len(other))


def _exchanges(labels: Array, classes: Classes) -> Mapping[tuple[str, str], bool]:
    """Of each two classes that are there, apart from one another, whether the mirror exchanges them."""
    shown = {name: members(labels, values) for name, values in classes.items()}
    shown = {name: where for name, where in shown.items() if where.any()}
    mirrored = dict(zip(shown, _mirrored(list(shown.values())), strict=True))
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
