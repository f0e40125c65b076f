"""The pages of an audit that was made by hand: no patient on the report, a warning on the page that shows them."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.audits import result
from voxlate.evaluation.privacy.expert import COLUMNS, Shown
from voxlate.evaluation.privacy.pairs import LabelPair, LookAlike
from voxlate.reporting.privacy.page import privacy_page, review_page
from voxlate.reporting.privacy.tables import FIELDS, terminal_rows

SHAPE = (8, 10, 6)
SPACING = (2.0, 2.0, 2.0)


def _text(page: str) -> str:
    body = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page[page.index("<body>") :])
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))).replace("\N{NO-BREAK SPACE}", " ")


def _pair(name: str, *, labelled: bool) -> tuple[LookAlike, LabelPair | None]:
    image = np.random.default_rng(0).random(SHAPE).astype(np.float32)
    labels = (image > 0.5).astype(np.uint8)
    images = LookAlike(name, "real1", image, image[::-1], SPACING, f"{name} lies near.")
    maps = LabelPair(name, "real1", labels, labels[::-1], SPACING, f"{name}: maps.", {1: "heart"})
    return images, maps if labelled else None


def test_the_report_opens_with_answer_limits_figures_and_one_table() -> None:
    found = result()
    page = privacy_page(found)
    assert "script" not in page.html()
    assert list(page.figures) == ["distances", "membership"]
    text = _text(page.html())
    order = [
        "Do synthetic T1 images show patients of the training data? made and cohort",
        found.summary.answer,
        "no differential privacy",
        "flat is not released: it has no contrast",
        "Distances to the nearest training image",
        "What each space tells",
        "The nearest",
        "software",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert [section.title for section in page.sections if section.folded] == ["The nearest"]


def test_tables_say_what_each_space_holds_back() -> None:
    found = result()
    _, spaces, nearest = privacy_page(found).sections
    pixel, label = spaces.tables[0].rows
    assert [cell.value for cell in pixel.cells] == ["0.800", "0.400", "1 of 4", "1 of 2", "0.57"]
    assert pixel.cells[3].lines == ("10 to 90 %",)
    assert [cell.value for cell in label.cells[2:]] == ["1 of 3", "n/a", "n/a"]
    first = nearest.tables[0].rows[0]
    assert (first.title, first.cells[1].lines, first.cells[2].value) == ("copy", ("mirrored",), "held back")
    rows = terminal_rows(found.audit)
    assert [len(row) for row in rows] == [len(FIELDS)] * 2
    assert rows[0][0] == "pixel"


def test_without_an_attack_there_is_no_curve() -> None:
    found = result()
    alone = replace(found.audit, spaces={"label": found.audit.spaces["label"]})
    assert list(privacy_page(replace(found, audit=alone)).figures) == ["distances"]


@pytest.mark.parametrize(("labelled", "pictures"), [(False, 3), (True, 6)])
def test_the_review_page_shows_pairs_and_says_whom(labelled: bool, pictures: int) -> None:
    pairs = (_pair(name, labelled=labelled) for name in ("copy", "odd", "new"))
    shown = {"copy": Shown(("t1:ab",), ("real1",)), "new": Shown(("t1:cd", "labels:ef"), ("real1",))}
    page = review_page(result(), pairs, shown=shown).html()
    assert page.count("data:image/png") == pictures
    [script] = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page, "the policy allows this one script"
    assert ",".join(COLUMNS) in page
    text = _text(page)
    order = [
        "REAL PATIENTS ON THIS PAGE",
        "Images to review: made",
        "3 synthetic images wait for an expert",
        "This page shows slices of real images.",
        "copy and real1. copy lies near.",
        "odd and real1",
        "Released images",
        "new and real1",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert page.count("<fieldset") == 2, "an expert is asked once about each that the audit compared"
    assert 'data-case="new" data-sha256="t1:cd labels:ef" data-beside="real1"' in page
    assert ("Label maps of copy and real1" in text) == labelled
