"""Who draws during training: the slice with the lesion, its own numbers, and the last state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.reporting.samples import LESION, MASK, SHAPE
from tests.reporting.test_plots import texts
from voxlate.config.recipe import load_recipe
from voxlate.metrics import mae
from voxlate.reporting.run import observer
from voxlate.reporting.run.observer import FigureDrawer
from voxlate.reporting.run.progression import KeptSlice
from voxlate.training.loop.validation import Example, Validation


def validation(error: float) -> Validation:
    """One case that is wrong in the lesion only, among others that are better."""
    truth = np.where(MASK, 0.5, 0.0).astype(np.float32)
    predicted = truth + np.float32(error) * LESION
    labels = LESION.astype(np.float32)
    example = Example("case", truth, predicted, truth, MASK, (1.0, 1.0, 1.0), labels=labels, data_range=1.0)
    return Validation({"mae": 0.0123, "psnr": 30.0, "ssim": 0.9}, example)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    drawn: list[Figure] = []

    def keep(figure: Figure, **_: Any) -> bytes:
        drawn.append(figure)
        return b""

    monkeypatch.setattr(observer, "to_png", keep)
    return drawn


def test_the_slice_shows_the_lesion_and_the_numbers_are_its_own(tmp_path: Path, figures: list[Figure]) -> None:
    drawer = FigureDrawer(tmp_path, load_recipe("avula2020-t1-to-t2"))
    drawer.stepped(10, 0.1, {})
    drawer.validated(10, validation(0.2))
    place = int(LESION.sum(axis=(0, 1)).argmax())
    kept = KeptSlice.load(tmp_path / "frames" / "step_000000010.npz")
    assert kept.rule == "largest area of labelled structures"
    only = np.zeros(SHAPE, bool)
    only[..., place] = MASK[..., place]
    example = validation(0.2).example
    assert kept.mae == pytest.approx(mae(example.prediction, example.truth, mask=only, data_range=1.0))
    assert kept.mae > 0
    [figure] = figures
    told = " ".join(texts(figure))
    assert f"MAE {kept.mae:.3g}" in told
    assert "The slice shown, foreground" in told
    assert "All validation cases" in told
    assert "MAE 0.0123" in told


def test_ct_is_drawn_in_hounsfield_units_on_air_and_labels_in_colours(tmp_path: Path, figures: list[Figure]) -> None:
    drawer = FigureDrawer(tmp_path, load_recipe("habijan2022-labels-to-ct"))
    drawer.stepped(10, 1.0, {})
    plain = validation(0.2)
    example = replace(plain.example, source=820 * LESION.astype(np.float32), unit="HU", scale=1000.0, outside=-1024.0)
    drawer.validated(10, replace(plain, example=example))
    kept = KeptSlice.load(tmp_path / "frames" / "step_000000010.npz")
    assert kept.truth[kept.mask].max() == pytest.approx(500)
    assert kept.truth[~kept.mask].max() == -1024
    assert kept.condition is not None
    assert set(np.unique(kept.condition)) == {0, 820}
    told = " ".join(texts(figures[0]))
    assert "MAE 12.3 HU" in told, "of all validation cases"
    assert f"MAE {kept.mae:.3g} HU" in told
    assert "a colour for each label" in told
    (tmp_path / "log.jsonl").write_text("")
    drawer.finish(tmp_path / "log.jsonl")
    assert "condition" in texts(figures[-1])
    coloured = [image for axes in figures[-1].axes for image in axes.images if np.ndim(image.get_array()) == 3]
    assert len(coloured) == 1


def test_the_last_state_is_drawn_whatever_the_interval(tmp_path: Path, figures: list[Figure]) -> None:
    drawer = FigureDrawer(tmp_path, load_recipe("avula2020-t1-to-t2").with_overrides({"training.figure_every": 1000}))
    for step, spent in ((10, 0.25), (20, 0.5), (30, 0.75), (40, 1.0)):
        drawer.stepped(step, spent, {})
        drawer.validated(step, validation(1 / step))
    drawn = [path.stem for path in sorted((tmp_path / "frames").glob("*.npz"))]
    assert drawn == ["step_000000010", "step_000000040"], "a short run has its progression"
    assert len(figures) == 2
