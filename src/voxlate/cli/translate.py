"""Commands that apply a model: ``translate`` and ``synthesize``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voxlate.cli.options import (
    Accept,
    Device,
    DryRun,
    PatternOption,
    Quiet,
    Target,
    accepted,
    app,
    carry_out,
    console,
    errors,
    foretold,
    shown_by,
    watching,
)

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome


@app.command(
    **shown_by(
        "voxlate translate scan_T1.nii.gz --target t2 --out scan_T2.nii.gz",
        "voxlate translate run scan_T1.nii.gz --out scan_T2.nii.gz",
        "voxlate translate study/T1 --target t2 --out answer",
        "voxlate translate run cohort --out translated",
    )
)
def translate(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|INPUT",
            help="A run or a bundle; for a data set also a folder of several. Without one, INPUT alone: the model that "
            "comes with Voxlate is used.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The file for one volume, the folder for DICOM or a data set.")],
    scan: Annotated[Path | None, typer.Argument(metavar="INPUT", help="A volume file, DICOM, or a data set.")] = None,
    target: Target = None,
    shows: Annotated[
        str | None,
        typer.Option("--as", metavar="CONTRAST", help="What the one file or series shows, if nothing in it says so."),
    ] = None,
    pattern: PatternOption = None,
    accept: Accept = None,
    every: Annotated[bool, typer.Option("--all", help="Translate cases that have the target, too.")] = False,
    use_imputed: Annotated[
        bool, typer.Option("--use-imputed", help="Let images that a model made be sources, too; it is recorded.")
    ] = False,
    replace: Annotated[
        list[str] | None,
        typer.Option(metavar="poor|CSV", help="Make scans anew that `check` calls poor, or a table names; repeatable."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Of one volume, draw source and result beside the file.")
    ] = True,
    form: Annotated[
        Literal["dicom"] | None,
        typer.Option("--format", help="Write one volume as DICOM, also where it was none; --out is then a folder."),
    ] = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Translate a volume, or what a data set lacks; a data set that lacks nothing is translated whole."""
    from voxlate import verbs
    from voxlate.cli.output import print_outcomes

    named, given = (None, model) if scan is None else (model, scan)
    with watching(quiet=quiet, device=device) as watch:
        outcomes = verbs.translate(
            named,
            given,
            out=out,
            target=target,
            shows=shows,
            pattern=pattern,
            accept={**accepted(accept), **({"imputed": "sources"} if use_imputed else {})},
            every=every,
            replace=replace or (),
            overwrite=overwrite,
            picture=picture,
            dicom=form is not None,
            report=watch.stage,
        )
    if given.suffix.casefold() in {".csv", ".tsv"} or given.is_dir():
        print_outcomes(console(), outcomes)
    _tell(outcomes, "translated", out)


@app.command(**shown_by("voxlate synthesize run --cases 100 --out synthetic"))
def synthesize(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A run or a bundle of a recipe with shapes.")],
    cases: Annotated[int, typer.Option(help="How many cases are made.", min=1)],
    out: Annotated[Path, typer.Option("--out", help="The folder for the cases.")],
    seed: Annotated[int, typer.Option(help="A number that decides what is drawn.", min=0)] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make cases that are there anew.")] = False,
    dry_run: DryRun = False,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Write whole new annotated cases: label maps that are drawn, and the images that the model makes of them."""
    from voxlate import verbs

    work = partial(verbs.synthesize, model, cases=cases, seed=seed, overwrite=overwrite)
    outcomes = carry_out(
        lambda watch: work(out=out, report=watch.stage), foretold(work), dry_run=dry_run, quiet=quiet, device=device
    )
    if outcomes is not None:
        _tell(outcomes, "synthesised", out)


def _tell(outcomes: Sequence[Outcome], what: str, out: Path) -> None:
    """How many images were made, and each that was not with its reason; exits with 1 if there is one."""
    from voxlate.cli.output import say

    bad = [outcome for outcome in outcomes if outcome.is_bad]
    say(errors(), *(f"{outcome.case}, {outcome.target}: {outcome.reason}" for outcome in bad), style="red")
    done = sum(outcome.status == "done" for outcome in outcomes)
    skipped = sum(outcome.status == "skipped" for outcome in outcomes)
    say(console(), f"{done} {what}, {skipped} finished before, {len(bad)} failed: {out}")
    if bad:
        raise typer.Exit(1)
