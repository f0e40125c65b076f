"""The report of a search: which values are best, how much better than the recipe's own, and what every trial gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxlate._version import __version__
from voxlate.config.search import Range
from voxlate.evaluation.words import arrow, direction, meaning, metric_title, number
from voxlate.io.atomic import write_text
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.page import Illustration, embed, render_page, write_figures
from voxlate.reporting.page.tables import Cell, Column, Line, Table
from voxlate.reporting.search.grid_plots import draw_grid
from voxlate.reporting.search.plots import draw_history, draw_importance, draw_parallel, draw_slices, field_title
from voxlate.reporting.search.tables import (
    Setting,
    grid_tables,
    is_grid,
    read_settings,
    say_nothing_found,
    varied_fields,
    write_tables,
)
from voxlate.training.tuning.results import FEWEST_FOR_IMPORTANCE, Published, Searched
from voxlate.training.tuning.trials import Trial

EDGE = 0.05
"""A best value this near to an end of its range, as part of the range, may have a better one beyond it."""

CHOSEN = (
    "The values were chosen on the validation cases that scored them, so the value is better than new cases will give: "
    "train the best recipe and evaluate it on test cases."
)


@dataclass(frozen=True)
class _Head:
    """What every page opens and ends with."""

    title: str
    verdict: str
    facts: Mapping[str, object]


def publish(searched: Searched, folder: Path) -> Published:
    """Writes ``report.html`` and ``figures/`` of a search with at least one complete trial.

    Returns:
        The two tables of an experiment grid, and whether settings found nothing; nothing of another search.
    """
    settings = read_settings(searched, folder) if is_grid(searched) else []
    illustrations = _illustrate(searched)
    if settings:
        write_tables(settings, folder)
        caption = "What every setting reached, epoch by epoch. The gap between the lines is what was learned by heart."
        curves = Illustration(
            "The experiment grid", caption, to_png(draw_grid(settings, varied=varied_fields(searched)))
        )
        illustrations = {"grid_curves": curves, **illustrations}
    write_figures(illustrations, folder)
    write_text(folder / "report.html", render(searched, illustrations, settings=settings))
    if not settings:
        return Published()
    return Published(
        grid_tables(settings, varied=varied_fields(searched)), tuple(filter(None, [say_nothing_found(settings)]))
    )


def render(searched: Searched, illustrations: Mapping[str, Illustration], *, settings: Sequence[Setting] = ()) -> str:
    """The page as HTML, with the tables of an experiment grid if there are settings."""
    recipe, missing = searched.recipe, searched.importance.missing
    metric = recipe.search.metric
    return render_page(
        "tuning.html.j2",
        report=_Head(f"Search: {recipe.name}", sentence(searched), _facts(searched)),
        warnings=[*warnings(searched), *filter(None, [say_nothing_found(settings)])],
        grid=_grid_tables(settings, varied_fields(searched)),
        values=_values_table(searched),
        trials=_trials_table(searched),
        figures=[embed(illustration) for illustration in illustrations.values()],
        missing=f"The importance of the fields was not computed: {missing}." if missing else "",
        glossary=[(metric_title(metric), meaning(metric))] if meaning(metric) else [],
    )


def sentence(searched: Searched) -> str:
    """The answer: the best value, on how many trials, compared with the recipe's own values."""
    metric, best, own = searched.recipe.search.metric, searched.best, searched.own_trial
    ended = {state: searched.count(state) for state in ("complete", "pruned", "failed", "killed")}
    others = ", ".join(f"{count} {state}" for state, count in ended.items() if count and state != "complete")
    text = (
        f"{metric_title(metric)} {number(best.value, metric=metric)} in trial {best.number}, the best of "
        f"{ended['complete']} complete trials{f' ({others})' if others else ''}."
    )
    if own is None:
        return f"{text} The recipe's own values were not tried to the end."
    if own is best:
        return f"{text} These are the recipe's own values: nothing better was found."
    return f"{text} The recipe's own values gave {number(own.value, metric=metric)}."


def warnings(searched: Searched) -> list[str]:
    """What a reader must know before the numbers."""
    found = [CHOSEN]
    space, complete = searched.recipe.search.space, len(searched.complete)
    if searched.own is None:
        found.append("The recipe's own values do not lie in the ranges, so there is no comparison with them.")
    if complete < 2 * len(space):
        found.append(f"{complete} complete trials are few for {len(space)} fields: much of what is seen is chance.")
    edges = [name for name, range_ in space.items() if _at_an_edge(searched.best.values.get(name), range_)]
    if edges:
        words = ", ".join(field_title(name) for name in edges)
        found.append(f"The best value lies at an end of its range: {words}. A wider range may hold a better one.")
    return found


def _at_an_edge(value: Any, range_: Range) -> bool:  # noqa: ANN401
    if range_.values is not None or value is None:
        return False
    height = range_.height(value)
    return height < EDGE or height > 1 - EDGE


def _illustrate(searched: Searched) -> dict[str, Illustration]:
    metric = metric_title(searched.recipe.search.metric)
    found = {
        "objective": Illustration(
            f"{metric} against every searched field",
            "One plot per field, all with the same trials: those of the best values lie where the plots are best. "
            "A pruned trial was ended early and stands at its last value.",
            to_png(draw_slices(searched)),
        ),
        "history": Illustration(
            "History of the search",
            "Every trial in the order in which it was begun; the line is the best complete trial so far.",
            to_png(draw_history(searched)),
        ),
    }
    if searched.importance.shares:
        found["importance"] = Illustration(
            "Importance of the searched fields",
            "How differently a field's values are distributed over the best quarter of the complete trials and over "
            "all of them (PED-ANOVA; Watanabe, Bansal and Hutter 2023). The black tick is what random numbers exceed "
            "in one of twenty cases: a bar that does not pass it shows nothing.",
            to_png(draw_importance(searched)),
        )
    found["parallel"] = Illustration(
        "All complete trials at once",
        f"A line is a trial; it crosses each axis at the value it had. On the last axis is its {metric}.",
        to_png(draw_parallel(searched)),
    )
    return found


def _values_table(searched: Searched) -> Table:
    space, own = searched.recipe.search.space, searched.own or {}
    columns = (Column("best", ""), Column("the recipe's own", ""), Column("searched", ""))
    rows = [
        Line(
            field_title(name),
            name,
            "",
            (Cell(plain(searched.best.values.get(name))), Cell(plain(own.get(name))), Cell(_range_words(range_))),
        )
        for name, range_ in space.items()
    ]
    metric, own_trial = searched.recipe.search.metric, searched.own_trial
    values = [number(trial.value if trial else None, metric=metric) for trial in (searched.best, own_trial)]
    below = f"{arrow(metric)} {direction(metric)}"
    result = Line(metric_title(metric), below, "model", (*map(Cell, values), Cell("")))
    return Table("Best trial", "Field", columns, (result, *rows))


def plain(value: object) -> str:
    """A value of a recipe as a reader wants it: four digits at most."""
    if value is None:
        return "n/a"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _range_words(range_: Range) -> str:
    if range_.values is not None:
        return ", ".join(map(plain, range_.values))
    kind = [word for word, there in (("whole numbers", range_.integer), ("logarithmic", range_.log)) if there]
    return f"{plain(range_.low)} to {plain(range_.high)}" + (f" ({', '.join(kind)})" if kind else "")


def _grid_tables(settings: Sequence[Setting], varied: str) -> list[Table]:
    """Training and validation, a line per setting and epoch."""
    tables = []
    for title, (fields, rows) in grid_tables(settings, varied=varied).items() if settings else ():
        columns = (Column("epoch", "B best, F final"), *(Column(name, "") for name in fields[2:]))
        lines = tuple(Line(name, "", "", tuple(map(Cell, cells))) for name, *cells in rows)
        tables.append(Table(title, varied, columns, lines))
    return tables


def _trials_table(searched: Searched) -> Table:
    search = searched.recipe.search
    columns = (
        Column("state", ""),
        Column(metric_title(search.metric), f"{arrow(search.metric)} {direction(search.metric)}"),
        *(Column(field_title(name), "") for name in search.space),
        Column("time", "minutes"),
    )
    rows = [_trial_row(searched, trial) for trial in searched.trials]
    return Table("Trials", "Trial", columns, tuple(rows))


def _trial_row(searched: Searched, trial: Trial) -> Line:
    search, best = searched.recipe.search, trial is searched.best
    cells = (
        Cell(trial.state, (trial.reason,) if trial.reason else ()),
        Cell(number(trial.value, metric=search.metric), best=best),
        *(Cell(plain(trial.values.get(name))) for name in search.space),
        Cell("n/a" if trial.seconds is None else f"{trial.seconds / 60:.1f}"),
    )
    note = "the recipe's own values" if trial.values == searched.own else ""
    return Line(str(trial.number), note, "model" if best else "", cells)


def _facts(searched: Searched) -> dict[str, object]:
    recipe, search = searched.recipe, searched.recipe.search
    return {
        "Recipe": recipe.name,
        "Paper": recipe.paper or "none",
        "Compared": f"{metric_title(search.metric)} of the weights with the best {recipe.training.monitor}",
        "Sampler": search.sampler,
        "Pruner": searched.pruner,
        "Seed": recipe.training.seed,
        "Study": searched.storage,
        "Time of this worker": f"{searched.seconds / 60:.1f} minutes",
        "Run of the best trial": searched.best.run,
        "Other metrics of it": ", ".join(
            f"{metric_title(name)} {number(value, metric=name)}" for name, value in searched.best.metrics.items()
        ),
        "Importance from": f"{FEWEST_FOR_IMPORTANCE} complete trials on",
        "Software": f"Voxlate {__version__}",
    }
