"""Figures during training: the picture of the moment, the progression strip, the curves (Avula et al., Figures 14, 15).

A segmentation has overlays in the place of errors, and curves of training beside validation cases.

The predictions of the strip are kept as small arrays beside the figures, so that a resumed run draws all of it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.evaluation.segmentation.gap import gap_in_words
from voxlate.evaluation.words import after_value, metric_title, number
from voxlate.io.atomic import write_bytes
from voxlate.methods.build import method_class
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, draw_translation, source_windows
from voxlate.reporting.drawing.views import SliceChoice, choose_slice
from voxlate.reporting.run.curves import draw_curves
from voxlate.reporting.run.game import draw_game, has_game
from voxlate.reporting.run.gap import draw_gap
from voxlate.reporting.run.moments import Moment, draw_moment, draw_moments, moment_of
from voxlate.reporting.run.progression import KeptSlice, Snapshot, draw_progression
from voxlate.training.loop.journal import Entry, read_log
from voxlate.training.loop.validation import Example, Validation, validation_metric

logger = logging.getLogger(__name__)

_NUMBERS = ("mae", "psnr", "ssim")
"""Metrics under the picture of the moment."""


class FigureDrawer:
    """An observer that draws the first validation case every so often and keeps its slice for the strip."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder = folder
        self._recipe = recipe
        self._every = recipe.training.figure_every
        self._next = 0
        self._spent: tuple[float, float] | None = None

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Draws nothing, but keeps how much of the budget is spent: a figure belongs to a validation."""
        before = self._spent[1] if self._spent else fraction * (step - 1) / step
        self._spent = before, fraction

    def validated(self, step: int, validation: Validation) -> None:
        """Draws the first validation after every ``figure_every`` steps, or those at the shares of ``figure_at``."""
        if not self._is_due(step):
            return
        example = validation.example
        if example.classes:
            self._segmented(step, validation)
            return
        choice = choose_slice("axial", shape=_triple(example.truth.shape), mask=example.mask, **_labelled(example))
        shown = _score_slice(example, choice)
        panel = self._panel(example, {"the slice shown": shown, "all validation cases": validation.metrics})
        heading = f"Step {step}: {example.case_id}"
        write_bytes(self._file(f"step_{step:09d}.png"), to_png(draw_translation(panel, heading=heading)))
        self._keep(step, example, choice, mae=shown["mae"])

    def _is_due(self, step: int) -> bool:
        """At the figures that the recipe asks for, and at the end of the budget."""
        shares, (before, after) = self._recipe.training.figure_at, self._spent or (-1.0, 0.0)
        if shares:
            return after >= 1 or any(before < share <= after for share in shares)
        due = step >= self._next or after >= 1
        self._next = (step // self._every + 1) * self._every if due else self._next
        return due

    def finish(self, log: Path) -> None:
        """Draws the strip and the curves of the whole run."""
        rows = read_log(log)
        if rows and method_class(self._recipe).segments:
            self._finish_segmentation(rows)
            return
        if rows:
            write_bytes(self._file("curves.png"), to_png(draw_curves(rows, best_step=_best_step(rows, self._recipe))))
        if has_game(rows):
            objective = str(self._recipe.method.options.get("objective", "vanilla"))
            write_bytes(self._file("game.png"), to_png(draw_game(rows, objective=objective)))
        kept = [KeptSlice.load(path) for path in sorted((self._folder / "frames").glob("step_*.npz"))]
        if kept:
            write_bytes(self._file("progression.png"), to_png(self._strip(kept)))

    def _segmented(self, step: int, validation: Validation) -> None:
        moment = moment_of(validation, step=step, title=get_contrast(self._recipe.example.sources[0]).title)
        write_bytes(self._file(f"step_{step:09d}.png"), to_png(draw_moment(moment)))
        moment.keep(self._file(f"frames/step_{step:09d}.npz"))

    def _finish_segmentation(self, rows: Sequence[Entry]) -> None:
        best_step = _best_step(rows, self._recipe)
        if best_step is not None:
            write_bytes(self._file("curves.png"), to_png(draw_gap(rows, best_step=best_step)))
        told = gap_in_words(rows, step=best_step)
        if told:
            logger.warning("%s", told)
        moments = [Moment.load(path) for path in sorted((self._folder / "frames").glob("step_*.npz"))]
        if moments:
            write_bytes(self._file("progression.png"), to_png(draw_moments(moments)))

    def _panel(self, example: Example, scores: Mapping[str, Mapping[str, float]]) -> Panel:
        recipe, source = self._recipe, get_contrast(self._recipe.example.sources[0])
        numbers = [
            f"{which[:1].upper()}{which[1:]}, foreground{'' if example.unit else ', normalised intensity'}: "
            + ", ".join(_written(name, metrics[name], example) for name in _NUMBERS)
            for which, metrics in scores.items()
        ]
        return Panel(
            case=example.case_id,
            sources={source.title: example.source},
            source_windows=source_windows(source.title, example.source, example.mask, unit=example.unit),
            painted=frozenset({source.title} if source.kind == "label" else ()),
            prediction=example.in_unit(example.prediction),
            truth=example.in_unit(example.truth),
            unit=example.unit,
            target=get_contrast(recipe.target).title,
            spacing_mm=example.spacing_mm,
            mask=example.mask,
            numbers=tuple(numbers),
            **_labelled(example),
        )

    def _keep(self, step: int, example: Example, choice: SliceChoice, *, mae: float) -> None:
        where = (slice(None), slice(None), slice(choice.index, choice.index + 1))
        condition = get_contrast(self._recipe.example.sources[0]).kind == "label"
        kept = KeptSlice(
            step,
            mae * example.scale,
            example.case_id,
            example.spacing_mm,
            choice.rule,
            prediction=example.in_unit(example.prediction)[where],
            truth=example.in_unit(example.truth)[where],
            mask=example.mask[where],
            unit=example.unit,
            condition=example.source[where] if condition else None,
        )
        kept.keep(self._file(f"frames/step_{step:09d}.npz"))

    def _strip(self, kept: list[KeptSlice]) -> Figure:
        last = kept[-1]
        alike = [one for one in kept if (one.prediction.shape, one.unit) == (last.truth.shape, last.unit)]
        return draw_progression(
            [Snapshot(one.step, one.prediction, one.mae) for one in alike],
            truth=last.truth,
            choice=SliceChoice("axial", 0, last.rule),
            spacing_mm=last.spacing_mm,
            target=get_contrast(self._recipe.target).title,
            mask=last.mask,
            case=last.case,
            unit=last.unit,
            condition=last.condition,
        )

    def _file(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _best_step(rows: Sequence[Entry], recipe: Recipe) -> int | None:
    """The step whose weights were kept: the last one validated, or the best by the metric that the recipe monitors."""
    name = recipe.training.monitor
    values = [(row.validation.get(name), row.step) for row in rows if row.validation is not None]
    if recipe.training.keep == "last" and values:
        return values[-1][1]
    available = [(value, step) for value, step in values if value is not None]
    if not available:
        return None
    best = min if validation_metric(name).better == "lower" else max
    return best(available)[1]


def _labelled(example: Example) -> dict[str, Any]:
    """The labels of an example, which decide its slice, as ``choose_slice`` and ``Panel`` take them."""
    return {} if example.labels is None else {"lesion": example.labels > 0, "labelled": "labels"}


def _score_slice(example: Example, choice: SliceChoice) -> dict[str, float]:
    """The metrics of one axial slice, inside the foreground."""
    mask = np.zeros_like(example.mask)
    mask[..., choice.index] = example.mask[..., choice.index]
    known = metrics_of("voxelwise")
    return {
        name: known[name](example.prediction, example.truth, mask=mask, data_range=example.data_range)
        for name in _NUMBERS
    }


def _written(metric: str, value: float, example: Example) -> str:
    """A metric's title and value; an absolute error in the unit of the target."""
    scale, unit = (example.scale, after_value(example.unit)) if metric == "mae" else (1.0, "")
    return f"{metric_title(metric)} {number(value * scale, metric=metric)}{unit}"


def _triple(shape: tuple[int, ...]) -> tuple[int, int, int]:
    i, j, k = shape
    return i, j, k
