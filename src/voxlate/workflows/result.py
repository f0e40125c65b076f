"""What a verb returns: the answer in words, the page, and a table for a terminal or a notebook."""

from __future__ import annotations

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
    """

    sentence: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[tuple[str, str]] = field(default_factory=list)
    answer: str = ""
