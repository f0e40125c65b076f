"""Plots of all cases of a segmentation: class by class, and the volumes that were found."""

from __future__ import annotations

from tests.reporting.test_plots import texts
from voxlate.evaluation.scores import Score
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes

CLASSES = {"whole": (1, 2), "core": (2,)}


def sample_scores() -> list[Score]:
    scores = []
    for number in range(6):
        for region in CLASSES:
            scores += [
                Score(f"case-{number}", region, "model", "dice", 0.5 + number / 20, "1"),
                Score(f"case-{number}", region, "model", "hd95", 340.0 if number == 5 else 2.0 + number, "mm"),
                Score(f"case-{number}", region, "model", "volume", 10.0 + number, "ml"),
                Score(f"case-{number}", region, "truth", "volume", 12.0, "ml"),
            ]
    return scores


def test_a_distance_that_stands_for_nothing_does_not_hide_the_others() -> None:
    figure = draw_classes(sample_scores(), regions=list(CLASSES))
    assert figure.axes[1].get_yscale() == "symlog"
    assert any("diagonal" in text for text in texts(figure))


def test_volumes_lie_about_the_line_of_equality() -> None:
    figure = draw_volumes(sample_scores(), regions=list(CLASSES))
    line, points = figure.axes[0].lines
    assert line.get_xdata().tolist() == line.get_ydata().tolist()
    assert points.get_xdata().tolist() == [12.0] * 6
    assert points.get_ydata().tolist() == [10.0, 11, 12, 13, 14, 15]
    assert any("+0.500 ml" in text for text in texts(figure))
