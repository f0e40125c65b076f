"""Commands that learn: ``train`` and ``tune``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import (
    Data,
    PatternOption,
    RecipeName,
    Settings,
    Sources,
    Target,
    app,
    console,
    overrides,
    print_rows,
    watching,
)


@app.command()
def train(
    data: Data,
    recipe: RecipeName,
    out: Annotated[Path, typer.Option("--out", help="The run's folder.")],
    source: Sources = None,
    target: Target = None,
    pattern: PatternOption = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is there.")] = False,
    folds: Annotated[
        int | None, typer.Option(help="Train so many times with other cases to validate on: an ensemble.", min=2)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and a forecast, train nothing.")] = False,
) -> None:
    """Train a recipe on a data set."""
    from voxlate import verbs
    from voxlate.verbs.calls import patterns_kept

    resolved = verbs.resolve_recipe(
        recipe,
        source=source,
        target=target,
        overrides=overrides(settings),
        pattern=pattern or (patterns_kept(out) if resume else None),
        data=data,
    )
    with watching() as watch:
        if dry_run:
            forecast = verbs.forecast(data, recipe=resolved, folds=folds, report=watch.stage)
        else:
            run = verbs.train(
                data,
                recipe=resolved,
                out=out,
                resume=resume,
                folds=folds,
                report=watch.stage,
                observers=(watch,),
            )
    if dry_run:
        from voxlate.cohort import SHARE_FIELDS

        console().print(forecast.plan_yaml, markup=False)
        print_rows("Split: subjects, and their share of the part", SHARE_FIELDS, forecast.shares)
        print_rows("Forecast", ("what", "expected"), forecast.rows())
    else:
        console().print(f"Model: {run if folds else run / 'bundle'}")


@app.command()
def tune(
    data: Data,
    recipe: RecipeName,
    out: Annotated[Path, typer.Option("--out", help="Folder of the study, its runs and its report.")],
    trials: Annotated[int | None, typer.Option(help="Trials in all, those of earlier calls included.", min=1)] = None,
    minutes: Annotated[float | None, typer.Option(help="Time in all; the first budget reached ends it.", min=0)] = None,
    storage: Annotated[str | None, typer.Option(help="Database URL; default is SQLite in the folder.")] = None,
    sampler: Annotated[str | None, typer.Option(help="In the place of the recipe's: grid, random, tpe or gp.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="A.B=V1,V2", help="Values of a recipe field in a grid, which is tried whole; repeatable."),
    ] = None,
    pattern: PatternOption = None,
    settings: Settings = None,
) -> None:
    """Search the recipe's ranges, or the default ones, and keep the best."""
    from voxlate import verbs
    from voxlate.cli.output import print_tuning

    searched = verbs.searched_with(sampler=sampler, grid=grid or ())
    with watching() as watch:
        result = verbs.tune(
            data,
            recipe=verbs.resolve_recipe(
                recipe, overrides={**searched, **overrides(settings)}, pattern=pattern, data=data
            ),
            trials=trials,
            minutes=minutes,
            storage=storage,
            out=out,
            report=watch.stage,
            observers=(watch,),
        )
    print_tuning(console(), result)
