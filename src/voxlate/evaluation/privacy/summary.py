"""The summary of a privacy audit, as ``summary.json`` keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from voxlate.evaluation.privacy.attack import Membership
from voxlate.evaluation.privacy.audit import Audit, FalseAlarms, SpaceAudit
from voxlate.evaluation.privacy.verdict import ExpertDecision, ReleaseDecision
from voxlate.evaluation.summary import Interval, without_nan
from voxlate.plainyaml import Json


@dataclass(frozen=True)
class AttackSummary:
    """What the attack on membership reached.

    Attributes:
        auc: Area under the ROC curve; 0.5 is chance.
        interval: Its 95 % interval.
        in_words: What it means, as a clause.
    """

    auc: float
    interval: Interval
    in_words: str

    @classmethod
    def of(cls, found: Membership | None) -> AttackSummary | None:
        """Of an attack, if there was one."""
        return None if found is None else cls(found.auc, found.interval, found.in_words)


@dataclass(frozen=True)
class SpaceSummary:
    """What one space told.

    Attributes:
        typical_distance: Median distance of a training image to its nearest other one.
        threshold: The distance up to which an image is held back.
        relative_threshold: The same over the typical distance.
        held_back: Ids of the synthetic cases that are too near.
        twins: Pairs of training cases that seem to show one patient.
        false_alarms: On held-out images; ``None`` without any.
        membership: ``None`` with too few images.
    """

    typical_distance: float
    threshold: float
    relative_threshold: float
    held_back: tuple[str, ...]
    twins: tuple[tuple[str, str], ...]
    false_alarms: FalseAlarms | None
    membership: AttackSummary | None

    @classmethod
    def of(cls, space: SpaceAudit) -> SpaceSummary:
        """Of the audit of a space."""
        limit = space.threshold
        return cls(
            typical_distance=limit.typical,
            threshold=limit.distance,
            relative_threshold=limit.relative(limit.distance),
            held_back=tuple(question.case for question in space.of("synthetic") if space.held_back(question)),
            twins=space.twins,
            false_alarms=space.alarms,
            membership=AttackSummary.of(space.membership),
        )


@dataclass(frozen=True)
class PrivacySummary:
    """The contents of ``summary.json``, in their order.

    Attributes:
        contrast: What the images show.
        members: How many training images were compared.
        held_out: How many other real ones.
        released: Ids of the synthetic cases that may be released.
        review: Ids of those that wait for an expert.
        unusable_real: Real cases that could not be compared, or in part, each with its reason.
        false_alarms: Held-out images that would have been held back in at least one space.
        spaces: By name.
        answer: In words.
        failed: Synthetic cases that could not be compared, each with its reason.
        facts: Provenance from a name to its value.
        decisions: Of experts: who decided what, when, and on which files.
    """

    contrast: str
    members: int
    held_out: int
    released: tuple[str, ...]
    review: tuple[str, ...]
    unusable_real: Mapping[str, str]
    false_alarms: FalseAlarms | None
    spaces: Mapping[str, SpaceSummary]
    answer: str
    failed: Mapping[str, str]
    facts: Mapping[str, str]
    decisions: tuple[ExpertDecision, ...] = ()

    def to_json(self) -> Json:
        """Plain values for JSON, marked as those of an audit that is finished; decisions only where there are any."""
        values = {name: value for name, value in asdict(self).items() if name != "decisions" or value}
        return {"aspect": "privacy", "finished": True, **without_nan(values)}


@dataclass(frozen=True)
class PrivacyResult:
    """Everything that the pages of an audit are made from.

    Attributes:
        audit: What was found.
        decisions: About every synthetic case that was compared.
        summary: The same in numbers.
        names: Of the folders of synthetic and of real images.
        caveats: What a reader must know before the numbers.
        failed: Synthetic cases that could not be compared, each with its reason.
    """

    audit: Audit
    decisions: Sequence[ReleaseDecision]
    summary: PrivacySummary
    names: tuple[str, str]
    caveats: Sequence[str]
    failed: Sequence[tuple[str, str]]


def summarise_privacy(
    audit: Audit,
    decided: Sequence[ReleaseDecision],
    *,
    answer: str,
    failed: Sequence[tuple[str, str]],
    facts: Mapping[str, str],
) -> PrivacySummary:
    """The audit in numbers.

    Args:
        audit: What was found.
        decided: About every synthetic case.
        answer: In words.
        failed: Synthetic cases that could not be compared, each with its reason.
        facts: Provenance from a name to its value.
    """
    return PrivacySummary(
        contrast=audit.contrast.name,
        members=len(audit.measured.members),
        held_out=len(audit.measured.held_out),
        released=tuple(one.case for one in decided if one.released),
        review=tuple(one.case for one in decided if not one.released),
        unusable_real=dict(audit.measured.unusable),
        false_alarms=audit.alarms,
        spaces={name: SpaceSummary.of(space) for name, space in audit.spaces.items()},
        answer=answer,
        failed=dict(failed),
        facts=dict(facts),
        decisions=tuple(one.expert for one in decided if one.expert is not None),
    )
