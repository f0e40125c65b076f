"""The application that the commands register with, the options that they share, and how they print."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from voxlate.progress.watching import Watch
    from voxlate.verbs.dry_runs import Expected
    from voxlate.workflows.result import Result


def _recipes(beginning: str) -> list[str]:
    from voxlate.config.builtin import recipe_names

    return [name for name in recipe_names() if name.startswith(beginning)]


_Outcome = TypeVar("_Outcome")
_in_use: list[Console] = []
RECIPES = "{recipes}"
"""Stands in an epilogue for the names of the recipes that come with Voxlate."""
_BUDGET, _MACHINE = "Budget of a training", "Machine and output"
Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="The data set: a folder of cases, a BIDS folder, or a CSV manifest."),
]
PatternOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pattern",
        metavar="CONTRAST=PATH",
        help="Where a contrast's files lie below DATA, as t1='{case}/anat/*_T1w.nii.gz'. May be repeated.",
    ),
]
RecipeName = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="The recipe: one of those named below, or a YAML file. `voxlate info NAME` tells its fields.",
        autocompletion=_recipes,
    ),
]
OptionalRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME|FILE",
        help="A recipe that is named below, or a YAML file. By default what is best for the data; `voxlate recipes`.",
        autocompletion=_recipes,
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="CONTRAST", help="A contrast that goes in, such as t1. May be repeated."),
]
Target = Annotated[
    str | None, typer.Option("--target", metavar="CONTRAST", help="The contrast that comes out, such as t2.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=VALUE", help="A recipe field and its value. May be repeated."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE|FIELD=VALUE",
        help="Take what is refused by default, as not_hounsfield or on_shear=resample. May be repeated.",
    ),
]
Steps = Annotated[int | None, typer.Option("--steps", help="Train so many steps.", min=1, rich_help_panel=_BUDGET)]
Epochs = Annotated[int | None, typer.Option("--epochs", help="Train so many epochs.", min=1, rich_help_panel=_BUDGET)]
Minutes = Annotated[
    float | None,
    typer.Option("--minutes", help="Train for so many minutes.", min=0.01, rich_help_panel=_BUDGET),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cpu|cuda|cuda:N",
        help="Compute on the processor, on the first CUDA device, or on the one of that number. "
        "By default it is the first CUDA device if there is one.",
        rich_help_panel=_MACHINE,
    ),
]
Quiet = Annotated[
    bool,
    typer.Option("--quiet", help="Show no progress; warnings and results are shown.", rich_help_panel=_MACHINE),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say in about 20 seconds what would be done and how long it takes; do nothing."),
]


_AS_IS = "\b\n"
"""Begins a paragraph whose lines are not filled."""
_KINDS = {"int": "N", "float": "X", "path": "PATH", "str": "TEXT"}


def _filled(text: str, width: int) -> str:
    return textwrap.fill(text, width, break_on_hyphens=False, break_long_words=False)


class _Group(typer.core.TyperGroup):
    """The application, whose help says of every command its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  the package keeps its click private
        """Writes the commands in the order in which a user comes to them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, (one.help or "").split("\n\n")[0]) for name, one in self.commands.items()])


class CommandHelp(typer.core.TyperCommand):
    """A command whose help groups the options by their panels, in plain text of any width."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401  the package keeps its click private
        """Writes the arguments, the options without a panel, and a section for each panel."""
        parts: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                is_argument = parameter.param_type_name == "argument"
                panel = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or "Options"
                usage = re.sub("<(int|float|path|str).*?>", lambda kind: _KINDS[kind[1]], record[0])
                parts.setdefault(panel, []).append((usage, record[1]))
        for panel, records in parts.items():
            if records:
                with formatter.section(panel):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Writes the examples and the names that can be chosen."""
        for paragraph in _with_names(self.epilog or "").split("\n\n"):
            formatter.write_paragraph()
            as_is = paragraph.startswith(_AS_IS)
            lines = paragraph.removeprefix(_AS_IS) if as_is else _filled(paragraph, formatter.width)
            formatter.write(f"{lines}\n")


app = typer.Typer(
    name="voxlate",
    cls=_Group,
    help="Turns the scans you have into the scans you lack. Not for diagnostic use.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def shown_by(*examples: str, choices: str = "", command: type[CommandHelp] = CommandHelp) -> dict[str, Any]:
    """How a command is registered whose help ends with examples.

    Args:
        *examples: How it is called, each in one line or several that end with a backslash.
        choices: What can be chosen, in a paragraph behind the examples; ``RECIPES`` stands for the recipes' names.
        command: How its words are read.

    Returns:
        Arguments for ``app.command``.
    """
    lines = "\n".join(f"  {line}" for example in examples for line in example.splitlines())
    epilogue = f"{_AS_IS}{'Examples' if len(examples) > 1 else 'Example'}:\n{lines}"
    return {"cls": command, "epilog": "\n\n".join(filter(None, (epilogue, choices)))}


def _with_names(text: str) -> str:
    """An epilogue with the recipes' names in the place of their sign."""
    return text.replace(RECIPES, ", ".join(_recipes(""))) if RECIPES in text else text


def overrides(settings: list[str] | None) -> dict[str, object]:
    """The recipe fields that ``--set`` gives, by dotted name."""
    from voxlate.plainyaml import parse_setting

    return dict(parse_setting(text) for text in settings or [])


def budget(**limits: float | None) -> dict[str, float | None]:
    """The recipe fields that ``--steps``, ``--epochs`` and ``--minutes`` stand for: they replace the recipe's."""
    if all(limit is None for limit in limits.values()):
        return {}
    return {f"training.{name}": limits.get(name) for name in ("epochs", "steps", "minutes")}


def accepted(words: Sequence[str] | None) -> dict[str, str | tuple[str, ...]]:
    """Fields of ``plan.reading`` with their values, and the codes of findings, which are words without one."""
    fields = {field: str(value) for field, value in overrides([word for word in words or () if "=" in word]).items()}
    codes = [word for word in words or () if "=" not in word] + fields.pop("accept", "").split(",")
    return {**fields, "accept": tuple(filter(None, codes))}


Cluster = Annotated[
    str | None,
    typer.Option(metavar="local:N|ADDRESS|YAML", help="Have this Dask cluster do the cases; docs/do/many-machines.md."),
]
Shard = Annotated[
    str | None, typer.Option(metavar="I/N", help="Do only the I-th of N parts of the cases, in a job array say.")
]


@contextmanager
def watching(
    *,
    quiet: bool = False,
    endless: bool = False,
    device: str | None = None,
    cluster: str | None = None,
    shard: str | None = None,
) -> Iterator[Watch]:
    """What shows progress on standard error while a verb works, on a device, with a cluster that helps, or for a shard.

    Work that is ``endless`` has no progress, and tells what it does by its news.

    Raises:
        UsageError: If there is no such device, cluster or shard.
    """
    from voxlate.progress.watching import Bars, Lines, Silence

    console = errors()
    is_screen = console.is_terminal and not console.is_dumb_terminal
    _in_use.append(console)
    try:
        with (
            _computing_on(device),
            _helped(cluster),
            _of(shard),
            Silence(news=endless and not quiet)
            if quiet or endless
            else Bars(console)
            if is_screen
            else Lines(console) as watch,
        ):
            yield watch
    finally:
        _in_use.remove(console)


def _of(shard: str | None) -> AbstractContextManager[None]:
    if shard is None:
        return nullcontext()
    from voxlate.machines.shard import only

    return only(shard)


def _helped(cluster: str | None) -> AbstractContextManager[None]:
    if cluster is None:
        return nullcontext()
    from voxlate.machines.cluster import cluster as helping

    return helping(cluster)


@contextmanager
def _computing_on(device: str | None) -> Iterator[None]:
    if device is None:
        yield
        return
    from voxlate.config.device import DEVICE
    from voxlate.methods.hardware import pick_device

    before = os.environ.get(DEVICE)
    os.environ[DEVICE] = device
    try:
        pick_device()
        yield
    finally:
        os.environ.pop(DEVICE)
        if before is not None:
            os.environ[DEVICE] = before


class LogToTerminal(logging.Handler):
    """Writes records to standard error as it is now, so that they stand above the bars; the same warning once."""

    def __init__(self) -> None:
        super().__init__()
        self.warned: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes one record."""
        from voxlate.cli.output import say

        try:
            line = self.format(record)
            if line not in self.warned:
                say(errors(), line)
            if record.levelno >= logging.WARNING:
                self.warned.add(line)
        except Exception:  # noqa: BLE001  as every handler of the standard library does
            self.handleError(record)


def print_result(title: str, result: Result) -> None:
    """The table, the answer and the page of an evaluation or study; exits with 1 if a case could not be scored."""
    from voxlate.cli.output import print_scores, say

    if result.rows:
        print_scores(console(), title, result)
    else:  # of a shard
        say(console(), result.sentence)
    say(errors(), *(f"{case}: {reason}" for case, reason in result.failed), style="red")
    if result.failed:
        raise typer.Exit(1)


def carry_out(
    work: Callable[[Watch], _Outcome],
    foretell: Callable[[Watch], Expected],
    *,
    dry_run: bool,
    quiet: bool,
    device: str | None,
    cluster: str | None = None,
    shard: str | None = None,
    advice: str = "",
) -> _Outcome | None:
    """What the work comes to; of a dry run nothing, but what it would take is printed.

    Args:
        work: What the command does, which tells a watch how far it is.
        foretell: What it would take.
        dry_run: Whether only that is asked.
        quiet: As for ``watching``.
        device: As for ``watching``.
        cluster: As for ``watching``.
        shard: As for ``watching``.
        advice: What to do about it where that is long.
    """
    from voxlate.cli.output import print_expected

    with watching(quiet=quiet, device=device, cluster=cluster, shard=shard) as watch:
        if not dry_run:
            return work(watch)
        expected = foretell(watch)
    print_expected(console(), expected.rows, expected, advice=advice)
    return None


def foretold(work: Callable[..., object]) -> Callable[[Watch], Expected]:
    """What a verb would take that is called with where to write and with who is told how far it is."""
    from voxlate.verbs.dry_runs import forecast_work

    return lambda watch: forecast_work(lambda folder, report: work(out=folder, report=report), report=watch.stage)


def print_json(values: Mapping[str, object]) -> None:
    """Values as JSON on standard output."""
    sys.stdout.write(json.dumps(values, indent=1) + "\n")


def console() -> Console:
    """Standard output."""
    from rich.console import Console

    return Console()


def errors() -> Console:
    """Standard error: the console on which bars stand, if any, since what another one prints would break them."""
    from rich.console import Console

    return _in_use[-1] if _in_use else Console(stderr=True)
