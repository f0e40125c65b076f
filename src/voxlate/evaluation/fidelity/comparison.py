"""Comparison: one case's prediction and its baselines beside the truth, as arrays of one unit on one grid.

CT is compared in HU. MR and PET values are arbitrary in scale from scan to scan, so they are compared normalised: the
truth by its own statistics inside the foreground, the prediction by the scaling that made it physical. A prediction
of the wrong brightness is thus an error, a receiver gain that nobody can predict is not. Outside the foreground all
are background: 0, in CT -1024 HU.

An image that is made of a label map fills the whole volume, since labels do not tell where the patient ends. It is
scored in the foreground of the true image, and has no identity: label values are no intensities.

Where the true image shows nothing (its field of view ends, it was padded, slices are missing) nothing can be scored: it
counts as outside of the foreground, and how much it is stands beside the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.cohort.foreground import constant_background
from voxlate.cohort.labels.labelling import tell_left_out
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError
from voxlate.methods.baselines import Lookup
from voxlate.metrics.hounsfield import LOWEST_HU
from voxlate.preprocess.images import read_contrast, read_foreground
from voxlate.preprocess.masking import MaskRule, image_rule
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.plan import Plan, Scaling
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.preprocess.resampling import resample
from voxlate.roles import IDENTITY
from voxlate.volume import Array, Volume

NORMALISED = "1"


@dataclass(frozen=True)
class Comparison:
    """One case, ready to be scored; every array is ``(i, j, k)``, RAS, on one grid, in ``unit``.

    Attributes:
        case_id: The case.
        source: The first source, normalised.
        truth: What the target truly looks like; like the predictions background outside the mask.
        methods: From a method (``identity``, ``lookup``, ``model``, before it the views of one that has several) to its
            prediction.
        mask: The foreground that the truth shows.
        labels: The case's label map, zero outside the mask, if it has one.
        spacing_mm: Spacing along i, j, k.
        unit: Of truth and predictions.
        data_range: Their fixed range.
        hidden: The foreground that the truth does not show; ``None`` where it shows all.
    """

    case_id: str
    source: Array
    truth: Array
    methods: Mapping[str, Array]
    mask: NDArray[np.bool_]
    labels: Array | None
    spacing_mm: tuple[float, float, float]
    unit: str
    data_range: float
    hidden: NDArray[np.bool_] | None = None

    @property
    def of_labels(self) -> bool:
        """Whether the source is a label map, which has no identity."""
        return IDENTITY not in self.methods

    @property
    def in_hounsfield(self) -> bool:
        """Whether truth and predictions are CT numbers."""
        return self.unit == get_contrast("ct").unit


def compare(case: Case, plan: Plan, predicted: Mapping[str, Volume], *, scaling: Scaling, lookup: Lookup) -> Comparison:
    """Brings predictions, the baselines and the truth of a case onto the source's own grid.

    Args:
        case: With sources and true target.
        plan: How source and target are normalised; its spacing is not used.
        predicted: From a method to the target as it was written: on the source's grid, in physical units.
        scaling: What made the prediction physical: ``normalised = (value - offset) / scale``.
        lookup: The fitted baseline.

    Raises:
        ReadError: If a file is refused.
    """
    native = plan.model_copy(update={"spacing_mm": None})
    prepared = prepare_case(case, native, contrasts=(*plan.source, plan.target))
    source = np.asarray(prepared.arrays[plan.source[0]])
    methods: dict[str, Array] = {"lookup": lookup.apply(source)}
    if get_contrast(plan.source[0]).kind != "label":
        methods = {"identity": source, **methods}
    for name, volume in predicted.items():
        methods[name] = scaling.apply(resample(volume.array, volume.grid, prepared.grid, fill=scaling.offset))
    truth = np.asarray(prepared.arrays[plan.target])
    contrast, normaliser = get_contrast(plan.target), plan.normalisers[plan.target]
    unit, data_range, outside = NORMALISED, normaliser.data_range, np.float32(0)
    if contrast.kind == "ct" or normaliser.kind == "suv":
        methods = {name: normaliser.inverse.invert(values) for name, values in methods.items()}
        truth = normaliser.inverse.invert(truth)
        unit, data_range = contrast.unit, normaliser.data_range * normaliser.inverse.scale
        outside = np.float32(LOWEST_HU if contrast.kind == "ct" else 0)
    mask = np.asarray(prepared.mask, dtype=bool)
    if plan.mask.kind == "whole":
        mask = _foreground(case, plan, prepared)
    foreground = mask
    if plan.target in prepared.valid:
        mask = mask & np.asarray(prepared.valid[plan.target])
    # A translation is background outside the foreground; so must be what it is compared with.
    truth, *predictions = (np.where(mask, values, outside) for values in (truth, *methods.values()))
    return Comparison(
        case_id=case.id,
        source=source,
        truth=truth,
        methods=dict(zip(methods, predictions, strict=True)),
        mask=mask,
        labels=_labels(case, plan, prepared, mask=mask),
        spacing_mm=prepared.grid.spacing_mm,
        unit=unit,
        data_range=data_range,
        hidden=foreground & ~mask if plan.target in prepared.valid else None,
    )


def _foreground(case: Case, plan: Plan, prepared: PreparedCase) -> NDArray[np.bool_]:
    """Where the true image shows the patient, on the prepared grid."""
    truth = read_contrast(case, plan.target, reading=plan.reading)
    stripped = constant_background(truth.array) is not None
    rule = MaskRule(kind=image_rule(get_contrast(plan.target), stripped=stripped), contrast=plan.target)
    mask, _ = read_foreground(case, truth, rule, reading=plan.reading)
    return resample(mask, ras_grid(truth.grid), prepared.grid, nearest=True, fill=False)


def _labels(case: Case, plan: Plan, prepared: PreparedCase, *, mask: NDArray[np.bool_]) -> Array | None:
    """The case's label map; none where it is refused: the case is then scored without its regions."""
    if "labels" not in case.paths:
        return None
    try:
        volume = read_contrast(case, "labels", reading=plan.reading)
    except ReadError as error:
        tell_left_out(case, error)
        return None
    return np.where(mask, resample(volume.array, volume.grid, prepared.grid, nearest=True), 0)
