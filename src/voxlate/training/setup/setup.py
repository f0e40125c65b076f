"""A data set made ready for a recipe, and what was decided on the way: values, which nothing here computes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from voxlate.cohort import Case, Cohort
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.methods.hardware import Precision, pick_device, resolve_precision
from voxlate.preprocess.fingerprint import Fingerprint
from voxlate.preprocess.plan import Plan
from voxlate.strict import StrictModel


@dataclass(frozen=True)
class Setup:
    """A data set made ready for a recipe.

    Attributes:
        recipe: The recipe as resolved: neither its window nor anything else is left open.
        cohort: The cases that have every contrast the recipe needs.
        split: Case id to ``train``, ``validation`` or ``test``.
        fingerprint: Statistics of the training cases.
        plan: How a case becomes arrays and back.
        decision: What an ``auto`` window became and why; ``None`` if the recipe says what it is.
    """

    recipe: Recipe
    cohort: Cohort
    split: Mapping[str, str]
    fingerprint: Fingerprint
    plan: Plan
    decision: WindowDecision | None = None

    @property
    def device(self) -> torch.device:
        """Where it will compute."""
        return pick_device()

    @property
    def precision(self) -> Precision:
        """In which precision training computes on this machine."""
        return resolve_precision(self.recipe.training.precision)

    def of_view(self, name: str) -> Setup:
        """The same for one view of several."""
        return replace(self, recipe=self.recipe.model_copy(update={"window": self.recipe.window.views[name]}))

    def cases(self, part: str) -> list[Case]:
        """The cases of one part of the split."""
        return [case for case in self.cohort.cases if self.split[case.id] == part]

    @property
    def validation_cases(self) -> list[Case]:
        """The cases that choose the weights: those set aside, or the training cases where none could be."""
        return self.cases("validation") or self.cases("train")


class StepMemory(StrictModel):
    """Memory of a training step as a line over its voxels, all samples together.

    Attributes:
        fixed_bytes: What weights, gradients, moments and average take.
        voxel_bytes: What each voxel adds.

    Example:
        >>> StepMemory.through((1_000, 6_000), (3_000, 8_000)).of(10_000)
        15000
    """

    fixed_bytes: float
    voxel_bytes: float

    @classmethod
    def through(cls, small: tuple[int, int], large: tuple[int, int]) -> StepMemory:
        """The line through two measurements of voxels and bytes; it never falls."""
        slope = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
        return cls(fixed_bytes=large[1] - slope * large[0], voxel_bytes=slope)

    def of(self, voxels: int) -> int:
        """Bytes of a step that sees so many voxels."""
        return math.ceil(self.fixed_bytes + self.voxel_bytes * voxels)


class WindowDecision(StrictModel):
    """What an ``auto`` window became, and the numbers behind it.

    Attributes:
        window: The window of training and translation, never ``auto``.
        volume: Size of the whole volume in voxels along i, j, k.
        volume_bytes: Forecast of a step on whole volumes.
        window_bytes: Forecast of a step with the window.
        usable_bytes: What a step might take.
    """

    window: WindowOptions
    volume: Triple
    volume_bytes: int
    window_bytes: int
    usable_bytes: int

    def words(self) -> str:
        """The decision on one line, as the dry run and the log show it."""
        whole, usable = _times(self.volume), f"{self.usable_bytes / _GIB:.1f} GiB"
        if self.window.size is None:
            return f"whole volume, {whole}: {self.window_bytes / _GIB:.1f} of {usable}"
        patches = f"patches, {_times(self.window.size)}: {self.window_bytes / _GIB:.1f} of {usable}"
        return f"{patches}; the whole volume, {whole}, would take {self.volume_bytes / _GIB:.1f}"


Triple = tuple[int, int, int]
_GIB = 2**30


def _times(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
