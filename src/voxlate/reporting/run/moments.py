"""Moments of a segmentation's training: what it finds in one validation case, and the strip of them over time."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from voxlate.cohort.labels.classes import members
from voxlate.evaluation.segmentation.scores import class_regions, values_of, whole
from voxlate.evaluation.words import number
from voxlate.io.atomic import replacing
from voxlate.metrics import dice
from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.views import convention, cut, picture_size_mm
from voxlate.reporting.run.progression import choose_frames
from voxlate.reporting.segmentation.pictures import Finding, draw_finding
from voxlate.training.loop.validation import Validation

EDGE, GAP, LINE, HEAD, KEY = 1.5, 1.0, 3.5, 10.0, 6.0  # mm
WIDEST_TILE = 34.0  # mm


@dataclass(frozen=True, eq=False)
class Moment:
    """What a segmentation found in one case after some steps.

    Attributes:
        step: Optimiser steps done.
        finding: The case; in a moment that was kept, one slice of it.
        dice: Mean over the validation cases and classes.
        rule: Why this slice was kept; empty for a whole case.
    """

    step: int
    finding: Finding
    dice: float
    rule: str = ""

    def keep(self, path: Path) -> None:
        """Writes the slice that the strip shows."""
        finding = self.finding
        choice, box = finding.choose(), finding.box()
        where = (*box[:2], slice(choice.index, choice.index + 1))
        names = np.array(list(finding.classes))
        values: dict[str, Any] = {
            f"values_{place}": np.array(values, dtype=np.int64) for place, values in enumerate(finding.classes.values())
        }
        arrays: dict[str, Any] = {name: getattr(finding, name)[where] for name in ("image", "truth", "found")}
        window = np.array(tiles.grey_window(finding.image))
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary,
                step=self.step,
                dice=self.dice,
                case=finding.case,
                title=finding.title,
                spacing_mm=finding.spacing_mm,
                rule=choice.rule,
                names=names,
                window=window,
                **values,
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> Moment:
        """What ``keep`` wrote."""
        with np.load(path) as file:
            values = dict(file)
        i, j, k = (float(step) for step in values["spacing_mm"])
        classes = {
            str(name): tuple(int(value) for value in values[f"values_{place}"])
            for place, name in enumerate(values["names"])
        }
        finding = Finding(
            case=str(values["case"]),
            image=values["image"],
            title=str(values["title"]),
            truth=values["truth"],
            found=values["found"],
            classes=classes,
            spacing_mm=(i, j, k),
            numbers={},
        )
        return cls(int(values["step"]), finding, float(values["dice"]), str(values["rule"]))


def moment_of(validation: Validation, *, step: int, title: str) -> Moment:
    """The moment of a validation.

    Args:
        validation: With label maps as its example.
        step: Optimiser steps done.
        title: What the example's source shows.
    """
    example = validation.example
    finding = Finding(
        case=example.case_id,
        image=example.source,
        title=title,
        truth=example.truth,
        found=example.prediction,
        classes=example.classes,
        spacing_mm=example.spacing_mm,
        numbers={},
    )
    numbers = {
        region: f"Dice {number(dice(*finding.of(region), mask=example.mask, data_range=1.0), metric='dice')}"
        for region in class_regions(example.classes)
    }
    return Moment(step, replace(finding, numbers=numbers), validation.metrics["dice"])


def draw_moment(moment: Moment) -> Figure:
    """The case after so many steps, class by class."""
    dice = number(moment.dice, metric="dice")
    heading = f"Step {moment.step}: {moment.finding.case}; mean Dice of the validation cases {dice}"
    return draw_finding(moment.finding, planes=("axial",), heading=heading)


@canvas.styled
def draw_moments(moments: Sequence[Moment]) -> Figure:
    """The same slice at several steps, and the image alone at the end.

    Args:
        moments: As they were kept; those of another case than the last are left out, at most six are shown.
    """
    last = moments[-1].finding
    same = [one for one in moments if one.finding.image.shape == last.image.shape and one.finding.case == last.case]
    shown = choose_frames(same)
    region = whole(last.classes)
    choice = last.choose("axial")
    i, j, _ = last.image.shape
    size = picture_size_mm((i, j, 1), spacing_mm=last.spacing_mm, plane="axial")
    width = min((canvas.PAGE_WIDTH_MM - 2 * EDGE - len(shown) * GAP) / (len(shown) + 1), WIDEST_TILE)
    height = width * size[1] / size[0]
    text = f"Overlays of {region}; under them the mean Dice of all classes over the validation cases. Slice: axial "
    text += f"(chosen by rule: {moments[-1].rule}). Display: {convention(['axial'])}."
    notes = textwrap.wrap(text, width=142)
    figure = canvas.new_figure(height_mm=HEAD + height + LINE + 2.5 + KEY + LINE * len(notes) + 1)
    heading = canvas.legible(f"What is found over training time: {last.case}", longest=120)
    tiles.write(figure, EDGE, 1.2, heading, fontsize=canvas.HEADING, fontweight="bold")
    window = tiles.grey_window(last.image, np.asarray(last.image) > np.min(last.image))
    for place, one in enumerate([*shown, None]):
        left = EDGE + place * (width + GAP)
        axes = tiles.place(figure, left, HEAD, width=width, height=height)
        tiles.write(figure, left, HEAD - 3.8, _steps(one.step) if one else f"{last.title} alone")
        picture = cut(last.image, choice)
        if one is None:
            tiles.draw_grey(axes, picture, window=window, size_mm=size)
        else:
            values = values_of(region, last.classes)
            found, true = (cut(members(part, values), choice) for part in (one.finding.found, last.truth))
            draw_overlay(axes, picture, found=found, true=true, window=window, size_mm=size)
            below = f"Dice {number(one.dice, metric='dice')}"
            tiles.write(figure, left, HEAD + height + 0.6, below, fontsize=canvas.SMALL + 0.5)
        tiles.letter(axes, "axial")
    top = HEAD + height + LINE + 2.5
    overlay_key(figure, EDGE, top, width=canvas.PAGE_WIDTH_MM - 2 * EDGE)
    for number_, line in enumerate(notes):
        tiles.write(figure, EDGE, top + KEY + LINE * number_, line, color=canvas.MUTED, fontsize=canvas.SMALL)
    return figure


def _steps(step: int) -> str:
    return f"step {step:,}".replace(",", "\N{THIN SPACE}")
