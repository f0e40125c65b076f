"""What a verb returns: the answer in words, the page, and a table for a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """What an evaluation or a study found.

    Attributes:
        sentence: The answer in words.
        page: The report.
        fields: Column names of ``rows``.
        rows: Mean and interval per method, region and metric, or a line per method.
        failed: Cases that could not be scored, each with its reason.
        answer: Of an ablation ``lower`` or ``higher``, the error with what was taken away; ``none`` if no difference
            could be shown; empty for what is no ablation.
        account: How many cases were scored and why the others were not; empty if all were.
    """

    sentence: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
    account: str = ""


@dataclass(frozen=True)
class Tuning:
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
