"""Prediction: a translator over one prepared case, window by window.

Only what lies inside the foreground's bounding box is computed. Windows that do not fit into memory are made smaller
until they do; the result is the same up to the borders that a smaller window sees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config import Recipe, WindowOptions
from voxlate.errors import TrainingError
from voxlate.methods.arithmetic import Precision, computing_in, memory_format
from voxlate.methods.interface import Translator
from voxlate.windows import Box, Stitcher, Window, bounding_box

logger = logging.getLogger(__name__)
SMALLEST_WINDOW = 32


class Sliceable(Protocol):
    """What a prepared array must offer: a shape, and basic slicing to NumPy."""

    shape: tuple[int, ...]

    def __getitem__(self, key: Any) -> Any: ...  # noqa: ANN401


@dataclass(frozen=True)
class Predictor:
    """A translator made ready for whole cases.

    Attributes:
        translator: Maps source windows to target windows, in normalised values; already on ``device``.
        window: How a case is cut and stitched.
        divisor: Spatial sizes of a window are multiples of it.
        device: Where it computes.
        precision: In which precision.
        channels: Number of target channels.
    """

    translator: Translator
    window: WindowOptions
    divisor: int
    device: torch.device
    precision: Precision = "fp32"
    channels: int = 1

    def __call__(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """Predicts one case.

        Args:
            sources: The source contrasts ``(i, j, k)``, normalised, on one grid, in the recipe's order.
            mask: ``(i, j, k)``, true in the foreground; an empty mask gives zeros.

        Returns:
            ``(channels, i, j, k)`` float32, normalised; zero where no window reached.

        Raises:
            TrainingError: If even the smallest window does not fit into memory.
        """
        attempt = self
        while True:
            try:
                return attempt._predict(sources, mask)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                attempt = attempt._smaller([int(n) for n in mask.shape])
                logger.warning("out of memory; going on with windows of %s", attempt.window.size)

    def _predict(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        window = Window(self.window)
        i, j, k = mask.shape
        stitcher = Stitcher(window, self.channels, (i, j, k))
        inside = np.asarray(mask[:])
        if not inside.any():
            return stitcher.result()
        within = bounding_box(inside)
        arrays = [np.asarray(source[:]) for source in sources]
        for box in window.cover((i, j, k), within=within, divisor=self.divisor):
            if inside[box.slices((i, j, k))].any():
                stitcher.add(box, self._one(window, arrays, box))
        return stitcher.result()

    def _one(self, window: Window, arrays: Sequence[NDArray[np.float32]], box: Box) -> NDArray[np.float32]:
        cut = np.concatenate([window.cut(array[None], box) for array in arrays])
        batch = torch.from_numpy(cut)[None].to(self.device, memory_format=memory_format(window.dims))
        with torch.inference_mode(), computing_in(self.precision, self.device):
            prediction = self.translator.predict(batch)
        return prediction[0].float().cpu().numpy()

    def _smaller(self, shape: list[int]) -> Predictor:
        """The same with windows of half the size along each spatial axis."""
        if self.window.kind == "slices":
            shape.pop(self.window.axis)
        size = tuple(_half(n, self.divisor) for n in self.window.size or shape)
        if max(size) < SMALLEST_WINDOW:
            raise TrainingError(
                "enough memory for a small window",
                came=f"none for {self.window.size}",
                remedy="Close other programs, or use a machine with more memory.",
            )
        kind = "patches" if self.window.kind == "volume" else self.window.kind
        return replace(self, window=self.window.model_copy(update={"kind": kind, "size": size}))


def predictor(recipe: Recipe, translator: Translator, *, device: torch.device, precision: Precision) -> Predictor:
    """The predictor of a recipe's translator."""
    # The in-plane crop of slices serves training alone; patches are the same in both.
    size = None if recipe.window.kind == "slices" else recipe.window.size
    window = recipe.window.model_copy(update={"size": size})
    divisor = getattr(translator, "divisor", 1)
    return Predictor(translator, window, divisor, device=device, precision=precision)


def _half(size: int, divisor: int) -> int:
    return max(divisor, -(-size // (2 * divisor)) * divisor)


def _out_of_memory(error: BaseException) -> bool:
    text = str(error)
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text
