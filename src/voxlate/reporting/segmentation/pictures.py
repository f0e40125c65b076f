"""Findings in pictures: what a segmentation found beside what is truly there, class by class.

A row is a slice of a case: the image, then an overlay per class in which what is hit, missed and invented can be told
apart without colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from voxlate.cohort.labels.classes import members
from voxlate.evaluation.segmentation.scores import Classes, class_regions, values_of, whole
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.views import (
    PLANES,
    Box,
    Plane,
    SliceChoice,
    choose_slice,
    convention,
    cut,
    foreground_box,
    picture_size_mm,
)

Array = NDArray[Any]
EDGE, GAP, LINE, HEAD, KEY = 1.5, 1.4, 3.5, 9.0, 6.0  # mm
TALLEST_MM = 62.0
MOST_OVERLAYS = 3


@dataclass(frozen=True, eq=False)
class Finding:
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
    """

    case: str
    image: Array
    title: str
    truth: Array
    found: Array
    classes: Classes
    spacing_mm: tuple[float, float, float]
    numbers: Mapping[str, str]

    @property
    def shown(self) -> list[str]:
        """The regions that have an overlay: all if there are few, else all labels together and the first classes."""
        regions = list(class_regions(self.classes))
        if len(regions) <= MOST_OVERLAYS:
            return regions
        main = whole(self.classes)
        return [main, *(name for name in regions if name != main)][:MOST_OVERLAYS]

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
        choice = choose_slice(plane, shape=(i, j, k), mask=bright(self.image), lesion=true)
        return replace(choice, rule="largest true area") if true.any() else choice

    def box(self) -> Box:
        """The part of the image that is shown: what is no background, and every label."""
        i, j, k = self.image.shape
        return foreground_box(bright(self.image) | (self.truth > 0) | (self.found > 0), shape=(i, j, k))


@dataclass(frozen=True, eq=False)
class _Row:
    finding: Finding
    choice: SliceChoice
    heading: str
    numbers: bool
    box: Box
    size_mm: tuple[float, float]

    @classmethod
    def of(cls, finding: Finding, plane: Plane, *, heading: str, numbers: bool) -> _Row:
        box = finding.box()
        i, j, k = (side.stop - side.start for side in box)
        size = picture_size_mm((i, j, k), spacing_mm=finding.spacing_mm, plane=plane)
        return cls(finding, finding.choose(plane), heading, numbers, box, size)

    @property
    def text_mm(self) -> float:
        return (LINE + 0.8 if self.heading else 0) + (LINE + 1.2 if self.numbers else 0) + GAP


@canvas.styled
def draw_finding(
    finding: Finding, *, planes: Sequence[Plane] = ("axial", "coronal", "sagittal"), heading: str = ""
) -> Figure:
    """One case, a row per plane.

    Args:
        finding: The case.
        planes: From top to bottom.
        heading: Printed above the pictures; by default the case's name.
    """
    last = len(planes) - 1
    return _draw(
        [
            _Row.of(finding, plane, heading="" if number else heading or finding.case, numbers=number == last)
            for number, plane in enumerate(planes)
        ]
    )


@canvas.styled
def draw_findings(findings: Mapping[str, Finding], *, plane: Plane = "axial") -> Figure:
    """Several cases of the same classes, a row each.

    Args:
        findings: From a label (``worst``, ``median``, ``best``, a recipe) to the case, from top to bottom.
        plane: The plane of every row.
    """
    return _draw([_Row.of(one, plane, heading=f"{label}: {one.case}", numbers=True) for label, one in findings.items()])


def bright(image: Array) -> NDArray[np.bool_]:
    """Roughly what is no background, to place pictures and grey windows by."""
    low, high = np.percentile(image, [0.5, 99.5])
    return np.asarray(image > low + 0.05 * (high - low))


def _draw(rows: Sequence[_Row]) -> Figure:
    columns = len(rows[0].finding.shown) + 1
    width = (canvas.PAGE_WIDTH_MM - 2 * EDGE - GAP * (columns - 1)) / columns
    scale = min(width / max(row.size_mm[0] for row in rows), TALLEST_MM / max(row.size_mm[1] for row in rows))
    notes = _notes(rows)
    heights = [row.size_mm[1] * scale for row in rows]
    total = HEAD + sum(heights) + sum(row.text_mm for row in rows) + KEY + LINE * len(notes) + 1.0
    figure = canvas.new_figure(height_mm=total)
    lefts = [EDGE + place * (width + GAP) for place in range(columns)]
    first = rows[0].finding
    heads = [(first.title, "image"), *((name, "found beside true") for name in first.shown)]
    for left, (title, below) in zip(lefts, heads, strict=True):
        name = title[:1].upper() + title[1:]
        tiles.write(figure, left, 1.2, canvas.legible(name, longest=28), fontsize=canvas.HEADING, fontweight="bold")
        tiles.write(figure, left, 5.0, below, fontsize=canvas.SMALL, color=canvas.MUTED)
    top = HEAD
    for row, height in zip(rows, heights, strict=True):
        top = _draw_row(figure, row, lefts=lefts, top=top, size=(width, height))
    overlay_key(figure, EDGE, top, width=canvas.PAGE_WIDTH_MM - 2 * EDGE)
    for number, line in enumerate(notes):
        tiles.write(figure, EDGE, top + KEY + LINE * number, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _draw_row(figure: Figure, row: _Row, *, lefts: Sequence[float], top: float, size: tuple[float, float]) -> float:
    """Draws one row from ``top`` and returns where the next one begins, in mm."""
    finding, choice = row.finding, row.choice
    if row.heading:
        tiles.write(figure, EDGE, top, canvas.legible(row.heading, longest=120), fontweight="bold")
        top += LINE + 0.8
    picture = cut(finding.image, choice, box=row.box)
    window = tiles.grey_window(finding.image, bright(finding.image))
    axes = tiles.place(figure, lefts[0], top, width=size[0], height=size[1])
    tiles.draw_grey(axes, picture, window=window, size_mm=row.size_mm)
    tiles.letter(axes, choice.plane)
    tiles.scale_bar(axes)
    tiles.caption(axes, choice.plane, x=0.975, y=0.03, ha="right", va="bottom")
    for left, region in zip(lefts[1:], finding.shown, strict=True):
        axes = tiles.place(figure, left, top, width=size[0], height=size[1])
        found, true = (cut(part, choice, box=row.box) for part in finding.of(region))
        draw_overlay(axes, picture, found=found, true=true, window=window, size_mm=row.size_mm)
        tiles.letter(axes, choice.plane)
        if row.numbers:
            text = finding.numbers.get(region, "")
            tiles.write(figure, left, top + size[1] + 0.5, text, fontsize=canvas.SMALL + 0.5)
    return top + size[1] + GAP + (LINE + 1.2 if row.numbers else 0)


def _notes(rows: Sequence[_Row]) -> list[str]:
    planes: list[Plane] = list(dict.fromkeys(row.choice.plane for row in rows))
    slices = []
    for plane in planes:
        shown = [row for row in rows if row.choice.plane == plane]
        places = ", ".join(f"{row.choice.index + 1}/{row.finding.image.shape[PLANES[plane]]}" for row in shown)
        slices.append(f"{plane} {places}")
    rules = dict.fromkeys(row.choice.rule for row in rows)
    finding = rows[0].finding
    left_out = len(class_regions(finding.classes)) - len(finding.shown)
    more = f" {left_out} further class{'es are' if left_out > 1 else ' is'} not drawn." if left_out else ""
    text = f"Slices: {'; '.join(slices)} (chosen by rule: {', '.join(rules)}). Display: {convention(planes)}. "
    text += f"Numbers are of the whole volume.{more}"
    return textwrap.wrap(text, width=142)
