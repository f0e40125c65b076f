"""Commands that compare: ``ablate`` and ``compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import Data, PatternOption, RecipeName, Settings, app, overrides, print_result, watching

Out = Annotated[Path, typer.Option("--out", help="Folder for the runs, scores, figures and the report.")]


@app.command()
def ablate(
    data: Data,
    recipe: RecipeName,
    out: Out,
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="LOSS.TERM", help="Term of the loss to take away, as loss.lesion_mask; may be repeated."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option(metavar="A.B=VALUE", help="Recipe field to change; may be repeated.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each variant, with consecutive seeds.", min=1)] = 3,
    pattern: PatternOption = None,
    settings: Settings = None,
) -> None:
    """Train a recipe with and without something, and compare; the same command again goes on."""
    from voxlate import verbs

    with watching() as watch:
        result = verbs.ablate(
            data,
            recipe=verbs.resolve_recipe(recipe, overrides=overrides(settings), pattern=pattern, data=data),
            changes={**verbs.switched_off(without or ()), **overrides(change)},
            out=out,
            seeds=seeds,
            report=watch.stage,
            observers=(watch,),
        )
    print_result("With and without", result, parted=True)


@app.command()
def compare(
    data: Data,
    recipes: Annotated[
        list[str],
        typer.Option("--recipe", help="A built-in recipe, a pattern as 'zhao-*', or a YAML file; may be repeated."),
    ],
    out: Out,
    seeds: Annotated[int, typer.Option(help="Runs of each recipe, with consecutive seeds.", min=1)] = 1,
    synthetic: Annotated[
        Path | None,
        typer.Option(metavar="MODEL|DIR", help="Train one recipe on real images, on these, and on both instead."),
    ] = None,
    pattern: PatternOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[RECIPE:]A.B=VALUE", help="A field of all recipes, or of one; may be repeated."),
    ] = None,
) -> None:
    """Train recipes for one target on one split and put them into one table; the same command again goes on."""
    from voxlate import verbs

    with watching() as watch:
        result = verbs.compare(
            data,
            recipes=recipes,
            overrides=overrides(settings),
            pattern=pattern,
            out=out,
            seeds=seeds,
            synthetic=synthetic,
            report=watch.stage,
            observers=(watch,),
        )
    print_result("Recipes" if synthetic is None else "Trained on", result, parted=True)
