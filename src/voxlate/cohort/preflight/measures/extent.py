"""Is a whole case larger or smaller than the others of its cohort, or upside down? No image of its own case tells.

Extent: what a grid spans along the world's axes. A case is out of scale where along two axes at least it spans less
than 0.345 of the median of its contrast, or more than 2.9 times that, and four fifths of the others lie within half of
the median again: metres or centimetres that are called mm, a spacing that was lost in a plane.

Upside down: the correlation of a case's thumbnail with the sum of the others', as given, and mirrored from head to foot
or from front to back. Left and right are alike in most of a body, and tell nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.preflight.copies import Signature

_LEAST = 5
_FACTOR, _AXES = 2.9, 2
_ALIKE, _MOST = 1.5, 0.8
_GAIN, _FITS, _FEW = 0.2, 0.6, 0.4
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
    spans = {one.case: np.abs(one.portrait.affine[:3, :3]) @ one.portrait.steps.shape for one in group if one.portrait}
    table = np.array(list(spans.values()))
    middle = np.median(table, axis=0)
    far = np.abs(np.log(table / middle))
    alike = (far < np.log(_ALIKE)).sum(axis=0) >= _MOST * (len(table) - 1)
    odd = ((far > np.log(_FACTOR)) & alike).sum(axis=1) >= _AXES
    return {case: (spans[case], middle) for case, is_odd in zip(spans, odd, strict=True) if is_odd}


def upside_down(group: Sequence[Signature]) -> Mapping[str, str]:
    """From the id of a case that fits the others better mirrored to how, in words."""
    small = np.stack([one.thumbnail for one in group]).astype(np.float64)
    edge = round(small.shape[1] ** (1 / 3))
    cubes = small.reshape(-1, edge, edge, edge)
    rest = small.sum(axis=0) - small
    rest /= np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-9)
    given = (small * rest).sum(axis=1)
    ways = {way: np.flip(cubes, [1 + axis for axis in way]).reshape(small.shape) for way in _WAYS}
    fits = {way: (flipped * rest).sum(axis=1) for way, flipped in ways.items()}
    found = {}
    for number, one in enumerate(group):
        way = max(fits, key=lambda way, number=number: fits[way][number])
        best = fits[way][number]
        if best > _FITS and best > given[number] + _GAIN and given[number] < np.median(given) - _GAIN:
            found[one.case] = _WAYS[way]
    return found if len(found) < _FEW * len(group) else {}
