"""The gap between validation and training cases, drawn and said."""

from __future__ import annotations

import pytest

from tests.evaluation.segmentation.test_gap import log
from tests.reporting.samples import count_colours
from tests.reporting.test_plots import texts
from voxlate.errors import UsageError
from voxlate.reporting.run.gap import draw_gap
from voxlate.training.loop.journal import Entry


def test_the_gap_is_drawn_and_a_large_one_is_said() -> None:
    figure = draw_gap(log(ahead=0.3), best_step=20)
    assert [axes.get_title("left").strip() for axes in figure.axes] == [
        "Loss",
        "Accuracy",
        "Dice",
        "Recall",
        "Precision",
    ]
    for axes in figure.axes:
        validation, training = axes.lines[:2]
        assert validation.get_linestyle() == "-"
        assert training.get_linestyle() == "--"
    assert any("gap at the ring +0.300" in text for text in texts(figure))
    assert any("gap between training and validation cases is large" in text for text in texts(figure))
    assert count_colours(figure) > 10


def test_a_log_without_training_cases_has_no_gap() -> None:
    rows = [Entry(5, validation={"dice": 0.4, "loss": 1.0})]
    assert count_colours(draw_gap(rows, best_step=5)) > 5
    with pytest.raises(UsageError, match="validation"):
        draw_gap([Entry(1, {"loss": 1.0})])
