"""The command ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import Accept, Data, accepted, app, print_result, watching

_Cases = Annotated[bool, typer.Option("--cases", help="Write a page of its own for every case, cases/ID.html.")]
_UseImputed = Annotated[
    bool, typer.Option("--use-imputed", help="Let sources be images that a model made; the truth never is.")
]


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL|PREDICTIONS", help="A run, a bundle, or translated images.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores, figures and the report.")],
    split: Annotated[str, typer.Option(help="test (cases the model has not seen) or all.")] = "test",
    aspect: Annotated[
        list[str] | None,
        typer.Option(help="fidelity; for CT also dose. May be repeated. Or, for sets: distribution or privacy."),
    ] = None,
    cases: _Cases = False,
    calibration: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For CT: the scanner's relative electron densities, a CSV file hu,density."),
    ] = None,
    task: Annotated[Path | None, typer.Option(metavar="SEGMENTER", help="Judge by a run, bundle or task.yaml.")] = None,
    task_without: Annotated[
        Path | None, typer.Option(metavar="SEGMENTER", help="One that was trained without the target.")
    ] = None,
    use_imputed: _UseImputed = False,
    accept: Accept = None,
    features: Annotated[
        Path | None,
        typer.Option(metavar="MODEL|WEIGHTS", help="For sets: the network whose features are compared."),
    ] = None,
    members: Annotated[
        Path | None,
        typer.Option(metavar="MODEL|FILE", help="For privacy: what tells the real images that the model has seen."),
    ] = None,
    contrast: Annotated[str | None, typer.Option(help="For sets: which images, if there are several.")] = None,
    distance: Annotated[
        float | None, typer.Option(help="For privacy: up to which relative distance an image is held back.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(metavar="CSV", help="For privacy: what experts decided in its review page.")
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
            cases=cases,
            calibration=calibration,
            task=task,
            task_without=task_without,
            use_imputed=use_imputed,
            accept=accepted(accept),
            features=features,
            members=members,
            contrast=contrast,
            distance=distance,
            decisions=decisions,
            report=watch.stage,
        )
    print_result("Scores", result)
