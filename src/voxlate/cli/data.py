"""Commands about data and the installation: ``demo``, ``phantom``, ``check``, ``info``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from voxlate.cli.app import Data, app, console, plain, print_rows, watching


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
    from voxlate.terminal import counted

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
def check(data: Data) -> None:
    """Index a data set, preflight it, and print what was matched and what was left out."""
    from voxlate import verbs
    from voxlate.terminal import print_check

    with watching() as watch:
        result = verbs.check(data, report=watch.stage)
    print_check(console(), result)
    if result.errors:
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
        print_rows(str(facts.get("name", "Voxlate")), ("what", "value"), [(k, plain(v)) for k, v in facts.items()])
