"""The application that the commands register with, the options that they share, and how they print."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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

Data = Annotated[Path, typer.Argument(help="A data set: a folder of cases, a BIDS folder, or a CSV manifest.")]
PatternOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pattern",
        metavar="CONTRAST=PATH",
        help="Where a contrast's files lie below DATA, as t1='{case}/anat/*_T1w.nii.gz'; may be repeated.",
    ),
]
RecipeName = Annotated[str, typer.Option("--recipe", help="A built-in recipe, or a YAML file.")]
Sources = Annotated[list[str] | None, typer.Option("--source", help="Contrast that goes in; may be repeated.")]
Target = Annotated[str | None, typer.Option("--target", help="Contrast that comes out.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=VALUE", help="A recipe field; may be repeated.")
]

Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE|FIELD=VALUE",
        help="What is refused by default, as not_hounsfield or on_shear=resample; may be repeated.",
    ),
]


def overrides(settings: list[str] | None) -> dict[str, Any]:
    """The recipe fields that ``--set`` gives, by dotted name."""
    from voxlate.plainyaml import parse_setting

    return dict(parse_setting(text) for text in settings or [])


def accepted(words: Sequence[str] | None) -> dict[str, str | tuple[str, ...]]:
    """Fields of ``plan.reading`` with their values, and the codes of findings, which are words without one."""
    fields = {field: str(value) for field, value in overrides([word for word in words or () if "=" in word]).items()}
    codes = [word for word in words or () if "=" not in word] + fields.pop("accept", "").split(",")
    return {**fields, "accept": tuple(filter(None, codes))}


def watching() -> Any:  # noqa: ANN401  the terminal module is heavy for --help
    """What shows progress on standard error while a verb works."""
    from voxlate.cli.output import Terminal

    return Terminal(errors())


def print_result(title: str, result: Any, *, parted: bool = False) -> None:  # noqa: ANN401
    """The table, the answer and the page of an evaluation or study; exits with 1 if a case could not be scored."""
    print_rows(title, result.fields, result.rows, parted=parted)
    console().print(result.sentence, markup=False)
    if result.account:
        console().print(f"{result.account}.", markup=False)
    console().print(f"Report: {result.page}", markup=False)
    for case, reason in result.failed:
        errors().print(f"{case}: {reason}", markup=False, style="red")
    if result.failed:
        raise typer.Exit(1)


def print_rows(title: str, fields: Any, rows: Any, *, parted: bool = False) -> None:  # noqa: ANN401
    """A table on standard output."""
    from voxlate.cli.output import print_table

    print_table(console(), title, fields, rows, parted=parted)


def print_json(values: dict[str, Any]) -> None:
    """Values as JSON on standard output."""
    sys.stdout.write(json.dumps(values, indent=1) + "\n")


def plain(value: Any) -> str:  # noqa: ANN401
    """A value as text."""
    return value if isinstance(value, str) else json.dumps(value)


def console() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console()


def errors() -> Console:
    """Standard error."""
    from rich.console import Console

    return Console(stderr=True)
