"""Privacy audit: does a synthetic image show a patient whom its model was trained on?

From the distances to real training images it follows how near is too near, which synthetic images are, how often
held-out real images would be, and what an attack on membership reaches. See ``voxlate.evaluation.privacy.measurement``
for the distances and ``voxlate.evaluation.privacy.attack`` for the attack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from voxlate.contrast import Contrast
from voxlate.evaluation.privacy.attack import Membership, infer_membership
from voxlate.evaluation.privacy.closer.lesions import INSIDE, SHAPE
from voxlate.evaluation.privacy.measurement import PIXEL, Measured, Question, Role, SpaceMeasurement
from voxlate.evaluation.privacy.members import Origin
from voxlate.evaluation.privacy.neighbours import MARGIN, SHARE, Threshold, set_threshold

_MARGINS = {SHAPE: 0.6, INSIDE: 0.6}
"""Of the quantile, where it is not nine tenths. A small lesion is like some other one: nine tenths of the shapes held
back 5 % of scans of hippocampi with a lesion each, six tenths none, and a copied lesion lies at 0."""
_LEAST_FACTOR = 0.9
"""Thresholds of several spaces are not lowered further together: a copy that is changed a little still has to wait."""


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
        measured: The distances that it follows from.
        spaces: By name.
        alarms: Held-out images that would have been held back in at least one space.
        origins: From a synthetic case to the real data that it was made from, if it was; an expert sees them.
    """

    contrast: Contrast
    measured: Measured
    spaces: Mapping[str, SpaceAudit]
    alarms: FalseAlarms | None
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
            images, lowered so that no more than 5 % of these are held back in any space.
        share: That quantile.
        seed: Seed of the bootstrap.
    """

    distance: float | None = None
    share: float = SHARE
    seed: int = 0


def audit_distances(
    measured: Measured, *, contrast: Contrast, options: AuditOptions, origins: Mapping[str, Origin]
) -> Audit:
    """What follows from the distances.

    Args:
        measured: The distances.
        contrast: What the images show.
        options: See ``AuditOptions``.
        origins: From a synthetic case to the real data that it was made from.
    """
    spaces = {one.space: _audit_space(one, options) for one in measured.spaces}
    if options.distance is None:
        spaces = _tightened(spaces)
    spaces = {name: replace(space, alarms=_false_alarms([space])) for name, space in spaces.items()}
    return Audit(contrast, measured, spaces, _false_alarms(list(spaces.values())), origins)


def _audit_space(measured: SpaceMeasurement, options: AuditOptions) -> SpaceAudit:
    members = measured.of("member")
    rows = {question.case: row for row, question in enumerate(members)}
    threshold = set_threshold(
        np.array([question.distance for question in members]),
        np.array([rows.get(question.neighbours[0].case, row) for row, question in enumerate(members)]),
        distance=options.distance,
        share=options.share,
        margin=_MARGINS.get(measured.space, MARGIN),
    )
    return SpaceAudit(
        space=measured.space,
        threshold=threshold,
        questions=measured.questions,
        twins=tuple((members[one].case, members[other].case) for one, other in threshold.twins),
        alarms=None,
        membership=_attack(measured, seed=options.seed) if measured.of("synthetic") else None,
        attack={one.case: one.score for one in measured.attacked},
    )


def _tightened(spaces: Mapping[str, SpaceAudit]) -> dict[str, SpaceAudit]:
    """Spaces whose thresholds are lowered together until few training images would be held back in any of them.

    Each space alone holds few back, but an image waits if one of them does. Pairs that are taken for one patient's do
    not count.
    """
    lowest: dict[str, float] = {}
    for space in spaces.values():
        twins = {case for pair in space.twins for case in pair}
        for question in space.of("member"):
            if question.case not in twins:
                relative = question.distance / max(space.threshold.distance, 1e-12)
                lowest[question.case] = min(relative, lowest.get(question.case, np.inf))
    ordered = sorted(lowest.values())
    allowed = max(1, int(SHARE * len(ordered)))
    factor = max(min(1.0, ordered[allowed] * (1 - 1e-9)), _LEAST_FACTOR) if len(ordered) > allowed else 1.0
    return {
        name: replace(space, threshold=replace(space.threshold, distance=factor * space.threshold.distance))
        for name, space in spaces.items()
    }


def _attack(measured: SpaceMeasurement, *, seed: int) -> Membership | None:
    attacked = measured.attacked
    if not attacked:
        return None
    scores, known = np.array([one.score for one in attacked]), np.array([one.member for one in attacked])
    return infer_membership(scores, known, [one.subject for one in attacked], seed=seed)


def _false_alarms(audits: Sequence[SpaceAudit]) -> FalseAlarms | None:
    """Of held-out images, those that at least one of the spaces holds back."""
    from scipy.stats import binomtest

    of = [question.case for question in audits[0].of("held-out")]
    caught = {question.case for audit in audits for question in audit.of("held-out") if audit.held_back(question)}
    if not of:
        return None
    interval = binomtest(len(caught), len(of)).proportion_ci(method="wilson")
    return FalseAlarms(len(caught), len(of), (float(interval.low), float(interval.high)))
