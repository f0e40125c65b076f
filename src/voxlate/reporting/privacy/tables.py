"""The tables of an audit: a row per space, and the synthetic images that lie nearest to a training image."""

from __future__ import annotations

from voxlate.evaluation.privacy.audit import Audit, FalseAlarms, SpaceAudit
from voxlate.evaluation.privacy.closer.lesions import INSIDE, SHAPE
from voxlate.evaluation.privacy.closer.local_space import LOCAL
from voxlate.evaluation.privacy.label_space import LABEL
from voxlate.evaluation.privacy.measurement import FEATURE, NEAREST, PIXEL, Question
from voxlate.evaluation.words import NOT_AVAILABLE
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table

SPACES = {
    PIXEL: "Pixel space",
    FEATURE: "Feature space",
    LABEL: "Label space",
    LOCAL: "Local space",
    SHAPE: "Lesion shapes",
    INSIDE: "Lesion images",
}
"""From a space to its title."""
FIELDS = ("space", "typical distance", "threshold", "held back", "false alarms", "membership AUC")
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
    "local space": "each image laid over training images themselves, from many starts; squared correlation of local "
    "structure in small cubes of what both show, which another contrast, a crop or padding does not hide",
    "lesion shapes": "connected parts of label maps with the same label, laid over each other by their centres: voxels "
    "that differ, over about their surface",
    "lesion images": "1 minus the highest correlation of what lies inside a labelled part of a training image with any "
    "place of the image",
    "held back": "as near as the threshold or nearer to a training image, or label map, in at least one space",
    "false alarms": "held-out real images, audited as if they were synthetic, that would be held back; Wilson's 95 % "
    "interval",
    "membership AUC": "probability that a random training image lies nearer to the synthetic images than a random "
    "held-out one; 0.5 is chance; bootstrap interval over subjects",
}
_BELOW = (
    "median, training to training",
    "held back up to",
    "of the synthetic images",
    "of held-out real images",
    "0.5 is chance",
)
_LISTED = 10


def space_section(audit: Audit) -> Section:
    """The one table that stands open: a row per space."""
    columns = tuple(Column(title, below) for title, below in zip(FIELDS[1:], _BELOW, strict=True))
    rows = tuple(
        Line(SPACES[space.space], "", "model", tuple(_cell(value) for value in _values(space)))
        for space in audit.spaces.values()
    )
    return Section(
        "What each space tells",
        "An image is released only if it lies beyond the threshold in every space.",
        "Counts of images, distances, and the area under the ROC curve of membership inference.",
        [Table("Per space", "space", columns, rows)],
        folded=False,
    )


def nearest_section(audit: Audit) -> Section:
    """The nearest synthetic images of each space."""
    return Section(
        "The nearest",
        f"The synthetic images that lie nearest to a training image; scores.csv has the {NEAREST} nearest of all.",
        "Relative distance to the nearest training image, and which one it is.",
        [_nearest_table(space) for space in audit.spaces.values() if space.of("synthetic")],
    )


def _nearest_table(space: SpaceAudit) -> Table:
    nearest = sorted(space.of("synthetic"), key=lambda question: (question.distance, question.case))[:_LISTED]
    columns = (Column("Relative distance", "0 is a copy"), Column("Training image", ""), Column("Decision here", ""))
    rows = tuple(Line(question.case, "", "", _nearest_cells(space, question)) for question in nearest)
    return Table(SPACES[space.space], "synthetic image", columns, rows)


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


def _cell(text: str) -> Cell:
    """A value, and what stands in brackets under it."""
    value, _, rest = text.partition(" (")
    return Cell(value, (rest.rstrip(")"),) if rest else ())


def terminal_rows(audit: Audit) -> list[tuple[str, ...]]:
    """A row per space under ``FIELDS``."""
    return [(space.space, *_values(space)) for space in audit.spaces.values()]
