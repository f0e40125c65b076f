from __future__ import annotations

import numpy as np

from tests.reporting.samples import count_colours
from tests.reporting.test_plots import texts
from voxlate.methods.style_transfer.reconstruction import Reconstruction, Reconstructions
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.run.reconstructions import draw_reconstructions


def found(layers: int = 3) -> Reconstructions:
    ramp = np.linspace(0, 1, 20 * 24, dtype=np.float32).reshape(20, 24)
    mask = np.zeros((20, 24), dtype=bool)
    mask[4:16, 5:20] = True
    images = {f"block{n}_conv1": Reconstruction(ramp / n, 10.0 ** (-2 * n)) for n in range(1, layers + 1)}
    return Reconstructions(ramp, ramp[::-1], mask, (0.0, 1.0), images, dict(list(images.items())[:-1]))


def test_rows_show_content_and_style_then_layers_and_what_is_left() -> None:
    figure = draw_reconstructions(found(), titles=("in-phase", "CT"))
    shown = texts(figure)
    assert {"content: in-phase", "style: CT", "block1_conv1", "+ block2_conv1", "block3_conv1"} <= set(shown)
    assert shown.count("distance 0.0100") == 2
    assert "distance below 0.0001" in shown
    assert len([axes for axes in figure.axes if axes.images]) == (1 + 3) + (1 + 2)
    assert {axes.images[0].get_clim() for axes in figure.axes} == {(0.0, 1.0)}
    assert count_colours(figure) > 10
    assert to_png(figure) == to_png(draw_reconstructions(found(), titles=("in-phase", "CT")))


def test_nothing_is_cut_off() -> None:
    figure = draw_reconstructions(found(6), plane="sagittal", spacing_mm=(1.0, 1.0, 2.0))
    figure.canvas.draw()
    width, height = figure.bbox.size
    assert min(text.get_window_extent().y0 for text in figure.texts) >= 0
    assert max(text.get_window_extent().x1 for text in figure.texts) <= width
    assert max(text.get_window_extent().y1 for text in figure.texts) <= height
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(box.x0 >= 0 and box.x1 <= 1 and box.y0 >= 0 and box.y1 <= 1 for box in boxes)
    assert any("sagittal" in text for text in texts(figure))
