"""The verb ``ablate``: what a part of a recipe is good for, told by training with it and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config import Recipe
from voxlate.errors import UsageError
from voxlate.verbs.learning import resolve_recipe
from voxlate.verbs.progress import ProgressReport, silent

if TYPE_CHECKING:
    from voxlate.reporting.ablation import Ablated
    from voxlate.training.loop import Observer


def ablate(
    data: str | Path,
    *,
    recipe: str | Path | Recipe,
    changes: Mapping[str, Any],
    out: str | Path,
    seeds: int = 3,
    report: ProgressReport = silent,
    observers: Sequence[Observer] = (),
) -> Ablated:
    """Trains a recipe as it is and changed, on one split with the same seeds, and compares them on the held-out cases.

    A call that was stopped or killed is given again: runs that are finished, and their scores, are kept.

    Args:
        data: A data set.
        recipe: The recipe as it is (``with``).
        changes: What is taken away in ``without``: ``{"loss.lesion_mask": 0}``.
        out: Gets a run per variant and seed, scores, figures and the page.
        seeds: How many seeds: that of the recipe and those that follow it.
        report: Called with a stage and how much of it is done.
        observers: Who watches training.

    Raises:
        UsageError: If nothing is changed, or what is changed would be scored on other images.
        CohortError: If the data set is refused, or no case is held out.
        LockedError: If another process works there.
    """
    from voxlate.evaluation.variants import held_out, score_variants
    from voxlate.io.atomic import check_writable, remove_stale
    from voxlate.io.lock import hold
    from voxlate.reporting.ablation import Ablation, write_ablation
    from voxlate.reporting.training import FigureDrawer
    from voxlate.training.variants import VariantRun, ablation, train_variants

    if seeds < 1:
        raise UsageError("at least one seed", came=str(seeds), where="--seeds", remedy="Give 3, say.")
    study = ablation(resolve_recipe(recipe), changes, seeds=seeds)
    folder = Path(out)
    check_writable(folder)

    def watch(run: VariantRun) -> tuple[Observer, ...]:
        return (*observers, FigureDrawer(run.folder / "figures", run.recipe))

    with hold(folder, what="ablation"):
        remove_stale(folder)
        runs = train_variants(Path(data), study, folder, watch=watch, report=report)
        for run in runs:
            if not (run.folder / "figures" / "curves.png").is_file():
                FigureDrawer(run.folder / "figures", run.recipe).finish(run.folder / "log.jsonl")
        cases = held_out(Path(data), runs)
        scored, failed = score_variants(runs, cases, report=report)
        return write_ablation(Ablation(dict(changes), runs, scored, cases, failed), folder)


def switched_off(fields: Sequence[str]) -> dict[str, float]:
    """The changes that ``--without`` stands for: weights of the loss set to 0.

    Raises:
        UsageError: If a field is no weight of the loss.
    """
    for field in fields:
        section, dot, term = field.partition(".")
        if section != "loss" or not dot or not term or "." in term:
            raise UsageError(
                "a term of the loss, as loss.lesion_mask",
                came=repr(field),
                where="--without",
                remedy="Use --change FIELD=VALUE for another field.",
            )
    return dict.fromkeys(fields, 0)
