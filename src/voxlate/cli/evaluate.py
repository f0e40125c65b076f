"""The command ``evaluate``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.options import (
    Accept,
    Cluster,
    Data,
    Device,
    DryRun,
    PatternOption,
    Quiet,
    Shard,
    accepted,
    app,
    carry_out,
    foretold,
    print_result,
    shown_by,
)

_CT, _TASK = "For a CT", "By what a segmenter finds"
_SETS, _PRIVACY = "Aspects of sets: distribution and privacy", "Aspect privacy"

_Split = Annotated[
    str, typer.Option(metavar="test|all", help="Score the cases that the model has not seen, or all of them.")
]
_Aspects = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Look at fidelity, for a CT also at dose; or, of whole sets of images, at distribution or privacy. "
        "May be repeated. Without it fidelity is looked at.",
    ),
]
_Calibration = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Take the scanner's relative electron densities from a CSV file hu,density.",
        rich_help_panel=_CT,
    ),
]
_Task = Annotated[
    Path | None,
    typer.Option(
        metavar="SEGMENTER",
        help="Judge by what this run, bundle or task.yaml finds in the images.",
        rich_help_panel=_TASK,
    ),
]
_TaskWithout = Annotated[
    Path | None,
    typer.Option(
        metavar="SEGMENTER", help="Compare with one that was trained without the target.", rich_help_panel=_TASK
    ),
]
_Features = Annotated[
    Path | None,
    typer.Option(metavar="MODEL|WEIGHTS", help="Compare the features that this network finds.", rich_help_panel=_SETS),
]
_OfContrast = Annotated[
    str | None,
    typer.Option(help="Compare the images of this contrast, if there are several.", rich_help_panel=_SETS),
]
_Members = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL|FILE",
        help="Learn from this which real images the model has seen, if the synthetic set does not tell.",
        rich_help_panel=_PRIVACY,
    ),
]
_Distance = Annotated[
    float | None,
    typer.Option(help="Hold an image back up to this relative distance.", rich_help_panel=_PRIVACY),
]
_Decisions = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="Apply what experts decided in the review page.", rich_help_panel=_PRIVACY),
]

_Cases = Annotated[bool, typer.Option("--cases", help="Write a page of its own for every case, cases/ID.html.")]
_UseImputed = Annotated[
    bool, typer.Option("--use-imputed", help="Let sources be images that a model made; the truth never is.")
]

_Beside = Annotated[
    list[Path] | None,
    typer.Option(metavar="MODEL", help="Score a model of one question beside one of several targets. Repeatable."),
]


@app.command(
    **shown_by(
        "voxlate evaluate run cohort --out evaluation",
        "voxlate evaluate run cohort --task segmenter --out usefulness",
        "voxlate evaluate synthetic cohort --aspect privacy --out audit",
    )
)
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL|PREDICTIONS", help="A run, a bundle, or translated images.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The folder for scores, figures and the report.")],
    split: _Split = "test",
    aspect: _Aspects = None,
    cases: _Cases = False,
    beside: _Beside = None,
    use_imputed: _UseImputed = False,
    pattern: PatternOption = None,
    accept: Accept = None,
    calibration: _Calibration = None,
    task: _Task = None,
    task_without: _TaskWithout = None,
    features: _Features = None,
    contrast: _OfContrast = None,
    members: _Members = None,
    distance: _Distance = None,
    decisions: _Decisions = None,
    dry_run: DryRun = False,
    cluster: Cluster = None,
    shard: Shard = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Compare with the truth and the identity and lookup baselines, or by what a segmenter finds."""
    from voxlate import verbs

    work = partial(
        verbs.evaluate,
        model,
        data,
        split=split,
        aspects=tuple(aspect or ("fidelity",)),
        cases=cases,
        beside=beside or (),
        calibration=calibration,
        task=task,
        task_without=task_without,
        pattern=pattern,
        use_imputed=use_imputed,
        accept=accepted(accept),
        features=features,
        members=members,
        contrast=contrast,
        distance=distance,
        decisions=decisions,
    )
    result = carry_out(
        lambda watch: work(out=out, report=watch.stage),
        foretold(work),
        dry_run=dry_run,
        quiet=quiet,
        device=device,
        cluster=cluster,
        shard=shard,
    )
    if result is not None:
        print_result("Scores", result)
