"""Commands that apply a model: ``translate`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.app import Data, Target, app, console, errors, overrides, print_rows, watching


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

    with watching() as watch:
        outcomes = verbs.translate(
            model,
            scan,
            out=out,
            target=target,
            accept={field: str(value) for field, value in overrides(accept).items()},
            every=every,
            overwrite=overwrite,
            report=watch.stage,
        )
    if scan.suffix.casefold() in {".csv", ".tsv"} or scan.is_dir():
        print_outcomes(console(), outcomes)
    bad = [outcome for outcome in outcomes if outcome.is_bad]
    for outcome in bad:
        errors().print(f"{outcome.case}, {outcome.target}: {outcome.reason}", markup=False, style="red")
    done = sum(outcome.status == "done" for outcome in outcomes)
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    console().print(f"{done} translated, {skipped} finished before, {len(bad)} failed: {out}", markup=False)
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

    with watching() as watch:
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
    print_rows("Scores", result.fields, result.rows)
    console().print(result.sentence, markup=False)
    console().print(f"Report: {result.page}", markup=False)
    for case, reason in result.failed:
        errors().print(f"{case}: {reason}", markup=False, style="red")
    if result.failed:
        raise typer.Exit(1)
