"""What a privacy audit says in tables and words."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from voxlate.evaluation.privacy.attack import FEWEST
from voxlate.evaluation.privacy.audit import FEWEST_MEMBERS, NEAREST, Audit, FalseAlarms, Question, SpaceAudit
from voxlate.evaluation.privacy.label_space import LABEL
from voxlate.evaluation.words import NOT_AVAILABLE, counted, plural
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table
from voxlate.reporting.privacy.plots import Attack, Strip

FIELDS = ("space", "typical distance", "threshold", "held back", "false alarms", "membership AUC")
SCORES = ("case", "role", "space", "rank", "neighbour", "distance", "relative_distance", "mirrored", "held_back")
TERMS = {
    "distance": "1 minus the correlation of two images after what all real images have in common is taken away: 0 is a "
    "copy, about 1 are two images that have no more in common than any two",
    "relative distance": "distance over the median distance of training images to their nearest other one",
    "pixel space": "images laid over the mean of the real ones by an affine map, on a coarse grid; voxels count by "
    "their rank among those of the foreground, so that another window or gamma changes nothing. Each image is also "
    "compared with left and right exchanged",
    "feature space": "features of the named network, at eight places along each view, each over its standard "
    "deviation; each image is also compared with left and right exchanged",
    "label space": "label maps laid over the mean of the real ones by an affine map of their own, on a coarse grid; "
    "structures count alike, whatever their size. Each map is also compared with left and right exchanged",
    "held back": "as near as the threshold or nearer to a training image, or label map, in at least one space",
    "false alarms": "held-out real images, audited as if they were synthetic, that would be held back; Wilson's 95 % "
    "interval",
    "membership AUC": "probability that a random training image lies nearer to the synthetic images than a random "
    "held-out one; 0.5 is chance; bootstrap interval over subjects",
}
LIMITS = (
    "This audit finds images that look like a training image as a whole. It does not prove that nothing leaks: a "
    "copied detail, or what several images tell together, is not seen. A distance is no differential privacy."
)
_TITLES = {"pixel": "Pixel space", "feature": "Feature space", LABEL: "Label space"}
FEW_MEMBERS = 20
NAMED = 5
Decision = tuple[str, str, str]
"""Case, name of its file, and the reason."""


def reasons(audit: Audit) -> dict[str, str]:
    """From a compared synthetic case to why it is held back; empty if it is released."""
    found = {}
    for case in audit.compared:
        near = audit.too_near(case)
        images = [f"{space} space" for space in near if space != LABEL]
        parts = [f"too near to a training image in {' and '.join(images)}"] if images else []
        parts += ["its label map is too near to one of the training data"] if LABEL in near else []
        parts += [audit.strangers[case]] if case in audit.strangers else []
        parts += [str(audit.origins[case])] if case in audit.origins else []
        found[case] = "; ".join(parts)
    return found


def decisions(audit: Audit, why: Mapping[str, str], files: Mapping[str, str], *, held_back: bool) -> list[Decision]:
    """The compared cases that are held back, or those that are not, with their reasons."""
    text = "beyond the distance in every space that was compared"
    return [(case, files[case], why[case] or text) for case in audit.compared if bool(why[case]) == held_back]


def decision_table(rows: Sequence[Decision], audit: Audit) -> str:
    """``released.csv`` or ``review.csv`` as text; what could not be compared has no distance."""
    spaces = list(audit.spaces.values())
    columns = [
        f"{what}_{one.space}" for one in spaces for what in ("nearest", "distance", "relative_distance", "threshold")
    ]
    lines: list[Sequence[str]] = [("case", "contrast", "file", *columns, "reason")]
    for case, file, reason in rows:
        cells = []
        for one in spaces:
            limit, question = repr(one.threshold.distance), audit.question(case, one.space)
            if question is None:
                cells += ["", "", "", limit]
                continue
            relative = one.threshold.relative(question.distance)
            cells += [question.neighbours[0].case, repr(question.distance), repr(relative), limit]
        lines.append((case, audit.contrast.name, file, *cells, reason))
    return _csv(lines)


def score_table(audit: Audit) -> str:
    """``scores.csv`` as text: the nearest training images of every image, in every space."""
    lines: list[Sequence[str]] = [SCORES]
    for space in audit.spaces.values():
        for question in space.questions:
            held = str(space.held_back(question)).lower()
            for rank, one in enumerate(question.neighbours, 1):
                values = repr(one.distance), repr(space.threshold.relative(one.distance)), str(one.mirrored).lower()
                lines.append((question.case, question.role, space.space, str(rank), one.case, *values, held))
    return _csv(lines)


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def summarise(audit: Audit, *, released: Sequence[str], held_back: Sequence[str]) -> dict[str, Any]:
    """``summary.json``."""
    return {
        "aspect": "privacy",
        "finished": True,
        "contrast": audit.contrast.name,
        "members": len(audit.members),
        "held_out": len(audit.held_out),
        "released": list(released),
        "review": list(held_back),
        "unusable_real": dict(audit.unusable),
        "false_alarms": _alarms_json(audit.alarms),
        "spaces": {name: _space_json(space) for name, space in audit.spaces.items()},
    }


def _space_json(space: SpaceAudit) -> dict[str, Any]:
    found = space.membership
    attack = None if found is None else {"auc": found.auc, "interval": list(found.interval), "in_words": found.in_words}
    return {
        "typical_distance": space.threshold.typical,
        "threshold": space.threshold.distance,
        "relative_threshold": space.threshold.relative(space.threshold.distance),
        "held_back": [question.case for question in space.of("synthetic") if space.held_back(question)],
        "twins": [list(pair) for pair in space.twins],
        "false_alarms": _alarms_json(space.alarms),
        "membership": attack,
    }


def _alarms_json(alarms: FalseAlarms | None) -> dict[str, Any] | None:
    return None if alarms is None else {"count": alarms.count, "of": alarms.of, "interval": list(alarms.interval)}


def sentence_of(audit: Audit, *, known: bool, failed: int) -> str:
    """The answer."""
    held = sum(bool(why) for why in reasons(audit).values())
    total = len(audit.compared)
    title = audit.contrast.title
    if not total:
        return f"No synthetic {title} image could be compared, and none is released."
    near = sum(bool(audit.too_near(case)) for case in audit.compared)
    parts = [
        f"{total - held} of {counted(total, f'synthetic {title} image')} {plural(total - held, 'is', 'are')} released."
    ]
    if near:
        what = "image" if len(audit.spaces) == 1 or LABEL not in audit.spaces else "image or label map"
        parts.append(
            f"{near} {plural(near, 'is', 'are')} nearer to a training {what} than real ones are to each other, and "
            f"{plural(near, 'waits', 'wait')} for an expert."
        )
    rest = [case for case, why in reasons(audit).items() if why and not audit.too_near(case)]
    strange = sum(case in audit.strangers for case in rest)
    if strange:
        parts.append(
            f"{strange} could not be laid over the real ones and {plural(strange, 'waits', 'wait')} for an expert."
        )
    if len(rest) > strange:
        made = len(rest) - strange
        parts.append(
            f"{made} {plural(made, 'was', 'were')} made from scans or label maps of the data set and "
            f"{plural(made, 'waits', 'wait')} for an expert."
        )
    if failed:
        parts.append(f"{failed} could not be compared at all.")
    if audit.alarms is not None:
        parts.append(f"Of {audit.alarms.of} held-out real images, {_alarm_words(audit.alarms)} would be held back.")
    parts.append(_membership_words(audit, known=known))
    return " ".join(parts)


def _membership_words(audit: Audit, *, known: bool) -> str:
    tested = [space for space in audit.spaces.values() if space.membership is not None]
    if not tested:
        return "A membership test is not available" + (
            f" with fewer than {FEWEST} subjects on either side."
            if known
            else ": nothing tells which images were seen."
        )
    worst = max(tested, key=lambda space: space.membership.auc if space.membership else 0)
    found = worst.membership
    if found is None:
        return ""
    low, high = found.interval
    words = found.in_words
    return f"{words[:1].upper()}{words[1:]} (AUC {found.auc:.2f}, 95 % interval {low:.2f} to {high:.2f}, chance 0.5)."


def _alarm_words(alarms: FalseAlarms) -> str:
    low, high = (100 * end for end in alarms.interval)
    share = 100 * alarms.count / alarms.of
    return f"{alarms.count} ({share:.0f} %, 95 % interval {low:.0f} to {high:.0f} %)"


def warnings(audit: Audit, *, known: bool, features: bool, unread: int, failed: Sequence[tuple[str, str]]) -> list[str]:
    """What a reader must know before the numbers."""
    found = [LIMITS]
    if not features:
        found.append("Images were compared voxel by voxel only: no network was given for a feature space.")
    if unread:
        found.append(
            f"{counted(unread, 'released case')} {plural(unread, 'has', 'have')} a label map that was "
            f"compared with none: fewer than {FEWEST_MEMBERS} training subjects have one. It may be a patient's."
        )
    if not known:
        found.append(
            "Nothing tells which real images the model has seen, so every one counts as a training image: there are no "
            "held-out images, no false-alarm rate and no membership test."
        )
    if len(audit.members) < FEW_MEMBERS:
        found.append(f"{len(audit.members)} training images are few: the threshold is uncertain.")
    for space in audit.spaces.values():
        if space.twins:
            named = ", ".join(f"{one} and {other}" for one, other in space.twins[:NAMED])
            more = f" and {len(space.twins) - NAMED} more pairs" if len(space.twins) > NAMED else ""
            found.append(
                f"Some training {'label maps' if space.space == LABEL else 'images'} are so near to each other in "
                f"{space.space} space that they seem to show one patient; they do not set the threshold: {named}{more}."
            )
    found += [f"The real case {case} is not compared, or in part: {why}" for case, why in audit.unusable[:NAMED]]
    if len(audit.unusable) > NAMED:
        found.append(f"{len(audit.unusable) - NAMED} more real cases are not compared, or in part (see summary.json).")
    return [*found, *(f"{case} is not released: {why}" for case, why in failed)]


def sections(audit: Audit) -> list[Section]:
    """The tables of the page: a row per space, and the nearest synthetic images."""
    columns = tuple(Column(title, below) for title, below in zip(FIELDS[1:], _BELOW, strict=True))
    rows = tuple(
        Line(_TITLES[space.space], "", "model", tuple(Cell(*_cell(value)) for value in _values(space)))
        for space in audit.spaces.values()
    )
    table = Table("Per space", "space", columns, rows)
    return [
        Section(
            "What each space tells",
            "An image is released only if it lies beyond the threshold in every space.",
            "Counts of images, distances, and the area under the ROC curve of membership inference.",
            [table],
        ),
        Section(
            "The nearest",
            f"The synthetic images that lie nearest to a training image; scores.csv has the {NEAREST} nearest of all.",
            "Relative distance to the nearest training image, and which one it is.",
            [_nearest_table(space) for space in audit.spaces.values() if space.of("synthetic")],
        ),
    ]


_BELOW = (
    "median, training to training",
    "held back up to",
    "of the synthetic images",
    "of held-out real images",
    "0.5 is chance",
)
_LISTED = 10


def _nearest_table(space: SpaceAudit) -> Table:
    nearest = sorted(space.of("synthetic"), key=lambda question: (question.distance, question.case))[:_LISTED]
    columns = (Column("Relative distance", "0 is a copy"), Column("Training image", ""), Column("Decision here", ""))
    rows = tuple(Line(question.case, "", "", _nearest_cells(space, question)) for question in nearest)
    return Table(_TITLES[space.space], "synthetic image", columns, rows)


def _nearest_cells(space: SpaceAudit, question: Question) -> tuple[Cell, ...]:
    first = question.neighbours[0]
    return (
        Cell(f"{space.threshold.relative(first.distance):.2f}"),
        Cell(first.case, ("mirrored",) if first.mirrored else ()),
        Cell("held back" if space.held_back(question) else "beyond"),
    )


def _values(space: SpaceAudit) -> list[str]:
    asked = space.of("synthetic")
    limit, found = space.threshold, space.membership
    return [
        f"{limit.typical:.3f}",
        f"{limit.distance:.3f} ({limit.relative(limit.distance):.2f} of it)",
        f"{sum(map(space.held_back, asked))} of {len(asked)}",
        NOT_AVAILABLE
        if space.alarms is None
        else f"{space.alarms.count} of {space.alarms.of} ({_share(space.alarms)})",
        NOT_AVAILABLE if found is None else f"{found.auc:.2f} ({found.interval[0]:.2f} to {found.interval[1]:.2f})",
    ]


def _share(alarms: FalseAlarms) -> str:
    low, high = (100 * end for end in alarms.interval)
    return f"{low:.0f} to {high:.0f} %"


def _cell(text: str) -> tuple[str, tuple[str, ...]]:
    """A value, and what stands in brackets under it."""
    value, _, rest = text.partition(" (")
    return value, (rest.rstrip(")"),) if rest else ()


def terminal_rows(audit: Audit) -> list[tuple[str, ...]]:
    """A row per space under ``FIELDS``."""
    return [(space.space, *_values(space)) for space in audit.spaces.values()]


def strips(audit: Audit) -> list[Strip]:
    """The spaces as they are drawn."""
    return [
        Strip(
            _TITLES[space.space],
            {
                role: [space.threshold.relative(question.distance) for question in space.of(role)]
                for role in ("synthetic", "held-out", "member")
            },
            space.threshold.relative(space.threshold.distance),
            "label map" if space.space == LABEL else "image",
        )
        for space in audit.spaces.values()
    ]


def attacks(audit: Audit) -> list[Attack]:
    """The attacks as they are drawn; none where there was none."""
    members = set(audit.members)
    return [
        Attack(
            _TITLES[space.space],
            np.array([score for case, score in space.attack.items() if case in members]),
            np.array([score for case, score in space.attack.items() if case not in members]),
            space.membership,
        )
        for space in audit.spaces.values()
        if space.membership is not None
    ]


def note_of(audit: Audit, case: str, space: str) -> str:
    """What is known of a synthetic image and its nearest real one, a line."""
    parts = []
    asked = {name: question for name in audit.spaces if (question := audit.question(case, name)) is not None}
    nearest = asked[space].neighbours[0]
    for name, question in asked.items():
        one = audit.spaces[name]
        found = next((near for near in question.neighbours if near.case == nearest.case), None)
        if found is not None:
            limit = one.threshold.relative(one.threshold.distance)
            parts.append(f"{name} space: {one.threshold.relative(found.distance):.2f} (held back up to {limit:.2f})")
    turned = "; left and right of the synthetic image are mirrored" if nearest.mirrored else ""
    made = f"; {audit.origins[case]}" if case in audit.origins else ""
    strange = "; could not be laid over the real ones" if case in audit.strangers else ""
    return f"Relative distance in {'; '.join(parts)}{turned}{strange}{made}."
