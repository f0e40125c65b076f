"""Pictures of a task: which slice and which part of it is shown, and figures for every set of arms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.task.arms import Attempt
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.task.pictures import AttemptSlice, _take_slice, draw_attempts, slice_of
from voxlate.reporting.task.plots import draw_slopes

SHAPE = (60, 80, 10)
ARMS = ("real", "synthetic", "without")


def block(*, k: slice, size: int = 4) -> np.ndarray:
    inside = np.zeros(SHAPE, dtype=bool)
    inside[20 : 20 + size, 30 : 30 + size, k] = True
    return inside


def taken(true: np.ndarray, found: np.ndarray, *, arms: Sequence[str] = ARMS, spacing: float = 2.0) -> AttemptSlice:
    image = np.ones(SHAPE, dtype=np.float32)
    image[:2] = image[-2:] = image[:, :2] = image[:, -2:] = 0
    attempt = Attempt(
        case_id="case-1",
        truth=true.astype(np.uint8),
        found={arm: found.astype(np.uint8) for arm in arms},
        images=dict.fromkeys(arms, image),
        shown={arm: "t1" if arm == "without" else "flair" for arm in arms},
        spacing_mm=(spacing, spacing, 5.0),
    )
    return _take_slice(attempt, true=true, found=dict.fromkeys(arms, found))


def test_the_slice_of_the_largest_true_area_is_shown() -> None:
    true = block(k=slice(2, 4)) | block(k=slice(6, 7), size=6)
    shown = taken(true, block(k=slice(1, 2), size=9))
    assert (shown.choice.index, shown.choice.rule, shown.count) == (6, "largest true area", 10)
    assert shown.true.sum() == 36


def test_without_a_lesion_the_largest_invention_is_shown() -> None:
    shown = taken(np.zeros(SHAPE, dtype=bool), block(k=slice(8, 9)))
    assert (shown.choice.index, shown.choice.rule) == (8, "largest area that was found")
    assert taken(np.zeros(SHAPE, dtype=bool), np.zeros(SHAPE, dtype=bool)).choice.rule == "middle of the volume"


def test_the_zoom_holds_all_that_is_marked_in_the_proportions_of_the_slice() -> None:
    shown = taken(block(k=slice(3, 4)), block(k=slice(3, 4), size=10))
    rows, columns = shown.zoom()
    marked = shown.true | shown.found["real"]
    assert shown.framed
    assert marked[rows, columns].sum() == marked.sum() == 100
    whole = shown.true.shape[1] / shown.true.shape[0]
    assert (columns.stop - columns.start) / (rows.stop - rows.start) == pytest.approx(whole, abs=0.05)


def test_nearly_all_of_a_slice_is_shown_as_all_of_it() -> None:
    everywhere = np.ones(SHAPE, dtype=bool)
    assert not taken(block(k=slice(3, 4)), everywhere).framed
    nothing = np.zeros(SHAPE, dtype=bool)
    assert not taken(nothing, nothing).framed


@pytest.mark.parametrize("arms", [ARMS, ARMS[:2]])
def test_rows_are_drawn_for_every_set_of_arms(arms: Sequence[str]) -> None:
    row = taken(block(k=slice(3, 4)), block(k=slice(3, 4), size=3), arms=arms)
    numbers = {"case-1": dict.fromkeys(arms, "Dice 0.600")}
    figure = draw_attempts({"case-1: loses 0.1": row, "again": row}, numbers=numbers)
    texts = [text.get_text() for text in figure.texts]
    assert texts.count("Dice 0.600") == 2 * len(arms)
    assert ("Found without FLAIR" in texts) == ("without" in arms)
    assert any("the patient's left (L) is on the" in text for text in texts)
    images = [axes for axes in figure.axes if axes.images]
    assert len(images) == 2 * (len(arms) + 2)
    assert to_png(figure)[:4] == b"\x89PNG"


def test_what_is_kept_of_a_case_draws_the_same_picture() -> None:
    row = taken(block(k=slice(3, 4)), block(k=slice(3, 4), size=3))
    kept = slice_of(row.arrays(), case="case-1")
    numbers = {"case-1": dict.fromkeys(ARMS, "Dice 0.600")}
    drawn = (to_png(draw_attempts({"a case": one}, numbers=numbers)) for one in (kept, row))
    assert next(drawn) == next(drawn)


def test_a_line_per_case_and_the_mean_beside_it() -> None:
    values = {"real": (0.8, 0.6, 0.7), "synthetic": (0.5, 0.4, np.nan)}
    scores = [
        Score(f"case-{number}", "lesion", arm, "dice", value, "1")
        for arm, row in values.items()
        for number, value in enumerate(row)
    ]
    figure = draw_slopes(scores, arms={"real": "real FLAIR", "synthetic": "synthetic FLAIR"}, regions=["lesion"])
    [axes] = figure.axes
    lines = [line.get_ydata() for line in axes.lines if line.get_marker() == "o"]
    assert [list(line) for line in lines] == [[0.8, 0.5], [0.6, 0.4]]  # the third case lacks an arm
    assert [text.get_text() for text in axes.texts] == ["0.70", "0.45"]
    with pytest.raises(UsageError, match="none of dice"):
        draw_slopes(scores, arms={"real": "real", "other": "other"}, regions=["lesion"])
