"""Is a whole case larger or smaller than the others of its cohort, or upside down? No image of its own case tells.

Extent: the sides of a grid, from the shortest to the longest. A case is out of scale where two of them at least are
less than 0.345 of the median of its contrast, or more than 2.9 times that, where four fifths of the others lie within
half of the median again: metres or centimetres that are called mm, a spacing that was lost in a plane.

Upside down: the correlation ``r`` of a case's thumbnail with the sum of the others', as given, and mirrored from head
to foot or from front to back. Mirroring a case that lies wrong takes more than two fifths of ``1 - r`` away (heads and
hippocampi: 0.57 of it and more; it adds 0.16 and more to that of one that lies right). Left and right are alike in most
of a body, and tell nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.copies import Signature
from voxlate.cohort.preflight.measures.binned import Portrait

_LEAST = 5
_FACTOR, _AXES = 2.9, 2
_ALIKE, _MOST = 1.5, 0.8
_LEFT, _FITS, _FEW = 0.6, 0.6, 0.4
_WAYS = {(2,): "upside down", (1,): "back to front", (1, 2): "upside down and back to front"}
_Values = NDArray[np.float64]


def by_contrast(signatures: Sequence[Signature]) -> Iterator[list[Signature]]:
    """Those of each contrast that enough cases have to be held against each other."""
    groups: dict[str, list[Signature]] = {}
    for one in signatures:
        if one.portrait is not None:
            groups.setdefault(one.contrast, []).append(one)
    return (group for group in groups.values() if len(group) >= _LEAST)


def out_of_scale(group: Sequence[Signature]) -> dict[str, tuple[_Values, _Values]]:
    """From the id of a case that is out of scale to what it spans, and to the median of the group, ``(3,)`` mm."""
    spans = {one.case: _sides(one.portrait) for one in group if one.portrait}
    table = np.array(list(spans.values()))
    middle = np.median(table, axis=0)
    far = np.abs(np.log(table / middle))
    alike = (far < np.log(_ALIKE)).sum(axis=0) >= _MOST * (len(table) - 1)
    odd = ((far > np.log(_FACTOR)) & alike).sum(axis=1) >= _AXES
    return {case: (spans[case], middle) for case, is_odd in zip(spans, odd, strict=True) if is_odd}


def _sides(portrait: Portrait) -> _Values:
    """What a grid spans, the shortest side first: slices of one cohort may lie in any orientation."""
    return np.sort(np.array(portrait.grid.spacing_mm) * portrait.steps.shape)


def upside_down(group: Sequence[Signature]) -> Mapping[str, str]:
    """From the id of a case that fits the others better mirrored to how, in words."""
    small = np.stack([one.thumbnail for one in group]).astype(np.float64)
    edge = round(small.shape[1] ** (1 / 3))
    cubes = small.reshape(-1, edge, edge, edge)
    rest = small.sum(axis=0) - small
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)
    given = (small * rest).sum(axis=1)
    fits = []
    for way in _WAYS:
        flipped = np.flip(cubes, tuple(1 + axis for axis in way)).reshape(small.shape)
        fits.append((flipped * rest).sum(axis=1))
    best, how = np.max(fits, axis=0), np.argmax(fits, axis=0)
    wrong = (best > _FITS) & (1 - best < _LEFT * (1 - given))
    words = list(_WAYS.values())
    found = {one.case: words[way] for one, way, is_wrong in zip(group, how, wrong, strict=True) if is_wrong}
    return found if len(found) < _FEW * len(group) else {}
