"""Texts fit their room, and in no figure of the package does one cross another or the edge, however long names are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from tests.reporting.gallery import ball_head, drawn_kinds, figure_kinds, gallery
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.leaf import Leaf, Span
from voxlate.reporting.drawing.lettering import fit, width_mm, wrap

LONG = "{}_of_a_clinic_far_away_with_a_name_that_never_ends_2026"
FIGURES = gallery(ball_head(), LONG.format)
TOUCHING_MM = 0.15
COUNTED = re.compile(r"\b(slice|step|epoch|trial)\b")


def text_boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Every text of a figure that is laid out with the box that it takes, in mm from the lower left corner."""
    return boxes_of(figure, _drawn(figure))


def boxes_of(figure: Figure, texts: list[Text]) -> list[tuple[str, Bbox]]:
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    shown = [text for text in texts if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), in_mm(figure, text.get_window_extent(renderer))) for text in shown]


def _drawn(figure: Figure) -> list[Text]:
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    texts = [*figure.texts, *(text for legend in legends for text in [*legend.get_texts(), legend.get_title()])]
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, *_titles(axes)]
        texts += [text for axis in (axes.xaxis, axes.yaxis) for text in _labels(axis)]
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def _titles(axes: Axes) -> list[Text]:
    wanted = {axes.get_title("left"), axes.get_title("right")} - {""}
    return [text for text in axes.get_children() if isinstance(text, Text) and text.get_text() in wanted]


def _labels(axis: Axis) -> list[Text]:
    if not axis.get_visible():
        return []
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [axis.label, *(one for tick in ticks if low <= tick.get_loc() <= high for one in (tick.label1, tick.label2))]


@cache
def drawn(name: str) -> Figure:
    """A figure of the gallery with the longest names, laid out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canvas, "DPI", 200)  # letters are rounded to dots: at the resolution that users see
        figure = FIGURES[name]()
    canvas.styled(lambda: [figure.draw_without_rendering(), figure][1])()
    return figure


def in_mm(figure: Figure, box: Bbox) -> Bbox:
    return Bbox(np.array(box.extents).reshape(2, 2) * canvas.MM_PER_INCH / figure.dpi)


def overlaps_mm(ones: Sequence[Bbox], others: Sequence[Bbox]) -> NDArray[np.float64]:
    """The smaller side of what each of some boxes shares with each of others, ``(ones, others)``."""
    if not ones or not others:
        return np.zeros((len(ones), len(others)))
    one = np.array([box.extents for box in ones])[:, None]
    other = np.array([box.extents for box in others])[None]
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    return np.asarray(np.maximum(sides.min(axis=-1), 0.0))


def most_among_mm(boxes: Sequence[Bbox]) -> float:
    """The largest overlap of two of these boxes."""
    return float(np.triu(overlaps_mm(boxes, boxes), 1).max(initial=0.0))


def contents(figure: Figure) -> list[Axes]:
    """The axes that hold more than a legend."""
    return [axes for axes in figure.axes if axes.lines or axes.images or axes.collections or axes.patches]


def test_every_kind_of_figure_is_in_the_gallery() -> None:
    kinds = figure_kinds()
    assert len(kinds) > 25
    assert kinds <= drawn_kinds(FIGURES), "a new figure needs an entry in tests/reporting/gallery.py or plots.py"


@pytest.mark.parametrize("name", FIGURES)
def test_no_text_crosses_another_or_the_edge(name: str) -> None:
    figure = drawn(name)
    width, height = figure.get_size_inches() * canvas.MM_PER_INCH
    texts = text_boxes(figure)
    assert len(texts) > 3
    beyond = [(text, box.extents.round(1)) for text, box in texts if box.x0 < 0 or box.y0 < 0 or box.x1 > width]
    beyond += [(text, box.extents.round(1)) for text, box in texts if box.y1 > height]
    assert not beyond, (width, height)
    boxes = [box for _, box in texts]
    crossing = [
        (texts[one][0], boxes[one].extents.round(1), texts[other][0], boxes[other].extents.round(1))
        for one, other in np.argwhere(np.triu(overlaps_mm(boxes, boxes), 1) > TOUCHING_MM)
    ]
    assert not crossing
    assert not [text for text, _ in texts if "$" in text], "a formula that nobody sets"
    plots = [(axes, in_mm(figure, axes.get_window_extent())) for axes in contents(figure)]
    owned = [
        (axes, *one) for axes in figure.axes for one in boxes_of(figure, _labels(axes.xaxis) + _labels(axes.yaxis))
    ]
    shared = overlaps_mm([box for _, _, box in owned], [plot for _, plot in plots])
    over = [
        (owned[label][1], owned[label][2].extents)
        for label, place in np.argwhere(shared > TOUCHING_MM)
        if plots[place][0] is not owned[label][0] and owned[label][0].get_visible()
    ]
    assert not over


def legends_over(figure: Figure) -> float:
    """How far a legend lies over axes that hold something, over another legend or beyond the edge, in mm."""
    legends = [*figure.legends, *(legend for axes in figure.axes if (legend := axes.get_legend()))]
    boxes = [in_mm(figure, legend.get_window_extent()) for legend in legends]
    plots = [in_mm(figure, axes.get_window_extent()) for axes in contents(figure)]
    width, height = figure.get_size_inches() * canvas.MM_PER_INCH
    beyond = [max(-box.x0, -box.y0, box.x1 - width, box.y1 - height) for box in boxes]
    return max([0.0, *beyond, float(overlaps_mm(boxes, plots).max(initial=0.0)), most_among_mm(boxes)])


@pytest.mark.parametrize("name", FIGURES)
def test_no_legend_lies_over_what_is_drawn(name: str) -> None:
    assert legends_over(drawn(name)) <= TOUCHING_MM


def test_a_legend_over_its_own_axes_is_found() -> None:
    figure = canvas.new_figure(height_mm=40.0)
    axes = figure.add_subplot()
    axes.plot([0, 1], label="a line")
    axes.legend()
    figure.draw_without_rendering()
    assert legends_over(figure) > 1.0


@pytest.mark.parametrize("name", FIGURES)
def test_no_plot_lies_over_another_or_the_edge(name: str) -> None:
    figure = drawn(name)
    width, height = figure.get_size_inches() * canvas.MM_PER_INCH
    plots = [in_mm(figure, axes.get_window_extent()) for axes in contents(figure)]
    assert all(box.x0 >= -0.01 and box.x1 <= width + 0.01 and box.y0 >= -0.01 and box.y1 <= height for box in plots)
    assert most_among_mm(plots) <= TOUCHING_MM


@pytest.mark.parametrize("name", FIGURES)
def test_what_is_counted_has_whole_numbers(name: str) -> None:
    for axes in drawn(name).axes:
        if COUNTED.search(axes.get_xlabel()) and axes.get_xscale() == "linear":
            low, high = axes.get_xlim()
            ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
            assert ticks == [round(tick) for tick in ticks], axes.get_xlabel()


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


def test_texts_beside_each_other_stand_on_one_line() -> None:
    leaf = Leaf()
    leaf.write(
        (text, Span(40.0 * place, 40.0)) for place, text in enumerate(("T1", "T1 post-contrast", "sagittal", "a"))
    )
    texts = _drawn(leaf.onto())
    assert len({(text.get_position()[1], text.get_va()) for text in texts}) == 1
    assert texts[0].get_va() == "baseline"
