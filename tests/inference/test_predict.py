"""Slices that are predicted at once: fewer calls, the same volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from voxlate.config.window import WindowOptions
from voxlate.inference import stitching
from voxlate.inference.predict import Predictor
from voxlate.methods.interface import Translator


class _Smoothed(Translator):
    """A convolution; keeps how many samples each call had."""

    channels, divisor = 1, 4

    def __init__(self, *, sequential: bool = False) -> None:
        self.network = torch.nn.Conv2d(1, 1, 3, padding=1)
        self.sequential = sequential  # type: ignore[misc]
        self.calls: list[int] = []

    @torch.no_grad()
    def predict(self, source: Tensor) -> Tensor:
        self.calls.append(len(source))
        prediction: Tensor = self.network(source)
        return prediction


def test_slices_are_predicted_at_once_and_each_as_if_it_were_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).normal(size=(18, 13, 9)).astype(np.float32)
    mask = np.ones(image.shape, dtype=bool)
    translator = _Smoothed()
    predictor = Predictor(translator, WindowOptions(kind="slices", axis=2), torch.device("cpu"))
    together = predictor([image], mask)
    assert translator.calls == [9]
    monkeypatch.setattr(stitching, "TOGETHER", 3 * 20 * 16)
    np.testing.assert_allclose(predictor([image], mask), together, atol=1e-6)
    assert translator.calls[1:] == [3, 3, 3]
    translator.calls.clear()
    replace(predictor, tile=(12, 12))([image], mask)
    assert set(translator.calls) == {1}, "where memory was short"
    translator.sequential = True  # type: ignore[misc]
    translator.calls.clear()
    predictor([image], mask)
    assert translator.calls == [1] * 9
