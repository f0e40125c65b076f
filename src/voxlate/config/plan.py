"""The plan of a recipe: what is accepted in files, how cases are split, how a case becomes arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from voxlate.contrast import get_contrast
from voxlate.derivation import Derivations, files_of
from voxlate.errors import UsageError
from voxlate.strict import StrictModel, later

_Millimetres = Annotated[float, Field(gt=0, le=100)]


Resizing = tuple[
    Annotated[int, Field(ge=1)] | None, Annotated[int, Field(ge=1)] | None, Annotated[int, Field(ge=1)] | None
]


class Reading(StrictModel):
    """What a reader may accept that it refuses by default; what it accepted is recorded."""

    on_nonfinite: Literal["refuse", "zero"] = Field(
        "refuse", description="NaN and infinite voxels: refuse the file, or set them to zero and count them."
    )
    on_affine_conflict: Literal["refuse", "sform", "qform"] = Field(
        "refuse", description="qform and sform more than 1e-3 mm apart: refuse, or take the named one."
    )
    on_missing_affine: Literal["refuse", "ras"] = Field(
        "refuse", description="No stated orientation: refuse, or take the axes as right, front, head."
    )
    on_shear: Literal["refuse", "resample"] = Field(
        "refuse", description="Voxel axes not at right angles: refuse, or resample to a square grid."
    )
    on_spacing: Literal["resample", "keep"] = later(
        "resample", description="A scan of clearly another voxel size than all training scans: resample it, or keep it."
    )
    on_grids: Literal["register", "resample"] = later(
        "register",
        description="Sources on grids of their own, where a model is used: register them first, or trust the headers.",
    )
    imputed: Literal["leave", "sources"] = later(
        "leave", description="Images that a model made, where this one is used: leave them out, or use them as sources."
    )
    pixel_mm: _Millimetres = later(
        1.0, description="Width in mm of a pixel of a PNG or TIFF slice, which states none; the slice is as thick."
    )
    accept: tuple[str, ...] = later(
        (), description="Codes of findings, such as `not_hounsfield`, whose images are used as they are, with a note."
    )

    @field_validator("accept")
    @classmethod
    def _are_codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            if code in cls.model_fields or not re.fullmatch(r"[a-z]+(_[a-z]+)*", code):
                raise ValueError(f"{code!r} is no code of a finding; a field is given with its value")
        return tuple(dict.fromkeys(codes))


def how_to_accept(field: str, value: str) -> str:
    """How the command line lets a reader accept what it refuses by default, for the end of a sentence.

    Args:
        field: Of ``Reading``.
        value: Of the field.

    Example:
        >>> how_to_accept("on_shear", "resample")
        '--accept on_shear=resample (in training --set plan.reading.on_shear=resample)'
    """
    return f"--accept {field}={value} (in training --set plan.reading.{field}={value})"


class SplitOptions(StrictModel):
    """How subjects are parted; explicit lists of subject or case ids come before the proportions."""

    fractions: tuple[float, float, float] = Field(
        (0.7, 0.1, 0.2), description="Shares of subjects for training, validation and test; they sum to 1."
    )
    stratify: tuple[str, ...] = Field((), description="Attributes whose values get near-equal shares in every part.")
    folds: int | None = Field(
        None, ge=2, description="Parts of the development cases that take turns to validate; `null`: no folds."
    )
    fold: int = Field(0, ge=0, description="Which of the folds validates, counted from 0.")
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**32,
        description="Decides the split; `null`: `training.seed`, which then changes the split too.",
    )
    train: tuple[str, ...] = Field((), description="Subject or case ids that must train.")
    validation: tuple[str, ...] = Field((), description="Subject or case ids that must validate.")
    test: tuple[str, ...] = Field((), description="Subject or case ids that are kept for the test.")

    @model_validator(mode="after")
    def _fractions_sum_to_one(self) -> Self:
        if min(self.fractions) < 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError("fractions of train, validation and test must be positive and sum to 1")
        if self.fold and self.fold >= (self.folds or 1):
            raise ValueError("fold must be below folds")
        return self


class PlanOptions(StrictModel):
    """Overrides of what the fingerprint decides; ``None`` means decide from the cohort."""

    spacing_mm: tuple[_Millimetres, _Millimetres, _Millimetres] | None = Field(
        None,
        description="Voxel spacing in mm of the prepared arrays along right, front, head; `null`: from the cohort.",
    )
    resize: Resizing | None = later(
        None,
        description="Voxels along right, front, head that scans are resized to, `[null, null, 96]`; `null`: none.",
    )
    reference: str | None = Field(
        None, description="Contrast that gives the grid; `null`: the first source, or its first operand."
    )
    derive: Derivations = Field({}, description="Contrasts that are computed where a case has no file of them.")
    grids: Literal["refuse", "resample", "apart", "rigid", "affine", "deformable"] = Field(
        "resample",
        description="What happens to a contrast on another grid: refuse the case, resample, or register it; "
        "`apart`: that one alone.",
    )
    mask: Literal["auto", "each", "nonzero", "otsu", "whole", "file"] = Field(
        "auto", description="How the foreground is found; `each`: for each case by itself whether it is skull-stripped."
    )
    crop_margin_mm: float = Field(
        8.0, ge=0, description="How far the prepared arrays reach beyond the foreground, in mm."
    )
    normalise: dict[str, Literal["percentile", "brain", "zscore", "hounsfield", "suv", "none"]] = Field(
        {}, description="From a contrast to its normalisation; those not named get the one of their kind."
    )
    bias_correction: bool = Field(False, description="N4 bias correction of MR contrasts before normalisation.")
    reading: Reading = Field(Reading(), description="What the reader may accept.")
    split: SplitOptions = Field(SplitOptions(), description="Which subjects train, validate and are kept for the test.")
    patterns: dict[str, str] = later(
        {}, description="From a contrast to where its files lie, `{case}/anat/*_T1w.nii.gz`; `{}`: by the layout."
    )

    @field_validator("patterns")
    @classmethod
    def _canonical_patterns(cls, patterns: dict[str, str]) -> dict[str, str]:
        return {get_contrast(name).name: path for name, path in patterns.items()}

    @field_validator("reference", "normalise")
    @classmethod
    def _names_contrasts(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        for name in [value] if isinstance(value, str) else value or ():
            try:
                get_contrast(name)
            except UsageError as error:
                raise ValueError(str(error)) from error
        return value

    def normaliser_of(self, name: str) -> str | None:
        """The normalisation that is asked for a contrast, by its canonical name; ``None``: that of its kind."""
        return {get_contrast(one).name: kind for one, kind in self.normalise.items()}.get(name)

    def reference_for(self, source: Sequence[str]) -> str:
        """The contrast whose grid the others are brought to: the named one, or the first that sources are made from.

        Args:
            source: The sources, canonical names; what follows them makes no difference.
        """
        return get_contrast(self.reference).name if self.reference else files_of(source, self.derive)[0]
