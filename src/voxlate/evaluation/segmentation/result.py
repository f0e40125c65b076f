"""The result of an evaluation of a segmentation: all that its page shows, whether just measured or read from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.scores import Classes, whole
from voxlate.evaluation.segmentation.verdict import judge_segmentation, nothing_found, summarise_segmentation
from voxlate.evaluation.summary import Summary
from voxlate.plainyaml import Json


@dataclass(frozen=True)
class SegmentationSubject:
    """What was evaluated, and on which cases.

    Attributes:
        name: Of the model or of the label maps.
        source: Contrasts that go in.
        target: The contrast of the label maps.
        reference: The contrast that pictures show.
        classes: From the name of a class to its label values.
        facts: Provenance from a name to its value.
        cases: What the cases are: ``held-out``, ``training``, ...
        seen: How many of the scored cases the model was trained or chosen on.
        scored: How many cases were scored.
        gap: That the model has learned its training cases by heart, in words; empty if it has not.
        failed: Cases that could not be scored, each with its reason.
        warning: What must be said before any number; empty if nothing.
        account: How many cases were scored and why the others were not; empty if all were.
        notes: From a case to what a reader of its page must know.
    """

    name: str
    source: Sequence[str]
    target: str
    reference: str
    classes: Classes
    facts: Mapping[str, str]
    cases: str
    seen: int
    scored: int
    gap: str
    failed: Sequence[tuple[str, str]]
    warning: str = ""
    account: str = ""
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def main(self) -> str:
        """The region that holds all labels."""
        return whole(self.classes)


@dataclass(frozen=True)
class SegmentationSummary:
    """The contents of ``summary.json``.

    Attributes:
        answer: In words.
        classes: From the name of a class to its label values.
        nothing_found: Regions of which no true voxel was found in any case, each with that in words.
        overall: Every method, region and metric.
    """

    answer: str
    classes: Classes
    nothing_found: Mapping[str, str]
    overall: Summary

    def to_json(self) -> Json:
        """Plain values for JSON; of what was not found the regions alone, since the answer has the words."""
        return {
            "answer": self.answer,
            "classes": {name: list(values) for name, values in self.classes.items()},
            "nothing_found": list(self.nothing_found),
            **self.overall.to_json(),
        }


@dataclass(frozen=True)
class SegmentationResult:
    """Everything that the page of a segmentation is made from.

    Attributes:
        subject: What was evaluated.
        scores: Of all cases, with the volumes.
        summary: What they say together.
        evidence: From a case to what its picture needs.
    """

    subject: SegmentationSubject
    scores: Sequence[Score]
    summary: SegmentationSummary
    evidence: Mapping[str, CaseEvidence]


def summarise_classes(scores: Sequence[Score], subject: SegmentationSubject) -> SegmentationSummary:
    """What the scores say together, in numbers and in words.

    Args:
        scores: Of ``segment_cases``.
        subject: What was evaluated.
    """
    overall = summarise_segmentation(scores)
    judged = judge_segmentation(overall, scores, subject.classes, cases=subject.cases)
    return SegmentationSummary(
        answer=f"{subject.warning} {judged}" if subject.warning else judged,
        classes=subject.classes,
        nothing_found=nothing_found(scores, subject.classes),
        overall=overall,
    )
