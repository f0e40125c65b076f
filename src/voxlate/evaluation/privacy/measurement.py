"""Measurement: how near synthetic images lie to real ones in every space, before anything is decided.

Every synthetic image is asked for its nearest real training images, in the space of voxels after alignment and in that
of a network's features, and its label map for the nearest label maps; real images are asked the same. The distance is
defined in ``voxlate.evaluation.privacy.neighbours``, that of label maps in ``voxlate.evaluation.privacy.label_space``.

What is kept on disk are ids, distances and the geometry of the alignment, from which audits are decided and drawn
again: no grey value, no label and no feature of a patient. The price is that measuring itself is one step, which begins
anew if it is killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from voxlate.cohort import Case
from voxlate.contrast import Contrast
from voxlate.errors import CohortError
from voxlate.evaluation.privacy.closer.lesions import INSIDE, SHAPE, compare_lesions
from voxlate.evaluation.privacy.closer.local_space import LOCAL, local_neighbours
from voxlate.evaluation.privacy.label_space import LabelMaps, place_label_maps
from voxlate.evaluation.privacy.neighbours import Neighbour, Space, nearest_of
from voxlate.evaluation.privacy.placing import (
    FeaturePair,
    PlacedImage,
    Placings,
    Reference,
    build_reference,
    place_features,
    place_voxels,
)
from voxlate.evaluation.sets.embedding import Embedder
from voxlate.io.atomic import write_text
from voxlate.progress import ProgressReport

Role = Literal["synthetic", "member", "held-out"]
FEWEST_MEMBERS = 4
NEAREST = 3
PIXEL, FEATURE = "pixel", "feature"


@dataclass(frozen=True)
class Question:
    """An image and its nearest training images.

    Attributes:
        case: Id of its case.
        role: What it is.
        neighbours: The nearest training images of another subject, nearest first; a synthetic image has no subject.
    """

    case: str
    role: Role
    neighbours: tuple[Neighbour, ...]

    @property
    def distance(self) -> float:
        """Distance to the nearest."""
        return self.neighbours[0].distance


@dataclass(frozen=True)
class AttackedCase:
    """A real case as the attack on membership sees it.

    Attributes:
        case: Its id.
        subject: A number for the subject that it shows.
        member: Whether the model has seen it.
        score: The negative distance to the nearest synthetic image.
    """

    case: str
    subject: int
    member: bool
    score: float


@dataclass(frozen=True)
class SpaceMeasurement:
    """What was measured in one space.

    Attributes:
        space: ``pixel``, ``feature``, ``label``, ``local``, ``lesion_shape`` or ``lesion_image``.
        questions: Synthetic images, members and held-out images.
        attacked: Every real case; none where only the nearest are compared.
    """

    space: str
    questions: tuple[Question, ...]
    attacked: tuple[AttackedCase, ...]

    def of(self, role: Role) -> list[Question]:
        """The images of one role."""
        return [question for question in self.questions if question.role == role]


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        spaces: The pixel space first.
        members: Ids of the training cases that were compared.
        held_out: Ids of the other real ones.
        failed: Synthetic cases that could not be compared, each with its reason; they are not released.
        unusable: Real cases whose image or label map could not be compared, each with its reason.
        strangers: Synthetic cases that could not be laid over the real ones, each with its reason; an expert sees them.
        images: How images lie on their template.
        labels: The same of label maps, on a template of their own; ``None`` if they are not compared.
        parts: How many connected parts of training label maps were compared by their shape.
        sought: How many of them were sought in images.
    """

    spaces: tuple[SpaceMeasurement, ...]
    members: tuple[str, ...]
    held_out: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    unusable: tuple[tuple[str, str], ...]
    strangers: Mapping[str, str]
    images: Placings
    labels: Placings | None
    parts: int = 0
    sought: int = 0

    def keep(self, path: Path, *, question: str) -> None:
        """Writes it.

        Args:
            path: Where.
            question: A digest of all that it follows from.

        Raises:
            WriteError: If it could not be written.
        """
        write_text(path, json.dumps({"question": question, "measured": asdict(self)}))

    @classmethod
    def load(cls, path: Path, *, question: str) -> Measured | None:
        """What is kept; ``None`` if it is nothing, damaged, or follows from something else."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            return TypeAdapter(cls).validate_python(told["measured"]) if told["question"] == question else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def measure_privacy(
    synthetic: Sequence[Case],
    real: Sequence[Case],
    *,
    contrast: Contrast,
    members: frozenset[str],
    embedder: Embedder | None,
    report: ProgressReport,
) -> Measured:
    """Compares synthetic with real images.

    Args:
        synthetic: Cases with the contrast.
        real: Cases with the contrast.
        contrast: What the images show.
        members: Ids of the real cases that the model has seen.
        embedder: Makes the feature space; ``None`` for none.
        report: Called with what is done and the number of finished images.

    Raises:
        CohortError: If fewer than four training subjects can be compared.
    """
    reference, placed_real, unusable = build_reference(real, contrast=contrast, report=report)
    placed_synthetic, failed = place_voxels(synthetic, reference, report=report)
    features: dict[tuple[str, str], FeaturePair] = {}
    if embedder is not None:
        for role, placed, lost in (("real", placed_real, unusable), ("synthetic", placed_synthetic, failed)):
            found, refused = place_features([one.case for one in placed], embedder, contrast=contrast, report=report)
            features |= {(role, case): vector for case, vector in found.items()}
            lost.extend(refused)
            _leave_out(placed, refused)
    _check_members(placed_real, members, unusable)
    labels = _label_maps(placed_real, placed_synthetic, members=members, report=report)
    if labels is not None:
        unusable.extend(labels.unusable)
        failed.extend(labels.failed)
        _leave_out(placed_synthetic, labels.failed)
    spaces = [
        _measure_space(asked, members=members)
        for asked in _spaces(reference, placed_real, placed_synthetic, features=features, labels=labels)
    ]
    spaces.append(_measure_local(placed_real, placed_synthetic, members=members, report=report))
    lesions = _measure_lesions(placed_real, placed_synthetic, contrast=contrast, members=members, report=report)
    unusable.extend(one for one in lesions.refused if one[0] not in dict(unusable))
    strangers = {one.case.id: why for one in placed_synthetic if (why := reference.strange(one))}
    return Measured(
        spaces=(*spaces, *lesions.spaces),
        members=tuple(one.case.id for one in placed_real if one.case.id in members),
        held_out=tuple(one.case.id for one in placed_real if one.case.id not in members),
        failed=tuple(failed),
        unusable=tuple(unusable),
        strangers=strangers if labels is None else {**labels.strangers, **strangers},
        images=_placings(reference, placed_real, placed_synthetic),
        labels=None if labels is None else labels.placings(),
        parts=lesions.parts,
        sought=lesions.sought,
    )


def _placings(reference: Reference, real: Sequence[PlacedImage], synthetic: Sequence[PlacedImage]) -> Placings:
    return Placings.of(
        reference.grid,
        compared=int(reference.region.sum()),
        synthetic={one.case.id: one.worlds for one in synthetic},
        real={one.case.id: one.worlds for one in real},
    )


def _leave_out(placed: list[PlacedImage], refused: Sequence[tuple[str, str]]) -> None:
    """Takes refused cases out of the list."""
    lost = {case for case, _ in refused}
    placed[:] = [one for one in placed if one.case.id not in lost]


@dataclass(frozen=True, eq=False)
class _Asked:
    """A space, and whom its rows show."""

    space: Space
    real: Sequence[Case]
    synthetic: Sequence[Case]


def _spaces(
    reference: Reference,
    real: Sequence[PlacedImage],
    synthetic: Sequence[PlacedImage],
    *,
    features: Mapping[tuple[str, str], FeaturePair],
    labels: LabelMaps | None,
) -> list[_Asked]:
    """The spaces that there are."""
    ours, theirs = [one.case for one in real], [one.case for one in synthetic]
    found = [_Asked(_pixel_space(reference, real, synthetic), ours, theirs)]
    if features:
        found.append(_Asked(_feature_space(features, ours, theirs), ours, theirs))
    if labels is not None:
        found.append(_Asked(labels.space(), [one.case for one in labels.real], [one.case for one in labels.synthetic]))
    return found


def _label_maps(
    real: Sequence[PlacedImage], synthetic: Sequence[PlacedImage], *, members: frozenset[str], report: ProgressReport
) -> LabelMaps | None:
    """The label maps of both sides, if enough training subjects have one."""
    found = place_label_maps([one.case for one in real], [one.case for one in synthetic], report=report)
    if found is None:
        return None
    subjects = {one.case.subject for one in found.real if one.case.id in members}
    return found if len(subjects) >= FEWEST_MEMBERS else None


def _check_members(placed: Sequence[PlacedImage], members: frozenset[str], unusable: Sequence[tuple[str, str]]) -> None:
    subjects = {one.case.subject for one in placed if one.case.id in members}
    if len(subjects) < FEWEST_MEMBERS:
        raise CohortError(
            f"images of at least {FEWEST_MEMBERS} training subjects",
            came=f"{len(subjects)}" + (f", and {len(unusable)} images that cannot be compared" if unusable else ""),
            remedy="Without others to compare with, nothing says how near is too near. Give the whole training data.",
        )


def _pixel_space(reference: Reference, real: Sequence[PlacedImage], synthetic: Sequence[PlacedImage]) -> Space:
    return Space(
        PIXEL,
        real=reference.vectors([one.straight for one in real]),
        real_mirrored=reference.vectors([one.mirrored for one in real]),
        synthetic=reference.vectors([one.straight for one in synthetic]),
        synthetic_mirrored=reference.vectors([one.mirrored for one in synthetic]),
    )


def _feature_space(
    features: Mapping[tuple[str, str], FeaturePair], real: Sequence[Case], synthetic: Sequence[Case]
) -> Space:
    """Features over their standard deviation among real images; what never varies there is left out."""
    ours = np.stack([features["real", case.id] for case in real])
    theirs = np.array([features["synthetic", case.id] for case in synthetic]).reshape(len(synthetic), *ours.shape[1:])
    spread = ours[:, 0].std(axis=0)
    kept = spread > 1e-6 * max(float(spread.max()), 1e-12)
    ours, theirs = ours[:, :, kept] / spread[kept], theirs[:, :, kept] / spread[kept]
    return Space(
        FEATURE,
        real=ours[:, 0],
        real_mirrored=ours[:, 1],
        synthetic=theirs[:, 0],
        synthetic_mirrored=theirs[:, 1],
    )


def _measure_space(asked: _Asked, *, members: frozenset[str]) -> SpaceMeasurement:
    space, real, synthetic = asked.space, asked.real, asked.synthetic
    subjects = [one.subject for one in real]
    known = np.array([one.id in members for one in real])
    cases = [one.id for one in real if one.id in members]
    among, turned = space.among_real(subjects)
    from_synthetic, mirrored = space.from_synthetic()
    rows: list[tuple[str, Role, NDArray[np.float64], NDArray[np.bool_]]] = [
        (one.id, "synthetic", from_synthetic[row, known], mirrored[row, known]) for row, one in enumerate(synthetic)
    ]
    rows += [
        (one.id, "member" if known[row] else "held-out", among[row, known], turned[row, known])
        for row, one in enumerate(real)
    ]
    questions = [
        Question(case, role, nearest_of(distances, flipped, cases=cases, count=NEAREST))
        for case, role, distances, flipped in rows
    ]
    scores = -from_synthetic.min(axis=0) if len(synthetic) else np.zeros(len(real))
    _, numbers = np.unique(subjects, return_inverse=True)
    return SpaceMeasurement(
        space.name,
        tuple(question for question in questions if question.neighbours),
        tuple(
            AttackedCase(one.id, int(number), bool(member), float(score))
            for one, number, member, score in zip(real, numbers, known, scores, strict=True)
        ),
    )


def _measure_local(
    real: Sequence[PlacedImage], synthetic: Sequence[PlacedImage], *, members: frozenset[str], report: ProgressReport
) -> SpaceMeasurement:
    """Each image beside the training images that look most like it, after a fit of their own."""
    gallery = [one for one in real if one.case.id in members]
    subjects = [*(None for _ in synthetic), *(one.case.subject for one in real)]
    found = local_neighbours([*synthetic, *real], gallery, subjects=subjects, report=report)
    roles = _roles([one.case.id for one in synthetic], [one.case.id for one in real], members=members)
    return _space_of(LOCAL, [(case, role, nearest) for (case, role), nearest in zip(roles, found, strict=True)])


def _roles(synthetic: Sequence[str], real: Sequence[str], *, members: frozenset[str]) -> list[tuple[str, Role]]:
    roles: list[tuple[str, Role]] = [(case, "synthetic") for case in synthetic]
    return [*roles, *((case, "member" if case in members else "held-out") for case in real)]


def _space_of(name: str, asked: Sequence[tuple[str, Role, tuple[Neighbour, ...]]]) -> SpaceMeasurement:
    return SpaceMeasurement(
        name, tuple(Question(case, role, nearest[:NEAREST]) for case, role, nearest in asked if nearest), ()
    )


@dataclass(frozen=True)
class _Lesions:
    """Spaces of single parts, how many parts there are, and real cases without, each with its reason."""

    spaces: tuple[SpaceMeasurement, ...] = ()
    parts: int = 0
    sought: int = 0
    refused: tuple[tuple[str, str], ...] = ()


def _measure_lesions(
    real: Sequence[PlacedImage],
    synthetic: Sequence[PlacedImage],
    *,
    contrast: Contrast,
    members: frozenset[str],
    report: ProgressReport,
) -> _Lesions:
    """Parts of label maps; a space is left out where fewer than four training cases can be asked in it."""
    ours, theirs = [one.case for one in real], [one.case for one in synthetic]
    found = compare_lesions(ours, theirs, contrast=contrast, members=members, report=report)
    if found is None:
        return _Lesions()
    roles = _roles([case.id for case in theirs], [case.id for case in ours], members=members)
    spaces = []
    for name, (by_real, by_synthetic) in ((SHAPE, found.shapes), (INSIDE, found.insides)):
        space = _space_of(
            name,
            [(case, role, (by_synthetic if role == "synthetic" else by_real).get(case, ())) for case, role in roles],
        )
        if len(space.of("member")) >= FEWEST_MEMBERS and (name == INSIDE or space.of("synthetic")):
            spaces.append(space)
    return _Lesions(tuple(spaces), found.parts, found.sought, found.refused)
