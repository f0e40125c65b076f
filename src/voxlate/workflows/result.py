"""What a verb returns: the answer in words, the page, and a table for a terminal or a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Self

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import Ends, Number, number
from voxlate.metrics import METRICS


class Tabled:
    """What has a table: in a notebook it is shown as one, and pandas takes it.

    Attributes:
        fields: Column names of ``rows``.
        rows: The lines as text; a cell with a number knows all its digits: ``float(cell)``.
    """

    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def to_pandas(self) -> Any:  # noqa: ANN401  pandas need not be there
        """The table as a ``pandas.DataFrame``: numbers with all digits, intervals as two columns.

        Raises:
            UsageError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            remedy = "Install it: pip install pandas. The rows are there without it, too."
            raise UsageError("pandas", came="none", where="to_pandas", remedy=remedy) from error
        columns: dict[str, list[object]] = {}
        for place, name in enumerate(self.fields):
            columns |= _columns(name, [row[place] for row in self.rows])
        return pd.DataFrame(columns)

    def words(self) -> tuple[str, ...]:
        """What stands above the table, in sentences."""
        return ()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.fields)
        lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows)
        told = "".join(f"<p>{escape(sentence)}</p>" for sentence in self.words())
        return f"{told}<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _columns(name: str, cells: Sequence[str]) -> dict[str, list[object]]:
    """The column of a table, or, of intervals, the two; text stays text, and what is empty among numbers is NaN."""
    filled = [cell for cell in cells if cell]
    if filled and all(isinstance(cell, Ends) for cell in filled):
        return {f"{name}, {end}": [getattr(cell, end, math.nan) for cell in cells] for end in ("low", "high")}
    if filled and all(isinstance(cell, Number) or cell.isdecimal() for cell in filled):
        return {
            name: [float(cell or math.nan) if isinstance(cell, Number) or not cell else int(cell) for cell in cells]
        }
    return {name: list(cells)}


@dataclass(frozen=True)
class FigureFile:
    """A picture in a file, which a notebook shows.

    Attributes:
        path: The PNG.
    """

    path: Path

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


class _Reported(Tabled):
    """What has a page and figures beside it.

    Attributes:
        page: The report.
    """

    page: Path

    @property
    def out(self) -> Path:
        """The folder of everything that was written."""
        return self.page.parent

    @property
    def figures(self) -> dict[str, Path]:
        """The pictures beside the page, by name."""
        return {path.stem: path for path in sorted((self.out / "figures").glob("*.png"))}

    def figure(self, name: str = "") -> FigureFile:
        """A picture beside the page, by default the first, as a notebook shows it.

        Raises:
            UsageError: If there is none of that name.
        """
        there = self.figures
        if name not in there and (name or not there):
            came = repr(name) if name else "none"
            raise UsageError(
                f"a figure among {', '.join(there) or 'none'}", came=came, where=self.out, remedy="Name one."
            )
        return FigureFile(there[name] if name else next(iter(there.values())))


@dataclass(frozen=True)
class Scores(Tabled):
    """One image beside its truth.

    Attributes:
        values: From a metric to its value; of several labels, that of all of them together.
        fields: Column names of ``rows``.
        rows: One line per region and metric.
        counted: Which voxels count, in words.
        data_range: The range of values that PSNR and SSIM relate to; ``None`` for label maps.
    """

    values: Mapping[str, float]
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    counted: str
    data_range: float | None

    @classmethod
    def of(cls, scores: Sequence[Score], *, counted: str, data_range: float | None) -> Self:
        """The table of some scores of one image; those of the last region are ``values``."""
        fields = ("region", "metric", "value", "unit", "better")
        values = {score.metric: score.value for score in scores if score.region == scores[-1].region}
        return cls(values, fields, [_line(score) for score in scores], counted, data_range)

    def __getitem__(self, metric: str) -> float:
        if metric not in self.values:
            raise KeyError(f"expected one of {', '.join(self.values)}, got {metric!r}")
        return self.values[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __repr__(self) -> str:
        found = (f"{row[1]} {row[2]}{'' if row[3] == '1' else f' {row[3]}'}" for row in self.rows)
        return f"Scores({', '.join(found)}; {self.counted})"

    def words(self) -> tuple[str, ...]:
        """Which voxels count, and the range."""
        width = () if self.data_range is None else (f"Range of values for PSNR and SSIM: {self.data_range:.5g}.",)
        return (f"Scored inside {self.counted}.", *width)


def _line(score: Score) -> tuple[str, ...]:
    metric = METRICS[score.metric]
    unit = score.unit
    return score.region, metric.title, number(score.value, metric=score.metric), unit, metric.better


@dataclass(frozen=True)
class Result(_Reported):
    """What an evaluation or a study found.

    Attributes:
        sentence: The answer in words.
        page: The report.
        fields: Column names of ``rows``.
        rows: Mean and interval per method, region and metric, or a line per method; a cell with a number knows all its
            digits: ``float(cell)``.
        failed: Cases that could not be scored, each with its reason.
        answer: Of an ablation ``lower`` or ``higher``, the error with what was taken away; ``none`` if no difference
            could be shown; empty for what is no ablation.
        account: How many cases were scored and why the others were not; empty if all were.
        brief: The answer in one or two sentences, for a terminal; empty where ``sentence`` is as short.
    """

    sentence: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
    account: str = ""
    brief: str = ""

    def words(self) -> tuple[str, ...]:
        """The answer, how many cases there were, and where the report is."""
        return (self.sentence, *([f"{self.account}."] if self.account else []), f"Report: {self.page}")


@dataclass(frozen=True)
class Tuning(_Reported):
    """What a search found.

    Attributes:
        best_recipe: The recipe with the best values, as a file that ``train`` takes.
        page: The report.
        fields: Column names of ``rows``.
        rows: One line per trial that has ended: number, state, value, each searched field, seconds; the file
            ``trials.csv`` has its run and the reason of a failure besides, and all digits.
        tables: Those of an experiment grid: from a title to column names and lines.
        remarks: What a reader of them must know, in sentences.
    """

    best_recipe: Path
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    tables: Mapping[str, tuple[tuple[str, ...], list[tuple[str, ...]]]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """The remarks, and where the best recipe and the report are."""
        return (*self.remarks, f"Best recipe: {self.best_recipe}", f"Report: {self.page}")
