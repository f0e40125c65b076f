"""The plan of a recipe: what is accepted in files, how cases are split, how a case becomes arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from voxlate.contrast import get_contrast
from voxlate.derivation import Derivations, files_of
from voxlate.strict import StrictModel


class Reading(StrictModel):
    """What a reader may accept that it refuses by default; what it accepted is recorded."""

    on_nonfinite: Literal["refuse", "zero"] = "refuse"
    on_affine_conflict: Literal["refuse", "sform", "qform"] = "refuse"
    on_missing_affine: Literal["refuse", "ras"] = "refuse"
    on_shear: Literal["refuse", "resample"] = "refuse"


class SplitOptions(StrictModel):
    """How subjects are parted; explicit lists of subject or case ids come before the proportions."""

    fractions: tuple[float, float, float] = (0.7, 0.1, 0.2)
    stratify: tuple[str, ...] = ()
    folds: int | None = Field(None, ge=2, description="parts of the development cases that take turns to validate")
    fold: int = Field(0, ge=0, description="which of them validates, counted from 0")
    seed: int | None = Field(None, ge=0, lt=2**32)
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> Self:
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError("fractions of train, validation and test must be positive and sum to 1")
        if self.fold and self.fold >= (self.folds or 1):
            raise ValueError("fold must be below folds")
        return self


class PlanOptions(StrictModel):
    """Overrides of what the fingerprint decides; ``None`` means decide from the cohort."""

    spacing_mm: tuple[float, float, float] | None = None
    reference: str | None = None
    derive: Derivations = Field(
        {}, description="contrasts that are computed where a case has no file of them, see below"
    )
    grids: Literal["refuse", "resample", "rigid", "affine", "deformable"] = "resample"
    mask: Literal["auto", "nonzero", "otsu", "whole", "file"] = "auto"
    crop_margin_mm: float = Field(8.0, ge=0)
    normalise: dict[str, Literal["percentile", "zscore", "hounsfield", "suv", "none"]] = {}  # noqa: RUF012  (copied)
    bias_correction: bool = False
    reading: Reading = Reading()
    split: SplitOptions = SplitOptions()

    def reference_for(self, source: Sequence[str]) -> str:
        """The contrast whose grid the others are brought to: the named one, or the first that sources are made from.

        Args:
            source: The sources, canonical names; what follows them makes no difference.
        """
        return get_contrast(self.reference).name if self.reference else files_of(source, self.derive)[0]
