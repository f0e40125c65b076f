"""The report: one self-contained HTML page that opens with the answer.

No script, no font and no picture is fetched from anywhere: the style is inline, pictures are base64 PNG, and a content
security policy forbids the rest. Every string of the report is escaped by the template engine, because names of cases
and files come from outside.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from PIL import Image

from voxlate._version import __version__
from voxlate.errors import UsageError
from voxlate.evaluation.words import meaning, metric_title
from voxlate.io.atomic import write_bytes, write_text
from voxlate.reporting.drawing import canvas
from voxlate.reporting.page.caveats import caveats
from voxlate.reporting.page.tables import Table, comparison_tables, ct_tables, score_tables, slice_tables

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Illustration:
    """A figure of the page.

    Attributes:
        title: What it shows, without a full stop.
        caption: How to read it, as sentences.
        png: The picture.
        alt: The picture in words for those who do not see it; by default title and caption.
    """

    title: str
    caption: str
    png: bytes
    alt: str = ""


@dataclass(frozen=True)
class Section:
    """Tables of a kind of their own, which stand before the scores.

    Attributes:
        title: Heading of the section.
        note: How to read it, as sentences.
        caption: What the numbers in the cells are, under each table's name.
        tables: One after the other.
    """

    title: str
    note: str
    caption: str
    tables: Sequence[Table]


@dataclass(frozen=True)
class Report:
    """What a page says.

    Attributes:
        title: What was evaluated: ``T1 to T2, avula2020-t1-to-t2``.
        verdict: The answer in a sentence or two, as ``voxlate.evaluation.verdict.judge`` gives it.
        summary: As ``voxlate.evaluation.summarise`` gives it; its caveats (few cases, scores that are not available)
            are added to the warnings.
        illustrations: Figures, in the order in which they are read.
        facts: Provenance from a name to its value: model digest, recipe, cohort, split, software.
        warnings: What a reader must know before the numbers, one sentence each.
        sections: Tables that stand before the scores.
        terms: Words of these tables, each with its meaning, for the end of the page.
    """

    title: str
    verdict: str
    summary: Mapping[str, Any]
    illustrations: Sequence[Illustration] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    sections: Sequence[Section] = ()
    terms: Mapping[str, str] = field(default_factory=dict)


def render_report(report: Report) -> str:
    """The page as HTML; the same report gives the same text.

    Raises:
        UsageError: If an illustration is not a PNG file.
    """
    scores, slices, ct = (tables(report.summary) for tables in (score_tables, slice_tables, ct_tables))
    metrics = dict.fromkeys(column.metric for table in (*scores, *ct, *slices) for column in table.columns)
    return render_page(
        "report.html.j2",
        report=report,
        warnings=[*report.warnings, *caveats(report.summary)],
        score_tables=scores,
        ct_tables=ct,
        slice_tables=slices,
        comparison_tables=comparison_tables(report.summary),
        figures=[embed(illustration) for illustration in report.illustrations],
        glossary=[*_glossary(metrics), *report.terms.items()],
    )


def render_page(template: str, **values: Any) -> str:  # noqa: ANN401
    """A page in the one look: a template that extends ``page.html.j2``, with every string escaped.

    Args:
        template: Name of a file beside this module.
        **values: What the template shows; ``page.html.j2`` needs ``report`` (with ``title``, ``verdict`` and
            ``facts``), ``warnings`` and ``glossary``.
    """
    environment = Environment(
        loader=FunctionLoader(lambda name: (resources.files("voxlate.reporting") / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(version=__version__, **values)


def write_report(path: Path, report: Report) -> Path:
    """Writes the page whole or not at all and returns its path.

    Raises:
        UsageError: If an illustration is not a PNG file.
        WriteError: If the file could not be written.
    """
    write_text(path, render_report(report))
    return path


def write_figures(illustrations: Mapping[str, Illustration], folder: Path) -> None:
    """Writes the pictures of a page also as files of their own, ``figures/<name>.png`` in its folder.

    Raises:
        WriteError: If one cannot be written.
    """
    figures = folder / "figures"
    figures.mkdir(exist_ok=True)
    for name, illustration in illustrations.items():
        write_bytes(figures / f"{name}.png", illustration.png)


def embed(illustration: Illustration) -> dict[str, object]:
    """An illustration as the templates show it, its picture as base64.

    Raises:
        UsageError: If it is not a PNG file.
    """
    png = illustration.png
    if not png.startswith(PNG_SIGNATURE) or len(png) < 24:
        raise UsageError(
            "a PNG file", came=repr(png[:8]), where=illustration.title, remedy="Draw it with voxlate.reporting.to_png."
        )
    with Image.open(BytesIO(png)) as picture:
        width, height = picture.size
        dots_per_inch = picture.info.get("dpi", (canvas.DPI,))[0]
    drawn_mm = width * canvas.MM_PER_INCH / dots_per_inch
    return {
        "title": illustration.title,
        "caption": illustration.caption,
        "alt": illustration.alt or f"{illustration.title}. {illustration.caption}",
        "data": base64.b64encode(png).decode("ascii"),
        "width": width,
        "height": height,
        "percent": min(100, round(100 * drawn_mm / canvas.PAGE_WIDTH_MM)),
    }


def _glossary(metrics: Mapping[str, None]) -> list[tuple[str, str]]:
    terms = [(metric_title(metric), meaning(metric)) for metric in metrics if meaning(metric)]
    return [
        *terms,
        ("95 %", "bootstrap interval of the mean over cases; it tells nothing about kinds of cases that are not here"),
        ("beaten", "better in the mean with an interval that excludes no gain; of fewer than six cases, in every one"),
        ("p", "Wilcoxon's signed-rank test, paired by case, corrected after Holm over the comparisons of a metric"),
        ("n/a", "not available: the region is empty in the case, or the metric is undefined; never averaged in"),
    ]
