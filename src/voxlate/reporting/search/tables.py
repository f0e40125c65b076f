"""Tables of a search: the best values beside the recipe's own, every trial, and those of an experiment grid.

The tables of a grid are those of Kathane & Vhora (IE643 project report 2022), in four digits as there: loss, accuracy,
precision, recall and F1 of the training cases and of the validation cases, at every epoch of a run with few, else at
the best one (``B``, by the metric that chooses the weights) and at the final one (``F``). Of images they hold the
training loss, and MAE, PSNR and SSIM of the validation cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from voxlate.config.search import Range
from voxlate.evaluation.study.baselines import Baselines
from voxlate.evaluation.study.grid import Setting, columns_known
from voxlate.evaluation.study.search import SearchResult
from voxlate.evaluation.words import (
    NOT_AVAILABLE,
    Number,
    arrow,
    direction,
    field_title,
    metric_title,
    number,
    short_title,
    with_minus,
)
from voxlate.reporting.page.page import Section
from voxlate.reporting.page.tables import Cell, Column, Line, Table, best_place
from voxlate.roles import BASELINES
from voxlate.training.loop.validation import TRAIN_PREFIX
from voxlate.training.tuning.results import Searched
from voxlate.training.tuning.trials import Trial

_HEADS = {"loss": "loss", "accuracy": "Acc", "precision": "P", "recall": "R", "f1": "F1"}
"""Heads of a grid's metrics; the others have their title."""
_FEW_EPOCHS = 5
"""So many validations of a run have a line each."""
Lines = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Names of columns, and the lines below."""


def grid_tables(settings: Sequence[Setting], *, varied: str, baselines: Baselines | None = None) -> dict[str, Lines]:
    """From ``Training`` and ``Validation`` to column names and lines.

    Args:
        settings: A line each, or two.
        varied: What they differ in, the head of their names: see ``varied_fields``.
        baselines: The first lines, of the validation cases alone.
    """
    tables = {}
    for title, prefix in (("Training", TRAIN_PREFIX), ("Validation", "")):
        columns = columns_known(settings, prefix)
        first = [] if prefix else _base_rows(baselines or {}, columns)
        rows = [*first, *(row for setting in settings for row in _rows(setting, prefix, columns))]
        tables[title] = ((varied, "epoch", *(_HEADS.get(name) or metric_title(name) for name in columns)), rows)
    return tables


def _base_rows(baselines: Baselines, columns: Sequence[str]) -> list[tuple[str, ...]]:
    return [
        (f"{name} (baseline)", "", *(_four(found.get(metric, math.nan)) for metric in columns))
        for name, found in baselines.items()
    ]


def _rows(setting: Setting, prefix: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    last = len(setting.epochs) - 1
    few = len(setting.epochs) <= _FEW_EPOCHS
    for place in range(last + 1) if few else dict.fromkeys((setting.best, last)):
        mark = "B" * (place == setting.best) + "F" * (place == last)
        values = [_four(setting.metrics[place].get(prefix + metric, math.nan)) for metric in columns]
        yield (setting.name, f"{setting.epochs[place]:.3g} {mark}".strip(), *values)


def _four(value: float) -> Number:
    """A number with four decimals."""
    return Number(NOT_AVAILABLE if math.isnan(value) else with_minus(f"{value:.4f}"), value)


def grid_sections(settings: Sequence[Setting], varied: str, *, baselines: Baselines) -> list[Section]:
    """Training and validation, a section each, with a line per setting and epoch; none of what is no grid."""
    sections = []
    for title, (heads, rows) in grid_tables(settings, varied=varied, baselines=baselines).items() if settings else ():
        names = columns_known(settings, TRAIN_PREFIX if title == "Training" else "")
        metrics = (Column(head, "", name) for head, name in zip(heads[2:], names, strict=True))
        columns = (Column("epoch", "B best, F final"), *metrics)
        lines = tuple(Line(name, "", "", tuple(map(Cell, cells))) for name, *cells in rows)
        caption = (
            f"Means over whole {title.lower()} cases: Acc accuracy, P precision, R recall; of loss and MAE lower is "
            "better, of the others higher. Losses of different kinds are not comparable."
        )
        table = Table(title, varied, columns, lines)
        sections.append(Section(f"The experiment grid: {title.lower()}", caption=caption, tables=[table]))
    return sections


def trial_lines(searched: Searched) -> Lines:
    """The trials for a terminal: number, state, value, each searched field, seconds."""
    search = searched.recipe.search
    fields = ("trial", "state", search.metric, *(name.rpartition(".")[2] for name in search.space), "seconds")
    rows = []
    for trial in searched.trials:
        numbers = (trial.value, *(trial.values.get(name) for name in search.space), trial.seconds)
        cells = (f"{cell:.4g}" if isinstance(cell, float) else "" if cell is None else str(cell) for cell in numbers)
        rows.append((str(trial.number), trial.state, *cells))
    return fields, rows


def values_table(result: SearchResult) -> Table:
    """What the baselines reach, the best values beside the recipe's own, and what each was searched in."""
    searched, names = result.searched, [name for name in BASELINES if name in result.baselines]
    space, own, bare = searched.recipe.search.space, searched.own or {}, [Cell("") for _ in names]
    columns = (
        *(Column(short_title(name), "baseline") for name in names),
        *(Column(title, "") for title in ("best", "the recipe's own", "searched")),
    )
    rows = [
        Line(
            field_title(name),
            name,
            "",
            (
                *bare,
                Cell(_plain(searched.best.values.get(name))),
                Cell(_plain(own.get(name))),
                Cell(_range_words(range_)),
            ),
        )
        for name, range_ in space.items()
    ]
    metric, own_trial = searched.recipe.search.metric, searched.own_trial
    values = [*map(result.baseline, names), *(trial.value if trial else None for trial in (searched.best, own_trial))]
    best = best_place(values, metric=metric, lower=searched.lower_is_better)
    cells = (Cell(number(value, metric=metric), best=place == best) for place, value in enumerate(values))
    below = f"{arrow(metric)} {direction(metric)}"
    first = Line(metric_title(metric), below, "model", (*cells, Cell("")), metric=metric)
    return Table("Best trial", "Field", columns, (first, *rows))


def _plain(value: object) -> str:
    """A value of a recipe as a reader wants it: four digits at most."""
    if value is None:
        return "n/a"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _range_words(range_: Range) -> str:
    if range_.values is not None:
        return ", ".join(map(_plain, range_.values))
    kind = [word for word, there in (("whole numbers", range_.integer), ("logarithmic", range_.log)) if there]
    return f"{_plain(range_.low)} to {_plain(range_.high)}" + (f" ({', '.join(kind)})" if kind else "")


def trials_table(result: SearchResult) -> Table:
    """The baselines, then every trial that has ended."""
    searched, search = result.searched, result.searched.recipe.search
    columns = (
        Column("state", ""),
        Column(metric_title(search.metric), f"{arrow(search.metric)} {direction(search.metric)}", search.metric),
        *(Column(field_title(name), "") for name in search.space),
        Column("time", "minutes"),
    )
    bare = [Cell("") for _ in range(len(search.space) + 1)]
    base = [
        Line(short_title(name), "baseline", "baseline", (Cell(""), Cell(_told(result, name)), *bare))
        for name in BASELINES
        if name in result.baselines
    ]
    rows = [*base, *(_trial_row(searched, trial) for trial in searched.trials)]
    return Table("Trials", "Trial", columns, tuple(rows))


def _told(result: SearchResult, name: str) -> str:
    return number(result.baseline(name), metric=result.searched.recipe.search.metric)


def _trial_row(searched: Searched, trial: Trial) -> Line:
    search, best = searched.recipe.search, trial is searched.best
    cells = (
        Cell(trial.state, (trial.reason,) if trial.reason else ()),
        Cell(number(trial.value, metric=search.metric), best=best),
        *(Cell(_plain(trial.values.get(name))) for name in search.space),
        Cell("n/a" if trial.seconds is None else f"{trial.seconds / 60:.1f}"),
    )
    note = "the recipe's own values" if trial.values == searched.own else ""
    return Line(str(trial.number), note, "model" if best else "", cells)
