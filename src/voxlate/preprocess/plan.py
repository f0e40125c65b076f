"""The plan: everything that turns a case into arrays and back, derived from a cohort, readable as YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from voxlate.cohort.case import Case
from voxlate.config.plan import PlanOptions, Reading, Resizing
from voxlate.config.recipe import describe
from voxlate.contrast import get_contrast
from voxlate.derivation import Derivations, files_of, formulas
from voxlate.errors import UsageError
from voxlate.plainyaml import parse_yaml
from voxlate.preprocess.fingerprint import ContrastFingerprint, Fingerprint
from voxlate.preprocess.intensity import DEFAULT_KINDS, PHYSICAL_SCALES, NormaliserKind, Scaling
from voxlate.preprocess.masking import MaskRule, choose_rule, rule_for
from voxlate.question import Query
from voxlate.strict import StrictModel, later

__all__ = ["Normaliser", "Plan", "Scaling", "make_plan"]
# CT numbers are stored from -1024 to 3071 (12 bits).
# Uptake beyond 20 SUV is rare outside the bladder.
_PHYSICAL_RANGES: dict[NormaliserKind, float] = {"hounsfield": 4095.0, "suv": 20.0}


class Normaliser(StrictModel):
    """How a contrast is normalised, and how values that are predicted for it become physical again.

    Attributes:
        kind: How each case's own scaling is found.
        inverse: The scaling that a prediction is brought back with, since a case to be translated has no target of its
            own: the median of the training cases.
        unit: Unit of the values.
        data_range: Range of the normalised values, for PSNR and SSIM: 1 for percentile, 4.095 for hounsfield
            (-1024 to 3071 HU), 4 for suv (0 to 20 SUV), the cohort's 99.5th less its 0.5th percentile for zscore and
            brain, the largest label for none.
    """

    kind: NormaliserKind
    inverse: Scaling = Scaling()
    unit: str = ""
    data_range: float = Field(1.0, gt=0)
    background: float | None = later(
        None, description="value around the foreground in the files, where it is constant and not that of its kind"
    )


class Plan(StrictModel):
    """How a case becomes arrays and back.

    Attributes:
        orientation: Axes of the arrays.
        spacing_mm: Spacing of the arrays along RAS; ``None``: each case's own.
        resize: Voxels along RAS that a whole scan is resized to before it is cropped; ``None`` along an axis, or for
            all: by the spacing.
        reference: The contrast that gives the grid.
        derive: How sources are computed that a case has no file of.
        grids: What is done with contrasts on other grids, or out of alignment.
        mask: Where the foreground comes from; never from the target, which is absent in use.
        crop_margin_mm: Kept around the foreground.
        normalisers: By contrast.
        bias_correction: Whether MR contrasts are corrected by N4 first.
        reading: What readers may accept.
        source: What goes in.
        target: What comes out.
        targets: Of a model that is asked for one of several, all of them; then cases need not have every contrast.
    """

    orientation: Literal["RAS"] = "RAS"
    spacing_mm: tuple[float, float, float] | None = None
    resize: Resizing | None = later(None, description="voxels along RAS that a whole scan is resized to")
    reference: str
    derive: Derivations = Field(default_factory=dict)
    grids: Literal["refuse", "resample", "apart", "rigid", "affine", "deformable"] = "resample"
    mask: MaskRule
    crop_margin_mm: float = Field(8.0, ge=0)
    normalisers: dict[str, Normaliser]
    bias_correction: bool = False
    reading: Reading = Reading()
    source: tuple[str, ...]
    target: str
    targets: tuple[str, ...] = later((), description="The contrasts that can come out, where they are several.")

    @model_validator(mode="after")
    def _contrasts_fit(self) -> Self:
        lacking = [name for name in (*self.source, self.target, *self.targets) if name not in self.normalisers]
        if lacking:
            raise ValueError(f"normalisers must name {', '.join(lacking)}")
        if self.reference not in files_of(self.source, self.derive):
            raise ValueError("the reference must be one that the sources are made from: the target is absent in use")
        if self.spacing_mm is not None and min(self.spacing_mm) <= 0:
            raise ValueError("spacing_mm must be positive")
        return self

    def spacing_for(self, shape: Sequence[int], spacing_mm: Sequence[float]) -> tuple[float, float, float]:
        """The spacing of the arrays in mm that a scan of a shape and a spacing is brought to."""
        wanted = self.spacing_mm or spacing_mm
        counts = self.resize or (None, None, None)
        i, j, k = (
            step if count is None else n * own / count
            for n, own, step, count in zip(shape, spacing_mm, wanted, counts, strict=True)
        )
        return i, j, k

    def asked(self, question: Query) -> Plan:
        """The plan of one question: its first source gives the grid and the foreground, unless the reference is one."""
        reference = self.reference if self.reference in question.sources else question.sources[0]
        changed = {"source": question.sources, "target": question.target, "targets": (), "reference": reference}
        return self.model_copy(update={**changed, "mask": rule_for(self.mask, get_contrast(reference))})

    def of(self, case: Case) -> Plan:
        """The plan for a case that need not have every contrast: what it has gives the grid and the foreground."""
        if not self.targets or self.reference in case.paths:
            return self
        there = [name for name in (*self.source, *self.targets) if name in case.paths]
        reference = there[0] if there else self.reference
        return self.model_copy(update={"reference": reference, "mask": rule_for(self.mask, get_contrast(reference))})

    def files(self, case: Case) -> dict[str, Path]:
        """From a contrast to its file: all that a translation of the case is made from.

        Args:
            case: Must have what its sources are read or computed from; of several targets, what it has counts.
        """
        if self.targets:
            return {name: case.paths[name] for name in self.normalisers if name in case.paths}
        names = files_of((*self.source, self.reference), self.derive, case.paths)
        return {name: case.paths[name] for name in names}

    def to_yaml(self) -> str:
        """The plan with every value written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)

    @classmethod
    def from_yaml(cls, text: str, *, where: object = "") -> Plan:
        """The plan that ``to_yaml`` wrote.

        Raises:
            UsageError: If the text is not a plan.
        """
        try:
            return cls.model_validate(parse_yaml(text, where=where))
        except ValidationError as error:
            remedy = "Let the training make the plan anew."
            raise UsageError("a plan", came=describe(error), where=where, remedy=remedy) from error

    def digest(self) -> str:
        """SHA-256 of the plan's values, hexadecimal."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def make_plan(
    fingerprint: Fingerprint,
    options: PlanOptions,
    *,
    source: Sequence[str],
    target: str,
    targets: Sequence[str] = (),
) -> Plan:
    """The plan of a cohort; what the options leave open is decided from the fingerprint.

    The spacing stays each case's own where all have the same, else it is the median of the reference's spacings.

    Args:
        fingerprint: Of the training cases; must know every contrast.
        options: Overrides, from a recipe.
        source: Contrasts that go in.
        target: The contrast that comes out.
        targets: Those that can come out, where they are several.

    Raises:
        UsageError: If the reference is not a source, or a contrast is not in the fingerprint.
    """
    sources = tuple(get_contrast(name).name for name in source)
    wanted = get_contrast(target).name
    reference, files = options.reference_for(sources), files_of(sources, options.derive)
    if reference not in files:
        raise UsageError(
            f"one of the sources ({', '.join(files)}) as the reference",
            came=repr(reference),
            where="plan.reference",
            remedy="Only a source exists when a new scan is translated; name one of them.",
        )
    unknown = sorted({*sources, wanted, *targets} - set(fingerprint.contrasts))
    if unknown:
        raise UsageError(
            "a fingerprint of every contrast", came=f"none of {', '.join(unknown)}", remedy="Take the fingerprint anew."
        )
    kinds = {get_contrast(name).name: kind for name, kind in options.normalise.items()}
    needed = formulas(sources, options.derive)
    names = dict.fromkeys((*sources, wanted, *targets))
    return Plan(
        spacing_mm=options.spacing_mm or (fingerprint.spacing_mm if fingerprint.spacing_varies else None),
        resize=options.resize,
        reference=reference,
        derive={name: derivation for name, derivation in options.derive.items() if name in needed},
        grids=options.grids,
        mask=choose_rule(
            options.mask, get_contrast(reference), stripped=fingerprint.skull_stripped, has_file=fingerprint.mask_files
        ),
        crop_margin_mm=options.crop_margin_mm,
        normalisers={name: _normaliser(name, kinds.get(name), fingerprint.contrasts[name]) for name in names},
        bias_correction=options.bias_correction,
        reading=options.reading,
        source=sources,
        target=wanted,
        targets=tuple(targets),
    )


def _normaliser(name: str, asked: NormaliserKind | None, seen: ContrastFingerprint) -> Normaliser:
    contrast = get_contrast(name)
    kind = asked or DEFAULT_KINDS[contrast.kind]
    if kind in PHYSICAL_SCALES:
        inverse, data_range = Scaling(scale=PHYSICAL_SCALES[kind]), _PHYSICAL_RANGES[kind] / PHYSICAL_SCALES[kind]
    elif kind == "none":
        inverse, data_range = Scaling(), max(1.0, seen.maximum - seen.minimum)
    elif kind == "brain" and seen.brain is not None:
        inverse = seen.brain
        data_range = seen.percentile.scale / seen.brain.scale
    elif kind == "zscore":
        inverse = seen.zscore
        data_range = seen.percentile.scale / seen.zscore.scale
    else:
        inverse, data_range = seen.percentile, 1.0
    return Normaliser(kind=kind, inverse=inverse, unit=contrast.unit, data_range=data_range, background=seen.background)
