"""Several workers on one study: they share the trials, and take over from a dead one but not from a slow one."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import optuna
import pytest

from tests.training.tuning.pretence import pretend, reading, search
from voxlate.training.tuning import search as loop
from voxlate.training.tuning import study


def worker(data: Path, folder: Path, url: str, *, trials: int, seconds: float) -> subprocess.Popen[str]:
    """A worker of its own process, whose trials take ``seconds``."""
    words = [str(data), str(folder), url, str(trials), str(seconds)]
    command = [sys.executable, "-m", "tests.training.tuning.pretence", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def states(folder: Path) -> list[str]:
    with (folder / "trials.csv").open() as file:
        return [row["state"] for row in csv.DictReader(file)]


def check_sharing(data: Path, folder: Path, url: str) -> None:
    """Two workers make exactly as many trials as wanted, both of them some, and find the same."""
    folders = [folder / name for name in ("first", "second")]
    processes = [worker(data, one, url, trials=9, seconds=0.4) for one in folders]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
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
    with worker(phantom_cohort, tmp_path / "slow", url, trials=3, seconds=600) as slow:
        try:
            theirs = wait_for_a_trial(url)
            with pretend():  # longer than the grace, which a heartbeat renews
                search(phantom_cohort, tmp_path / "quick", storage=url, trials=3, minutes=7 / 60)
            assert states(tmp_path / "quick") == ["complete", "complete"]
            assert wait_for_a_trial(url).number == theirs.number
        finally:
            slow.kill()
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
        with suppress(Exception), reading(url) as found:  # there may be no table, or no study, yet
            running = [trial for trial in found.get_trials(states=(optuna.trial.TrialState.RUNNING,)) if trial.params]
            if running:
                return running[0]
        time.sleep(0.2)
    raise AssertionError("the worker has begun no trial")
