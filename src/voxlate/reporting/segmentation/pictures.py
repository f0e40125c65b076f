"""Findings in pictures: what a segmentation found beside what is truly there, class by class.

A row is a slice of a case: the image, then an overlay per class in which what is hit, missed and invented can be told
apart without colour.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.cohort.labels.classes import members
from voxlate.evaluation.scores import Score
from voxlate.evaluation.segmentation.cases import Segmented
from voxlate.evaluation.segmentation.scores import Classes, class_regions, values_of, whole
from voxlate.evaluation.words import metric_title, number
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.kept import KeptGrid
from voxlate.reporting.drawing.overlays import (
    OUTCOMES,
    class_colours,
    class_key,
    draw_overlay,
    draw_painted,
    outcome_areas,
    overlay_key,
)
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.strips import Pane, Strips, cut_strips, in_greys
from voxlate.reporting.drawing.views import PLANES, Cut, Plane, SliceChoice, choose_slice, slices_in_words
from voxlate.reporting.page.page import SliceStack
from voxlate.roles import MODEL
from voxlate.volume import Array

_TALLEST_MM = 62.0
_MOST_OVERLAYS = 3


@dataclass(frozen=True, eq=False)
class SegmentedCase:
    """One case; arrays ``(i, j, k)`` in RAS order, of one shape.

    Attributes:
        case: Name of the case.
        image: The image that was segmented.
        title: What it shows (``FLAIR``).
        truth: True label map.
        found: Label map that was found.
        classes: From the name of a class to its label values.
        spacing_mm: Voxel size along i, j, k.
        numbers: From a region to the text under its overlay.
        inside: Roughly what is no background; by default told from the image, which must be whole then.
        window: Grey values of black and white; by default told from the image too.
    """

    case: str
    image: Array
    title: str
    truth: Array
    found: Array
    classes: Classes
    spacing_mm: tuple[float, float, float]
    numbers: Mapping[str, str]
    inside: NDArray[np.bool_] | None = None
    window: tiles.Window | None = None

    @property
    def body(self) -> NDArray[np.bool_]:
        """Roughly what is no background."""
        return tiles.bright(self.image) if self.inside is None else self.inside

    @property
    def grey(self) -> tiles.Window:
        """The grey values that are drawn black and white."""
        return tiles.grey_window(self.image, self.body) if self.window is None else self.window

    @property
    def shown(self) -> list[str]:
        """The regions that have an overlay each: all if there are few, else all labels together."""
        regions = list(class_regions(self.classes))
        return regions if len(regions) <= _MOST_OVERLAYS else [whole(self.classes)]

    @property
    def colours(self) -> dict[str, str]:
        """From a class to its colour where one overlay shows every class."""
        return dict(zip(self.classes, class_colours(len(self.classes)), strict=True))

    def areas(self, labels: Array) -> dict[str, Array]:
        """From the colour of a class to where a label map has it, smaller sets of values above larger ones."""
        order = sorted(self.classes, key=lambda name: (bool(self.classes[name]), -len(self.classes[name])))
        return {self.colours[name]: members(labels, self.classes[name]) for name in order}

    def of(self, region: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The voxels of a region, found and true."""
        values = values_of(region, self.classes)
        return members(self.found, values), members(self.truth, values)

    def choose(self, plane: Plane = "axial") -> SliceChoice:
        """The slice to show: the largest true area, else the largest found one, else the middle of the image."""
        i, j, k = self.image.shape
        found, true = self.of(whole(self.classes))
        if not true.any() and found.any():
            choice = choose_slice(plane, shape=(i, j, k), lesion=found)
            return replace(choice, rule="largest area that was found")
        choice = choose_slice(plane, shape=(i, j, k), mask=self.body, lesion=true)
        return replace(choice, rule="largest true area") if true.any() else choice

    def cut(self, plane: Plane = "axial") -> Cut:
        """That slice, and the part of it that is shown: what is no background, and every label."""
        inside = self.body | (self.truth > 0) | (self.found > 0)
        return Cut.take(self.choose(plane), shape=self.image.shape, spacing_mm=self.spacing_mm, mask=inside)


def picture_of(segmented: Segmented, classes: Classes) -> dict[str, Array]:
    """What the pictures of a case need, to be kept beside its scores: both label maps, and three slices of the image.

    Args:
        segmented: The case.
        classes: From the name of a class to its label values.
    """
    image, found = segmented.image, segmented.found[MODEL]
    i, j, k = image.shape
    whole_case = SegmentedCase(
        segmented.case_id, image, "", segmented.truth, found, classes, segmented.spacing_mm, numbers={}
    )
    strips = _cut_strips(whole_case)
    return {
        **strips.to_arrays(),
        **KeptGrid((i, j, k), segmented.spacing_mm, whole_case.grey).to_arrays(),
        "truth": _pack(segmented.truth),
        "found": _pack(found),
        "inside": _pack(whole_case.body),
        **{plane: np.take(image, whole_case.choose(plane).index, axis) for plane, axis in PLANES.items()},
    }


def finding_of(
    arrays: Mapping[str, Array], *, case: str, title: str, classes: Classes, numbers: Mapping[str, str]
) -> SegmentedCase:
    """The case as it is drawn; of its image there are the slices that are shown, and 0 elsewhere.

    Args:
        arrays: Of ``picture_of``.
        case: Name of the case.
        title: What the image shows.
        classes: From the name of a class to its label values.
        numbers: From a region to the text under its overlay.
    """
    grid = KeptGrid.from_arrays(arrays)
    truth, found, inside = (_unpack(arrays[name], grid.shape) for name in ("truth", "found", "inside"))
    finding = SegmentedCase(
        case=case,
        image=np.zeros(grid.shape, np.float32),
        title=title,
        truth=truth,
        found=found,
        classes=classes,
        spacing_mm=grid.spacing_mm,
        numbers=numbers,
        inside=inside > 0,
        window=grid.window,
    )
    for plane, axis in PLANES.items():
        np.moveaxis(finding.image, axis, 0)[finding.choose(plane).index] = arrays[plane]
    return finding


def finding_numbers(scores: Sequence[Score], case: str, *, method: str = MODEL) -> dict[str, str]:
    """From a region to what is written under its overlay: Dice and HD95 of the case."""
    values = {(s.region, s.metric): s for s in scores if s.case == case and s.method == method}
    return {
        region: ", ".join(
            f"{metric_title(name)} {number(values[region, name].value, metric=name)}"
            + (" mm" if name == "hd95" and np.isfinite(values[region, name].value) else "")
            for name in ("dice", "hd95")
            if (region, name) in values
        )
        for region in dict.fromkeys(region for region, _ in values)
    }


def _cut_strips(finding: SegmentedCase) -> Strips:
    """The case slice by slice: the image, what is true and what was found of every class, and where both differ.

    Args:
        finding: The case, its image whole.
    """

    def pictures(cut: Cut) -> list[Pane]:
        grey = in_greys(cut.of(finding.image), window=finding.grey)
        true, found = cut.of(finding.truth), cut.of(finding.found)
        values = values_of(whole(finding.classes), finding.classes)
        outcomes = outcome_areas(members(found, values), members(true, values))
        layers = finding.areas(true), finding.areas(found), outcomes
        return [Pane(grey), *(Pane(grey, areas=areas) for areas in layers)]

    labelled = (finding.truth > 0) | (finding.found > 0)
    return cut_strips(finding.cut(), pictures, region=labelled if labelled.any() else finding.body)


def stack_of(finding: SegmentedCase, arrays: Mapping[str, Array], *, caption: str, link: str = "") -> SliceStack | None:
    """The case to scroll through; ``None`` if no slices were kept of it.

    Args:
        finding: The case.
        arrays: Of ``picture_of``.
        caption: How good it is, in words.
        link: Path of its own page.
    """
    strips = Strips.from_arrays(arrays)
    if strips is None:
        return None
    heads = (finding.title, "True", "Found", "Where both differ")
    return SliceStack(finding.case, caption, heads, strips, key={**finding.colours, **OUTCOMES}, link=link)


def _pack(labels: Array) -> NDArray[np.uint8]:
    """A label map as compressed bytes: those of a whole cohort are in memory at once, and most voxels are 0."""
    return np.frombuffer(zlib.compress(np.rint(labels).astype(np.int32).tobytes(), level=1), np.uint8)


def _unpack(packed: Array, shape: tuple[int, int, int]) -> NDArray[np.int32]:
    return np.frombuffer(zlib.decompress(packed.tobytes()), np.int32).reshape(shape)


@canvas.styled
def draw_finding(
    finding: SegmentedCase, *, planes: Sequence[Plane] = ("axial", "coronal", "sagittal"), heading: str = ""
) -> Figure:
    """One case, a row per plane.

    Args:
        finding: The case.
        planes: From top to bottom.
        heading: Printed above the pictures; by default the case's name.
    """
    last = len(planes) - 1
    cuts = [finding.cut(plane) for plane in planes]
    rows = [
        _row(finding, cut, heading="" if number else heading or finding.case, numbers=number == last)
        for number, cut in enumerate(cuts)
    ]
    return _draw(finding, cuts, rows)


@canvas.styled
def draw_findings(findings: Mapping[str, SegmentedCase], *, plane: Plane = "axial") -> Figure:
    """Several cases of the same classes, a row each.

    Args:
        findings: From a label (``worst``, ``median``, ``best``, a recipe) to the case, from top to bottom.
        plane: The plane of every row.
    """
    cuts = {label: finding.cut(plane) for label, finding in findings.items()}
    rows = [
        _row(finding, cuts[label], heading=f"{label}: {finding.case}", numbers=True)
        for label, finding in findings.items()
    ]
    return _draw(next(iter(findings.values())), list(cuts.values()), rows)


def _row(finding: SegmentedCase, cut: Cut, *, heading: str, numbers: bool) -> SheetRow:
    picture, window = cut.of(finding.image), finding.grey
    cells = [sheet.picture(cut.laid, tiles.draw_grey, picture, window=window, scaled=True)]
    for region in finding.shown:
        found, true = (cut.of(part) for part in finding.of(region))
        below = finding.numbers.get(region, "") if numbers else ""
        overlaid: Style = {"found": found, "true": true, "window": window, "below": below}
        cells.append(sheet.picture(cut.laid, draw_overlay, picture, **overlaid))
    if _paints(finding):
        for labels in (finding.truth, finding.found):
            areas = finding.areas(cut.of(labels))
            cells.append(sheet.picture(cut.laid, draw_painted, picture, areas=areas, window=window))
    return SheetRow(cells, heading)


def _paints(finding: SegmentedCase) -> bool:
    """Whether there are too many classes for an overlay of each: then two overlays show all of them in colours."""
    return len(finding.shown) < len(class_regions(finding.classes))


def _draw(first: SegmentedCase, cuts: Sequence[Cut], rows: Sequence[SheetRow]) -> Figure:
    slices = slices_in_words([(cut.choice, cut.count) for cut in cuts])
    columns = [SheetColumn(name[:1].upper() + name[1:], "found beside true") for name in first.shown]
    if _paints(first):
        columns += [SheetColumn("True", "every class"), SheetColumn("Found", "every class")]
    return sheet.draw_sheet(
        [SheetColumn(first.title, "image"), *columns],
        rows,
        key=overlay_key,
        handles=class_key(first.colours) if _paints(first) else (),
        notes=[f"{slices} Numbers are of the whole volume."],
        tallest_mm=_TALLEST_MM,
    )
