"""CT to PET on the thorax phantom from end to end: a few steps, and scores in SUV recomputed from the files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.io import read_provenance, read_volume
from voxlate.phantoms import PhantomOptions, make_cohort
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

TINY = {
    "training.epochs": None,
    "training.steps": 6,
    "training.batch_size": 1,
    "training.validate_every": 6,
    "training.figure_every": 6,
    "training.checkpoint_every": 6,
    "training.precision": "fp32",
    "training.augmentation.elastic": 0,
    "method.network.channels": [8, 16],
    "window.size": [16, 16, 16],
}


@pytest.fixture(scope="module")
def chests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chests") / "cohort"
    return make_cohort(folder, cases=4, seed=1, size=32, anatomy="thorax", options=PhantomOptions(factor=2))


@pytest.fixture(scope="module")
def run(chests: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = resolve_recipe("ct-to-pet", overrides=TINY)
    return train_run(chests, recipe, tmp_path_factory.mktemp("pet") / "run").folder


def test_uptake_is_normalised_by_one_scale_for_all_scans(run: Path) -> None:
    plan = read_bundle(run).plan
    normaliser = plan.normalisers["pet"]
    assert (normaliser.kind, normaliser.unit, normaliser.data_range) == ("suv", "SUV", 4.0)
    assert (normaliser.inverse.offset, normaliser.inverse.scale) == (0.0, 5.0)
    assert plan.mask.kind == "body"


def test_scores_are_in_suv_and_those_of_the_written_file(run: Path, chests: Path, tmp_path: Path) -> None:
    voxlate.evaluate(run, chests, out=tmp_path / "evaluated")
    with (tmp_path / "evaluated" / "scores.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "mae"]
    assert {row["unit"] for row in rows} == {"SUV"}
    assert {"myocardium", "pulmonary artery"} <= {row["region"] for row in rows}
    scores = {(row["case"], row["method"]): float(row["value"]) for row in rows if row["region"] == "foreground"}
    case = index_cohort(chests).case(rows[0]["case"])
    written = tmp_path / "pet.nii.gz"
    voxlate.translate(run, case.paths["ct"], out=written)
    provenance = read_provenance(written)
    assert provenance is not None
    assert (provenance.unit, provenance.synthetic) == ("SUV", True)
    predicted, truth = (read_volume(path).array.astype(float) for path in (written, case.paths["pet"]))
    inside = predicted != 0
    assert 0.05 < inside.mean() < 0.7
    assert np.abs(predicted - truth)[inside].mean() == pytest.approx(scores[case.id, "model"], rel=1e-3)
    assert scores[case.id, "lookup"] < scores[case.id, "identity"]
