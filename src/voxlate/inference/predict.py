"""Prediction: a translator over one prepared case, window by window.

Only what lies inside the foreground's bounding box is computed. Windows that do not fit into memory are made smaller
until they do; the result is the same up to the borders that a smaller window sees. A method with several views predicts
a volume in each, and a combination makes one of them.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config.recipe import Recipe
from voxlate.config.window import VIEWS, WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import TrainingError
from voxlate.methods.hardware import Precision, computing_in, memory_format
from voxlate.methods.interface import Method, NetworkMethod, Translator
from voxlate.networks.combination import WeightedMean
from voxlate.preprocess.intensity import fill_outside
from voxlate.question import Acquisitions, Query, numbers_of
from voxlate.roles import MODEL
from voxlate.windows import Box, Sliceable, Stitcher, Window, bounding_box

logger = logging.getLogger(__name__)
_SMALLEST_WINDOW = 32
_TOGETHER = 2**18
"""Pixels of slices that are predicted at once: a call costs as much as a small slice."""
_COMBINED = WindowOptions(kind="patches", size=(96, 96, 96), overlap=0.25)
"""How the volumes of several views are cut for their combination, which sees no farther than a few voxels."""


class CasePredictor(ABC):
    """Whatever predicts a whole prepared case; another runtime only has to say how it stitches."""

    def __call__(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """Predicts one case.

        Args:
            sources: The source contrasts ``(i, j, k)``, normalised, on one grid, in the recipe's order.
            mask: ``(i, j, k)``, true in the foreground; an empty mask gives zeros.

        Returns:
            ``(1, i, j, k)`` float32, normalised; zero where no window reached.

        Raises:
            TrainingError: If even the smallest window does not fit into memory.
        """
        return self.decode(self.stitched(sources, mask))

    @abstractmethod
    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """What is predicted window by window, ``(channels, i, j, k)`` float32; arguments and errors as above."""

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """The target ``(1, i, j, k)`` from what ``stitched`` gives; of a segmentation, the label map."""
        return stitched

    def predictions(self, sources: Sequence[Sliceable], mask: Sliceable) -> dict[str, NDArray[np.float32]]:
        """What each of several views predicts, ``(i, j, k)``, and last, as ``model``, the target."""
        return {MODEL: self(sources, mask)[0]}

    def asked(self, question: Query, recipe: Recipe, acquired: Acquisitions | None = None) -> CasePredictor:
        """What answers a question of a recipe with several; itself, unless overridden."""
        return self

    def doubted(
        self, sources: Sequence[Sliceable], mask: Sliceable
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The target ``(i, j, k)``, and how much members differ about it, ``None`` where there are none.

        They differ by the standard deviation of what is averaged: normalised values, or the classes' probabilities, of
        which the largest counts.
        """
        return self(sources, mask)[0], None

    @property
    def weights(self) -> dict[str, float]:
        """How much each of several views counts, where they are weighed; else empty."""
        return {}


@dataclass(frozen=True)
class Predictor(CasePredictor):
    """A translator made ready for whole cases.

    Attributes:
        translator: Maps source windows to target windows, in normalised values; already on ``device``.
        window: How a case is cut and stitched.
        device: Where it computes.
        precision: In which precision.
        tile: The largest window in a sample's spatial axes; ``None`` for what the recipe says.
        fill: Whether the source's background is filled as in training, see ``fill_outside``.
    """

    translator: Translator
    window: WindowOptions
    device: torch.device
    precision: Precision = "fp32"
    tile: tuple[int, ...] | None = None
    fill: bool = False

    def asked(self, question: Query, recipe: Recipe, acquired: Acquisitions | None = None) -> Predictor:
        """The same for one question: its sources come in."""
        told = (acquired or {}) if recipe.by_acquisition else None
        each = 2 * recipe.window.neighbours + 1
        numbers = numbers_of(question, recipe.source, recipe.wanted, each=each, acquired=told)
        return replace(self, translator=self.translator.ask(torch.from_numpy(numbers)))

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the translator decodes."""
        return self.translator.decode(stitched)

    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """With smaller windows where those of the recipe do not fit into memory."""
        attempt = self
        while True:
            try:
                return attempt._predict(sources, mask)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
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
        divisor = self.translator.divisor
        tile = tuple(max(divisor, -(-n // (2 * divisor)) * divisor) for n in now)
        if max(now) <= _SMALLEST_WINDOW or tile == tuple(now):
            raise TrainingError(
                "enough memory for a small window",
                came=f"none for {tuple(now)} voxels",
                remedy="Close other programs, or use a machine with more memory.",
            )
        return replace(self, tile=tile)

    def _predict(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        window = Window(self.window)
        stitcher = Stitcher(window, channels=self.translator.channels, shape=mask.shape)
        inside = np.asarray(mask[:])
        within = bounding_box(inside)
        if within is None:
            return stitcher.result()
        arrays = [np.asarray(source[:]) for source in sources]
        self.translator.begin_case()
        waiting: list[tuple[Box, NDArray[np.float32]]] = []
        for box in window.cover(mask.shape, within=within, divisor=self.translator.divisor, tile=self.tile):
            foreground = window.cut_centre(inside, box)
            if not foreground.any():
                continue
            cut = np.concatenate([window.cut(array, box) for array in arrays])
            cut = fill_outside(cut, foreground) if self.fill else cut
            if waiting and not self._fits(cut, [one for _, one in waiting]):
                self._add(stitcher, window, waiting)
                waiting = []
            waiting.append((box, cut))
        self._add(stitcher, window, waiting)
        return stitcher.result()

    def _fits(self, cut: NDArray[np.float32], waiting: Sequence[NDArray[np.float32]]) -> bool:
        """Whether a slice is predicted at once with others; not where memory was short."""
        together = self.window.kind == "slices" and self.tile is None and not self.translator.sequential
        return together and cut.shape == waiting[0].shape and (len(waiting) + 1) * cut[0].size <= _TOGETHER

    def _add(self, stitcher: Stitcher, window: Window, waiting: Sequence[tuple[Box, NDArray[np.float32]]]) -> None:
        if waiting:
            found = self._together(window, np.stack([cut for _, cut in waiting]))
            for (box, _), one in zip(waiting, found, strict=True):
                stitcher.add(box, one)

    def _together(self, window: Window, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(cuts).to(self.device, memory_format=memory_format(window.dims))
        # Test-time augmentation. A sagittal slice is its own mirror.
        lateral = window.lateral_axis if self.window.mirror and not self.translator.sequential else None
        with torch.inference_mode(), computing_in(self.precision, self.device):
            prediction = self.translator.predict(batch).float()
            if lateral is not None:
                mirrored = self.translator.predict(batch.flip(2 + lateral)).float()
                prediction = (prediction + mirrored.flip(2 + lateral)) / 2
        return prediction.cpu().numpy()


@dataclass(frozen=True)
class MultiViewPredictor(CasePredictor):
    """A predictor per view and what combines their volumes.

    Attributes:
        views: From the name of a view to its predictor.
        combination: From the views' predictions, as sources, to the one volume.
    """

    views: Mapping[str, Predictor]
    combination: Predictor

    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """The combination of all views."""
        return self.combine(self.by_view(sources, mask), mask)

    def predictions(self, sources: Sequence[Sliceable], mask: Sliceable) -> dict[str, NDArray[np.float32]]:
        """Each view's, and their combination."""
        views = self.by_view(sources, mask)
        return {**views, MODEL: self.combine(views, mask)[0]}

    @property
    def weights(self) -> dict[str, float]:
        """How much each view counts in a combination that weighs them; empty for one by a network."""
        networks = [combining.network for combining in self.combination.translator.networks.values()]
        found = [network.weights.detach().tolist() for network in networks if isinstance(network, WeightedMean)]
        return dict(zip(self.views, *found, strict=True)) if found else {}

    def by_view(self, sources: Sequence[Sliceable], mask: Sliceable) -> dict[str, NDArray[np.float32]]:
        """What each view predicts, ``(i, j, k)``."""
        return {name: view(sources, mask)[0] for name, view in self.views.items()}

    def combine(self, predictions: Mapping[str, Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """The one volume ``(1, i, j, k)`` of the views' predictions."""
        return self.combination([predictions[name] for name in self.views], mask)


@dataclass(frozen=True)
class EnsemblePredictor(CasePredictor):
    """Several predictors whose predictions are averaged before they are decoded.

    Attributes:
        members: Of one recipe and plan.
    """

    members: tuple[CasePredictor, ...]

    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """The mean of what the members predict, of a segmentation of their probabilities."""
        return self._moments(sources, mask)[0]

    def doubted(
        self, sources: Sequence[Sliceable], mask: Sliceable
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """The target and the members' standard deviation, each predicted once."""
        mean, spread = self._moments(sources, mask, spread=True)
        return self.decode(mean)[0], None if spread is None else spread.max(axis=0)

    def _moments(
        self, sources: Sequence[Sliceable], mask: Sliceable, *, spread: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Mean and, where it is wanted, standard deviation of what the members predict."""
        total: NDArray[np.float32] | None = None
        squares: NDArray[np.float64] | None = None
        for member in self.members:
            found = member.stitched(sources, mask)
            total = found.copy() if total is None else np.add(total, found, out=total)
            if spread:
                squares = np.square(found, dtype=np.float64) + (0.0 if squares is None else squares)
        mean = np.float32(1 / len(self.members)) * np.asarray(total)
        if squares is None:
            return mean, None
        variance = np.maximum(squares / len(self.members) - np.square(mean, dtype=np.float64), 0)
        return mean, np.sqrt(variance).astype(np.float32)

    def asked(self, question: Query, recipe: Recipe, acquired: Acquisitions | None = None) -> EnsemblePredictor:
        """Each member for one question."""
        return EnsemblePredictor(tuple(member.asked(question, recipe, acquired) for member in self.members))

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """As each of the members, which are alike."""
        return self.members[0].decode(stitched)


def predictor(recipe: Recipe, method: Method, *, device: torch.device, precision: Precision) -> CasePredictor:
    """The predictor of a recipe's method."""
    fill, windows = fills_background(recipe), recipe.window.views or {"": recipe.window}
    views = {
        name: Predictor(part, windows[name], device, precision=precision, fill=fill)
        for name, part in method.parts.items()
    }
    if method.combined_by is not None:
        return MultiViewPredictor(views, combiner(method.combined_by, device=device))
    return views[""]


def combiner(combination: NetworkMethod, *, device: torch.device) -> Predictor:
    """The predictor of a combination of views; always in float32, since it costs little."""
    return Predictor(combination, _COMBINED, device)


def fills_background(recipe: Recipe) -> bool:
    """Whether a recipe's networks see a filled background: not where a source has its own, as a label map or a view."""
    return not any(name in VIEWS.values() or is_label(name) for name in recipe.source)


def is_label(name: str) -> bool:
    """Whether a source or target is a label map; what a view predicts, by its name, is none."""
    return name not in VIEWS.values() and get_contrast(name).kind == "label"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short; on a CPU torch raises a ``RuntimeError`` for that."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
