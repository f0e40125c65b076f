"""Pairs: a synthetic case beside the real one that is nearest to it, on one grid, for an expert to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.evaluation.privacy.audit import Audit
from voxlate.evaluation.privacy.closer.local_space import LOCAL
from voxlate.evaluation.privacy.label_space import LABEL, display_labels
from voxlate.evaluation.privacy.placing import display, finer


@dataclass(frozen=True, eq=False)
class LookAlike:
    """The images of a pair on one grid.

    Attributes:
        synthetic: Id of the synthetic case.
        real: Id of the real case.
        synthetic_image: ``(i, j, k)`` in RAS order, 0 to 1; NaN where the image does not reach.
        real_image: The same.
        spacing_mm: Of the grid.
        note: What is known of the pair, a line.
    """

    synthetic: str
    real: str
    synthetic_image: NDArray[np.float32]
    real_image: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    note: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the grid."""
        i, j, k = self.synthetic_image.shape
        return i, j, k


@dataclass(frozen=True, eq=False)
class LabelPair:
    """The label maps of a pair on one grid.

    Attributes:
        synthetic: Id of the synthetic case.
        real: Id of the real case.
        synthetic_map: Label values ``(i, j, k)`` in RAS order.
        real_map: The same.
        spacing_mm: Of the grid.
        note: What is known of the pair, a line.
        names: From a label's value to its name, as far as they are known.
    """

    synthetic: str
    real: str
    synthetic_map: NDArray[np.integer]
    real_map: NDArray[np.integer]
    spacing_mm: tuple[float, float, float]
    note: str
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the grid."""
        i, j, k = self.synthetic_map.shape
        return i, j, k


def pairs_of(
    audit: Audit, cases: Sequence[Case], real: Mapping[str, Case], *, names: Mapping[int, str]
) -> Iterator[tuple[LookAlike, LabelPair | None]]:
    """Each case beside the nearest real one of each space in which it is too near, read one pair at a time.

    Args:
        audit: What was found.
        cases: Synthetic cases, in the order in which they are wanted.
        real: The real cases, by id.
        names: From a label's value to its name, as far as they are known.

    Raises:
        VoxlateError: If an image cannot be read any more.
    """
    for case in cases:
        for other, space in _nearest(audit, case.id).items():
            yield _look_alike(audit, case, real[other], space=space), _label_pair(audit, case, real[other], names=names)


def beside(audit: Audit, case: str) -> tuple[str, ...]:
    """The real cases that a synthetic one is shown beside."""
    return tuple(_nearest(audit, case))


def _nearest(audit: Audit, case: str) -> dict[str, str]:
    """From the nearest real case to the space, of each space in which a case is too near, or else of the nearest."""
    asked = [(space, audit.question(case, name), name) for name, space in audit.spaces.items()]
    ordered = sorted((space.threshold.relative(one.distance), name) for space, one, name in asked if one is not None)
    found: dict[str, str] = {}
    for space in audit.too_near(case) or [name for _, name in ordered[:1]]:
        question = audit.question(case, space)
        if question is not None:
            found.setdefault(question.neighbours[0].case, space)
    return found


def nearness(audit: Audit, case: str) -> float:
    """The relative distance in the space where a case lies nearest to a training image."""
    asked = ((space, audit.question(case, name)) for name, space in audit.spaces.items())
    return min(space.threshold.relative(question.distance) for space, question in asked if question is not None)


def _look_alike(audit: Audit, case: Case, other: Case, *, space: str) -> LookAlike:
    """The images; the synthetic one is mirrored if it is so in that space."""
    question = audit.question(case.id, space)
    mirrored = question is not None and question.neighbours[0].mirrored
    placings = audit.measured.images
    grid = finer(placings.grid)
    theirs = np.array(placings.real[other.id][False])
    ours = np.array(placings.synthetic[case.id][mirrored])
    closer = audit.question(case.id, LOCAL) if LOCAL in audit.spaces else None
    own = next((one for one in closer.neighbours if one.case == other.id), None) if closer is not None else None
    if own is not None and own.world is not None:  # the pair has a fit of its own
        mirrored, ours = own.mirrored, np.array(own.world) @ theirs
    first, second = (
        display(one, world, grid, contrast=audit.contrast) for one, world in ((case, ours), (other, theirs))
    )
    note = _note(audit, case.id, other.id, mirrored=mirrored)
    return LookAlike(case.id, other.id, first, second, grid.spacing_mm, note)


def _note(audit: Audit, case: str, other: str, *, mirrored: bool) -> str:
    """What is known of a synthetic image and its nearest real one, a line."""
    parts = []
    for name, space in audit.spaces.items():
        question = audit.question(case, name)
        neighbours = () if question is None else question.neighbours
        found = next((near for near in neighbours if near.case == other), None)
        if found is not None:
            limit = space.threshold.relative(space.threshold.distance)
            parts.append(f"{name} space: {space.threshold.relative(found.distance):.2f} (held back up to {limit:.2f})")
    turned = "; left and right of the synthetic image are mirrored" if mirrored else ""
    made = f"; {audit.origins[case]}" if case in audit.origins else ""
    strange = "; could not be laid over the real ones" if case in audit.measured.strangers else ""
    return f"Relative distance in {'; '.join(parts)}{turned}{strange}{made}."


def _label_pair(audit: Audit, case: Case, other: Case, *, names: Mapping[int, str]) -> LabelPair | None:
    """The label maps of a synthetic and a real case, if both have one."""
    placings = audit.measured.labels
    if placings is None or case.id not in placings.synthetic or other.id not in placings.real:
        return None
    question = audit.question(case.id, LABEL)
    if question is None:
        return None
    near = next((one for one in question.neighbours if one.case == other.id), None)
    mirrored = near is not None and near.mirrored
    threshold = audit.spaces[LABEL].threshold
    told = "farther than its three nearest" if near is None else f"{threshold.relative(near.distance):.2f}"
    note = (
        f"Relative distance in label space: {told} (held back up to {threshold.relative(threshold.distance):.2f})"
        f"{'; left and right of the synthetic map are mirrored' if mirrored else ''}."
    )
    grid = finer(placings.grid)
    ours = display_labels(case, np.array(placings.synthetic[case.id][mirrored]), grid)
    theirs = display_labels(other, np.array(placings.real[other.id][False]), grid)
    return LabelPair(case.id, other.id, ours, theirs, grid.spacing_mm, note, names)
