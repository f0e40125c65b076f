from __future__ import annotations

import numpy as np

from voxlate.reporting.drawing.planes import Planes, draw_rows


def _white(values: list[float]) -> float:
    """Where white lies for a cube of such values, side by side, in air."""
    image = np.zeros((12, 12, 12), dtype=np.float32)
    image[3:9, 3:9, 3:9] = np.resize(values, (6, 6, 6))
    figure = draw_rows([Planes(image, "FLAIR", "a.u.")], spacing_mm=(1, 1, 1))
    return max(picture.norm.vmax for axes in figure.axes for picture in axes.images)


def test_an_image_of_nearly_one_value_is_grey_and_not_white() -> None:
    assert 130 < _white([95, 100, 105]) < 160


def test_white_lies_at_the_bright_end_where_there_is_one() -> None:
    assert 195 < _white([20, 100, 200]) < 210
