"""Structures: how far a prediction is from the truth inside each label, and whether it is too bright or too dark there.

With the voxels ``S`` of a structure in a case, inside the foreground, and ``d = prediction - truth`` in the target's
unit::

    mae  = sum over S of |d| / |S|          bias = sum over S of d / |S|

A mean absolute error alone does not tell a structure that is 20 HU too bright from one that is noisy; the bias does. A
structure that a case does not have has no row: neither error is 0 there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from voxlate.cohort.labels.labelling import Labelling
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.statistics import bootstrap_interval
from voxlate.io.atomic import write_text
from voxlate.roles import MODEL

METHODS = ("lookup", MODEL)
"""Whose errors are given; the baseline first."""


@dataclass(frozen=True)
class StructureError:
    """One line of ``structures.csv``.

    Attributes:
        case: Id of the case.
        structure: Name of the label.
        voxels: Voxels of it inside the foreground; at least 1.
        method: ``lookup`` or ``model``.
        mae: Mean absolute error, in ``unit``.
        bias: Mean of prediction minus truth, in ``unit``; above 0 is too bright.
        unit: Of the target; ``1`` for normalised values.
    """

    case: str
    structure: str
    voxels: int
    method: str
    mae: float
    bias: float
    unit: str


COLUMNS = tuple(field.name for field in fields(StructureError))


def structure_errors(comparison: Comparison, labelling: Labelling) -> list[StructureError]:
    """The errors of model and lookup in every named structure that the case has.

    Args:
        comparison: The case.
        labelling: What the label maps of the data set mark.
    """
    if comparison.labels is None:
        return []
    labels = np.rint(comparison.labels).astype(np.int64)
    differences = {
        name: np.asarray(comparison.methods[name], dtype=np.float64) - np.asarray(comparison.truth, dtype=np.float64)
        for name in METHODS
        if name in comparison.methods
    }
    found = []
    for value, name in labelling.names.items():
        inside = labels == value
        voxels = int(np.count_nonzero(inside))
        for method, difference in differences.items() if voxels else ():
            errors = difference[inside]
            mae, bias = float(np.abs(errors).mean()), float(errors.mean())
            found.append(StructureError(comparison.case_id, name, voxels, method, mae, bias, comparison.unit))
    return found


def write_structures(errors: Iterable[StructureError], path: Path) -> Path:
    """Writes ``case,structure,voxels,method,mae,bias,unit``, a line per case, structure and method.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *map(astuple, errors)])
    write_text(path, text.getvalue())
    return path


def summarise_structures(errors: Sequence[StructureError], *, seed: int = 0) -> list[dict[str, Any]]:
    """A row per structure, in the order in which they come, each over the cases that have it.

    Args:
        errors: Of all cases.
        seed: Of the bootstrap of the intervals.

    Returns:
        Rows for JSON: ``structure``, ``unit``, ``n`` cases, ``voxels`` (the mean), and ``methods``: from a method to
        ``mae``, ``mae_interval``, ``bias`` and ``bias_interval``. Intervals are 95 % percentile bootstrap intervals of
        the mean over the cases, ``None`` for one case.
    """
    rows = []
    for structure in dict.fromkeys(error.structure for error in errors):
        mine = [error for error in errors if error.structure == structure]
        methods: dict[str, Any] = {}
        for method in METHODS:
            of_method = [error for error in mine if error.method == method]
            for name in ("mae", "bias") if of_method else ():
                values = np.array([getattr(error, name) for error in of_method])
                interval = bootstrap_interval(values, seed=seed)
                told = {name: float(values.mean()), f"{name}_interval": interval and list(interval)}
                methods[method] = methods.get(method, {}) | told
        voxels = {error.case: error.voxels for error in mine}
        rows.append({
            "structure": structure,
            "unit": mine[0].unit,
            "n": len(voxels),
            "voxels": float(np.mean(list(voxels.values()))),
            "methods": methods,
        })  # fmt: skip
    return rows
