"""Structures: how far a prediction is from the truth inside each label, and whether it is too bright or too dark there.

With the voxels ``S`` of a structure in a case, inside the foreground, and ``d = prediction - truth`` in the target's
unit::

    mae  = sum over S of |d| / |S|          bias = sum over S of d / |S|

A mean absolute error alone does not tell a structure that is 20 HU too bright from one that is noisy; the bias does. A
structure that a case does not have has no row: neither error is 0 there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import numpy as np

from voxlate.cohort.labels.labelling import Labelling
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.statistics import bootstrap_interval
from voxlate.evaluation.summary import Interval
from voxlate.evaluation.words import after_value, number
from voxlate.io.atomic import write_rows
from voxlate.plainyaml import Json
from voxlate.roles import MODEL

_METHODS = ("lookup", MODEL)
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


_COLUMNS = tuple(field.name for field in fields(StructureError))


@dataclass(frozen=True)
class StructureMeans:
    """The errors of one method in one structure, over the cases that have it; intervals are of the means.

    Attributes:
        mae: Mean absolute error.
        mae_interval: 95 % percentile bootstrap interval of the mean over the cases; ``None`` for one case.
        bias: Mean of prediction minus truth.
        bias_interval: The same of the bias.
    """

    mae: float
    mae_interval: Interval | None
    bias: float
    bias_interval: Interval | None


@dataclass(frozen=True)
class StructureRow:
    """One structure over the cases that have it.

    Attributes:
        structure: Name of the label.
        unit: Of the errors.
        n: Cases that have it.
        voxels: Its voxels in the mean.
        methods: From a method to its errors.
    """

    structure: str
    unit: str
    n: int
    voxels: float
    methods: Mapping[str, StructureMeans]

    def to_json(self) -> Json:
        """Plain values for JSON."""
        return asdict(self)


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
        for name in _METHODS
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


def structures_of(found: Iterable[CaseEvidence]) -> list[StructureError]:
    """The errors that were kept of these cases."""
    return [StructureError(**row) for one in found for row in one.more["structures"]]


def write_structures(errors: Iterable[StructureError], path: Path) -> Path:
    """Writes ``case,structure,voxels,method,mae,bias,unit``, a line per case, structure and method.

    Raises:
        WriteError: If the file could not be written; an old one is untouched then.
    """
    write_rows(path, [_COLUMNS, *map(astuple, errors)])
    return path


def summarise_structures(errors: Sequence[StructureError], *, seed: int = 0) -> list[StructureRow]:
    """A row per structure, in the order in which they come, each over the cases that have it.

    Args:
        errors: Of all cases.
        seed: Of the bootstrap of the intervals.
    """
    rows = []
    for structure in dict.fromkeys(error.structure for error in errors):
        mine = [error for error in errors if error.structure == structure]
        methods = {}
        for method in _METHODS:
            of_method = [error for error in mine if error.method == method]
            if of_method:
                mae, bias = (np.array([getattr(error, name) for error in of_method]) for name in ("mae", "bias"))
                methods[method] = StructureMeans(
                    float(mae.mean()),
                    bootstrap_interval(mae, seed=seed),
                    float(bias.mean()),
                    bootstrap_interval(bias, seed=seed),
                )
        voxels = {error.case: error.voxels for error in mine}
        mean = float(np.mean(list(voxels.values())))
        rows.append(StructureRow(structure, mine[0].unit, len(voxels), mean, methods))
    return rows


def say_structures(rows: Sequence[StructureRow]) -> str:
    """Where the model is most too bright or too dark, in a sentence."""
    known = [row for row in rows if MODEL in row.methods]
    if not known:
        return ""
    row = max(known, key=lambda one: abs(one.methods[MODEL].bias))
    bias = row.methods[MODEL].bias
    side = "bright" if bias > 0 else "dark"
    return f"The model's largest bias: {row.structure}, {number(abs(bias))}{after_value(row.unit)} too {side}."
