"""Texts fit their room, and in no figure of the package does one cross another or the edge, however long names are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from tests.reporting.gallery import ball_head, gallery
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.lettering import fit, width_mm, wrap

LONG = "{}_of_a_clinic_far_away_with_a_name_that_never_ends_2026"
FIGURES = gallery(ball_head(), LONG.format)
TOUCHING_MM = 0.15


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text that is drawn in a figure with the box that it takes, in mm from the lower left corner."""
    found: list[tuple[str, Bbox]] = []

    @canvas.styled
    def measured() -> Figure:
        figure.draw_without_rendering()
        assert isinstance(figure.canvas, FigureCanvasAgg)
        renderer = figure.canvas.get_renderer()
        for text in _drawn(figure):
            box = text.get_window_extent(renderer)
            unit = canvas.MM_PER_INCH / figure.dpi
            found.append((text.get_text(), Bbox(np.array(box.extents).reshape(2, 2) * unit)))
        return figure

    measured()
    return found


def _drawn(figure: Figure) -> list[Text]:
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    texts = [*figure.texts, *(text for legend in legends for text in [*legend.get_texts(), legend.get_title()])]
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, *_titles(axes)]
        texts += [text for axis in (axes.xaxis, axes.yaxis) if axis.get_visible() for text in _labels(axis)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def _titles(axes: Axes) -> list[Text]:
    wanted = {axes.get_title("left"), axes.get_title("right")} - {""}
    return [text for text in axes.get_children() if isinstance(text, Text) and text.get_text() in wanted]


def _labels(axis: Axis) -> list[Text]:
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [axis.label, *(one for tick in ticks if low <= tick.get_loc() <= high for one in (tick.label1, tick.label2))]


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_crosses_another_or_the_edge(name: str) -> None:
    figure = FIGURES[name]()
    width, height = figure.get_size_inches() * canvas.MM_PER_INCH
    texts = text_boxes(figure)
    assert len(texts) > 3
    beyond = [(text, box.extents.round(1)) for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > width]
    beyond += [(text, box.extents.round(1)) for text, box in texts if box.y1 > height]
    assert not beyond, (width, height)
    crossing = []
    for (one, box), (other, second) in itertools.combinations(texts, 2):
        shared = Bbox.intersection(box, second)
        if shared is not None and min(shared.width, shared.height) > TOUCHING_MM:
            crossing.append((one, box.extents.round(1), other, second.extents.round(1)))
    assert not crossing


def test_a_text_that_is_too_long_loses_its_middle() -> None:
    assert fit("short", 100.0) == "short"
    cut = fit("a_very_long_name_of_a_case", 20.0)
    assert cut.startswith("a_v")
    assert cut.endswith("case")
    assert width_mm(cut) <= 20.0
    assert width_mm(fit("x" * 500, 20.0, size=6.5, bold=True), size=6.5, bold=True) <= 20.0


def test_words_are_wrapped_to_the_room() -> None:
    lines = wrap("Source prediction and truth in one grey window", 30.0)
    assert " ".join(lines) == "Source prediction and truth in one grey window"
    assert all(width_mm(line) <= 30.0 for line in lines)
    two = wrap("Source prediction and truth in one grey window", 30.0, most=2)
    assert len(two) == 2
    assert two[1].endswith("window")
    assert wrap("", 30.0) == []
    assert wrap("a\nb", 30.0) == ["a?b"]


@pytest.mark.parametrize("dpi", [60, 130, 200])
def test_a_width_is_the_drawn_one_at_every_resolution(dpi: int) -> None:
    @canvas.styled
    def draw() -> Figure:
        figure = canvas.new_figure(height_mm=20)
        figure.set_dpi(dpi)
        text = figure.text(0, 0.5, "Prediction: T2 of case_001", size=6.5)
        drawn = text.get_window_extent().width / dpi * canvas.MM_PER_INCH
        assert drawn == pytest.approx(width_mm("Prediction: T2 of case_001", size=6.5), rel=0.03)
        return figure

    assert draw().texts
