"""Commands about data and the installation: ``demo``, ``phantom``, ``check``, ``info``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voxlate.cli.options import (
    Data,
    PatternOption,
    Sources,
    Target,
    app,
    console,
    plain,
    print_json,
    print_rows,
    watching,
)
from voxlate.plainyaml import Json

if TYPE_CHECKING:
    from voxlate.verbs.data import Checked

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def demo(out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("demo")) -> None:
    """Simulate a cohort, train, translate, evaluate and write a report, in a few minutes."""
    from voxlate import verbs

    with watching() as watch:
        result = verbs.demo(out, report=watch.stage, observers=(watch,))
    console().print(result.sentence)
    console().print(f"Report: {result.page}")


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
    from voxlate.errors import counted

    with watching() as watch:
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
    console().print(f"{counted(cases, 'case')} in {out}")


@app.command()
def check(
    data: Data,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="What is to be trained on it: a built-in recipe, or a YAML file.")
    ] = None,
    source: Sources = None,
    target: Target = None,
    pattern: PatternOption = None,
    manifest: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Write what was matched, and a guess at the rest, as a table to correct."),
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder of the run to come: keep there what was measured.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="A row for every finding, also of many alike.")] = False,
    as_json: AsJson = False,
) -> None:
    """Index a data set, preflight it, and print what was matched and what was left out."""
    from voxlate import verbs
    from voxlate.cli.output import print_check

    with watching() as watch:
        run = partial(verbs.check, data, recipe=recipe, source=source, target=target)
        result = run(pattern=pattern, manifest=manifest, keep=keep, report=watch.stage)
    if as_json:
        print_json(_as_values(result))
    else:
        print_check(console(), result, every=every)
    if manifest is not None and not as_json:
        console().print(f"Manifest, to correct and to give in the data set's place: {manifest}", markup=False)
    if result.errors:
        raise typer.Exit(1)


@app.command()
def info(
    what: Annotated[Path | None, typer.Argument(metavar="[MODEL|FILE]", help="A model or a volume file.")] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Say whether the file is unlike the training scans of this model.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Describe the installation, a model, or a volume file."""
    from voxlate import verbs

    facts = verbs.info(what, model=model)
    if as_json:
        print_json(facts)
    else:
        print_rows(str(facts.get("name", "Voxlate")), ("what", "value"), [(k, plain(v)) for k, v in facts.items()])


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
        "left_out": [{"file": file, "reason": reason} for file, reason in result.left_out],
        "findings": [
            dict(zip(("severity", "case", "code", "finding"), finding, strict=True)) for finding in result.findings
        ],
    }
