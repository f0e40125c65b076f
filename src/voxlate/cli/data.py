"""Commands about data and the installation: ``demo``, ``phantom``, ``check``, ``deidentify``, ``recipes``, ``info``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxlate.cli.options import (
    RECIPES,
    Cluster,
    Data,
    Device,
    PatternOption,
    Quiet,
    Shard,
    Sources,
    Target,
    app,
    console,
    print_json,
    shown_by,
    watching,
)

if TYPE_CHECKING:
    from voxlate.phantoms import HeadMaps
    from voxlate.plainyaml import Json
    from voxlate.verbs.data import Checked

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command(**shown_by("voxlate demo --out demo"))
def demo(
    out: Annotated[Path, typer.Option("--out", help="The folder to write to.")] = Path("demo"),
    device: Device = None,
    quiet: Quiet = False,
) -> None:
    """Simulate a cohort, train, translate, evaluate and write a report, in a few minutes."""
    from voxlate import verbs
    from voxlate.cli.output import say

    with watching(quiet=quiet, device=device) as watch:
        result = verbs.demo(out, report=watch.stage, observers=(watch,))
    say(console(), result.sentence, f"Report: {result.page}")


@app.command(
    **shown_by(
        "voxlate phantom cohort --cases 12 --seed 20",
        "voxlate phantom chests --cases 12 --seed 20 --anatomy thorax",
        "voxlate phantom abdomens --cases 12 --seed 20 --anatomy abdomen",
        "voxlate phantom heads --cases 20 --seed 1 --anatomy labels --labels label_maps",
        choices="Contrasts: t1, t1c, t2, flair, pd, in_phase, out_phase, ct, and of a thorax also pet. "
        "Without --contrast a head has t1, t1c, t2, flair, a thorax ct, pet, an abdomen in_phase, out_phase, ct, "
        "and heads from label maps t1, t1c, t2, flair, pd, ct.",
    )
)
def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to write the cohort to.")],
    cases: Annotated[int, typer.Option(help="How many persons are simulated.", min=1)],
    seed: Annotated[int, typer.Option(help="A number; the same one gives the same bytes.", min=0)],
    anatomy: Annotated[str, typer.Option(metavar="head|thorax|abdomen|labels", help="What is simulated.")] = "head",
    size: Annotated[
        int | None,
        typer.Option(help="Voxels along each axis; 96, or with label maps the whole head.", min=32, max=512),
    ] = None,
    contrast: Annotated[
        list[str] | None,
        typer.Option(metavar="CONTRAST", help="A contrast to render; those that can be are below. May be repeated."),
    ] = None,
    misalignment_mm: Annotated[
        float, typer.Option(help="By how much the other contrasts are shifted against the first.", min=0)
    ] = 0.0,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --anatomy labels: label maps that heads are rendered from."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A CSV or YAML file: the tissues of further labels.")
    ] = None,
    spacing: Annotated[float | None, typer.Option(help="Edge of a voxel in mm.", min=0.3, max=10)] = None,
    native: Annotated[bool, typer.Option("--native", help="Thick slices keep their own grid.")] = False,
    quiet: Quiet = False,
) -> None:
    """Simulate a cohort with lesions and known truth."""
    from voxlate import verbs
    from voxlate.cli.output import say
    from voxlate.errors import counted

    with watching(quiet=quiet) as watch:
        verbs.phantom(
            out,
            cases=cases,
            seed=seed,
            anatomy=anatomy,
            size=size,
            contrasts=contrast,
            misalignment_mm=misalignment_mm,
            labels=None if labels is None else _label_maps(labels, table, spacing, native=native),
            report=watch.stage,
        )
    say(console(), f"{counted(cases, 'case')} in {out}")


def _label_maps(folder: Path, table: Path | None, spacing: float | None, *, native: bool) -> HeadMaps:
    from voxlate.phantoms import HeadMaps as Maps
    from voxlate.phantoms import RenderOptions

    return Maps(folder, table, RenderOptions(spacing_mm=spacing, native=native))


@app.command(
    **shown_by(
        "voxlate check scans",
        "voxlate check scans --recipe t1-to-t2-fcn",
        "voxlate check scans --manifest cases.csv",
        choices=f"Recipes: {RECIPES}.",
    )
)
def check(
    data: Data,
    recipe: Annotated[
        str | None,
        typer.Option("--recipe", metavar="NAME|FILE", help="Tell what matters for this recipe."),
    ] = None,
    source: Sources = None,
    target: Target = None,
    pattern: PatternOption = None,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Write what was matched, and a guess at the rest, as a table to correct."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="The folder of the run to come, which keeps what was measured.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Draw some cases with all their contrasts into this file.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every case, file and finding.")] = False,
    as_json: AsJson = False,
    cluster: Cluster = None,
    shard: Shard = None,
    quiet: Quiet = False,
) -> None:
    """Index a data set, look for faults, and print what was found, matched and left out."""
    from voxlate import verbs
    from voxlate.cli.output import print_check, say

    with watching(quiet=quiet, cluster=cluster, shard=shard) as watch:
        run = partial(verbs.check, data, recipe=recipe, source=source, target=target)
        result = run(pattern=pattern, manifest=manifest, keep=keep, figure=figure, report=watch.stage)
    if as_json:
        print_json(_as_values(result))
    else:
        print_check(console(), result, every=every, root=str(data))
        if manifest is not None:
            say(console(), f"Manifest, to correct and to give in the data set's place: {manifest}")
    if result.errors:
        raise typer.Exit(1)


@app.command(**shown_by("voxlate deidentify study --out shared"))
def deidentify(
    data: Annotated[Path, typer.Argument(metavar="DICOM", help="A folder of any depth, a file or a zip archive.")],
    out: Annotated[Path, typer.Option("--out", help="A new folder.")],
    quiet: Quiet = False,
) -> None:
    """Write DICOM anew without what identifies its patients, by the basic profile of PS3.15."""
    from voxlate import verbs
    from voxlate.cli.output import say
    from voxlate.errors import counted

    with watching(quiet=quiet) as watch:
        done = verbs.deidentify(data, out=out, report=watch.stage)
    totals: dict[str, int] = {}
    for _, _, what, count in done.done:
        totals[what] = totals.get(what, 0) + count
    said = ", ".join(f"{what} {count}" for what, count in totals.items())
    say(
        console(), f"{counted(done.files, 'file')} of {counted(done.patients, 'patient')}: {out}", f"Attributes: {said}"
    )
    say(console(), *(f"Left out, {counted(count, 'file')}: {reason}" for reason, count in done.left_out.items()))
    if not done.files:
        raise typer.Exit(1)


@app.command(**shown_by("voxlate recipes"))
def recipes(as_json: AsJson = False) -> None:
    """List the recipes: what each does, dimension, minutes, when to use it, and where it is from."""
    from voxlate import verbs
    from voxlate.cli.output import print_recipes

    facts = verbs.recipes()
    if as_json:
        print_json(facts)
    else:
        print_recipes(console(), facts["entries"])


@app.command(
    **shown_by(
        "voxlate info",
        "voxlate info t1-to-t2-fcn",
        "voxlate info t2-to-flair-gan-lesions --network --figure networks.png",
        "voxlate info networks",
        "voxlate info run",
        "voxlate info scan.nii.gz",
    )
)
def info(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL|FILE|RECIPE|CATALOGUE]",
            help="A run or a bundle, a volume file, a recipe by name or file, or what a recipe chooses from: recipes, "
            "contrasts, methods, networks, losses or metrics. The installation if nothing is named.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Say whether the file is unlike the training scans of this model."),
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Tell the layers, sizes and parameters of a recipe's or model's networks.")
    ] = False,
    figure: Annotated[Path | None, typer.Option(metavar="PNG", help="Draw these networks into this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Describe the installation, a model, a volume file, a recipe, or what recipes choose from."""
    from voxlate import verbs
    from voxlate.cli.output import print_facts

    facts = verbs.info(what, model=model, network=network, figure=figure)
    if as_json:
        print_json(facts)
    else:
        print_facts(console(), facts)


def _as_values(result: Checked) -> Json:
    known = len(result.fields) - len(result.attributes)
    return {
        "layout": result.layout,
        "cases": [
            {
                "case": case,
                "subject": subject,
                "contrasts": contrasts.split(", "),
                "attributes": {
                    name: value for name, value in zip(result.fields[known:], attributes, strict=True) if value
                },
            }
            for case, subject, contrasts, *attributes in result.rows
        ],
        "tables": list(result.tables),
        "left_out": [{"file": file, "reason": reason} for file, reason in result.left_out],
        "findings": [
            dict(zip(("severity", "case", "code", "finding"), finding, strict=True)) for finding in result.findings
        ],
    }
