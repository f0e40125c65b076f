"""The fingerprint: what a cohort's images are like, taken case by case in the memory of one case.

It decides the plan, fills the model card, and is what a new input can be held against.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case
from voxlate.cohort.coverage import not_shown
from voxlate.cohort.foreground import constant_background
from voxlate.config.plan import PlanOptions
from voxlate.contrast import Contrast, get_contrast
from voxlate.derivation import compute, files_of
from voxlate.errors import CohortError
from voxlate.preprocess.familiar import Familiar
from voxlate.preprocess.images import BACKGROUND, read_contrast, read_foreground, tissue_of
from voxlate.preprocess.intensity import (
    Scaling,
    Statistics,
    brain_scaling,
    correct_bias,
    scaling_of,
    take_statistics,
)
from voxlate.preprocess.masking import (
    Mask,
    check_foreground,
    choose_rule,
    find_foreground,
    image_rule,
)
from voxlate.preprocess.orientation import axis_codes, ras_grid, to_ras
from voxlate.preprocess.registration.registration import REGISTERING
from voxlate.preprocess.resampling import resample
from voxlate.progress.spreading import spread
from voxlate.strict import StrictModel, later
from voxlate.volume import Array, Grid, Volume, extent

_SPACING_TOLERANCE_MM = 1e-3
Progress = Callable[[int, int], None]


class ContrastFingerprint(StrictModel):
    """One contrast over the cohort; intensities are those inside the foreground.

    Attributes:
        kind: Of the contrast.
        unit: Of the intensities.
        spacing_mm: Median along RAS.
        shape: Median number of voxels along RAS.
        orientations: How many images have which axis codes.
        minimum: Lowest intensity of the cohort.
        maximum: Highest intensity of the cohort.
        statistics: Median over the cases of each statistic.
        percentile: Median over the cases of the percentile scaling.
        zscore: Median over the cases of the z-score scaling.
        medians: Lowest and highest median intensity of a case.
    """

    kind: str
    unit: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    orientations: dict[str, int]
    minimum: float
    maximum: float
    statistics: Statistics
    percentile: Scaling
    zscore: Scaling
    medians: tuple[float, float]
    background: float | None = later(None, description="median over the cases of a constant background other than 0")
    brain: Scaling | None = later(
        None, description="median over the cases of the scaling by the brain, where asked for"
    )


class Fingerprint(StrictModel):
    """A cohort in numbers.

    Attributes:
        cases: Number of cases.
        reference: The contrast that gives the grid.
        spacing_mm: Median spacing of the reference along RAS.
        spacing_varies: Whether any two cases differ in it.
        shape: Median shape of the reference along RAS.
        skull_stripped: Whether every reference has a constant background.
        mask_files: Whether every case has a mask file.
        foreground_share: Median share of voxels in the foreground.
        foreground_mm: Largest extent of a foreground along RAS; ``None`` in fingerprints from before it was taken.
        one_grid: Whether in every case all contrasts lie on the reference's grid.
        labels_inside: Smallest share of a case's labelled voxels that lies in the foreground; ``None`` without labels.
        contrasts: By name.
    """

    cases: int
    reference: str
    spacing_mm: tuple[float, float, float]
    spacing_varies: bool
    shape: tuple[int, int, int]
    skull_stripped: bool
    mask_files: bool
    foreground_share: float
    foreground_mm: tuple[float, float, float] | None = None
    one_grid: bool
    labels_inside: float | None = None
    contrasts: dict[str, ContrastFingerprint]
    familiar: dict[str, Familiar] = later(
        {}, description="by source, what it looks like as it enters the network; known once a model is trained"
    )


@dataclass(frozen=True)
class _Seen:
    """One image of one case."""

    codes: str
    grid: Grid
    statistics: Statistics
    percentile: Scaling
    zscore: Scaling
    labels_inside: float | None = None
    background: float | None = None
    brain: Scaling | None = None


@dataclass(frozen=True)
class _SeenCase:
    """What is kept of a case when its images are gone."""

    images: dict[str, _Seen]
    stripped: bool
    foreground_share: float
    foreground_mm: NDArray[np.float64]
    one_grid: bool
    grid: Grid


def take_fingerprint(
    cases: Sequence[Case],
    contrasts: Sequence[str],
    *,
    options: PlanOptions,
    some: bool = False,
    progress: Progress | None = None,
) -> Fingerprint:
    """Reads every case once.

    Args:
        cases: The training cases.
        contrasts: Sources and target; the first is the reference unless the options name another. One that
            ``options.derive`` computes is computed from images as they lie, without registration.
        options: From the recipe.
        some: Whether a case may lack contrasts; the first that it has then stands for the reference.
        progress: Called with how many cases are done, and of how many.

    Raises:
        CohortError: If there is no case, or none has one of the contrasts.
        ReadError: If an image cannot be read, or a case has no foreground.
    """
    names = [get_contrast(name).name for name in dict.fromkeys(contrasts)]
    if not cases or not names:
        raise CohortError("at least one case and contrast", came="none", remedy="Change the split, or add cases.")
    reference = options.reference_for(names)
    with_masks = all("mask" in case.paths for case in cases)

    def look(case: Case) -> _SeenCase:
        there = [name for name in names if name in case.paths] if some else names
        first = there[0] if some and reference not in case.paths else reference
        return _look(case, there, first, options=options, masked=with_masks)

    seen = spread(look, cases, progress=progress)
    spacings = np.array([case.grid.spacing_mm for case in seen])
    if lacking := [name for name in names if not any(name in case.images for case in seen)]:
        remedy = "Leave it out of source and target, or add cases that have it."
        raise CohortError("a training case with each contrast", came=f"none with {', '.join(lacking)}", remedy=remedy)
    return Fingerprint(
        cases=len(seen),
        reference=reference,
        spacing_mm=_triple(np.median(spacings, axis=0)),
        spacing_varies=bool(np.ptp(spacings, axis=0).max() > _SPACING_TOLERANCE_MM),
        shape=_median_shape([case.grid.shape for case in seen]),
        skull_stripped=all(case.stripped for case in seen),
        mask_files=with_masks,
        foreground_share=float(np.median([case.foreground_share for case in seen])),
        foreground_mm=_triple(np.max([case.foreground_mm for case in seen], axis=0)),
        one_grid=all(case.one_grid for case in seen),
        labels_inside=min(
            (image.labels_inside for case in seen for image in case.images.values() if image.labels_inside is not None),
            default=None,
        ),
        contrasts={
            name: _summarise(get_contrast(name), [case.images[name] for case in seen if name in case.images])
            for name in names
        },
    )


def _look(case: Case, names: Sequence[str], reference: str, *, options: PlanOptions, masked: bool) -> _SeenCase:
    first = read_contrast(case, reference, reading=options.reading)
    grid = ras_grid(first.grid)
    stripped = constant_background(first.array) is not None
    rule = choose_rule(options.mask, get_contrast(reference), stripped=stripped, has_file=masked)
    mask, _ = read_foreground(case, first, rule, reading=options.reading)
    tissue = tissue_of(mask, first)
    files = files_of(names, options.derive, case.paths)
    computed = [name for name in names if name not in files]
    operands = files_of(computed, options.derive, case.paths)
    kept = {}
    images = {}
    one_grid = True
    for name in dict.fromkeys((reference, *files)):
        volume = first if name == reference else read_contrast(case, name, reading=options.reading)
        if name in (reference, *names):
            images[name] = _describe(volume, mask, grid, tissue=tissue, options=options, where=case.paths[name])
        one_grid = one_grid and volume.grid.matches(first.grid)
        if name in operands:
            kept[name] = resample(volume.array, volume.grid, first.grid, fill=BACKGROUND[get_contrast(name).kind])
    for name in computed:
        volume = Volume(compute(name, options.derive, kept), first.affine, get_contrast(name))
        where = f"case {case.id}: {name}"
        images[name] = _describe(volume, mask, grid, tissue=tissue, options=options, where=where)
    size = [part.stop - part.start for part in extent(mask) or ()]  # a foreground that is empty was refused above
    return _SeenCase(images, stripped, float(mask.mean()), np.multiply(size, grid.spacing_mm), one_grid, grid)


def _describe(volume: Volume, mask: Mask, grid: Grid, *, tissue: Mask, options: PlanOptions, where: object) -> _Seen:
    own = ras_grid(volume.grid)
    array = to_ras(volume.array, volume.affine)
    background = constant_background(array)
    inside = resample(mask, grid, own, nearest=True, fill=False)
    if options.grids in REGISTERING and volume.contrast and not inside.any():
        # In another place until it is registered: its own foreground stands for the reference's.
        rule = image_rule(volume.contrast, stripped=background is not None)
        inside = find_foreground(array, rule, spacing_mm=own.spacing_mm)
    else:
        inside = inside & _shown(volume, grid, tissue=tissue)
    check_foreground(inside, where=where)
    kind = volume.contrast.kind if volume.contrast else "mr"
    if options.bias_correction and kind == "mr":
        array = correct_bias(array, inside)
    found = take_statistics(array[inside])
    percentile, zscore, labels_inside = Scaling(), Scaling(), None
    if kind == "label" and array.any():
        labels_inside = float(np.count_nonzero(array[inside]) / np.count_nonzero(array))
    if kind != "label":
        percentile = scaling_of(found, "percentile", where=where)
        zscore = scaling_of(found, "zscore", where=where)
    by_brain = volume.contrast is not None and options.normaliser_of(volume.contrast.name) == "brain"
    brain = brain_scaling(array, inside, spacing_mm=own.spacing_mm, where=where) if by_brain else None
    return _Seen(
        axis_codes(volume.affine),
        own,
        found,
        percentile=percentile,
        zscore=zscore,
        labels_inside=labels_inside,
        background=background,
        brain=brain,
    )


def _shown(volume: Volume, grid: Grid, *, tissue: Mask) -> Mask:
    """Where an image shows something, on its own grid in RAS+ order; ``tissue`` lies on ``grid``."""

    def place(voxels: Array) -> Array:
        return resample(voxels, volume.grid, grid, nearest=True)

    gaps = not_shown(volume, foreground=tissue, spacing_mm=grid.spacing_mm, place=place)
    if gaps is None:
        return np.ones(ras_grid(volume.grid).shape, np.bool_)
    return ~to_ras(gaps, volume.affine)


def _summarise(contrast: Contrast, images: Sequence[_Seen]) -> ContrastFingerprint:
    rows = [image.statistics for image in images]
    middle = {field: float(np.median([getattr(row, field) for row in rows])) for field in Statistics.model_fields}
    codes = [image.codes for image in images]
    return ContrastFingerprint(
        kind=contrast.kind,
        unit=contrast.unit,
        spacing_mm=_triple(np.median([image.grid.spacing_mm for image in images], axis=0)),
        shape=_median_shape([image.grid.shape for image in images]),
        orientations={code: codes.count(code) for code in sorted(set(codes))},
        minimum=min(row.minimum for row in rows),
        maximum=max(row.maximum for row in rows),
        statistics=Statistics(**middle),
        percentile=_median_scaling([image.percentile for image in images]),
        zscore=_median_scaling([image.zscore for image in images]),
        medians=(min(row.median for row in rows), max(row.median for row in rows)),
        background=_background(contrast, images),
        brain=_median_scaling(brains) if (brains := [one.brain for one in images if one.brain is not None]) else None,
    )


def _background(contrast: Contrast, images: Sequence[_Seen]) -> float | None:
    """What lies around images whose files were z-scored, say, where 0 is tissue; no padding far from all values."""
    values = [image.background for image in images if image.background is not None]
    if contrast.kind not in ("mr", "pet") or len(values) < len(images):
        return None
    value, scaling = float(np.median(values)), _median_scaling([image.percentile for image in images])
    return value if value != 0 and -1 <= (value - scaling.offset) / scaling.scale <= 2 else None


def _median_scaling(scalings: Sequence[Scaling]) -> Scaling:
    offset, scale = np.median([(scaling.offset, scaling.scale) for scaling in scalings], axis=0)
    return Scaling(offset=float(offset), scale=float(scale))


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    # Spacings carry the rounding of the header's affine; a micrometre is far below it.
    i, j, k = (round(float(value), 6) for value in values)
    return i, j, k


def _median_shape(shapes: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    i, j, k = (int(n) for n in np.median(shapes, axis=0))
    return i, j, k
