"""Errors of structures against numpy, in memory and from files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort.labels.labelling import Labelling
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.fidelity.structures import (
    StructureError,
    structure_errors,
    summarise_structures,
    write_structures,
)

NAMES = Labelling({205: "myocardium", 420: "left atrium", 820: "aorta"}, "labels")


def compared(case: str, *, shift: float, values: tuple[int, ...], seed: int = 0) -> Comparison:
    """A CT whose prediction is noisy everywhere and too bright in the myocardium."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((12, 10, 8), dtype=bool)
    mask[1:-1, 1:-1, 1:-1] = True
    labels = np.where(mask, rng.choice([0, *values], mask.shape), 0)
    truth = rng.uniform(-200, 300, mask.shape)
    model = truth + rng.normal(0, 5, mask.shape) + shift * (labels == 205)
    methods = {"lookup": np.full(mask.shape, 40.0), "model": model}
    return Comparison(case, truth, truth, methods, mask, labels, (1.0, 1.0, 1.0), "HU", 4095.0)


def test_errors_are_those_of_numpy_and_what_a_case_lacks_is_left_out() -> None:
    comparison = compared("a", shift=20.0, values=(205, 820))
    found = structure_errors(comparison, NAMES)
    assert [(row.structure, row.method) for row in found] == [
        ("myocardium", "lookup"), ("myocardium", "model"), ("aorta", "lookup"), ("aorta", "model")
    ]  # fmt: skip
    for row, value in zip(found, (205, 205, 820, 820), strict=True):
        places = np.argwhere(comparison.labels == value)
        errors = [comparison.methods[row.method][tuple(at)] - comparison.truth[tuple(at)] for at in places]
        assert row.voxels == len(errors)
        assert row.mae == pytest.approx(sum(map(abs, errors)) / len(errors), rel=1e-12)
        assert row.bias == pytest.approx(sum(errors) / len(errors), rel=1e-9)
    assert found[1].bias == pytest.approx(20, abs=1.5)
    assert found[3].bias == pytest.approx(0, abs=1.5)
    assert structure_errors(comparison, Labelling({})) == []


def test_means_run_over_the_cases_that_have_the_structure(tmp_path: Path) -> None:
    cases = [compared("a", shift=20, values=(205, 820)), compared("b", shift=30, values=(205,), seed=1)]
    errors = [error for case in cases for error in structure_errors(case, NAMES)]
    first, second = summarise_structures(errors)
    assert (first.structure, first.n, second.structure, second.n) == ("myocardium", 2, "aorta", 1)
    biases = [error.bias for error in errors if (error.structure, error.method) == ("myocardium", "model")]
    told = first.methods["model"]
    assert told.bias == pytest.approx(np.mean(biases))
    assert told.bias_interval == pytest.approx(sorted(biases))
    assert second.methods["model"].mae_interval is None
    assert list(json.loads(json.dumps(first.to_json()))) == ["structure", "unit", "n", "voxels", "methods"]
    path = write_structures(errors, tmp_path / "structures.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["case", "structure", "voxels", "method", "mae", "bias", "unit"]
    back = [
        StructureError(**{**row, "voxels": int(row["voxels"]), "mae": float(row["mae"]), "bias": float(row["bias"])})
        for row in rows
    ]
    assert back == errors
