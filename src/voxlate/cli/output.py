"""What the commands print of what a verb returns: the answer first, and tables that fit the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, cast

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from voxlate.cli.tables import methods_as_columns, print_table, table_width
from voxlate.errors import counted

if TYPE_CHECKING:
    from voxlate.cohort.finding import Severity
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.plainyaml import Json
    from voxlate.training.forecast import Forecast
    from voxlate.verbs.data import Checked
    from voxlate.verbs.dry_runs import Expected
    from voxlate.workflows.result import Result, Tuning

_MOST_ROWS = 10
"""Cases, files and images that are shown unless all are asked for."""
_FIGURES = ("progression.png", "curves.png")
"""Of those that a run has the first is named."""
_LONG_S = 3600.0
"""A forecast above proposes a budget."""
_OUTCOME = ("case", "target", "status", "model", "reason", "warnings")
_PARTS = {"validation": "validation", "train": "training"}


def say(console: Console, *lines: str, style: str = "") -> None:
    """Prints lines: on a terminal wrapped between words, elsewhere whole, so that a program can search them."""
    for line in lines:
        indent = len(line) - len(line.lstrip())
        parts = [line]
        if indent and console.is_terminal:
            wrapped = Text(line.strip()).wrap(console, console.width - indent)
            parts = [" " * indent + part.plain.rstrip() for part in wrapped]
        for part in parts:
            console.print(part, style=style or None, markup=False, highlight=False, soft_wrap=not console.is_terminal)


def print_scores(console: Console, title: str, result: Result) -> None:
    """Prints the table of an evaluation or a study, then its answer, which cases it is about, and its page."""
    fields, rows = methods_as_columns(result.fields, result.rows)
    counts = {row[-1] for row in rows} if fields[-1] == "n" else set()
    if len(counts) == 1:
        title, fields, rows = f"{title}, n = {counts.pop()}", fields[:-1], [row[:-1] for row in rows]
    print_table(console, title, fields, rows, keys=2 if fields[:2] == ("metric", "region") else 1)
    say(
        console,
        result.brief or result.sentence,
        *([f"{result.account}."] if result.account else []),
        f"Report: {result.page}",
    )


def print_check(console: Console, result: Checked, *, every: bool = False, root: str = "") -> None:
    """Prints a summary and the findings of a preflight, then what was matched and what was left out.

    Args:
        console: Where.
        result: Of the preflight.
        every: Whether each case, file and finding has a row; else the first cases and files, and one row for the
            findings of one code in many cases.
        root: The data set's folder, which needs no repetition before each file in it.
    """
    say(console, f"{counted(len(result.rows), 'case')} ({result.layout}): {_counts(result)}")
    if result.findings:
        found = result.findings if every else _gathered(result.findings)
        told = [(*rest, message.replace(f"{root}/", "")) for *rest, message in found]
        print_table(console, "Findings", ("severity", "case", "code", "finding"), told, keys=4)
    shown = result.rows if every else result.rows[:_MOST_ROWS]
    wide = [max(map(cell_len, column)) for column in zip(result.fields, *shown, strict=True)]
    kept = _fitting(wide, room=console.width, least=len(result.fields) - len(result.attributes))
    print_table(console, "Cases", [result.fields[at] for at in kept], [[row[at] for at in kept] for row in shown])
    _print_rest(console, "case", len(result.rows) - len(shown))
    say(console, *(f"{table}." for table in result.tables))
    summed = [(name, result.attributes[name]) for at, name in enumerate(result.fields) if at not in kept]
    if summed:
        print_table(console, "Attributes without a column", ("attribute", "values (cases)"), summed)
        say(console, "Those of every case: add --json, or widen the terminal.")
    if result.left_out:
        some = result.left_out if every else result.left_out[:_MOST_ROWS]
        rows = [(file.removeprefix(f"{root}/"), reason) for file, reason in some]
        print_table(console, "Left out", ("file", "reason"), rows)
        _print_rest(console, "file", len(result.left_out) - len(some))


def _fitting(wide: Sequence[int], *, room: int, least: int) -> list[int]:
    """The first ``least`` columns of these widths, and of the others each that still fits beside them into the room."""
    kept = list(range(least))
    for place in range(least, len(wide)):
        if table_width([wide[at] for at in (*kept, place)]) <= room:
            kept.append(place)
    return kept


def _counts(result: Checked) -> str:
    left_out = [f"{counted(len(result.left_out), 'file')} left out"] if result.left_out else []
    return ", ".join([counted(result.errors, "error"), counted(result.warnings, "warning"), *left_out])


def _print_rest(console: Console, what: str, more: int) -> None:
    if more > 0:
        say(console, f"And {counted(more, f'more {what}')}: add --all.")


def _gathered(findings: Sequence[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    from voxlate.cohort.finding import Finding, gather

    every = [Finding(cast("Severity", severity), code, case, text) for severity, case, code, text in findings]
    return [(one.severity, one.case, one.code, one.message) for one in gather(every, every="--all or --json")]


def print_tuning(console: Console, result: Tuning) -> None:
    """Prints the trials of a search, the tables and remarks of an experiment grid, and where the results lie."""
    print_table(console, "Trials", result.fields, result.rows)
    for title, (fields, rows) in result.tables.items():
        print_table(console, title, fields, rows)
    say(console, *result.remarks, f"Best recipe: {result.best_recipe}", f"Report: {result.page}")


def print_outcomes(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Prints what became of every image of a data set, those that failed and those warned of first, and the sum."""
    from voxlate.inference.cohort.outcome import sum_up

    ordered = sorted(outcomes, key=lambda one: (not one.is_bad, not one.warnings))
    shown = ordered[: max(_MOST_ROWS, sum(one.is_bad for one in outcomes))]
    rows = [(one.case, one.target, one.status, one.model, one.reason, str(len(one.warnings) or "")) for one in shown]
    told = [at for at in range(len(_OUTCOME)) if at < 4 or any(row[at] for row in rows)]
    print_table(console, "Images", [_OUTCOME[at] for at in told], [[row[at] for at in told] for row in rows])
    if len(shown) < len(ordered):
        say(console, f"And {counted(len(ordered) - len(shown), 'more image')}, in the folder's table.")
    say(console, *sum_up(outcomes))


def print_run(console: Console, run: Path, data: Path) -> None:
    """Prints what a training came to: its score beside that of the lookup, model and figure, and what to do next."""
    from voxlate.bundle.ensemble import is_ensemble, read_model

    scores = read_model(run).scores
    say(console, _score(scores), f"Model: {run if is_ensemble(run) else run / 'bundle'}")
    figures = [path for name in _FIGURES if (path := run / "figures" / name).is_file()]
    say(console, *(f"Figure: {path}" for path in figures[:1]))
    words = ["voxlate", "evaluate", str(run), str(data), "--out", f"{run}-evaluation"]
    say(console, *_command("Next: ", words, room=console.width if console.is_terminal else None))


def _command(lead: str, words: Sequence[str], *, room: int | None) -> list[str]:
    """A command to paste: lines that are too long go on behind a backslash."""
    lines = [lead]
    for word in map(shlex.quote, words):
        if room is not None and cell_len(lines[-1]) + cell_len(word) + 3 > room and lines[-1] != lead:
            lines[-1] += "\\"
            lines.append(" " * len(lead))
        lines[-1] += f"{word} "
    return [line.rstrip(" ") for line in lines]


def _score(scores: Json) -> str:
    """The score of the chosen weights, and what intensity alone reaches where that can be compared."""
    name = "dice" if "dice" in scores["metrics"] else "mae"
    title, many = (
        {"dice": "Dice", "mae": "Normalised MAE"}[name],
        any(key.startswith("dice of ") for key in scores["metrics"]),
    )
    value, lookup = scores["metrics"].get(name), scores.get("lookup", {}).get(name)
    alone = "intensity lookup, which tells no classes apart," if many else "intensity lookup"
    beside = "" if lookup is None else f"; {alone} reaches {lookup:.4f}"
    cases = counted(scores["cases"], f"{_PARTS[scores['part']]} case")
    told = "not available" if value is None else f"{value:.4f}"
    at = f" at step {scores['step']:,}" if "step" in scores else ""
    return f"{title} on {cases}: {told}{at}{beside}."


def print_forecast(console: Console, forecast: Forecast) -> None:
    """Prints the plan of a run, how its cases are split, and what it costs."""
    from voxlate.cohort import SHARE_FIELDS

    console.print(forecast.plan_yaml, markup=False, highlight=False, soft_wrap=True)
    print_table(console, "Split: subjects, and their share of the part", SHARE_FIELDS, forecast.shares, keys=2)
    steps = int(forecast.steps * _LONG_S / max(forecast.seconds, _LONG_S))
    advice = f"`--minutes 60`, or `--steps {steps}`, would end in about an hour."
    print_expected(console, forecast.rows(), forecast, advice=advice)


def print_expected(
    console: Console, rows: Sequence[tuple[str, str]], expected: Forecast | Expected, *, advice: str
) -> None:
    """Prints what a command would take, what of that was not measured, and advice where it is long."""
    print_table(console, "Forecast", ("what", "expected"), rows)
    long = [f"That is long: {advice}"] if advice and expected.seconds > _LONG_S else []
    say(console, *expected.notes, *long)


def print_facts(console: Console, facts: Mapping[str, object]) -> None:
    """Prints what ``info`` tells: a line per fact, a line per part of one, and a table of what is a list of entries."""
    entries = {name: value for name, value in facts.items() if _is_table(value)}
    rows = [(name, words) for name, value in facts.items() if name not in entries and (words := _in_words(value))]
    if len(rows) > 1:
        print_table(console, str(facts.get("name", "Voxlate")), ("what", "value"), rows)
    for name, value in entries.items():
        fields = list(value[0])
        title = name if len(rows) > 1 else str(facts["name"])
        cells = [["null" if one[field] is None else _in_words(one[field]) for field in fields] for one in value]
        print_table(console, title.capitalize(), fields, cells)


def print_recipes(console: Console, entries: Sequence[Mapping[str, str]]) -> None:
    """Prints each recipe: its name, dimension, minutes and origin in a line, and below it what it is for."""
    cells = [(one["name"], one["dim"], one["minutes"] + " min" * one["minutes"][-1].isdigit()) for one in entries]
    wide = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    for one, row in zip(entries, cells, strict=True):
        head = "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True))
        earlier = f"; earlier {one['earlier name']}" if one["earlier name"] else ""
        say(console, f"{head}  {one['after']}".rstrip(), f"    {one['does']}: {one['when']}{earlier}")


def _is_table(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _in_words(value: object) -> str:
    """A value without braces: parts in lines, numbers with the digits that one reads, what is empty as nothing."""
    if isinstance(value, Mapping):
        parts = {name: _in_words(one) for name, one in value.items()}
        return "\n".join(f"{name}: {words.replace(chr(10), '; ')}" for name, words in parts.items() if words)
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(one).replace("\n", "; ") for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
