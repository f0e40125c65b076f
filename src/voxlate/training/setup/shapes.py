"""The shape model of a run: fitted on the label maps of the training cases, shipped in the bundle."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from voxlate.cohort import Case
from voxlate.cohort.labels.classes import MOST_CLASSES
from voxlate.cohort.labels.conventions import count_values
from voxlate.config.plan import Reading
from voxlate.errors import CohortError, some
from voxlate.preprocess.images import read_contrast
from voxlate.shapes import shape_family
from voxlate.training.setup.setup import Setup
from voxlate.volume import Array, Volume

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _LabelFiles(Sequence[Volume]):
    """The label maps of cases, each read when it is asked for.

    Attributes:
        cases: Each has the contrast.
        contrast: Of the label maps.
        reading: What the reader may accept.
    """

    cases: tuple[Case, ...]
    contrast: str
    reading: Reading

    def __len__(self) -> int:
        return len(self.cases)

    @overload
    def __getitem__(self, number: int, /) -> Volume: ...
    @overload
    def __getitem__(self, number: slice, /) -> _LabelFiles: ...
    def __getitem__(self, number: int | slice, /) -> Volume | _LabelFiles:
        """The label map of a case, or those of some cases."""
        if isinstance(number, slice):
            return _LabelFiles(self.cases[number], self.contrast, self.reading)
        return read_contrast(self.cases[number], self.contrast, reading=self.reading)


def check_shapes(setup: Setup) -> None:
    """Refuses, before anything is trained, a shape model that could not be fitted at the end.

    Raises:
        UsageError: If its name or an option is unknown.
        CohortError: If there are fewer than two training cases, one of them has no label, or there are too many values.
        ReadError: If a label map is refused.
    """
    if setup.recipe.shapes is None:
        return
    shape_family(setup.recipe.shapes)
    if len(setup.cases("train")) < 2:
        raise CohortError(
            "at least two training cases for shapes",
            came=str(len(setup.cases("train"))),
            where="shapes",
            remedy="Add cases, or set shapes to null.",
        )
    cases, contrast = setup.cases("train"), setup.plan.reference
    found = {
        case.id: {
            value for value in count_values(read_contrast(case, contrast, reading=setup.plan.reading).array) if value
        }
        for case in cases
    }
    empty = [case for case, values in found.items() if not values]
    if empty:
        raise CohortError(
            "training cases with labelled voxels for shapes",
            came=f"only background in {some(empty)}",
            where="shapes",
            remedy="Leave these cases out, or set shapes to null.",
        )
    values = set().union(*found.values())
    if len(values) > MOST_CLASSES:
        raise CohortError(
            f"1 to {MOST_CLASSES} label values for shapes",
            came=f"{len(values)} in {len(found)} maps",
            where="shapes",
            remedy="Look at the label maps, or set shapes to null.",
        )


def fit_shapes(setup: Setup) -> dict[str, Array] | None:
    """The arrays of the shape model of the training cases' label maps; ``None`` if the recipe has none.

    Raises:
        CohortError: If there are fewer than two label maps, or they cannot be modelled.
        ReadError: If one is refused.
    """
    choice = setup.recipe.shapes
    if choice is None:
        return None
    began = time.monotonic()
    maps = _LabelFiles(tuple(setup.cases("train")), setup.plan.reference, setup.plan.reading)
    state = shape_family(choice).fit(maps, seed=setup.recipe.training.seed).state()
    logger.info("shapes %s fitted to %d label maps in %.0f s", choice.name, len(maps), time.monotonic() - began)
    return state
