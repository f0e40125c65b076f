"""Commands that write images: ``translate`` and ``synthesize`` by a model, the others without one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from voxlate.cli.archive import ConnectionFile, Series, Store, Study
from voxlate.cli.options import (
    RECIPES,
    Accept,
    Cluster,
    Data,
    Device,
    DryRun,
    PatternOption,
    Quiet,
    Settings,
    Shard,
    Target,
    accepted,
    app,
    carry_out,
    console,
    errors,
    foretold,
    overrides,
    shown_by,
    watching,
)

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome


_Picture = Annotated[
    bool, typer.Option("--picture/--no-picture", help="Of one volume, draw source and result beside the file.")
]
_Form = Annotated[
    Literal["dicom", "bids"] | None,
    typer.Option("--format", help="Write one volume as DICOM, or a data set as BIDS, also where it was none."),
]
_Shows = Annotated[
    str | None,
    typer.Option("--as", metavar="CONTRAST", help="What the one file or series shows, if nothing in it says so."),
]
_Replace = Annotated[
    list[str] | None,
    typer.Option(metavar="poor|CSV", help="Make scans anew that `check` calls poor, or a table names; repeatable."),
]

_Density = Annotated[bool, typer.Option("--density", help="Of a CT, write the relative electron density beside it.")]
_Calibration = Annotated[Path | None, typer.Option(metavar="CSV", help="With --density: the scanner's hu,density.")]
_Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL|INPUT",
        help="A run or a bundle; for a data set also a folder of several. Without one, INPUT alone: the model that "
        "comes with Voxlate is used.",
    ),
]
_Imputed = Annotated[
    bool, typer.Option("--use-imputed", help="Let images that a model made be sources, too; it is recorded.")
]
_Doubt = Annotated[bool, typer.Option("--doubt", help="Of an ensemble, write beside it how much its members differ.")]


@app.command(
    **shown_by(
        "voxlate translate scan_T1.nii.gz --target t2 --out scan_T2.nii.gz",
        "voxlate translate run scan_T1.nii.gz --out scan_T2.nii.gz",
        "voxlate translate study/T1 --target t2 --out answer",
        "voxlate translate run cohort --out translated",
        "voxlate translate dicomweb+https://pacs/dicom-web --study 1.2.840.113619.2 \\\n"
        "    --target t2 --out answer --store",
    )
)
def translate(
    model: _Model,
    out: Annotated[Path, typer.Option("--out", help="The file for one volume, the folder for DICOM or a data set.")],
    scan: Annotated[
        Path | None, typer.Argument(metavar="INPUT", help="A volume file, DICOM, a data set, or an archive.")
    ] = None,
    target: Target = None,
    shows: _Shows = None,
    pattern: PatternOption = None,
    accept: Accept = None,
    every: Annotated[bool, typer.Option("--all", help="Translate cases that have the target, too.")] = False,
    use_imputed: _Imputed = False,
    replace: _Replace = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    picture: _Picture = True,
    form: _Form = None,
    density: _Density = False,
    calibration: _Calibration = None,
    doubt: _Doubt = False,
    study: Study = None,
    series: Series = None,
    connection: ConnectionFile = None,
    store: Store = False,
    cluster: Cluster = None,
    shard: Shard = None,
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Translate a volume, or what a data set lacks; a data set that lacks nothing is translated whole."""
    from voxlate import verbs
    from voxlate.cli.output import print_outcomes

    named, given = (None, model) if scan is None else (model, scan)
    source = verbs.remote_of(given, study=study, series=series, connection=connection, store=store)
    with watching(quiet=quiet, device=device, cluster=cluster, shard=shard) as watch:
        outcomes = verbs.translate(
            named,
            source,
            out=out,
            target=target,
            shows=shows,
            pattern=pattern,
            accept={**accepted(accept), **({"imputed": "sources"} if use_imputed else {})},
            every=every,
            replace=replace or (),
            overwrite=overwrite,
            picture=picture,
            dicom=form == "dicom",
            bids=form == "bids",
            density=calibration or density,
            doubt=doubt,
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


@app.command(
    **shown_by(
        "voxlate derive dixon --out maps",
        "voxlate derive translated --out densities --calibration scanner.csv",
        choices=f"Of in_phase and out_phase: fat, water, fat_fraction. Of ct: electron_density. Recipes: {RECIPES}.",
    )
)
def derive(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="The folder for the images.")],
    contrast: Annotated[
        list[str] | None,
        typer.Option(metavar="CONTRAST", help="What is computed; all that can be without it. May be repeated."),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Compute what this recipe's plan.derive declares, too.")
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="CSV", help="The scanner's hu,density, relative electron densities.")
    ] = None,
    pattern: PatternOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make images that are there anew.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write images that are computed from a data set's own: fat, water, fat fraction, electron density."""
    from voxlate import verbs
    from voxlate.cli.output import print_outcomes

    options = {"contrasts": contrast, "recipe": recipe, "calibration": calibration, "pattern": pattern}
    with watching(quiet=quiet) as watch:
        outcomes = verbs.derive(data, out=out, overwrite=overwrite, report=watch.stage, **options)  # type: ignore[arg-type]
    print_outcomes(console(), outcomes)
    _tell(outcomes, "computed", out)


@app.command(
    **shown_by(
        "voxlate register p1/CT p1/T1 --out p1/CT_on_T1.nii.gz",
        "voxlate register FLAIR.nii.gz T1.nii.gz --out FLAIR_on_T1.nii.gz",
        "voxlate register lesions_seg.nii.gz T1.nii.gz --apply FLAIR_on_T1.tfm \\\n    --out lesions_on_T1.nii.gz",
    )
)
def register(
    moving: Annotated[Path, typer.Argument(metavar="MOVING", help="Which is brought: a volume file, or DICOM.")],
    fixed: Annotated[Path, typer.Argument(metavar="FIXED", help="Which stays, likewise; its grid is the result's.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write, or a folder.")],
    transform: Annotated[
        Literal["rigid", "affine", "deformable"], typer.Option("--transform", help="How the scan may move.")
    ] = "rigid",
    apply: Annotated[
        Path | None,
        typer.Option("--apply", metavar="TFM", help="Move it by a transform that is there; a label map, too."),
    ] = None,
    shows: Annotated[
        str | None,
        typer.Option("--as", metavar="CONTRAST", help="What MOVING shows, if nothing in it says so; labels, say."),
    ] = None,
    picture: Annotated[
        bool, typer.Option("--picture/--no-picture", help="Draw both in squares beside the file.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Bring a scan onto the grid of another; write it, the transform and a picture."""
    from voxlate import verbs
    from voxlate.cli.output import say

    with watching(quiet=quiet) as watch:
        result = verbs.register(
            moving,
            fixed,
            out=out,
            transform=transform,
            apply=apply,
            shows=shows,
            picture=picture,
            overwrite=overwrite,
            report=watch.stage,
        )
    drawn = [f"Figure: {result.figure}"] if result.figure is not None else []
    say(console(), f"Registered: {result.path}", f"Transform: {result.transform}", *drawn, *result.notes[:1])


@app.command(
    **shown_by(
        "voxlate redraw photo.png --style painting.png --out drawn.png",
        "voxlate redraw photo.png --style painting.png --out drawn.png \\\n"
        "    --set 'method.features={kind: vgg19, path: vgg19-dcbb9e9d.pth}'",
    )
)
def redraw(
    content: Annotated[Path, typer.Argument(metavar="PICTURE", help="A PNG, TIFF or JPEG file: what is shown.")],
    style: Annotated[list[Path], typer.Option(metavar="PICTURE", help="How it is to look. May be repeated.")],
    out: Annotated[Path, typer.Option("--out", help="The PNG file to write.")],
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="FILE", help="A recipe of style transfer; its method says how.")
    ] = "mr-to-ct-style-transfer",
    settings: Settings = None,
    longest: Annotated[int, typer.Option(help="Pixels of the longer edge at most.", min=32, max=4096)] = 512,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Draw one picture in the style of others."""
    from voxlate import verbs
    from voxlate.cli.output import say

    with watching(quiet=quiet) as watch:
        options = {"recipe": recipe, "overrides": overrides(settings), "longest": longest, "overwrite": overwrite}
        place = verbs.redraw(content, style=style, out=out, report=watch.stage, **options)  # type: ignore[arg-type]
    say(console(), f"Drawn: {place}")


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
