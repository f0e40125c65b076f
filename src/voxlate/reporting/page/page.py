"""The page: one self-contained HTML file that opens with the answer, then shows pictures, then one table.

Everything else stands below, in sections that fold, with a list of contents. No script, no font and no picture is
fetched from anywhere: the style is inline, pictures are base64 PNG, and a content security policy forbids the rest. A
page with a form has one inline script, which the policy names by its hash: it saves answers as a file, and sends none.
Every string is escaped by the template engine, because names of cases and files come from outside.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from io import BytesIO

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from voxlate._version import __version__
from voxlate.errors import UsageError
from voxlate.evaluation.words import meaning, metric_title
from voxlate.reporting.drawing import canvas
from voxlate.reporting.page.tables import Table

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
STATISTICS = {
    "95 %": "bootstrap interval of the mean over cases; it tells nothing about kinds of cases that are not here",
    "beaten": "better in the mean with an interval that excludes no gain; of fewer than six cases, in every one",
    "p": "Wilcoxon's signed-rank test, paired by case, corrected after Holm over the comparisons of a metric",
    "n/a": "not available: the region is empty in the case, or the metric is undefined; never averaged in",
}
"""Words of every table of scores."""


@dataclass(frozen=True)
class Ask:
    """What a reader is asked under a figure.

    Attributes:
        case: About which case.
        sha256: Of the files that are shown.
        beside: The cases that they are shown beside.
    """

    case: str
    sha256: str
    beside: str


@dataclass(frozen=True)
class Form:
    """What a reader of the page can fill in and save as a CSV file.

    Attributes:
        note: What it is for, as sentences.
        question: What is asked under a figure.
        answers: From the value of an answer to its words.
        columns: Of the file: case, answer, note, name, time, SHA-256 and what stood beside it.
    """

    note: str
    question: str
    answers: Mapping[str, str]
    columns: Sequence[str]


@dataclass(frozen=True)
class Illustration:
    """A figure of the page.

    Attributes:
        title: What it shows, without a full stop.
        caption: How to read it, as sentences.
        png: The picture.
        alt: The picture in words for those who do not see it; by default title and caption.
        ask: What is asked under it, on a page with a form.
    """

    title: str
    caption: str
    png: bytes
    alt: str = ""
    ask: Ask | None = None


@dataclass(frozen=True)
class Section:
    """A part of the page: figures, tables or lines under a heading.

    Attributes:
        title: The heading.
        note: How to read it, as sentences.
        caption: What the numbers in the cells are, under each table's name.
        tables: One after the other.
        figures: Before the tables.
        lines: A list, after both.
        folded: Whether it is closed until a reader opens it.
    """

    title: str
    note: str = ""
    caption: str = ""
    tables: Sequence[Table] = ()
    figures: Sequence[Illustration] = ()
    lines: Sequence[str] = ()
    folded: bool = True


@dataclass(frozen=True)
class Page:
    """What a page says, from top to bottom.

    Attributes:
        title: What was evaluated: ``T1 to T2, avula2020-t1-to-t2``.
        verdict: The answer in a sentence or two.
        sections: Those that are open come first; the others fold and stand in the list of contents.
        facts: Provenance from a name to its value: model digest, recipe, cohort, split, software.
        warnings: What a reader must know before the numbers, one sentence each.
        terms: Words of the tables, each with its meaning, for the end of the page.
        banner: The first words, in capitals.
        footer: The last sentence.
        form: What can be filled in; ``None`` on a page without a script.
    """

    title: str
    verdict: str
    sections: Sequence[Section]
    facts: Mapping[str, object] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    banner: str = "SYNTHETIC IMAGES."
    footer: str = "Every predicted image on this page is synthetic and not for diagnostic use."
    form: Form | None = None

    def html(self) -> str:
        """The page as HTML; the same page gives the same text.

        Raises:
            UsageError: If an illustration is not a PNG file.
        """
        environment = Environment(
            loader=FunctionLoader(lambda name: (resources.files(__package__) / name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        shown = [section for section in self.sections if section.tables or section.figures or section.lines]
        template = environment.get_template("page.html.j2")
        script = (resources.files(__package__) / "decisions.js").read_text(encoding="utf-8")
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
        return template.render(
            page=self,
            opening=[section for section in shown if not section.folded],
            folding=[section for section in shown if section.folded],
            embed=_embed,
            version=__version__,
            script=Markup(script),  # noqa: S704 of this package, not of a reader
            script_hash=f"sha256-{digest}",
        )


def metric_terms(metrics: Sequence[str]) -> dict[str, str]:
    """What metrics are, in words, for the end of a page; those without a meaning are left out."""
    return {metric_title(metric): meaning(metric) for metric in metrics if meaning(metric)}


def _embed(illustration: Illustration) -> dict[str, object]:
    """An illustration as the template shows it, its picture as base64."""
    png = illustration.png
    if not png.startswith(_PNG_SIGNATURE) or len(png) < 24:
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
