"""A search over recipes: trials one after the other, and after each of them tables, figures and page anew.

What the trials gave lies in the study and in their runs, so that a search that was killed goes on with the trials that
are missing, and one that is finished is drawn again without training anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from voxlate.config.recipe import Recipe
from voxlate.evaluation.study.baselines import score_baselines
from voxlate.evaluation.study.grid import read_settings, varied_fields, write_settings
from voxlate.evaluation.study.search import SearchResult, judge_search
from voxlate.progress import ProgressReport
from voxlate.reporting.search.page import search_page
from voxlate.reporting.search.tables import grid_tables, trial_lines
from voxlate.training.loop.loop import Observer
from voxlate.training.tuning import Budget, tune_run
from voxlate.training.tuning.results import Searched
from voxlate.workflows.result import Tuning
from voxlate.workflows.workspace import publish


def search_recipes(
    data: Path,
    recipe: Recipe,
    out: Path,
    *,
    budget: Budget,
    storage: str | None,
    report: ProgressReport,
    observers: Sequence[Observer],
) -> Tuning:
    """Tries recipes until the budget is spent; the folder is locked by ``tune_run``, as a run is by its training.

    Args:
        data: The data set.
        recipe: What to train.
        out: Folder of the study, its runs and its report.
        budget: When it ends.
        storage: Database URL; several workers, each with a folder of its own, may share one.
        report: Called with a stage and how much of it is done.
        observers: Who watches each trial's steps.

    Raises:
        VoxlateError: If search, storage or data set is refused, or no trial can be completed.
    """

    def told(searched: Searched) -> None:
        draw(summarise(searched, out, data=data), out)

    searched = tune_run(
        data, recipe, out, budget=budget, storage=storage, observers=tuple(observers), found=told, report=report
    )
    result = summarise(searched, out, data=data)
    varied = varied_fields(searched)
    tables = grid_tables(result.settings, varied=varied, baselines=result.baselines) if result.settings else {}
    fields, rows = trial_lines(searched)
    return Tuning(out / "best.yaml", out / "report.html", fields, rows, tables, result.remarks)


def summarise(searched: Searched, out: Path, *, data: Path) -> SearchResult:
    """What the trials say together, beside the baselines on the same cases.

    Of a grid writes ``grid_training.csv`` and ``grid_validation.csv``.

    Args:
        searched: The trials.
        out: Folder of the study.
        data: The data set.

    Raises:
        WriteError: If a file could not be written.
    """
    settings = read_settings(searched, out) if searched.recipe.search.sampler == "grid" else []
    if settings:
        write_settings(settings, out)
    return judge_search(searched, settings, score_baselines(data, out / searched.best.run, out / "prepared"))


def draw(result: SearchResult, out: Path) -> Path:
    """Figures and page.

    Raises:
        WriteError: If a file could not be written.
    """
    page = search_page(result)
    return publish(page, out)
