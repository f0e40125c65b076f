"""The figure of the adversarial game, from a log as the loop writes it."""

from __future__ import annotations

import pytest

from voxlate.errors import UsageError
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.run.curves import draw_curves
from voxlate.reporting.run.game import draw_game, has_game
from voxlate.training.loop.journal import Entry


def log(steps: int = 40) -> list[Entry]:
    return [
        Entry(
            step,
            {
                "loss": 12.0,
                "generator": 11.4,
                "l1": 0.1,
                "discriminator": 0.6,
                "adversarial": 0.8,
                "accuracy_real": 0.7,
                "accuracy_fake": 0.6,
                "fooled": 0.4,
                "learning_rate": 1e-4,
            },
        )
        for step in range(1, steps + 1)
    ]


def test_game_shows_both_networks_losses_and_accuracies() -> None:
    figure = draw_game(log())
    left, right = figure.legends
    assert [text.get_text() for text in left.get_texts()] == [
        "discriminator",
        "generator, adversarial term",
    ]
    assert len(right.get_texts()) == 3
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[1].get_lines()}
    assert lines["real patches called real"] == pytest.approx([0.7] * 40)
    assert to_png(figure) == to_png(draw_game(log()))


def test_coin_is_marked_for_the_objective_that_has_one() -> None:
    levels = [line.get_ydata()[0] for line in draw_game(log()).axes[0].get_lines() if len(line.get_ydata()) == 2]
    assert levels == pytest.approx([0.6931], abs=1e-4)
    assert "coin" not in draw_game(log(), objective="hinge").axes[0].texts[0].get_text()


def test_log_without_a_game_is_refused() -> None:
    rows = [Entry(1, {"loss": 0.3})]
    assert not has_game(rows)
    with pytest.raises(UsageError, match="adversarial"):
        draw_game(rows)


def test_curves_of_a_game_show_the_generators_terms_and_not_the_sum_with_its_opponent() -> None:
    shown = [text.get_text() for text in draw_curves(log()).legends[0].get_texts()]
    assert shown == ["generator", "l1"]
