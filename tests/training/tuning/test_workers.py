"""Several workers on one study: they share the trials, and take over from a dead one but not from a slow one."""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
import pytest

from tests.program import copied, side_by_side
from tests.training.tuning.pretence import decades, pretend, reading, search
from voxlate.training.tuning import search as loop
from voxlate.training.tuning import study


def worker(data: Path, folder: Path, url: str, *, trials: int, seconds: float) -> Callable[[], None]:
    """A worker for a process of its own, whose trials take ``seconds``."""

    def slow(values: Mapping[str, Any]) -> float:
        time.sleep(seconds)
        return decades(values)

    def work() -> None:
        with pretend(slow), patch.object(study, "_HEARTBEAT_S", 1):
            search(data, folder, storage=url, trials=trials)

    return work


def states(folder: Path) -> list[str]:
    with (folder / "trials.csv").open() as file:
        return [row["state"] for row in csv.DictReader(file)]


def check_sharing(data: Path, folder: Path, url: str) -> None:
    """Two workers make exactly as many trials as wanted, both of them some, and find the same."""
    folders = [folder / name for name in ("first", "second")]
    side_by_side(*(worker(data, one, url, trials=9, seconds=0.4) for one in folders))
    assert [states(one) for one in folders] == [["complete"] * 9] * 2
    assert (folders[0] / "best.yaml").read_bytes() == (folders[1] / "best.yaml").read_bytes()
    names = {(one / "worker.txt").read_text().strip() for one in folders}
    with reading(url) as found:
        assert {trial.user_attrs["worker"] for trial in found.trials if trial.state.is_finished()} == names


def test_two_workers_share_a_study(phantom_cohort: Path, tmp_path: Path) -> None:
    check_sharing(phantom_cohort, tmp_path, f"sqlite:///{tmp_path}/shared.db")
    assert (tmp_path / "shared.db").is_file()


def test_a_dead_worker_is_replaced_and_a_living_one_is_not(
    phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    monkeypatch.setattr(study, "_GRACE_S", 4)
    monkeypatch.setattr(study, "_HEARTBEAT_S", 1)
    monkeypatch.setattr(loop, "_POLL_S", 0.2)
    with copied(worker(phantom_cohort, tmp_path / "slow", url, trials=3, seconds=600)):
        theirs = wait_for_a_trial(url)
        with pretend():  # longer than the grace, which a heartbeat renews
            search(phantom_cohort, tmp_path / "quick", storage=url, trials=3, minutes=7 / 60)
        assert states(tmp_path / "quick") == ["complete", "complete"]
        assert wait_for_a_trial(url).number == theirs.number
    with pretend():
        search(phantom_cohort, tmp_path / "quick", storage=url, trials=3)
    assert sorted(states(tmp_path / "quick")) == ["complete", "complete", "complete", "killed"]
    with reading(url) as found:
        complete = found.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert [trial.params for trial in complete].count(theirs.params) == 1


def wait_for_a_trial(url: str) -> optuna.trial.FrozenTrial:
    """The trial that a slow worker is at."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(Exception), reading(url) as found:  # there may be no table, or no study, yet
            running = [trial for trial in found.get_trials(states=(optuna.trial.TrialState.RUNNING,)) if trial.params]
            if running:
                return running[0]
        time.sleep(0.2)
    raise AssertionError("the worker has begun no trial")
