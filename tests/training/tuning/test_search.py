"""The search: the first paper's comparison of learning rates as one call, killed, stopped, pruned and resumed."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from optuna.trial import TrialState

import voxlate
from tests.conftest import SMALL
from tests.program import run_here, started
from tests.training.tuning.pretence import RATE, decades, pretend, reading, search, searching
from voxlate.config.recipe import load_recipe
from voxlate.errors import CohortError, StoppedError, TrainingError, UsageError
from voxlate.training.tuning import search as loop
from voxlate.training.tuning import study as studies
from voxlate.training.tuning import trial_run
from voxlate.verbs import resolve_recipe

RATES = [1e-8, 3e-3, 1e-3]
SWEEP = {**SMALL, "training.steps": 6, "search.space": {RATE: {"values": RATES}}}


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def states(folder: Path) -> list[str]:
    return [row["state"] for row in trials(folder)]


def test_a_killed_search_ends_with_all_trials_and_a_report(phantom_cohort: Path, tmp_path: Path) -> None:
    overrides = {
        **SMALL,
        "training.steps": 2,
        "training.checkpoint_every": 1,
        "search": {"sampler": "tpe", "metric": "ssim", "space": {RATE: {"low": 1e-6, "high": 1e-2, "log": True}}},
    }
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "search"
    recipe.write_text(resolve_recipe("avula2020-t1-to-t2", overrides=overrides).to_yaml())
    words = ["tune", phantom_cohort, "--recipe", recipe, "--trials", "4", "--out", out]
    with started(*words) as process:
        deadline = time.monotonic() + 180
        while len(list(out.glob("trials/*/log.jsonl"))) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert process.exitcode == -signal.SIGKILL
    assert "complete" in states(out), "what a killed search has found is on disk"
    assert (out / "report.html").is_file()
    assert run_here(*words).returncode == 0
    complete = [row for row in trials(out) if row["state"] == "complete"]
    assert len(complete) == 4
    assert "the best of 4 complete trials" in (out / "report.html").read_text()
    best = max(complete, key=lambda row: float(row["ssim"]))
    assert load_recipe(out / "best.yaml").training.learning_rate == float(best[RATE])
    assert float(complete[0][RATE]) == 1e-3, "the recipe's own value is tried first"
    assert not list(out.glob("trials/*/checkpoints")), "states to resume from are not kept"
    assert not list(out.rglob(".voxlate*"))


def test_a_grid_tries_every_value_once_and_keeps_the_best(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SWEEP, "training.steps": 3})
    first = voxlate.tune(phantom_cohort, recipe=recipe, trials=9, out=tmp_path)
    assert sorted(float(row[RATE]) for row in trials(tmp_path)) == sorted(RATES)
    assert load_recipe(first.best_recipe).training.learning_rate != 1e-8
    again = voxlate.tune(phantom_cohort, recipe=recipe, trials=9, out=tmp_path)
    assert first == again
    for decided in ("plan.yaml", "split.csv", "fingerprint.json"):
        assert len({path.read_bytes() for path in tmp_path.glob(f"trials/*/{decided}")}) == 1
    scores = [json.loads(path.read_text())["metrics"]["mae"] for path in tmp_path.glob("trials/*/bundle/scores.json")]
    assert sorted(scores) == pytest.approx(sorted(float(row["mae"]) for row in trials(tmp_path)), rel=1e-5)


def test_a_bad_trial_is_stopped_resumed_and_pruned(
    phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Own values, 1e-3, are complete; then 1e-8, worse at every step, is stopped by a signal, and ended early."""
    monkeypatch.setattr(studies, "STARTUP_TRIALS", 1)
    monkeypatch.setattr(trial_run, "PRUNE_FROM", 0.5)
    space = {RATE: {"values": [1e-8, 1e-3]}}
    overrides = {
        **SMALL,
        "training.validate_every": 3,
        "search": {"sampler": "grid", "pruner": "median", "space": space},
    }
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    with pytest.raises(StoppedError, match="the same command goes on"):
        voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path, observers=[StopAt(4)])
    assert states(tmp_path) == ["complete", "killed"]
    voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path)
    assert [(row["state"], float(row[RATE])) for row in trials(tmp_path)] == [
        ("complete", 1e-3),
        ("killed", 1e-8),
        ("pruned", 1e-8),
    ]
    killed, pruned = (tmp_path / row["run"] for row in trials(tmp_path)[1:])
    assert killed == pruned
    with reading(f"sqlite:///{tmp_path}/study.db") as found:
        values = {trial.state: sorted(trial.intermediate_values) for trial in found.trials}
    assert values[TrialState.COMPLETE] == [3, 6, 9, 12]
    assert values[TrialState.PRUNED] == [3, 6], "the first of them from before the stop"
    left = {path.name for path in pruned.iterdir()}
    assert left >= {"recipe.yaml", "plan.yaml", "fingerprint.json", "split.csv", "log.jsonl"}
    assert not left & {"checkpoints", "bundle", ".voxlate.lock"}
    assert 'class="value">pruned<' in (tmp_path / "report.html").read_text()


class StopAt:
    """An observer that asks its own process to stop at a step of the second trial, as a scheduler does."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._trial = 0

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        self._trial += step == 1
        if (self._trial, step) == (2, self._step):
            os.kill(os.getpid(), signal.SIGTERM)

    def validated(self, step: int, validation: object) -> None:
        """Nothing."""


def test_a_trial_that_fails_is_told_and_the_others_go_on(phantom_cohort: Path, tmp_path: Path) -> None:
    overrides = {**SWEEP, "training.steps": 12, "search.space": {RATE: {"values": [1e30, 1e-3]}}}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    voxlate.tune(phantom_cohort, recipe=recipe, trials=2, out=tmp_path)
    found = {row["state"]: row for row in trials(tmp_path)}
    assert set(found) == {"complete", "failed"}
    assert "finite" in found["failed"]["reason"]
    assert found["failed"]["reason"] in (tmp_path / "report.html").read_text()


def test_failures_in_a_row_end_the_search(phantom_cohort: Path, tmp_path: Path) -> None:
    def fail(values: Mapping[str, Any]) -> float:
        if values[RATE] != 1e-3:
            raise MemoryError("no room")
        return 1.0

    with pretend(fail), pytest.raises(TrainingError, match="3 failures in a row, the last: no room"):
        search(phantom_cohort, tmp_path, trials=9)
    assert states(tmp_path) == ["complete", "failed", "failed", "failed"]


def test_nothing_complete_is_an_error(phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_FAILURES_IN_A_ROW", 99)

    def fail(values: Mapping[str, Any]) -> float:
        raise MemoryError

    grid = searching(sampler="grid", space={RATE: {"values": [1e-3, 1e-4]}})
    with pretend(fail), pytest.raises(TrainingError, match="a complete trial"):
        search(phantom_cohort, tmp_path, recipe=grid, trials=2)


def test_minutes_are_counted_over_all_calls(
    phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock on which a trial takes two minutes and nothing else takes time."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def slow(values: Mapping[str, Any]) -> float:
        clock.now += 120.0
        return decades(values)

    with pretend(slow):
        assert len(search(phantom_cohort, tmp_path, minutes=3).trials) == 2, "the one that runs then is finished"
        assert len(search(phantom_cohort, tmp_path, minutes=3).trials) == 2
        assert len(search(phantom_cohort, tmp_path, minutes=5).trials) == 3
        assert len(search(phantom_cohort, tmp_path, minutes=60, trials=4).trials) == 4


@pytest.mark.parametrize("budget", [{}, {"trials": 0}, {"minutes": 0.0}, {"trials": 3, "minutes": -1.0}])
def test_a_search_without_a_budget_is_refused(phantom_cohort: Path, tmp_path: Path, budget: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--trials, --minutes"):
        search(phantom_cohort, tmp_path, **budget)


def test_a_resumed_search_tries_what_the_unbroken_one_tries(phantom_cohort: Path, tmp_path: Path) -> None:
    sampler = "gp"
    with pretend():
        search(phantom_cohort, tmp_path / "a", recipe=searching(sampler=sampler), trials=4)
        search(phantom_cohort, tmp_path / "a", recipe=searching(sampler=sampler), trials=7)
        search(phantom_cohort, tmp_path / "b", recipe=searching(sampler=sampler), trials=7)
    tried = [[row[RATE] for row in trials(tmp_path / name)] for name in "ab"]
    assert tried[0] == tried[1]
    assert len(set(tried[0])) == 7
    assert all(1e-5 <= float(rate) <= 1e-1 for rate in tried[0])


def test_a_study_goes_on_only_with_what_it_was_begun_with(phantom_cohort: Path, tmp_path: Path) -> None:
    smaller = tmp_path / "smaller"
    shutil.copytree(phantom_cohort, smaller)
    cases = sorted(path for path in smaller.iterdir() if path.is_dir() and path.name != "derivatives")
    shutil.rmtree(cases[0])
    recipe = searching()
    with pretend():
        search(phantom_cohort, tmp_path / "s", trials=1)
        search(phantom_cohort, tmp_path / "s", recipe=searching(sampler="tpe", pruner="none"), trials=2)
        for changed in ({"training.batch_size": 3}, {"training.epochs": 7}, {"search.metric": "mse"}):
            with pytest.raises(UsageError, match=next(iter(changed))):
                search(phantom_cohort, tmp_path / "s", recipe=recipe.with_overrides(changed), trials=3)
        with pytest.raises(UsageError, match="the data set"):
            search(smaller, tmp_path / "s", trials=3)
        search(smaller, tmp_path / "s", recipe=recipe.with_overrides({"name": "of-smaller"}), trials=1)
    assert len(trials(tmp_path / "s")) == 1


def test_a_metric_of_lesions_needs_label_maps(phantom_cohort: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(phantom_cohort, bare, ignore=shutil.ignore_patterns("*seg*", "derivatives"))
    with pytest.raises(CohortError, match="label maps for the search's metric lesion_mae"):
        search(bare, tmp_path / "s", recipe=searching(metric="lesion_mae"), trials=1)
    assert not (tmp_path / "s").exists()


def test_lesions_can_be_what_is_compared(phantom_cohort: Path, tmp_path: Path) -> None:
    overrides = {**SWEEP, "training.steps": 2, "search.metric": "lesion_ssim", "search.direction": None}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    voxlate.tune(phantom_cohort, recipe=recipe, trials=1, out=tmp_path)
    (scores,) = (json.loads(path.read_text()) for path in tmp_path.glob("trials/*/bundle/scores.json"))
    assert float(trials(tmp_path)[0]["lesion_ssim"]) == pytest.approx(scores["metrics"]["lesion_ssim"], rel=1e-4)
    assert "SSIM in labels" in (tmp_path / "report.html").read_text()


def test_a_second_search_in_the_folder_is_told_who_is_there(phantom_cohort: Path, tmp_path: Path) -> None:
    def nested(values: Mapping[str, Any]) -> float:
        with pytest.raises(voxlate.errors.LockedError, match="tuning by process"):
            search(phantom_cohort, tmp_path, trials=1)
        return 1.0

    with pretend(nested):
        assert len(search(phantom_cohort, tmp_path, trials=1).trials) == 1
