"""Prediction: a translator over one prepared case, window by window.

Only what lies inside the foreground's bounding box is computed. Windows that do not fit into memory are made smaller
until they do; the result is the same up to the borders that a smaller window sees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config import Recipe, WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import TrainingError
from voxlate.methods.arithmetic import Precision, computing_in, memory_format
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.interface import Translator
from voxlate.preprocess.intensity import fill_outside
from voxlate.windows import Box, Sliceable, Stitcher, Window, bounding_box

logger = logging.getLogger(__name__)
SMALLEST_WINDOW = 32


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
        tile: The largest window in a sample's spatial axes; ``None`` for what the recipe says.
        fill: Whether the source's background is filled as in training, see ``fill_outside``.
    """

    translator: Translator
    window: WindowOptions
    divisor: int
    device: torch.device
    precision: Precision = "fp32"
    channels: int = 1
    tile: tuple[int, ...] | None = None
    fill: bool = False

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
                attempt = attempt.smaller(mask.shape)
                logger.warning("out of memory; going on with windows of %s voxels", attempt.tile)

    def smaller(self, shape: Sequence[int]) -> Predictor:
        """The same with windows of half the size along each spatial axis of a sample.

        Raises:
            TrainingError: If they are small already.
        """
        spatial = [n for axis, n in enumerate(shape) if self.window.kind != "slices" or axis != self.window.axis]
        now = self.tile or self.window.size or spatial
        tile = tuple(max(self.divisor, -(-n // (2 * self.divisor)) * self.divisor) for n in now)
        if max(now) <= SMALLEST_WINDOW or tile == tuple(now):
            raise TrainingError(
                "enough memory for a small window",
                came=f"none for {tuple(now)} voxels",
                remedy="Close other programs, or use a machine with more memory.",
            )
        return replace(self, tile=tile)

    def _predict(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        window = Window(self.window)
        stitcher = Stitcher(window, channels=self.channels, shape=mask.shape)
        inside = np.asarray(mask[:])
        within = bounding_box(inside)
        if within is None:
            return stitcher.result()
        arrays = [np.asarray(source[:]) for source in sources]
        if isinstance(self.translator, Exemplary):
            self.translator.begin_case()
        for box in window.cover(mask.shape, within=within, divisor=self.divisor, tile=self.tile):
            foreground = window.cut_centre(inside, box)
            if foreground.any():
                stitcher.add(box, self._one(window, arrays, box, foreground))
        return stitcher.result()

    def _one(
        self, window: Window, arrays: Sequence[NDArray[np.float32]], box: Box, foreground: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        cut = np.concatenate([window.cut(array, box) for array in arrays])
        cut = fill_outside(cut, foreground) if self.fill else cut
        batch = torch.from_numpy(cut)[None].to(self.device, memory_format=memory_format(window.dims))
        with torch.inference_mode(), computing_in(self.precision, self.device):
            prediction = self.translator.predict(batch)
        return prediction[0].float().cpu().numpy()


def predictor(recipe: Recipe, translator: Translator, *, device: torch.device, precision: Precision) -> Predictor:
    """The predictor of a recipe's translator."""
    divisor = int(getattr(translator, "divisor", 1))
    fill = fills_background(recipe)
    return Predictor(translator, recipe.window, divisor, device=device, precision=precision, fill=fill)


def fills_background(recipe: Recipe) -> bool:
    """Whether a recipe's networks see a filled background: always, but where a label map goes in, which has its own."""
    return all(get_contrast(name).kind != "label" for name in recipe.source)


def _out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
