"""Commands that learn: ``train`` and ``tune``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import (
    RECIPES,
    Cluster,
    Data,
    Device,
    DryRun,
    Epochs,
    Minutes,
    OptionalRecipe,
    PatternOption,
    Quiet,
    RecipeName,
    Settings,
    Shard,
    Sources,
    Steps,
    Target,
    app,
    budget,
    carry_out,
    console,
    overrides,
    shown_by,
    watching,
)

_CHOICES = (
    f"Recipes: {RECIPES}.\n\nWhat a recipe may choose from, with options: `voxlate info methods`, and likewise "
    "networks, losses, metrics and contrasts."
)


@app.command(
    **shown_by(
        "voxlate train scans --source t1 --target flair --minutes 30 --out run",
        "voxlate train cohort --recipe t1-to-t2-fcn --minutes 5 --out run",
        "voxlate train scans --recipe segment-default --source flair \\\n"
        "    --set method.classes=binary --out segmenter",
        choices=_CHOICES,
    )
)
def train(
    data: Data,
    recipe: OptionalRecipe = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The run's folder, which is made; by default a new one in runs.")
    ] = None,
    source: Sources = None,
    target: Target = None,
    pattern: PatternOption = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is there.")] = False,
    folds: Annotated[
        int | None,
        typer.Option(help="Train so many times, each time with other cases to validate on: an ensemble.", min=2),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and a forecast of time and memory; train nothing.")
    ] = False,
    steps: Steps = None,
    epochs: Epochs = None,
    minutes: Minutes = None,
    cluster: Cluster = None,
    shard: Shard = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Train a model on a data set: without a recipe what is best for these data, from --source to --target.

    Of a budget in steps, epochs and minutes the first that is reached ends the training; one that is given here
    replaces the recipe's. With --shard cases are prepared, and nothing is trained yet.
    """
    from voxlate import verbs
    from voxlate.cli.output import print_forecast, print_run, say
    from voxlate.machines.launch import leads
    from voxlate.verbs.calls import begun_with, patterns_kept

    limits = budget(steps=steps, epochs=epochs, minutes=minutes)
    resolved = verbs.resolve_recipe(
        recipe or (begun_with(out) if resume and out else None),
        source=source,
        target=target,
        overrides={**limits, **overrides(settings)},
        pattern=pattern or (patterns_kept(out) if resume and out else None),
        data=data,
    )
    quiet, cluster = quiet or not leads(), cluster if leads() else None
    with watching(quiet=quiet, device=device, cluster=cluster, shard=shard) as watch:
        if dry_run:
            forecast = verbs.forecast(data, recipe=resolved, folds=folds, report=watch.stage)
        else:
            told = partial(verbs.train, report=watch.stage, observers=(watch,))
            run = told(data, recipe=resolved, out=out, resume=resume, folds=folds)
    if dry_run:
        print_forecast(console(), forecast)
    elif shard is not None:
        say(console(), f"Part {shard} is prepared in {run}. When all are, the same command without --shard trains.")
    elif leads():
        print_run(console(), run, data)


@app.command(
    **shown_by(
        "voxlate tune cohort --recipe t1-to-t2-fcn --minutes 60 --out tuned",
        "voxlate tune cohort --recipe segment-simple-3d --steps 2000 --out grid \\\n"
        "    --grid loss=bce,dice --grid training.learning_rate=1e-3,1e-4",
        choices=_CHOICES,
    )
)
def tune(
    data: Data,
    recipe: RecipeName,
    out: Annotated[Path, typer.Option("--out", help="The folder of the study, its runs and its report.")],
    trials: Annotated[
        int | None, typer.Option(help="Make so many trials in all, those of earlier calls included.", min=1)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Search for so many minutes in all; the first budget reached ends it.", min=0)
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Keep the study in this database instead of the folder's SQLite.")
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(metavar="grid|random|tpe|gp", help="Choose what to try by this, in the place of the recipe's."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="A.B=V1,V2", help="Try all values of a recipe field, with those of others. Repeatable."),
    ] = None,
    pattern: PatternOption = None,
    settings: Settings = None,
    dry_run: DryRun = False,
    steps: Steps = None,
    epochs: Epochs = None,
    cluster: Cluster = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Search the recipe's ranges, or the default ones, and keep the best.

    The budget of a training is that of each trial.
    """
    from voxlate import verbs
    from voxlate.cli.output import print_tuning
    from voxlate.verbs.dry_runs import forecast_tuning

    searched = verbs.searched_with(sampler=sampler, grid=grid or ())
    changes = {**searched, **budget(steps=steps, epochs=epochs), **overrides(settings)}
    resolved = verbs.resolve_recipe(recipe, overrides=changes, pattern=pattern, data=data)
    work = partial(verbs.tune, data, recipe=resolved, trials=trials, minutes=minutes, storage=storage, out=out)
    result = carry_out(
        lambda watch: work(report=watch.stage, observers=(watch,)),
        lambda watch: forecast_tuning(data, resolved, trials=trials, minutes=minutes, report=watch.stage),
        dry_run=dry_run,
        quiet=quiet,
        device=device,
        cluster=cluster,
        advice="`--minutes 60` ends the search after an hour, `--steps 1000` each trial.",
    )
    if result is not None:
        print_tuning(console(), result)
