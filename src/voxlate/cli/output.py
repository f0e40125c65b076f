"""What stands on a terminal: progress with a line per stage and the loss beside its bar, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from voxlate.errors import counted

if TYPE_CHECKING:
    from voxlate.cohort.finding import Severity
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.training.loop.validation import Validation
    from voxlate.verbs.data import Checked
    from voxlate.workflows.result import Tuning


class Terminal:
    """Shows stages and training steps; a context manager that leaves the terminal as it was."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._metrics = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, name: str, done: int, of: int) -> None:
        """Shows that ``done`` of ``of`` pieces of a stage are finished."""
        self._progress.update(self._task(name), completed=done, total=max(of, 1))

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Shows the training's loss."""
        note = f"step {step}  loss {logs.get('loss', float('nan')):.4f}{self._metrics}"
        self._progress.update(self._task("train"), completed=fraction, total=1.0, note=note)

    def validated(self, step: int, validation: Validation) -> None:
        """Keeps the newest validation metrics for the next line."""
        named = {"mae": "MAE", "dice": "Dice"}
        found = [
            f"{title} {validation.metrics[name]:.4f}" for name, title in named.items() if name in validation.metrics
        ]
        self._metrics = f"  validation {found[0]} at {step}" if found else ""

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, note="")
        return self._tasks[name]


def print_table(
    console: Console, title: str, fields: Sequence[str], rows: Sequence[Sequence[object]], *, parted: bool
) -> None:
    """Prints a table.

    Args:
        console: Where.
        title: Above it.
        fields: Names of the columns.
        rows: Their cells.
        parted: Whether a table that is too wide is parted into blocks of columns, each with the first, in place of
            breaking words.
    """
    wide = [max(map(len, (*name.split(), *(str(row[place]) for row in rows)))) for place, name in enumerate(fields)]
    for block in _blocks(wide, room=console.width) if parted else [list(range(len(fields)))]:
        table = Table(title=title, title_justify="left", header_style="bold")
        for place in block:
            exact = wide[place] if parted else None
            table.add_column(fields[place], overflow="fold", no_wrap=place == 0 and not parted, width=exact)
        for row in rows:
            table.add_row(*(Text(str(row[place])) for place in block))
        console.print(table)


def _blocks(wide: Sequence[int], *, room: int) -> list[list[int]]:
    """Columns of these widths that fit side by side into the room, block after block, each with the first."""
    found, taken = [[0]], wide[0] + 4  # a column has a blank at both sides and a line; so has the table's end
    for place in range(1, len(wide)):
        if taken + wide[place] + 3 > room and len(found[-1]) > 1:
            found.append([0])
            taken = wide[0] + 4
        found[-1].append(place)
        taken += wide[place] + 3
    return found


def _fitting(wide: Sequence[int], *, room: int, least: int) -> list[int]:
    """The first ``least`` columns of these widths, and of the others each that still fits beside them into the room."""
    kept, taken = list(range(least)), 1 + sum(wide[:least]) + 3 * least
    for place in range(least, len(wide)):
        if taken + wide[place] + 3 <= room:
            kept.append(place)
            taken += wide[place] + 3
    return kept


def print_check(console: Console, result: Checked, *, every: bool = False) -> None:
    """Prints what a preflight matched, left out and found; of attributes that find no room as columns, a summary.

    Args:
        console: Where.
        result: Of the preflight.
        every: Whether each finding has a row, rather than one row those of one code in many cases.
    """
    heading = f"{counted(len(result.rows), 'case')} ({result.layout})"
    wide = [
        max(map(cell_len, (name, *(row[place] for row in result.rows)))) for place, name in enumerate(result.fields)
    ]
    kept = _fitting(wide, room=console.width, least=len(result.fields) - len(result.attributes))
    rows = [[row[place] for place in kept] for row in result.rows]
    print_table(console, heading, [result.fields[place] for place in kept], rows, parted=False)
    summed = [(name, result.attributes[name]) for place, name in enumerate(result.fields) if place not in kept]
    if summed:
        print_table(console, "Attributes without a column", ("attribute", "values (cases)"), summed, parted=False)
        room = sum(wide) + 3 * len(wide) + 1
        console.print(f"Those of every case: add --json, or print to {room} columns (COLUMNS={room}).")
    if result.left_out:
        print_table(console, "Left out", ("file", "reason"), result.left_out, parted=False)
    if result.findings:
        found = result.findings if every else _gathered(result.findings)
        print_table(console, "Findings", ("severity", "case", "code", "finding"), found, parted=False)
    console.print(f"{counted(result.errors, 'error')}, {counted(result.warnings, 'warning')}")


def _gathered(findings: Sequence[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    from voxlate.cohort.finding import Finding, gather

    every = [Finding(cast("Severity", severity), code, case, text) for severity, case, code, text in findings]
    return [(one.severity, one.case, one.code, one.message) for one in gather(every, every="--all or --json")]


def print_tuning(console: Console, result: Tuning) -> None:
    """Prints the trials of a search, the tables and remarks of an experiment grid, and where the results lie."""
    print_table(console, "Trials", result.fields, result.rows, parted=False)
    for title, (fields, rows) in result.tables.items():
        print_table(console, title, fields, rows, parted=True)
    for line in (*result.remarks, f"Best recipe: {result.best_recipe}", f"Report: {result.page}"):
        console.print(line, markup=False)


def print_outcomes(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Prints what became of every image of a data set."""
    from voxlate.inference.cohort.outcome import sum_up

    rows = [(one.case, one.target, one.status, one.model, one.reason) for one in outcomes]
    print_table(console, "Images", ("case", "target", "status", "model", "reason"), rows, parted=False)
    for sentence in sum_up(outcomes):
        console.print(sentence, markup=False)
