"""The page of two sets, made by hand: figures first, then one table per view with the floor in the first row."""

from __future__ import annotations

import html
import math
import re

import numpy as np

from tests.reporting.samples import count_colours
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample
from voxlate.evaluation.sets.verdict import SetResult, SetRow, SetSummary
from voxlate.metrics import metrics_of
from voxlate.reporting.sets.page import FIELDS, set_page, set_rows
from voxlate.reporting.sets.plots import _principal_components, draw_distances

NETWORK = "judge encoder.1 0123456789ab"


def _row(view: str, method: str, metric: str, *, value: float) -> SetRow:
    known = metrics_of("set")[metric]
    sd, p = (0.01 if metric == "kid" else None), (0.004 if (metric, method) == ("mmd", SYNTHETIC) else None)
    note = "not available: fewer than 50 samples" if math.isnan(value) else "unbiased"
    return SetRow(view, method, metric, known.title, known.better, value, sd, p, note, (16, 20), (4, 5), NETWORK)


def _sample(seed: int, rows: int) -> Sample:
    names = tuple(f"case{number}" for number in range(rows))
    return Sample(np.random.default_rng(seed).normal(seed, 1, (rows, 4)), names, names)


def _result() -> SetResult:
    views = ("axial", "3-D")
    rows = tuple(
        _row(view, method, metric, value=math.nan if (view, metric) == ("3-D", "fid") else 0.1 * number + 0.25)
        for view in views
        for method in (FLOOR, SYNTHETIC)
        for number, metric in enumerate(metrics_of("set"))
    )
    summary = SetSummary("The sets lie apart.", "t2", NETWORK, views, rows, {"model": "mine"})
    return SetResult(
        summary=summary,
        synthetic={view: _sample(1, 16) for view in views},
        real={view: _sample(0, 20) for view in views},
        images=(4, 5),
        seen=4,
        caveats=["Few images."],
        failed=[("made9", "it is empty")],
    )


def test_the_page_opens_with_answer_caveats_and_figures_and_the_rest_folds() -> None:
    page = set_page(_result())
    assert list(page.figures) == ["features", "distances"]
    text = html.unescape(re.sub(r"<[^>]+>", " ", page.html()))
    order = [
        "How alike are synthetic and real T2?",
        "The sets lie apart.",
        "trained or chosen on every case that is scored",
        "Few images.",
        "made9 could not be used: it is empty",
        "Features of every slice or volume",
        "The sets side by side",
        "4 and 5 cases, 16 and 20 slices",
        "4 and 5 cases, 16 and 20 volumes",
        "How each number was computed",
        "FID (3-D, real vs real; 3-D, synthetic): not available: fewer than 50 samples.",
        "mine",
    ]
    body = text[text.index("SYNTHETIC IMAGES") :]
    places = [body.index(part) for part in order]
    assert places == sorted(places)
    assert [section.title for section in page.sections if section.folded] == ["How each number was computed"]


def test_the_floor_stands_first_and_the_network_beside_every_value() -> None:
    page = set_page(_result())
    [section] = [section for section in page.sections if section.tables]
    assert [table.title for table in section.tables] == ["Axial", "3-D"]
    for table in section.tables:
        assert [line.title for line in table.rows] == [FLOOR, SYNTHETIC]
        assert [line.cells[0].value for line in table.rows] == ["judge", "judge"]
    kid, mmd = section.tables[0].rows[1].cells[2:4]
    assert (kid.lines, mmd.lines) == (("sd 0.0100",), ("p = 0.004",))
    assert section.tables[1].rows[1].cells[1].value == "n/a"
    rows = set_rows(_result().summary)
    assert len(rows) == 2 * 2 * len(metrics_of("set"))
    assert all(len(row) == len(FIELDS) and row[-1] == NETWORK for row in rows)


def test_what_is_not_available_is_said_on_the_figure() -> None:
    rows = [row for row in _result().summary.rows if row.region == "3-D"]
    figure = draw_distances(rows, features=NETWORK)
    assert "not available:\ntoo few samples" in [text.get_text() for axes in figure.axes for text in axes.texts]
    assert count_colours(figure) > 10


def test_principal_components_are_those_of_the_covariance() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [1, 5, 2, 0.1]
    axes, shares = _principal_components(rows)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    np.testing.assert_allclose(shares, values[::-1][:2] / values.sum())
    np.testing.assert_allclose(np.abs(axes @ vectors[:, ::-1][:, :2]), np.eye(2), atol=1e-9)
    flat, share = _principal_components(np.ones((5, 3)))
    assert np.isfinite(flat).all()
    assert list(share) == [0, 0]
