"""The page of a search: which values are best, the metric against each of them, one table, and every trial below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from voxlate._version import __version__
from voxlate.evaluation.study.grid import varied_fields
from voxlate.evaluation.study.search import SearchResult
from voxlate.evaluation.words import metric_title, number
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.page import Illustration, Page, Section, open_with
from voxlate.reporting.page.terms import metric_terms
from voxlate.reporting.search.grid_plots import draw_grid
from voxlate.reporting.search.plots import draw_history, draw_importance, draw_parallel, draw_slices
from voxlate.reporting.search.tables import grid_sections, trials_table, values_table
from voxlate.training.tuning.results import FEWEST_FOR_IMPORTANCE, Searched

_VALUES = (
    "What the baselines reach on the validation cases, the values of the best trial and the recipe's own, and the "
    "range of each field. Of label maps, intensity lookup is scored for all labels together."
)
_TRIALS = (
    "Every trial that has ended. A pruned trial was ended early and shows its last value; the values of a killed one "
    "were tried again."
)


def search_page(result: SearchResult) -> Page:
    """The page of a search with at least one complete trial."""
    searched = result.searched
    pictures, further = open_with(_figures(result), "grid_curves", "objective")
    missing = searched.importance.missing
    return Page(
        title=f"Search: {searched.recipe.name}",
        verdict=result.sentence,
        sections=[
            pictures,
            Section("The values found", caption=_VALUES, tables=[values_table(result)], folded=False),
            *grid_sections(result.settings, varied_fields(searched), baselines=result.baselines),
            replace(further, note=f"The importance of the fields was not computed: {missing}." if missing else ""),
            Section("All trials", caption=_TRIALS, tables=[trials_table(result)]),
        ],
        facts=_facts(searched),
        warnings=result.warnings,
        terms=metric_terms(searched.best.metrics),
        banner="A SEARCH OVER RECIPES.",
        footer="The values were chosen on the validation cases.",
    )


def _figures(result: SearchResult) -> Iterator[Illustration]:
    """The grid's curves if it is one, the metric against every field, the history, the importance, and all at once."""
    searched = result.searched
    metric = metric_title(searched.recipe.search.metric)
    if result.settings:
        yield Illustration(
            "The experiment grid",
            "What every setting reached, epoch by epoch. The gap between the lines is what was learned by heart.",
            to_png(draw_grid(result.settings, varied=varied_fields(searched), chosen_by=searched.recipe.search.metric)),
            file="grid_curves",
        )
    yield Illustration(
        f"{metric} against every searched field",
        "One plot per field, all with the same trials: those of the best values lie where the plots are best. "
        "A pruned trial was ended early and stands at its last value.",
        to_png(draw_slices(searched)),
        file="objective",
    )
    yield Illustration(
        "History of the search",
        "Every trial in the order in which it was begun; the line is the best complete trial so far.",
        to_png(draw_history(searched)),
        file="history",
    )
    if searched.importance.shares:
        yield Illustration(
            "Importance of the searched fields",
            "How differently a field's values are distributed over the best quarter of the complete trials and "
            "over all of them (PED-ANOVA; Watanabe, Bansal and Hutter 2023). The black tick is what random numbers "
            "exceed in one of twenty cases: a bar that does not pass it shows nothing.",
            to_png(draw_importance(searched)),
            file="importance",
        )
    yield Illustration(
        "All complete trials at once",
        f"A line is a trial; it crosses each axis at the value it had. On the last axis is its {metric}.",
        to_png(draw_parallel(searched)),
        file="parallel",
    )


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
