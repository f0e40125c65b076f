"""The verdict: which synthetic images may be released and which wait for an expert, why, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voxlate.errors import counted, plural
from voxlate.evaluation.privacy.attack import FEWEST
from voxlate.evaluation.privacy.audit import Audit, FalseAlarms
from voxlate.evaluation.privacy.closer.lesions import INSIDE, SHAPE
from voxlate.evaluation.privacy.label_space import LABEL
from voxlate.evaluation.privacy.measurement import FEWEST_MEMBERS

_LIMITS = (
    "This audit finds images that look like a training image, or like a part of one, and labelled parts of training "
    "images. It does not prove that nothing leaks: another copied detail, or what several images tell together, is not "
    "seen. A distance is no differential privacy."
)
_BEYOND = "beyond the distance in every space that was compared"
_OTHERWISE = {
    LABEL: "its label map is too near to one of the training data",
    SHAPE: "a part of its label map has the shape of one of the training data",
    INSIDE: "a labelled part of a training image lies in it",
}
"""Why an image waits in a space that does not compare images as a whole."""
_FEW_MEMBERS = 20
_NAMED = 5
"""So many pairs and cases are named in a sentence."""


@dataclass(frozen=True)
class ExpertDecision:
    """What a person decided about a synthetic case.

    Attributes:
        case: Its id.
        decision: What is decided; who is unsure releases nothing.
        note: In the expert's words.
        expert: Who decided.
        decided_at: When, as ISO 8601.
        sha256: Of the files that were judged, each after the name of its contrast.
        beside: The real cases that stood beside it.
    """

    case: str
    decision: Literal["release", "withhold", "unsure"]
    note: str
    expert: str
    decided_at: str
    sha256: tuple[str, ...]
    beside: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseDecision:
    """What is decided about a synthetic case.

    Attributes:
        case: Its id.
        released: Whether its image may be released; if not, an expert sees it.
        reason: Why.
        expert: The person who decided; ``None`` where the audit alone did.
    """

    case: str
    released: bool
    reason: str
    expert: ExpertDecision | None = None


@dataclass(frozen=True)
class Circumstances:
    """What else decides how an audit reads.

    Attributes:
        known: Whether it is told which real images the model has seen.
        features: Whether images were compared in a feature space.
        unread: Released cases with a label map, if label maps were not compared.
        failed: Synthetic cases that could not be compared, each with its reason.
    """

    known: bool
    features: bool
    unread: int
    failed: Sequence[tuple[str, str]]


def decisions(audit: Audit) -> list[ReleaseDecision]:
    """One for every synthetic case that was compared."""
    found = []
    for case in audit.compared:
        why = _reasons(audit, case)
        found.append(ReleaseDecision(case, released=not why, reason="; ".join(why) or _BEYOND))
    return found


def _reasons(audit: Audit, case: str) -> list[str]:
    """Why a case is held back; nothing if it is released."""
    near, strangers = audit.too_near(case), audit.measured.strangers
    images = [f"{space} space" for space in near if space not in _OTHERWISE]
    found = [f"too near to a training image in {' and '.join(images)}"] if images else []
    found += [words for space, words in _OTHERWISE.items() if space in near]
    found += [strangers[case]] if case in strangers else []
    found += [str(audit.origins[case])] if case in audit.origins else []
    return found


def say_privacy(audit: Audit, decided: Sequence[ReleaseDecision], seen: Circumstances) -> str:
    """The answer: how many are released, why others wait, false alarms and what the attack on membership reaches."""
    total, title = len(decided), audit.contrast.title
    if not total:
        return f"No synthetic {title} image could be compared, and none is released."
    released = sum(one.released for one in decided)
    waiting = [one.case for one in decided if not one.released]
    near = sum(bool(audit.too_near(case)) for case in waiting)
    parts = [f"{released} of {counted(total, f'synthetic {title} image')} {plural(released, 'is', 'are')} released."]
    if near:
        what = "image or label map" if _OTHERWISE.keys() & audit.spaces.keys() else "image"
        parts.append(
            f"{near} {plural(near, 'is', 'are')} nearer to a training {what} than real ones are to each other, and "
            f"{plural(near, 'waits', 'wait')} for an expert."
        )
    rest = [case for case in waiting if _reasons(audit, case) and not audit.too_near(case)]
    strange = sum(case in audit.measured.strangers for case in rest)
    if strange:
        parts.append(
            f"{strange} could not be laid over the real ones and {plural(strange, 'waits', 'wait')} for an expert."
        )
    untold = sum(not audit.origins[case].what for case in rest if case not in audit.measured.strangers)
    told = len(rest) - strange - untold
    for made, what in (
        (told, "scans or label maps of the data set"),
        (untold, "a source that is not known here, which may be a patient's scan,"),
    ):
        if made:
            were, wait = plural(made, "was", "were"), plural(made, "waits", "wait")
            parts.append(f"{made} {were} made from {what} and {wait} for an expert.")
    judged = [one.expert.decision for one in decided if one.expert is not None]
    if judged:
        parts.append(
            f"Experts judged {len(judged)}: {judged.count('release')} released, {judged.count('withhold')} withheld, "
            f"{judged.count('unsure')} left open."
        )
    if seen.failed:
        parts.append(f"{len(seen.failed)} could not be compared at all.")
    if audit.alarms is not None:
        parts.append(f"Of {audit.alarms.of} held-out real images, {_alarm_words(audit.alarms)} would be held back.")
    parts.append(_membership_words(audit, known=seen.known))
    return " ".join(parts)


def say_review(count: int, *, shown: int) -> str:
    """What an expert is asked.

    Args:
        count: Images that wait.
        shown: How many of them are shown at most, the nearest first.
    """
    more = f" The {shown} nearest are shown; review.csv names all." if count > shown else ""
    return (
        f"{count} synthetic {plural(count, 'image waits', 'images wait')} for an expert: "
        f"does {plural(count, 'it', 'each')} show the same person as the real image beside it? "
        f"{plural(count, 'If not, it', 'Those that do not')} may be released by hand.{more}"
    )


def privacy_caveats(audit: Audit, seen: Circumstances) -> list[str]:
    """What a reader must know before the numbers."""
    found = [_LIMITS]
    if not seen.features:
        found.append("Images were compared voxel by voxel only: no network was given for a feature space.")
    if seen.unread:
        found.append(
            f"{counted(seen.unread, 'released case')} {plural(seen.unread, 'has', 'have')} a label map that was "
            f"compared with none: fewer than {FEWEST_MEMBERS} training subjects have one. It may be a patient's."
        )
    if not seen.known:
        found.append(
            "Nothing tells which real images the model has seen, so every one counts as a training image: there are no "
            "held-out images, no false-alarm rate and no membership test."
        )
    members, unusable = audit.measured.members, audit.measured.unusable
    if len(members) < _FEW_MEMBERS:
        found.append(f"{len(members)} training images are few: the threshold is uncertain.")
    found += [
        f"Some training {'label maps' if space.space == LABEL else 'images'} are so near to each other in "
        f"{space.space} space that they seem to show one patient; they do not set the threshold: "
        f"{_pairs_in_words(space.twins)}."
        for space in audit.spaces.values()
        if space.twins
    ]
    found += [f"The real case {case} is not compared, or in part: {why}" for case, why in unusable[:_NAMED]]
    if len(unusable) > _NAMED:
        found.append(f"{len(unusable) - _NAMED} more real cases are not compared, or in part (see summary.json).")
    return [*found, *(f"{case} is not released: {why}" for case, why in seen.failed)]


def _pairs_in_words(twins: Sequence[tuple[str, str]]) -> str:
    named = ", ".join(f"{one} and {other}" for one, other in twins[:_NAMED])
    return f"{named} and {len(twins) - _NAMED} more pairs" if len(twins) > _NAMED else named


def _membership_words(audit: Audit, *, known: bool) -> str:
    tested = [space.membership for space in audit.spaces.values() if space.membership is not None]
    if not tested:
        return "A membership test is not available" + (
            f" with fewer than {FEWEST} subjects on either side."
            if known
            else ": nothing tells which images were seen."
        )
    worst = max(tested, key=lambda one: one.auc)
    low, high = worst.interval
    words = worst.in_words
    return f"{words[:1].upper()}{words[1:]} (AUC {worst.auc:.2f}, 95 % interval {low:.2f} to {high:.2f}, chance 0.5)."


def _alarm_words(alarms: FalseAlarms) -> str:
    low, high = (100 * end for end in alarms.interval)
    share = 100 * alarms.count / alarms.of
    return f"{alarms.count} ({share:.0f} %, 95 % interval {low:.0f} to {high:.0f} %)"
