"""Tables on disk: scores as long CSV, the summary as JSON; other programs read both."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from voxlate.errors import ReadError
from voxlate.evaluation.scores import Score
from voxlate.io.atomic import write_rows, write_text
from voxlate.plainyaml import Json

_COLUMNS = tuple(field.name for field in fields(Score))


def write_scores(scores: Iterable[Score], path: Path) -> Path:
    """Writes ``case,region,method,metric,value,unit``, one score a line; a value that is not available is empty.

    Values keep all their digits, so that reading gives the same numbers.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    return _write(path, _COLUMNS, map(_line, scores))


def write_scores_by_seed(scores: Mapping[int, Iterable[Score]], path: Path) -> Path:
    """Writes ``case,region,method,metric,value,unit,seed``: the scores of several runs, by their training seed.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    lines = ([*_line(score), str(seed)] for seed, found in scores.items() for score in found)
    return _write(path, (*_COLUMNS, "seed"), lines)


def read_scores(path: Path) -> list[Score]:
    """The scores of a file that ``write_scores`` wrote.

    Raises:
        ReadError: If the file cannot be read, its columns differ or a value is not a number.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = tuple(next(rows, ()))
            if header != _COLUMNS:
                raise ReadError(
                    f"the columns {','.join(_COLUMNS)}",
                    came=",".join(header) or "an empty file",
                    where=path,
                    remedy="Give a scores.csv that `voxlate evaluate` wrote.",
                )
            return [_parse(row, where=f"{path}, line {rows.line_num}") for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReadError("a CSV file", came=str(error), where=path, remedy="Evaluate again.") from error


def write_summary(summary: Json, path: Path) -> Path:
    """Writes the summary as JSON without NaN.

    Raises:
        ValueError: If it holds a value that JSON has no word for.
        WriteError: If the file could not be written; an old one is untouched then.
    """
    write_text(Path(path), json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return Path(path)


def _line(score: Score) -> list[str]:
    value = "" if math.isnan(score.value) else repr(float(score.value))
    return [score.case, score.region, score.method, score.metric, value, score.unit]


def _write(path: Path, columns: Sequence[str], lines: Iterable[Sequence[str]]) -> Path:
    write_rows(Path(path), [columns, *lines])
    return Path(path)


def _parse(row: list[str], *, where: str) -> Score:
    try:
        case, region, method, metric, value, unit = row
        return Score(case, region, method, metric, float(value) if value else math.nan, unit)
    except ValueError as error:
        raise ReadError(
            f"{len(_COLUMNS)} columns with a number or nothing as value",
            came=",".join(row),
            where=where,
            remedy="Evaluate again.",
        ) from error
