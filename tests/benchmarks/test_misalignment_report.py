"""The misalignment study's figure, table and sentence, on errors whose ratios are plain."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from misalignment_report import Errors, draw_misalignment, kept, misalignment_table, say_misalignment

from tests.reporting.samples import count_colours
from voxlate.errors import UsageError
from voxlate.reporting.drawing.canvas import PAPER, to_png

ERRORS: Errors = {
    "l2": {0: [100.0, 120.0], 1: [110.0, 132.0], 4: [200.0, 240.0]},
    "l1": {0: [90.0, 110.0], 1: [99.0, 121.0], 4: [198.0, 220.0]},
    "pooled": {0: [150.0, 150.0], 1: [150.0, 150.0], 4: [225.0, 225.0]},
    "lookup": {0: [200.0, 200.0], 1: [200.0, 200.0], 4: [250.0, 250.0]},
}


def lines(figure: Figure, panel: int) -> dict[str, Line2D]:
    return {str(line.get_label()): line for line in figure.axes[panel].get_lines() if line.get_linewidth() == 1.2}


def test_each_error_is_divided_by_that_of_its_own_loss_and_seed() -> None:
    ratios = kept(ERRORS)
    assert ratios["l1"][4] == pytest.approx([2.2, 2.0])
    assert all(ratio == 1 for table in ratios.values() for ratio in table[0])


def test_figure_shows_errors_and_ratios_with_the_baseline_first_and_a_dot_per_seed() -> None:
    figure = draw_misalignment(ERRORS, unit="HU", cases=6)
    left, right = (lines(figure, panel) for panel in (0, 1))
    assert list(left) == list(right) == ["intensity lookup (baseline)", "l2", "l1", "pooled"]
    assert left["l1"].get_ydata() == pytest.approx([100.0, 110.0, 209.0])
    assert right["l1"].get_ydata() == pytest.approx([1.0, 1.1, 2.1])
    dots = [line for line in figure.axes[0].get_lines() if line.get_marker() == "."]
    assert sorted(y for dot in dots for y in dot.get_ydata()) == sorted(
        value for table in ERRORS.values() for values in table.values() for value in values
    )
    assert figure.axes[0].get_ylabel() == "MAE (HU)"
    assert "6 aligned held-out cases, lower is better" in {text.get_text() for text in figure.axes[0].texts}
    assert count_colours(figure) > 10
    assert to_png(figure) == to_png(draw_misalignment(ERRORS, unit="HU", cases=6))


def test_every_line_looks_different_without_colour_too() -> None:
    many = {f"loss {n}": {0: [1.0], 2: [2.0 + n]} for n in range(7)} | {"lookup": {0: [3.0], 2: [3.0]}}
    looks = {
        (line.get_marker(), to_hex(line.get_markerfacecolor()) == PAPER)
        for line in lines(draw_misalignment(many), 1).values()
    }
    assert len(looks) == 8


def test_legend_and_labels_lie_on_the_canvas() -> None:
    many = {f"loss_with_a_long_name_{n}": {0: [1.0], 2: [2.0]} for n in range(7)} | {"lookup": {0: [3.0], 2: [3.0]}}
    figure = draw_misalignment(many)
    to_png(figure)
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    below = min(axes.get_tightbbox().y0 for axes in figure.axes)
    assert 0 <= box.y0 < box.y1 <= below


def test_table_gives_means_and_ratios() -> None:
    fields, rows = misalignment_table(ERRORS, unit="HU")
    assert fields == ("MAE (HU), lower is better", "shift 0", "shift 1", "shift 4")
    assert rows[0] == ("intensity lookup", "200 (1.00)", "200 (1.00)", "250 (1.25)")
    assert rows[2] == ("l1", "100 (1.00)", "110 (1.10)", "209 (2.10)")


def test_sentence_names_the_lowest_error_and_what_is_kept_and_the_baseline() -> None:
    assert say_misalignment(ERRORS, unit="HU") == (
        "Trained on pairs 4 voxels apart, l1 has the lowest error on aligned cases (209 HU, 2.10 times its own) and "
        "pooled keeps most of its accuracy (225 HU, 1.50 times its own); intensity lookup has 250 HU. 2 seeds, no test."
    )
    one = say_misalignment({"l1": {0: [100.0], 2: [150.0]}, "l2": {0: [100.0], 2: [160.0]}})
    assert one == (
        "Trained on pairs 2 voxels apart, l1 has the lowest error on aligned cases (150, 1.50 times its own) and keeps "
        "most of its accuracy. 1 seed, no test."
    )


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({"l1": {1: [2.0]}}, "errors without shift"),
        ({"l1": {0: [1.0, 1.0], 1: [2.0]}}, "as many at every shift"),
    ],
)
def test_errors_that_cannot_be_compared_are_refused(errors: Any, message: str) -> None:
    for use in (draw_misalignment, misalignment_table, say_misalignment):
        with pytest.raises(UsageError, match=message):
            use(errors)


def test_sentence_needs_a_shift() -> None:
    with pytest.raises(UsageError, match="with a shift"):
        say_misalignment({"l1": {0: [1.0]}})
