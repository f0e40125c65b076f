"""The page: one self-contained HTML file that opens with the answer, then shows pictures, then one table.

Everything else stands below, in sections that fold, with a list of contents. No script, no font and no picture is
fetched from anywhere: the style is inline, pictures are base64 PNG and JPEG, and a content security policy forbids the
rest. A page with slices to scroll through has an inline script that shows one at a time, and a page with a form one
that saves answers as a file, and sends none; the policy names each by its hash. Every string is escaped by the template
engine, because names of cases and files come from outside.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from io import BytesIO
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from voxlate._version import __version__
from voxlate.errors import UsageError
from voxlate.evaluation.words import meaning
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.strips import Strips
from voxlate.reporting.drawing.views import marks
from voxlate.reporting.page.tables import Table
from voxlate.reporting.page.terms import metric_terms

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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
        file: Name of its file in ``figures``, without a suffix; empty for one that stands on the page alone.
    """

    title: str
    caption: str
    png: bytes
    alt: str = ""
    ask: Ask | None = None
    file: str = ""


@dataclass(frozen=True)
class SliceStack:
    """A case whose slices a reader scrolls through; without a script the slice that was chosen by rule is shown.

    Attributes:
        title: Name of the case.
        caption: How to read it, as sentences.
        heads: What stands beside each other in a slice.
        strips: The slices.
        key: From the name of what is painted to its colour.
        link: Path of the case's own page, relative to this one; empty if it has none.
    """

    title: str
    caption: str
    heads: Sequence[str]
    strips: Strips
    key: Mapping[str, str] = field(default_factory=dict)
    link: str = ""

    @property
    def slices(self) -> list[tuple[str, str]]:
        """Of each slice its JPEG as base64, and which it is."""
        words = (f"{self.strips.plane} slice {index + 1} of {self.strips.count}" for index in self.strips.indices)
        return [
            (base64.b64encode(image).decode("ascii"), told)
            for image, told in zip(self.strips.images, words, strict=True)
        ]

    @property
    def sides(self) -> tuple[str, str]:
        """The letters at the left and the right of each picture."""
        return marks(self.strips.plane)


@dataclass(frozen=True)
class Section:
    """A part of the page: figures, tables or lines under a heading.

    Attributes:
        title: The heading.
        note: How to read it, as sentences.
        caption: What the numbers in the cells are, under each table's name.
        tables: One after the other.
        figures: Before the tables.
        stacks: Cases to scroll through, after the figures.
        lines: A list, after all of these.
        folded: Whether it is closed until a reader opens it.
    """

    title: str
    note: str = ""
    caption: str = ""
    tables: Sequence[Table] = ()
    figures: Sequence[Illustration] = ()
    stacks: Sequence[SliceStack] = ()
    lines: Sequence[str] = ()
    folded: bool = True

    @property
    def filled(self) -> bool:
        """Whether there is anything under the heading."""
        return any((self.tables, self.figures, self.stacks, self.lines))

    @property
    def metrics(self) -> list[str]:
        """The metrics of its tables, in columns or lines, each once."""
        columns = [column.metric for table in self.tables for column in table.columns]
        lines = [line.metric for table in self.tables for line in table.rows]
        return [metric for metric in dict.fromkeys([*columns, *lines]) if metric]


def open_with(drawn: Iterable[Illustration], *files: str) -> tuple[Section, Section]:
    """A section of the figures of these files, which stands open, and one of all others, which folds."""
    figures = list(drawn)
    shown = [figure for figure in figures if figure.file in files]
    rest = [figure for figure in figures if figure.file not in files]
    return Section("Pictures", figures=shown, folded=False), Section("Further figures", figures=rest)


@dataclass(frozen=True)
class Page:
    """What a page says, from top to bottom.

    Attributes:
        title: What was evaluated: ``T1 to T2, t1-to-t2-fcn``.
        verdict: The answer in a sentence or two.
        sections: Those that are open come first; the others fold and stand in the list of contents.
        facts: Provenance from a name to its value: model digest, recipe, cohort, split, software.
        warnings: What a reader must know before the numbers, one sentence each.
        terms: Words of the tables, each with its meaning, for the end of the page; the metrics of tables need none.
        banner: The first words, in capitals.
        footer: The last sentence.
        form: What can be filled in; ``None`` if nothing.
        files: From the path of a file beside the page, relative to it, to what it holds.
        sheet: Whether it is to be printed on one sheet of paper.
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
    files: Mapping[str, str] = field(default_factory=dict)
    sheet: bool = False

    @property
    def figures(self) -> dict[str, Illustration]:
        """Those that have a file of their own, by its name."""
        return {figure.file: figure for section in self.sections for figure in section.figures if figure.file}

    def html(self) -> str:
        """The page as HTML; the same page gives the same text.

        Raises:
            UsageError: If an illustration is not a PNG file.
        """
        shown = [section for section in self.sections if section.filled]
        scripts = [_script("decisions.js")] if self.form else []
        scripts += [_script("slices.js")] if any(section.stacks for section in shown) else []
        return (
            _environment()
            .get_template("page.html.j2")
            .render(
                page=self,
                terms={**metric_terms(metric for section in shown for metric in section.metrics), **self.terms},
                opening=[section for section in shown if not section.folded],
                folding=[section for section in shown if section.folded],
                embed=_embed,
                meaning=meaning,
                href=_href,
                version=__version__,
                scripts=[Markup(text) for text, _ in scripts],  # noqa: S704 of this package, not of a reader
                hashes=[digest for _, digest in scripts],
            )
        )


@cache
def _environment() -> Environment:
    """Where templates are found; it keeps what it has made of them."""
    return Environment(
        loader=FunctionLoader(lambda name: (resources.files(__package__) / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _script(name: str) -> tuple[str, str]:
    """A script of this package, and its hash as a policy names it."""
    text = (resources.files(__package__) / name).read_text(encoding="utf-8")
    return text, f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _href(path: str) -> str:
    """A relative path as a link, whatever letters the names in it have."""
    return quote(path, safe="/", errors="surrogateescape")


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
