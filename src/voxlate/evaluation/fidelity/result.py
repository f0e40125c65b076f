"""The result of an evaluation of translations: all that its page shows, whether just measured or read from disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from voxlate.evaluation.cases import Scored
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.fidelity.structures import StructureRow, structures_of, summarise_structures
from voxlate.evaluation.fidelity.views import compare_views, say_views, view_names
from voxlate.evaluation.scores import Score
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.summary import Summary, without_nan
from voxlate.evaluation.verdict import judge, say_hidden
from voxlate.plainyaml import Json


@dataclass(frozen=True)
class TranslationSubject:
    """What was evaluated, and on which cases.

    Attributes:
        name: Of the model or of the translated images.
        source: Contrasts that go in.
        target: The contrast that is predicted.
        facts: Provenance from a name to its value.
        values: The unit of the scores in words.
        cases: What the cases are: ``held-out``, ``training``, ...
        seen: How many of the scored cases the model was trained or chosen on.
        scored: How many cases were scored.
        anatomical: Whether the labels mark structures, not lesions.
        failed: Cases that could not be scored, each with its reason.
        warning: What must be said before any number; empty if nothing.
        account: How many cases were scored and why the others were not; empty if all were.
        notes: From a case to what a reader of its page must know.
    """

    name: str
    source: Sequence[str]
    target: str
    facts: Mapping[str, str]
    values: str
    cases: str
    seen: int
    scored: int
    anatomical: bool
    failed: Sequence[tuple[str, str]]
    warning: str = ""
    account: str = ""
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FidelitySummary:
    """The contents of ``summary.json``.

    Attributes:
        overall: Every method, region and metric.
        structures: Errors inside every named label.
        views: The combination of views against each of them; ``None`` for a model of one view.
    """

    overall: Summary
    structures: Sequence[StructureRow] = ()
    views: Summary | None = None

    def to_json(self) -> Json:
        """Plain values for JSON; what there is nothing of is left out."""
        structures = [row.to_json() for row in self.structures]
        views = [] if self.views is None else self.views.to_json()["rows"]
        more = {name: rows for name, rows in {"structures": structures, "views": views}.items() if rows}
        return {**self.overall.to_json(), **without_nan(more)}


@dataclass(frozen=True)
class FidelityResult:
    """Everything that the page of translations is made from.

    Attributes:
        subject: What was evaluated.
        scores: Of all cases.
        summary: What they say together.
        sentence: The answer in words.
        evidence: From a case to what its picture needs.
    """

    subject: TranslationSubject
    scores: Sequence[Score]
    summary: FidelitySummary
    sentence: str
    evidence: Mapping[str, CaseEvidence]


def summarise_fidelity(scored: Scored) -> FidelitySummary:
    """What the scores and the errors inside structures say together."""
    scores = scored.scores
    views = compare_views(scores) if view_names(scores) else None
    return FidelitySummary(summarise(scores), summarise_structures(structures_of(scored.found.values())), views)


def judge_fidelity(summary: FidelitySummary, *, cases: str) -> str:
    """The answer that the page opens with: the model against the baselines, and a combination against its views.

    Args:
        summary: Of ``summarise_fidelity``.
        cases: What the cases are: ``held-out``, ``training``, ...
    """
    views = "" if summary.views is None else say_views(summary.views)
    parts = [judge(summary.overall, cases=cases).sentence, views, say_hidden(summary.overall)]
    return " ".join(part for part in parts if part)
