from __future__ import annotations

from typing import Any

import numpy as np

from tests.reporting.samples import pixels
from voxlate.reporting.run.alignment import Aligned, _chessboard, draw_alignment


def aligned(**changes: Any) -> Aligned:
    i, j, k = np.indices((30, 36, 24)) / 30 - 0.5
    ball = (i**2 + j**2 + k**2 < 0.12).astype(np.float32)
    values: dict[str, Any] = {
        "case": "one",
        "reference": ball,
        "before": np.roll(ball, 6, axis=0),
        "after": ball,
        "titles": ("T1", "CT"),
        "spacing_mm": (2.0, 2.0, 3.0),
        "mask": ball > 0,
        "notes": ("ct: rigid registration, the foreground moved by 12.00 mm on average",),
    }
    return Aligned(**{**values, **changes})


def test_squares_take_turns_and_are_square_in_mm() -> None:
    ones, zeros = np.ones((40, 80)), np.zeros((40, 80))
    board = _chessboard(ones, zeros, size_mm=(80.0, 160.0))
    assert board[0, 0] == 1
    assert (np.diff(np.flatnonzero(np.diff(board[0]))) == 10).all()
    lines = np.flatnonzero(np.diff(board[:, 0]))
    assert ((np.diff(lines) == 2) | (np.diff(lines) == 3)).all()  # 10 mm, at 4 mm a line
    assert np.array_equal(_chessboard(zeros, ones, size_mm=(80.0, 160.0)), 1 - board)


def test_what_is_aligned_shows_no_squares() -> None:
    figure = draw_alignment(aligned())
    reference, after, before, board = (np.asarray(axes.images[0].get_array()) for axes in figure.axes[:4])
    assert np.array_equal(reference, board)
    assert np.array_equal(reference, after)
    assert not np.array_equal(reference, before)
    said = " ".join(text.get_text() for text in figure.texts)
    for word in ("Reference: T1", "Registered: CT", "Before", "After", "12.00 mm", "one"):
        assert word in said
    assert np.unique(pixels(figure)).size > 20
