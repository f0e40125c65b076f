"""Tuning: the first paper's comparison of learning rates as one call, killed in the middle and resumed."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import voxlate
from tests.conftest import SMALL
from voxlate.config import load_recipe
from voxlate.errors import UsageError
from voxlate.verbs import resolve_recipe

RATES = [1e-8, 3e-3, 1e-3]
SWEEP = {**SMALL, "training.steps": 6, "search.space": {"training.learning_rate": {"values": RATES}}}


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_killed_sweep_goes_on_and_keeps_the_best(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "sweep"
    recipe.write_text(resolve_recipe("avula2020-t1-to-t2", overrides=SWEEP).to_yaml())
    command = [
        sys.executable, "-m", "voxlate.cli", "tune", str(phantom_cohort),
        "--recipe", str(recipe), "--trials", "3", "--out", str(out),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("trials/*/log.jsonl"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    complete = [row for row in trials(out) if row["state"] == "complete"]
    assert {float(row["training.learning_rate"]) for row in complete} == set(RATES)
    best = min(complete, key=lambda row: float(row["mae"]))
    kept = load_recipe(out / "best.yaml")
    assert kept.training.learning_rate == float(best["training.learning_rate"])
    assert kept.training.learning_rate != 1e-8


def test_a_finished_sweep_trains_nothing_more(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SWEEP, "training.steps": 2})
    first = voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path)
    again = voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path)
    assert first == again
    assert len(again.rows) == 2


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_intervals_are_searched(phantom_cohort: Path, tmp_path: Path, sampler: str) -> None:
    overrides = {
        **SMALL,
        "training.steps": 1,
        "search.sampler": sampler,
        "search.space": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
    }
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    found = voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path)
    rates = [float(row[found.fields.index("learning_rate")]) for row in found.rows]
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert len(set(rates)) == 2


def test_a_recipe_without_a_space_is_refused(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={"search.space": {}})
    with pytest.raises(UsageError, match=r"search\.space"):
        voxlate.tune(phantom_cohort, recipe=recipe, trials=1, out=tmp_path)
