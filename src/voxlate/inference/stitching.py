"""Prediction of one prepared case, window by window, whatever it is that computes a window.

Only what lies inside the foreground's bounding box is computed. Windows that do not fit into memory are made smaller
until they do; the result is the same up to the borders that a smaller window sees. Nothing here needs torch.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from voxlate.config.recipe import Recipe
from voxlate.config.window import VIEWS, WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import TrainingError
from voxlate.preprocess.intensity import fill_outside
from voxlate.question import Acquisitions, Query, numbers_of
from voxlate.roles import MODEL
from voxlate.windows import Box, Sliceable, Stitcher, Window, bounding_box

logger = logging.getLogger(__name__)
_SMALLEST_WINDOW = 32
TOGETHER = 2**18
"""Pixels of slices that are predicted at once: a call costs as much as a small slice."""


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


class WindowPredictor(CasePredictor):
    """Cuts a case into windows, has them computed and stitches them; a dataclass that says how is made of it.

    Attributes:
        window: How a case is cut and stitched.
        tile: The largest window in a sample's spatial axes; ``None`` for what the recipe says.
        fill: Whether the source's background is filled as in training, see ``fill_outside``.
    """

    window: WindowOptions
    tile: tuple[int, ...] | None
    fill: bool

    @property
    @abstractmethod
    def divisor(self) -> int:
        """Spatial sizes of a sample must be multiples of it."""

    @property
    def channels(self) -> int:
        """How many volumes come out side by side."""
        return 1

    @property
    def sequential(self) -> bool:
        """Whether the samples of a case must come in order along the slice axis, each of them once."""
        return False

    def begin_case(self) -> None:
        """Told before the first sample of a case."""

    @abstractmethod
    def compute(self, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        """The prediction ``(b, t, *s)`` float32 of samples ``(b, c, *s)``."""

    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """With smaller windows where those of the recipe do not fit into memory."""
        attempt: WindowPredictor = self
        while True:
            try:
                return attempt._predict(sources, mask)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                attempt = attempt._smaller(mask.shape)
                logger.warning("out of memory; going on with windows of %s voxels", attempt.tile)

    def _smaller(self, shape: Sequence[int]) -> Self:
        """The same with windows of half the size along each spatial axis of a sample.

        Raises:
            TrainingError: If they are small already.
        """
        spatial = [n for axis, n in enumerate(shape) if self.window.kind != "slices" or axis != self.window.axis]
        now = self.tile or self.window.size or spatial
        divisor = self.divisor
        tile = tuple(max(divisor, -(-n // (2 * divisor)) * divisor) for n in now)
        if max(now) <= _SMALLEST_WINDOW or tile == tuple(now):
            raise TrainingError(
                "enough memory for a small window",
                came=f"none for {tuple(now)} voxels",
                remedy="Close other programs, or use a machine with more memory.",
            )
        changed: Self = replace(self, tile=tile)  # type: ignore[type-var]  # what is made of it is a dataclass
        return changed

    def _predict(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        window = Window(self.window)
        stitcher = Stitcher(window, channels=self.channels, shape=mask.shape)
        inside = np.asarray(mask[:])
        within = bounding_box(inside)
        if within is None:
            return stitcher.result()
        arrays = [np.asarray(source[:]) for source in sources]
        self.begin_case()
        waiting: list[tuple[Box, NDArray[np.float32]]] = []
        for box in window.cover(mask.shape, within=within, divisor=self.divisor, tile=self.tile):
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
        together = self.window.kind == "slices" and self.tile is None and not self.sequential
        return together and cut.shape == waiting[0].shape and (len(waiting) + 1) * cut[0].size <= TOGETHER

    def _add(self, stitcher: Stitcher, window: Window, waiting: Sequence[tuple[Box, NDArray[np.float32]]]) -> None:
        if waiting:
            found = self._computed(window, np.stack([cut for _, cut in waiting]))
            for (box, _), one in zip(waiting, found, strict=True):
                stitcher.add(box, one)

    def _computed(self, window: Window, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        # Test-time augmentation. A sagittal slice is its own mirror.
        lateral = window.lateral_axis if self.window.mirror and not self.sequential else None
        if lateral is None:
            return self.compute(cuts)
        mirrored = self.compute(np.ascontiguousarray(np.flip(cuts, 2 + lateral)))
        return (self.compute(cuts) + np.flip(mirrored, 2 + lateral)) * np.float32(0.5)


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


def numbers_for(question: Query, recipe: Recipe, acquired: Acquisitions | None) -> NDArray[np.float32]:
    """What a network is told of a question, see ``numbers_of``: of acquisitions only where the recipe says so."""
    told = (acquired or {}) if recipe.by_acquisition else None
    each = 2 * recipe.window.neighbours + 1
    return numbers_of(question, recipe.source, recipe.wanted, each=each, acquired=told)


def fills_background(recipe: Recipe) -> bool:
    """Whether a recipe's networks see a filled background: not where a source has its own, as a label map or a view."""
    return not any(name in VIEWS.values() or is_label(name) for name in recipe.source)


def is_label(name: str) -> bool:
    """Whether a source or target is a label map; what a view predicts, by its name, is none."""
    return name not in VIEWS.values() and get_contrast(name).kind == "label"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short; torch raises a ``RuntimeError`` for that, as OpenVINO does."""
    short = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return short or any(word in str(error) for word in ("allocate memory", "bad_alloc", "bad allocation"))
