"""Privacy audit: does a synthetic image show a patient whom its model was trained on?

Every synthetic image is asked for its nearest real training images, in the space of voxels after alignment and in that
of a network's features, and its label map for the nearest label maps; held-out real cases are asked the same, which
tells how often the audit errs. See ``voxlate.evaluation.privacy.neighbours`` for the distance,
``voxlate.evaluation.privacy.label_space`` for label maps and ``voxlate.evaluation.privacy.attack`` for the attack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.contrast import Contrast
from voxlate.errors import CohortError
from voxlate.evaluation.privacy.attack import Membership, infer_membership
from voxlate.evaluation.privacy.label_space import LabelMaps, place_label_maps
from voxlate.evaluation.privacy.members import Origin
from voxlate.evaluation.privacy.neighbours import SHARE, Neighbour, Space, Threshold, nearest_of, set_threshold
from voxlate.evaluation.privacy.placing import (
    FeaturePair,
    Placed,
    Reference,
    build_reference,
    place_features,
    place_voxels,
)
from voxlate.evaluation.sets.embedding import Embedder
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
class FalseAlarms:
    """How many held-out real images would have been held back.

    Attributes:
        count: That many.
        of: Of so many.
        interval: Wilson's 95 % interval of the share (Wilson 1927, doi:10.1080/01621459.1927.10502953).
    """

    count: int
    of: int
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class SpaceAudit:
    """What one space told.

    Attributes:
        space: ``pixel``, ``feature`` or ``label``.
        threshold: How near is too near.
        questions: Synthetic images, members and held-out images.
        twins: Pairs of training images that seem to show one patient.
        alarms: On held-out images; ``None`` without any.
        membership: The attack; ``None`` with too few images.
        attack: From a real case to its score in the attack.
    """

    space: str
    threshold: Threshold
    questions: tuple[Question, ...]
    twins: tuple[tuple[str, str], ...]
    alarms: FalseAlarms | None
    membership: Membership | None
    attack: Mapping[str, float]

    def of(self, role: Role) -> list[Question]:
        """The images of one role."""
        return [question for question in self.questions if question.role == role]

    def held_back(self, question: Question) -> bool:
        """Whether it is too near. What is as near as the threshold is not released either."""
        return question.distance <= self.threshold.distance


@dataclass(frozen=True, eq=False)
class Audit:
    """What the audit found.

    Attributes:
        contrast: What was compared.
        spaces: By name.
        alarms: Held-out images that would have been held back in at least one space.
        members: Ids of the training cases that were compared.
        held_out: Ids of the others.
        failed: Synthetic cases that could not be compared, each with its reason; they are not released.
        strangers: Synthetic cases that could not be laid over the real ones, each with its reason; an expert sees them.
        unusable: Real cases whose image or label map could not be compared, each with its reason.
        reference: The template, to draw pairs on.
        placed: From a synthetic and a real case to how it lies on the template, by role and id.
        labels: Label maps on their template; ``None`` if they are not compared.
        origins: From a synthetic case to the real data that it was made from, if it was; an expert sees them.
    """

    contrast: Contrast
    spaces: Mapping[str, SpaceAudit]
    alarms: FalseAlarms | None
    members: tuple[str, ...]
    held_out: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    strangers: Mapping[str, str]
    unusable: tuple[tuple[str, str], ...]
    reference: Reference
    placed: Mapping[tuple[str, str], Placed]
    labels: LabelMaps | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)

    def question(self, case: str, space: str) -> Question | None:
        """The synthetic image of that case in a space; ``None`` if it has nothing there, as a case without labels."""
        found = (question for question in self.spaces[space].of("synthetic") if question.case == case)
        return next(found, None)

    @property
    def compared(self) -> tuple[str, ...]:
        """Synthetic cases that were compared, strangers among them."""
        return tuple(question.case for question in self.spaces[PIXEL].of("synthetic"))

    def too_near(self, case: str) -> list[str]:
        """The spaces in which a synthetic case is too near to a training image."""
        asked = ((name, audit, self.question(case, name)) for name, audit in self.spaces.items())
        return [name for name, audit, question in asked if question is not None and audit.held_back(question)]


@dataclass(frozen=True)
class AuditOptions:
    """What may be chosen.

    Attributes:
        distance: Relative distance that is too near; ``None`` for nine tenths of the quantile ``share`` among training
            images.
        share: That quantile.
        seed: Seed of the bootstrap.
    """

    distance: float | None = None
    share: float = SHARE
    seed: int = 0


def audit_privacy(
    synthetic: Sequence[Case],
    real: Sequence[Case],
    *,
    contrast: Contrast,
    members: frozenset[str],
    embedder: Embedder | None,
    options: AuditOptions,
    report: ProgressReport,
) -> Audit:
    """Compares synthetic with real images.

    Args:
        synthetic: Cases with the contrast.
        real: Cases with the contrast.
        contrast: What the images show.
        members: Ids of the real cases that the model has seen.
        embedder: Makes the feature space; ``None`` for none.
        options: See ``AuditOptions``.
        report: Called with what is done and the number of finished images.

    Raises:
        CohortError: If fewer than four training subjects can be compared.
    """
    reference, placed_real, unusable = build_reference(real, contrast=contrast, report=report)
    placed_synthetic, failed = place_voxels(synthetic, reference, report=report)
    features: dict[tuple[str, str], FeaturePair] = {}
    for role, cases, lost in (("real", placed_real, unusable), ("synthetic", placed_synthetic, failed)):
        if embedder is not None:
            found, refused = place_features([one.case for one in cases], embedder, contrast=contrast, report=report)
            features |= {(role, case): vector for case, vector in found.items()}
            lost.extend(refused)
            _leave_out(cases, refused)
    _check_members(placed_real, members, unusable)
    labels = _label_maps(placed_real, placed_synthetic, members=members, report=report)
    if labels is not None:
        unusable.extend(labels.unusable)
        failed.extend(labels.failed)
        _leave_out(placed_synthetic, labels.failed)
    audited = {
        asked.space.name: _audit_space(asked, members=members, options=options)
        for asked in _spaces(reference, placed_real, placed_synthetic, features=features, labels=labels)
    }
    strangers = {one.case.id: why for one in placed_synthetic if (why := reference.strange(one))}
    return Audit(
        contrast=contrast,
        spaces=audited,
        alarms=_false_alarms(list(audited.values())),
        members=tuple(one.case.id for one in placed_real if one.case.id in members),
        held_out=tuple(one.case.id for one in placed_real if one.case.id not in members),
        failed=tuple(failed),
        strangers=strangers if labels is None else {**labels.strangers, **strangers},
        unusable=tuple(unusable),
        reference=reference,
        placed={("real", one.case.id): one for one in placed_real}
        | {("synthetic", one.case.id): one for one in placed_synthetic},
        labels=labels,
    )


def _leave_out(placed: list[Placed], refused: Sequence[tuple[str, str]]) -> None:
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
    real: Sequence[Placed],
    synthetic: Sequence[Placed],
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
    real: Sequence[Placed], synthetic: Sequence[Placed], *, members: frozenset[str], report: ProgressReport
) -> LabelMaps | None:
    """The label maps of both sides, if enough training subjects have one."""
    found = place_label_maps([one.case for one in real], [one.case for one in synthetic], report=report)
    if found is None:
        return None
    subjects = {one.case.subject for one in found.real if one.case.id in members}
    return found if len(subjects) >= FEWEST_MEMBERS else None


def _check_members(placed: Sequence[Placed], members: frozenset[str], unusable: Sequence[tuple[str, str]]) -> None:
    subjects = {one.case.subject for one in placed if one.case.id in members}
    if len(subjects) < FEWEST_MEMBERS:
        raise CohortError(
            f"images of at least {FEWEST_MEMBERS} training subjects",
            came=f"{len(subjects)}" + (f", and {len(unusable)} images that cannot be compared" if unusable else ""),
            remedy="Without others to compare with, nothing says how near is too near. Give the whole training data.",
        )


def _pixel_space(reference: Reference, real: Sequence[Placed], synthetic: Sequence[Placed]) -> Space:
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


def _audit_space(asked: _Asked, *, members: frozenset[str], options: AuditOptions) -> SpaceAudit:
    space, real, synthetic = asked.space, asked.real, asked.synthetic
    subjects = [one.subject for one in real]
    known = np.array([one.id in members for one in real])
    cases = [one.id for one in real if one.id in members]
    among, turned = space.among_real(subjects)
    from_synthetic, mirrored = space.from_synthetic()
    threshold = set_threshold(among[np.ix_(known, known)], distance=options.distance, share=options.share)
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
    audit = SpaceAudit(
        space=space.name,
        threshold=threshold,
        questions=tuple(question for question in questions if question.neighbours),
        twins=tuple((cases[one], cases[other]) for one, other in threshold.twins),
        alarms=None,
        membership=infer_membership(scores, known, subjects, seed=options.seed) if len(synthetic) else None,
        attack={one.id: float(score) for one, score in zip(real, scores, strict=True)},
    )
    return replace(audit, alarms=_false_alarms([audit]))


def _false_alarms(audits: Sequence[SpaceAudit]) -> FalseAlarms | None:
    """Of held-out images, those that at least one of the spaces holds back."""
    from scipy.stats import binomtest

    of = [question.case for question in audits[0].of("held-out")]
    caught = {question.case for audit in audits for question in audit.of("held-out") if audit.held_back(question)}
    if not of:
        return None
    interval = binomtest(len(caught), len(of)).proportion_ci(method="wilson")
    return FalseAlarms(len(caught), len(of), (float(interval.low), float(interval.high)))
