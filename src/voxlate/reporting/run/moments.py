"""Moments of a segmentation's training: what it finds in one validation case, and the strip of them over time."""

from __future__ import annotations

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
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.overlays import draw_overlay, overlay_key
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import Cut, convention
from voxlate.reporting.run.progression import choose_frames, read_arrays, steps_in_words, widest_tile
from voxlate.reporting.segmentation.pictures import SegmentedCase, draw_finding
from voxlate.training.loop.validation import Validation


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
    finding: SegmentedCase
    dice: float
    rule: str = ""

    def keep(self, path: Path) -> None:
        """Writes the slice that the strip shows."""
        finding = self.finding
        cut = finding.cut()
        where = (*cut.box[:2], slice(cut.choice.index, cut.choice.index + 1))
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
                rule=cut.choice.rule,
                names=names,
                window=window,
                **values,
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> Moment:
        """What ``keep`` wrote."""
        kept = read_arrays(path)
        step, dice, rule, names, spacing_mm = map(kept.pop, ("step", "dice", "rule", "names", "spacing_mm"))
        kept.pop("window", None)
        classes = {str(name): tuple(map(int, kept.pop(f"values_{place}"))) for place, name in enumerate(names)}
        i, j, k = map(float, spacing_mm)
        return cls(step, SegmentedCase(**kept, classes=classes, spacing_mm=(i, j, k), numbers={}), dice, rule)


def moment_of(validation: Validation, *, step: int, title: str) -> Moment:
    """The moment of a validation.

    Args:
        validation: With label maps as its example.
        step: Optimiser steps done.
        title: What the example's source shows.
    """
    example = validation.example
    finding = SegmentedCase(
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
    cut = Cut.take(last.choose("axial"), shape=last.image.shape, spacing_mm=last.spacing_mm)
    picture, true = cut.of(last.image), cut.of(last.of(region)[1])
    window = tiles.grey_window(last.image, np.asarray(last.image) > np.min(last.image))
    overlays = [
        sheet.picture(
            cut.laid,
            draw_overlay,
            picture,
            found=cut.of(members(one.finding.found, values_of(region, last.classes))),
            true=true,
            window=window,
            below=f"Dice {number(one.dice, metric='dice')}",
        )
        for one in shown
    ]
    note = f"Overlays of {region}; under them the mean Dice of all classes over the validation cases. Slice: axial "
    note += f"(chosen by rule: {moments[-1].rule}). Display: {convention(['axial'])}."
    return sheet.draw_sheet(
        [*(SheetColumn(steps_in_words(one.step)) for one in shown), SheetColumn(f"{last.title} alone")],
        [SheetRow([*overlays, sheet.picture(cut.laid, tiles.draw_grey, picture, window=window, scaled=True)])],
        heading=f"What is found over training time: {last.case}",
        key=overlay_key,
        notes=[note],
        widest_mm=widest_tile(shown),
    )
