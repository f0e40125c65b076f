"""Label maps that were mirrored in their array under a right header, by how their borders agree with the image.

One case tells it where mirrored labels agree much better, and well. Of several, one whose labels agree far less than
usual, and as usual once they are mirrored, is told, if the usual ones agree well; and all, where most agree better by
the same mirroring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxlate.cohort.finding import Finding
from voxlate.cohort.preflight.measures.pose import Pose
from voxlate.volume import Grid

_LEAST_CASES, _MOST_OF = 5, 0.6
_WELL, _MUCH, _MORE = 0.36, 1.4, 0.05
_STRAIGHT = (0, 1, 2)
_WELL_EXCHANGED = 0.45
"""With axes exchanged, too, there are more ways to fit by chance: 0.40 in 1 of 100 simulated heads, T2."""
_BELOW_USUAL, _AS_USUAL, _LEAST, _BETTER = 0.6, 0.75, 0.15, 1.25


@dataclass(frozen=True)
class Borders:
    """How the labels of a case agree with the image in which they show best.

    Attributes:
        case: Its id.
        labels: The label map's file.
        image: The image's.
        grid: Of both.
        pose: The agreement as given, and mirrored.
    """

    case: str
    labels: object
    image: object
    grid: Grid
    pose: Pose


def check_mirrored(borders: Sequence[Borders]) -> Iterator[Finding]:
    """The findings about label maps that fit better when they are mirrored.

    Args:
        borders: Of every case that has labels on an image's grid.
    """
    usual = float(np.median([one.pose.given for one in borders])) if len(borders) >= _LEAST_CASES else None
    alike = _alike(borders)
    for one in borders:
        if _is_mirrored(one.pose, usual) or one.case in alike:
            yield _told(one, f", as in {len(alike)} of {len(borders)} cases" if one.case in alike else "")


def _is_mirrored(pose: Pose, usual: float | None) -> bool:
    """Whether a case tells it alone, or beside what is usual."""
    if pose.best > max(_WELL if pose.order == _STRAIGHT else _WELL_EXCHANGED, _MUCH * pose.given + _MORE):
        return True
    if usual is None or usual < _WELL:  # lesions that hardly show fit the mirrored head by chance
        return False
    below = pose.given < _BELOW_USUAL * usual and pose.best > _AS_USUAL * usual
    return below and pose.best > max(_LEAST, _BETTER * pose.given)


def _alike(borders: Sequence[Borders]) -> Mapping[str, Borders]:
    """The cases that one mirroring makes better, where those are most of the cohort."""
    better = [one for one in borders if one.pose.best > max(_LEAST, _BETTER * one.pose.given)]
    for way in {(one.pose.order, one.pose.mirrored) for one in better}:
        same = {one.case: one for one in better if (one.pose.order, one.pose.mirrored) == way}
        if len(borders) >= _LEAST_CASES and len(same) >= _MOST_OF * len(borders):
            return same
    return {}


def _told(one: Borders, others: str) -> Finding:
    straight = one.pose.order == _STRAIGHT
    turned = ", which is a turn by 180 degrees" if straight and len(one.pose.mirrored) == 2 else ""
    message = (
        f"{one.labels} fits {one.image} better when it is {one.pose.describe(one.grid.affine)}{turned}{others}: its "
        f"borders agree with the image by {one.pose.best:.2f} then, and by {one.pose.given:.2f} as given. Were its "
        f"voxels {'flipped' if straight else 'written in another order'} and its header kept? Look at the pair, and "
        "write the labels as they were drawn."
    )
    return Finding("warning", "mirrored", one.case, message)
