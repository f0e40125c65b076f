"""The command line: parses, calls the verb of the same name, prints what it returns.

Exit codes: 0 done, 1 some cases failed (each named), 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voxlate.errors import StoppedError, VoxlateError

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    name="voxlate",
    help="Turns the scans you have into the scans you lack. Not for diagnostic use.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[Path, typer.Argument(help="A data set: a folder of cases, a BraTS folder, or a CSV manifest.")]
RecipeName = Annotated[str, typer.Option("--recipe", help="A built-in recipe, or a YAML file.")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Contrast that goes in; may be repeated.")]
Target = Annotated[str | None, typer.Option("--target", help="Contrast that comes out.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="A recipe field; may be repeated.")
]


@app.command()
def demo(out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("demo")) -> None:
    """Simulate a cohort, train, translate, evaluate and write a report, in a few minutes."""
    from voxlate import verbs

    with _watching() as watch:
        result = verbs.demo(out, report=watch.stage, observers=(watch,))
    _console().print(result.sentence)
    _console().print(f"Report: {result.page}")


@app.command()
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write the cohort to.")],
    cases: Annotated[int, typer.Option(help="Number of subjects.", min=1)],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.", min=0)],
    anatomy: Annotated[str, typer.Option(help="What is simulated.")] = "head",
    size: Annotated[int, typer.Option(help="Voxels along each axis.", min=32, max=512)] = 96,
    contrast: Annotated[list[str] | None, typer.Option(help="Contrast to render; may be repeated.")] = None,
    misalignment_mm: Annotated[float, typer.Option(help="Known shift between contrasts.", min=0)] = 0.0,
) -> None:
    """Simulate a cohort with lesions and known truth."""
    from voxlate import verbs
    from voxlate.terminal import counted

    with _watching() as watch:
        verbs.phantom(
            out,
            cases=cases,
            seed=seed,
            anatomy=anatomy,
            size=size,
            contrasts=contrast,
            misalignment_mm=misalignment_mm,
            report=watch.stage,
        )
    _console().print(f"{counted(cases, 'case')} in {out}")


@app.command()
def check(data: Data) -> None:
    """Index a data set, preflight it, and print what was matched and what was left out."""
    from voxlate import verbs
    from voxlate.terminal import print_check

    with _watching() as watch:
        result = verbs.check(data, report=watch.stage)
    print_check(_console(), result)
    if result.errors:
        raise typer.Exit(1)


@app.command()
def train(
    data: Data,
    recipe: RecipeName,
    out: Annotated[Path, typer.Option("--out", help="The run's folder.")],
    source: Sources = None,
    target: Target = None,
    settings: Settings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that is there.")] = False,
    folds: Annotated[
        int | None, typer.Option(help="Train so many times with other cases to validate on: an ensemble.", min=2)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and a forecast, train nothing.")] = False,
) -> None:
    """Train a recipe on a data set."""
    from voxlate import verbs

    resolved = verbs.resolve_recipe(recipe, source=source, target=target, overrides=_overrides(settings))
    with _watching() as watch:
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

        _console().print(forecast.plan_yaml, markup=False)
        _print_rows("Split: subjects, and their share of the part", SHARE_FIELDS, forecast.shares)
        _print_rows("Forecast", ("what", "expected"), forecast.rows())
    else:
        _console().print(f"Model: {run if folds else run / 'bundle'}")


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
    settings: Settings = None,
) -> None:
    """Search the recipe's ranges, or the default ones, and keep the best."""
    from voxlate import verbs
    from voxlate.terminal import print_tuning

    searched = verbs.searched_with(sampler=sampler, grid=grid or ())
    with _watching() as watch:
        result = verbs.tune(
            data,
            recipe=verbs.resolve_recipe(recipe, overrides={**searched, **_overrides(settings)}),
            trials=trials,
            minutes=minutes,
            storage=storage,
            out=out,
            report=watch.stage,
            observers=(watch,),
        )
    print_tuning(_console(), result)


@app.command()
def ablate(
    data: Data,
    recipe: RecipeName,
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, scores, figures and the report.")],
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="LOSS.TERM", help="Term of the loss to take away, as loss.lesion_mask; may be repeated."),
    ] = None,
    change: Annotated[
        list[str] | None, typer.Option(metavar="A.B=VALUE", help="Recipe field to change; may be repeated.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each variant, with consecutive seeds.", min=1)] = 3,
    settings: Settings = None,
) -> None:
    """Train a recipe with and without something, and compare; the same command again goes on."""
    from voxlate import verbs

    with _watching() as watch:
        result = verbs.ablate(
            data,
            recipe=verbs.resolve_recipe(recipe, overrides=_overrides(settings)),
            changes={**verbs.switched_off(without or ()), **_overrides(change)},
            out=out,
            seeds=seeds,
            report=watch.stage,
            observers=(watch,),
        )
    _print_study("With and without", result)


@app.command()
def compare(
    data: Data,
    recipes: Annotated[
        list[str],
        typer.Option("--recipe", help="A built-in recipe, a pattern as 'zhao-*', or a YAML file; may be repeated."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for the runs, scores, figures and the report.")],
    seeds: Annotated[int, typer.Option(help="Runs of each recipe, with consecutive seeds.", min=1)] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[RECIPE:]A.B=VALUE", help="A field of all recipes, or of one; may be repeated."),
    ] = None,
) -> None:
    """Train recipes for one target on one split and put them into one table; the same command again goes on."""
    from voxlate import verbs

    with _watching() as watch:
        result = verbs.compare(
            data,
            recipes=recipes,
            overrides=_overrides(settings),
            out=out,
            seeds=seeds,
            report=watch.stage,
            observers=(watch,),
        )
    _print_study("Recipes", result)


@app.command()
def translate(
    model: Annotated[Path, typer.Argument(help="A run or a bundle; for a data set also a folder of several.")],
    scan: Annotated[Path, typer.Argument(metavar="INPUT", help="A volume file or a data set.")],
    out: Annotated[Path, typer.Option("--out", help="File for one volume, folder for a data set.")],
    target: Target = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="What is refused by default, as on_shear=resample; may be repeated."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Translate cases that have the target, too.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
) -> None:
    """Translate a volume, or what a data set lacks; a data set that lacks nothing is translated whole."""
    from voxlate import verbs
    from voxlate.terminal import print_outcomes

    with _watching() as watch:
        outcomes = verbs.translate(
            model,
            scan,
            out=out,
            target=target,
            accept={field: str(value) for field, value in _overrides(accept).items()},
            every=every,
            overwrite=overwrite,
            report=watch.stage,
        )
    if scan.suffix.casefold() in {".csv", ".tsv"} or scan.is_dir():
        print_outcomes(_console(), outcomes)
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    for outcome in bad:
        _errors().print(f"{outcome.case}, {outcome.target}: {outcome.reason}", markup=False, style="red")
    done = sum(outcome.status == "done" for outcome in outcomes)
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    _console().print(f"{done} translated, {skipped} finished before, {len(bad)} failed: {out}", markup=False)
    if bad:
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL|PREDICTIONS", help="A run, a bundle, or translated images.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores, figures and the report.")],
    split: Annotated[str, typer.Option(help="test (cases the model has not seen) or all.")] = "test",
    aspect: Annotated[
        list[str] | None, typer.Option(help="What to look at: fidelity; for CT also dose. May be repeated.")
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For CT: the scanner's relative electron densities, a CSV file hu,density."),
    ] = None,
    task: Annotated[Path | None, typer.Option(metavar="SEGMENTER", help="Judge by a run, bundle or task.yaml.")] = None,
    task_without: Annotated[
        Path | None, typer.Option(metavar="SEGMENTER", help="One that was trained without the target.")
    ] = None,
) -> None:
    """Compare with the truth and the identity and lookup baselines, or by what a segmenter finds."""
    from voxlate import verbs

    with _watching() as watch:
        result = verbs.evaluate(
            model,
            data,
            out=out,
            split=split,
            aspects=tuple(aspect or ("fidelity",)),
            calibration=calibration,
            task=task,
            task_without=task_without,
            report=watch.stage,
        )
    _print_rows("Scores", result.fields, result.rows)
    _console().print(result.sentence, markup=False)
    _console().print(f"Report: {result.page}", markup=False)
    for case, reason in result.failed:
        _errors().print(f"{case}: {reason}", markup=False, style="red")
    if result.failed:
        raise typer.Exit(1)


@app.command()
def info(
    what: Annotated[Path | None, typer.Argument(metavar="[MODEL|FILE]", help="A model or a volume file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Describe the installation, a model, or a volume file."""
    from voxlate import verbs

    facts = verbs.info(what)
    if as_json:
        sys.stdout.write(json.dumps(facts, indent=1) + "\n")
    else:
        _print_rows(str(facts.get("name", "Voxlate")), ("what", "value"), [(k, _plain(v)) for k, v in facts.items()])


def main() -> None:
    """Entry point: turns errors into one line and an exit code."""
    # Threads that spin while they wait halve the speed of a busy machine, or worse; OpenMP reads this when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # What is trained, how large it is and how much of the image a discriminator sees is news, not a warning.
    for name in ("voxlate.training.train", "voxlate.verbs.learning"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except StoppedError as error:
        _errors().print(str(error), markup=False, style="yellow")
        sys.exit(error.exit_code)
    except VoxlateError as error:
        _errors().print(str(error), markup=False, style="red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _errors().print("interrupted", style="yellow")
        sys.exit(130)


def _overrides(settings: list[str] | None) -> dict[str, Any]:
    from voxlate.plainyaml import parse_setting

    return dict(parse_setting(text) for text in settings or [])


def _watching() -> Any:  # noqa: ANN401  the terminal module is heavy for --help
    from voxlate.terminal import Terminal

    return Terminal(_errors())


def _print_study(title: str, result: Any) -> None:  # noqa: ANN401
    """The table, the answer and the page of runs that were compared; exits with 1 if a case could not be scored."""
    _print_rows(title, result.fields, result.rows, parted=True)
    _console().print(result.sentence, markup=False)
    _console().print(f"Report: {result.page}", markup=False)
    for case, reason in result.failed:
        _errors().print(f"{case}: {reason}", markup=False, style="red")
    if result.failed:
        raise typer.Exit(1)


def _print_rows(title: str, fields: Any, rows: Any, *, parted: bool = False) -> None:  # noqa: ANN401
    from voxlate.terminal import print_table

    print_table(_console(), title, fields, rows, parted=parted)


def _plain(value: Any) -> str:  # noqa: ANN401
    return value if isinstance(value, str) else json.dumps(value)


def _console() -> Console:
    from rich.console import Console

    return Console()


def _errors() -> Console:
    from rich.console import Console

    return Console(stderr=True)


if __name__ == "__main__":
    main()
