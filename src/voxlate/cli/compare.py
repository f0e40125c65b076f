"""Commands that compare: ``ablate``, ``compare`` and ``pairs``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxlate.cli.options import (
    RECIPES,
    Data,
    Device,
    DryRun,
    Epochs,
    Minutes,
    PatternOption,
    Quiet,
    RecipeName,
    Settings,
    Steps,
    app,
    budget,
    carry_out,
    overrides,
    print_result,
    shown_by,
)

if TYPE_CHECKING:
    from voxlate.config.recipe import Recipe
    from voxlate.workflows.result import Result

_ADVICE = "`--minutes 30` gives each run half an hour."
_KINDS = 3
"""What `--synthetic` trains on: real images, synthetic ones, and both."""
Out = Annotated[Path, typer.Option("--out", help="The folder for the runs, scores, figures and the report.")]


@app.command(
    **shown_by(
        "voxlate ablate cohort --recipe t2-to-flair-gan-lesions \\\n"
        "    --without loss.lesion_mask --minutes 30 --out ablation",
        choices=f"Recipes: {RECIPES}.",
    )
)
def ablate(
    data: Data,
    recipe: RecipeName,
    out: Out,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="LOSS.TERM", help="Take this term of the loss away. May be repeated."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option(metavar="A.B=VALUE", help="Change this recipe field instead. May be repeated.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train each variant so many times, with seeds in a row.", min=1)] = 3,
    beside: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw another ablation's similarity beside this one's.")
    ] = None,
    pattern: PatternOption = None,
    settings: Settings = None,
    dry_run: DryRun = False,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Train a recipe with and without something, and compare; the same command again goes on."""
    from voxlate import verbs

    limits = budget(steps=steps, epochs=epochs, minutes=minutes)
    changed = {**limits, **overrides(settings)}
    resolved = verbs.resolve_recipe(recipe, overrides=changed, pattern=pattern, data=data)
    changes = {**verbs.switched_off(without or ()), **overrides(change)}
    variants = [(resolved, seeds), (resolved.with_overrides({**changes, "name": "without"}), seeds)]
    work = partial(verbs.ablate, data, recipe=resolved, changes=changes, out=out, seeds=seeds, beside=beside)
    _study("With and without", work, data, variants, dry_run=dry_run, quiet=quiet, device=device)


@app.command(
    **shown_by(
        "voxlate compare cohort --recipe t1-to-t2-fcn --recipe dixon-to-ct-unet-2d \\\n    --minutes 30 --out contest",
        choices=f"Recipes: {RECIPES}.",
    )
)
def compare(
    data: Data,
    recipes: Annotated[
        list[str],
        typer.Option(
            "--recipe",
            metavar="NAME|PATTERN|FILE",
            help="A recipe that is named below, a pattern such as 'dixon-*', or a YAML file. May be repeated.",
        ),
    ],
    out: Out,
    seeds: Annotated[int, typer.Option(help="Train each recipe so many times, with seeds in a row.", min=1)] = 1,
    synthetic: Annotated[
        Path | None,
        typer.Option(metavar="MODEL|DIR", help="Train one recipe on real images, on these, and on both instead."),
    ] = None,
    pattern: PatternOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="[RECIPE:]A.B=VALUE", help="A field of all recipes, or of one, and its value. Repeatable."
        ),
    ] = None,
    dry_run: DryRun = False,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Train recipes for one target on one split and put them into one table; the same command again goes on."""
    from voxlate import verbs
    from voxlate.verbs.compare import resolve_recipes

    limits = budget(steps=steps, epochs=epochs, minutes=minutes)
    resolved = resolve_recipes(recipes, overrides={**limits, **overrides(settings)}, pattern=pattern)
    runs = seeds if synthetic is None else _KINDS * seeds
    work = partial(verbs.compare, data, recipes=resolved, out=out, seeds=seeds, synthetic=synthetic)
    title, trained = "Recipes" if synthetic is None else "Trained on", [(one, runs) for one in resolved]
    _study(title, work, data, trained, dry_run=dry_run, quiet=quiet, device=device)


@app.command(**shown_by("voxlate pairs scans --minutes 30 --out pairs", choices=f"Recipes: {RECIPES}."))
def pairs(
    data: Data,
    out: Out,
    contrasts: Annotated[
        list[str] | None,
        typer.Option("--contrast", metavar="CONTRAST", help="One of the images, by default all. May be repeated."),
    ] = None,
    recipe: RecipeName = "translate-default",
    pattern: PatternOption = None,
    settings: Settings = None,
    dry_run: DryRun = False,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Train a model for every ordered pair of contrasts and draw the matrix; the same command again goes on."""
    from voxlate import verbs
    from voxlate.verbs.compare import resolve_pairs

    changes = {**budget(steps=steps, epochs=epochs, minutes=minutes), **overrides(settings)}
    recipes = resolve_pairs(data, recipe, contrasts=contrasts, overrides=changes, pattern=pattern)
    work = partial(verbs.pairs, data, recipe=recipe, contrasts=contrasts, overrides=changes, pattern=pattern, out=out)
    runs = [(next(iter(recipes.values())), len(recipes))]
    _study("Pairs", work, data, runs, dry_run=dry_run, quiet=quiet, device=device)


def _study(
    title: str,
    work: Callable[..., Result],
    data: Path,
    runs: Sequence[tuple[Recipe, int | None]],
    *,
    dry_run: bool,
    quiet: bool,
    device: str | None,
) -> None:
    """Does the work of a study and prints its table, or what its runs would take: each recipe, and how often."""
    from voxlate.verbs.dry_runs import forecast_runs

    result = carry_out(
        lambda watch: work(report=watch.stage, observers=(watch,)),
        lambda watch: forecast_runs(data, runs, report=watch.stage),
        dry_run=dry_run,
        quiet=quiet,
        device=device,
        advice=_ADVICE,
    )
    if result is not None:
        print_result(title, result)
