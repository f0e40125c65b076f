"""Validation: whole held-out volumes, scored in normalised values inside the foreground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.inference.predict import Predictor
from voxlate.metrics import METRICS
from voxlate.preprocess.store import PreparedStore

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Example:
    """One validation case with its prediction, for figures; arrays ``(i, j, k)``, RAS, normalised."""

    case_id: str
    source: Array
    prediction: Array
    truth: Array
    mask: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Validation:
    """Mean metrics over the validation cases (NaN where none was available), and the first case."""

    metrics: dict[str, float]
    example: Example


def validate(predict: Predictor, store: PreparedStore, case_ids: Sequence[str], *, data_range: float) -> Validation:
    """Predicts and scores every validation case.

    Args:
        predict: The networks in evaluation mode.
        store: Prepared cases.
        case_ids: Which of them; at least one.
        data_range: Range of the normalised target, for PSNR and SSIM.
    """
    plan = store.plan
    rows: list[dict[str, float]] = []
    examples: list[Example] = []
    for case_id in case_ids:
        case = store[case_id]
        mask = np.asarray(case.mask[:])
        truth = np.asarray(case.arrays[plan.target][:])
        prediction = predict([case.arrays[name] for name in plan.source], mask)[0]
        rows.append(
            {name: metric(prediction, truth, mask=mask, data_range=data_range) for name, metric in METRICS.items()}
        )
        if not examples:
            source = np.asarray(case.arrays[plan.source[0]][:])
            examples.append(Example(case_id, source, prediction, truth, mask, case.grid.spacing_mm))
    return Validation({name: _mean([row[name] for row in rows]) for name in METRICS}, examples[0])


def _mean(values: Sequence[float]) -> float:
    """The mean of what is available."""
    available = [value for value in values if not math.isnan(value)]
    return float(np.mean(available)) if available else math.nan
