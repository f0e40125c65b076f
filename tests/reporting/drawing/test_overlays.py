"""Overlays: hits, misses and inventions have the colours of the key, where they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from voxlate.reporting.drawing import canvas, tiles
from voxlate.reporting.drawing.overlays import _HIT, _INVENTED, _MISSED, _Mark, draw_overlay, overlay_key

SIZE = (40, 40)


@canvas.styled
def drawn(found: np.ndarray, true: np.ndarray) -> Figure:
    figure = canvas.new_figure(width_mm=50, height_mm=50)
    axes = tiles.place(figure, 0, 0, width=50, height=50)
    draw_overlay(axes, np.zeros(SIZE), found=found, true=true, window=(0.0, 1.0), size_mm=(40.0, 40.0))
    return figure


def area(rows: slice, columns: slice) -> np.ndarray:
    inside = np.zeros(SIZE, dtype=bool)
    inside[rows, columns] = True
    return inside


def hue(pixels: np.ndarray) -> np.ndarray:
    """The mean colour of a block of pixels as a direction: white patterns and opacity change its length alone."""
    mean = pixels[..., :3].reshape(-1, 3).mean(axis=0)
    spread = mean - mean.min()
    return spread / np.linalg.norm(spread)


def expected(mark: _Mark) -> np.ndarray:
    rgb = np.array([int(mark.colour[place : place + 2], 16) for place in (1, 3, 5)], dtype=float)
    return (rgb - rgb.min()) / np.linalg.norm(rgb - rgb.min())


def test_each_outcome_has_its_colour_where_it_is() -> None:
    true, found = area(slice(5, 35), slice(4, 24)), area(slice(5, 35), slice(14, 36))
    picture = imread(io.BytesIO(canvas.to_png(drawn(found, true))))
    scale = picture.shape[0] / SIZE[0]
    for mark, columns in ((_MISSED, (6, 12)), (_HIT, (16, 22)), (_INVENTED, (26, 34))):
        left, right = (int(scale * column) for column in columns)
        block = picture[int(scale * 12) : int(scale * 28), left:right]
        assert hue(block) @ expected(mark) > 0.98, mark.title


def test_nothing_found_and_nothing_true_is_the_image_alone() -> None:
    empty = np.zeros(SIZE, dtype=bool)
    picture = imread(io.BytesIO(canvas.to_png(drawn(empty, empty))))
    assert picture[..., :3].max() == 0


def test_outcomes_differ_without_colour() -> None:
    marks = (_HIT, _MISSED, _INVENTED)
    assert len({mark.hatch for mark in marks}) == 3
    assert len({mark.title for mark in marks}) == 3


def test_the_key_names_everything() -> None:
    figure = canvas.new_figure(height_mm=10)
    overlay_key(tiles.place(figure, 2, 2, width=170, height=4))
    [legend] = [axes.get_legend() for axes in figure.axes]
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:3] == ["hit", "missed", "invented"]
    assert len(texts) == 5


@pytest.mark.parametrize("shape", [(1, 1), (2, 30)])
def test_slices_of_few_voxels_are_drawn(shape: tuple[int, int]) -> None:
    figure = canvas.new_figure(width_mm=30, height_mm=30)
    axes = tiles.place(figure, 0, 0, width=30, height=30)
    ones = np.ones(shape)
    draw_overlay(axes, ones, found=ones, true=ones, window=(0.0, 1.0), size_mm=(30.0, 30.0))
    assert canvas.to_png(figure)
