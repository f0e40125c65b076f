"""Trials by helpers: as many at once as there are helpers, as many in all as are wanted; each ends in its own way."""

from __future__ import annotations

import csv
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import optuna

from tests.training.tuning.pretence import decades, pretend, search
from voxlate.errors import TrainingError
from voxlate.progress.spreading import helped_by


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_helpers_make_the_trials_of_a_search_two_at_once(phantom_cohort: Path, tmp_path: Path) -> None:
    together, count, lock = threading.Barrier(2), 0, threading.Lock()

    def work(values: Mapping[str, Any]) -> float:
        nonlocal count
        with lock:
            count += 1
            number = count
        if number <= 2:
            together.wait(60)
        if number == 2:
            raise TrainingError("a loss", came="NaN", remedy="Lower the rate.")
        if number == 3:
            raise optuna.TrialPruned
        return decades(values)

    with pretend(work), ThreadPoolExecutor(2) as pool, helped_by(pool, lambda: 2):
        found = search(phantom_cohort, tmp_path, trials=5)
    states = [row["state"] for row in rows(tmp_path)]
    assert sorted(states) == [*["complete"] * 4, "failed", "pruned"], "as many as wanted have ended"
    assert "NaN" in next(row["reason"] for row in rows(tmp_path) if row["state"] == "failed")
    assert found.best.value == min(one.value for one in found.trials if one.state == "complete")


def test_a_trial_whose_helpers_have_died_has_failed_and_the_search_goes_on(
    phantom_cohort: Path, tmp_path: Path
) -> None:
    class Dying(ThreadPoolExecutor):
        """Loses whoever works on the second item."""

        given = 0

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            self.given += 1
            return super().submit(fn if self.given != 2 else _die, *args, **kwargs)

    with pretend(), Dying(1) as pool, helped_by(pool, lambda: 1):
        search(phantom_cohort, tmp_path, trials=3)
    assert [row["state"] for row in rows(tmp_path)] == ["complete", "failed", "complete", "complete"]


def _die(_item: object) -> None:
    raise RuntimeError("killed with it four times")
