"""The loop: budget, resume, skipped steps, signals, checkpoints that are damaged."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.training.toys import Toy, make_job, score, story
from voxlate.config.training import Training
from voxlate.errors import StoppedError, TrainingError
from voxlate.training.loop import loop
from voxlate.training.loop.checkpoints import BEST, load_checkpoint, load_latest
from voxlate.training.loop.journal import read_log
from voxlate.training.loop.loop import Job, fit
from voxlate.training.loop.state import RunState
from voxlate.training.loop.validation import Validation
from voxlate.training.run import RunFolder


class StopAt:
    """Sends this process a signal after a step, or raises, as a kill would."""

    def __init__(self, step: int, number: signal.Signals | None = None) -> None:
        self.step, self.number = step, number

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        if step == self.step:
            if self.number is None:
                raise RuntimeError("pulled the plug")
            os.kill(os.getpid(), self.number)

    def validated(self, step: int, validation: Validation) -> None:
        """Nothing."""


def run_toy(folder: Path, job: Job, method: Toy | None = None) -> RunState:
    folder.mkdir(exist_ok=True)
    state = RunState(method or Toy(), job.training)
    fit(state, RunFolder(folder), job)
    return state


def weights(state: RunState) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in state.chosen.parameters()])


@pytest.mark.parametrize("killed_at", [1, 3, 4, 5, 13, 19])
def test_a_run_killed_anywhere_equals_the_unbroken_one(tmp_path: Path, killed_at: int) -> None:
    unbroken = run_toy(tmp_path / "unbroken", make_job())
    with pytest.raises(RuntimeError, match="plug"):
        run_toy(tmp_path / "killed", make_job(observers=(StopAt(killed_at),)))
    resumed = run_toy(tmp_path / "killed", make_job())
    assert torch.equal(weights(unbroken), weights(resumed))
    assert story(tmp_path / "unbroken") == story(tmp_path / "killed")


def test_the_budget_is_the_first_of_epochs_and_steps(tmp_path: Path) -> None:
    assert run_toy(tmp_path / "a", make_job(steps=20, epochs=2)).progress.step == 14
    assert run_toy(tmp_path / "b", make_job(steps=5, epochs=2)).progress.step == 5


def test_the_budget_in_minutes_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that goes on by 10 ms whenever it is read, which is four times per step."""
    readings = count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.01 * next(readings)))
    state = run_toy(tmp_path, make_job(steps=None, minutes=0.005))
    assert 0.3 <= state.progress.elapsed_s < 0.3 + 0.05
    assert 5 <= state.progress.step <= 10


def test_patience_stops_early(tmp_path: Path) -> None:
    state = run_toy(tmp_path, make_job(steps=1000, learning_rate=1e-12, patience=2, ema=None))
    assert state.progress.step < 1000
    assert state.progress.stale == 2


@pytest.mark.parametrize(("keep", "kept"), [("best", 3), ("last", 9)])
def test_the_best_or_the_last_weights_are_kept(tmp_path: Path, keep: str, kept: int) -> None:
    values = iter([0.5, 0.9, 0.7])
    job = make_job(steps=9, validate_every=3, keep=keep)
    job = replace(job, validate=lambda method: replace(score(method), metrics={"mae": next(values)}))
    state = run_toy(tmp_path, job)
    best = load_checkpoint(tmp_path / "checkpoints" / BEST)
    assert best is not None
    assert best["step"] == kept
    assert (state.progress.best_step, state.progress.stale) == (3, 2), "patience asks for better values all the same"


def test_more_steps_for_a_finished_run_tell_the_jump_of_the_schedule(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_toy(tmp_path, make_job(steps=8))
    assert "learning rate" not in caplog.text
    run_toy(tmp_path, make_job(steps=16))
    assert "the learning rate goes from" in caplog.text
    assert "50 % is spent" in caplog.text


def test_an_unbroken_schedule_is_resumed_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(RuntimeError, match="plug"):
        run_toy(tmp_path, make_job(observers=(StopAt(13),)))
    run_toy(tmp_path, make_job())
    assert "learning rate" not in caplog.text


def test_patience_that_has_ended_a_run_is_told_when_it_gets_more_steps(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_job(steps=1000, learning_rate=1e-12, patience=2, ema=None)
    run_toy(tmp_path, job)
    run_toy(tmp_path, job)
    assert "training.patience" in caplog.text


def test_weights_are_kept_though_the_monitored_metric_was_never_available(tmp_path: Path) -> None:
    job = replace(make_job(steps=10, validate_every=5), validate=lambda _: replace(score(Toy()), metrics={}))
    run_toy(tmp_path, job)
    best = load_checkpoint(tmp_path / "checkpoints" / BEST)
    assert best is not None
    assert best["step"] == 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_saves_the_state_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(StoppedError, match="--resume") as caught:
        run_toy(tmp_path, make_job(observers=(StopAt(7, number),)))
    assert caught.value.exit_code == 130
    assert signal.getsignal(number) is before
    latest = load_latest(tmp_path / "checkpoints")
    assert latest is not None
    assert latest["step"] == 7


def test_a_nan_step_is_skipped_and_changes_nothing(tmp_path: Path) -> None:
    poisoned = Toy()
    poisoned.poison_at = {3, 4}
    state = run_toy(tmp_path, make_job(steps=6, ema=None), poisoned)
    assert state.progress.skipped == 2
    assert bool(torch.isfinite(weights(state)).all())


def test_too_many_nan_steps_end_the_run_and_are_never_saved(tmp_path: Path) -> None:
    poisoned = Toy()
    poisoned.poison_at = set(range(6, 100))
    with pytest.raises(TrainingError, match="learning_rate"):
        run_toy(tmp_path, make_job(steps=50), poisoned)
    latest = load_latest(tmp_path / "checkpoints")
    assert latest is not None
    assert all(bool(torch.isfinite(tensor).all()) for tensor in latest["method"].values())


def test_exploded_weights_are_not_saved(tmp_path: Path) -> None:
    state = RunState(Toy(), Training(steps=1))
    state.save(tmp_path)
    with torch.no_grad():
        next(iter(state.method.parameters())).fill_(torch.inf)
    state.progress.step = 1
    with pytest.raises(TrainingError, match="finite weights"):
        state.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000000.ckpt"]


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    unbroken = run_toy(tmp_path / "unbroken", make_job())
    with pytest.raises(RuntimeError, match="plug"):
        run_toy(tmp_path / "run", make_job(observers=(StopAt(13),)))
    newest = max((tmp_path / "run" / "checkpoints").glob("step_*"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(bytes(content))
    with caplog.at_level(logging.WARNING):
        resumed = run_toy(tmp_path / "run", make_job())
    assert "damaged" in caplog.text
    assert torch.equal(weights(unbroken), weights(resumed))


def test_only_damaged_checkpoints_are_an_error(tmp_path: Path) -> None:
    run_toy(tmp_path, make_job(steps=4))
    for path in (tmp_path / "checkpoints").glob("step_*"):
        path.write_bytes(b"x" * 100)
    with pytest.raises(TrainingError, match="damaged"):
        load_latest(tmp_path / "checkpoints")


def test_the_best_checkpoint_has_the_best_metric(tmp_path: Path) -> None:
    run_toy(tmp_path, make_job())
    values = {entry.step: entry.validation["mae"] for entry in read_log(tmp_path / "log.jsonl") if entry.validation}
    best = load_checkpoint(tmp_path / "checkpoints" / BEST)
    assert best is not None
    assert best["step"] == min(values, key=lambda step: values[step])
    assert best["metrics"]["mae"] == pytest.approx(min(values.values()))


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    first = run_toy(tmp_path, make_job())
    method = Toy()
    again = run_toy(tmp_path, make_job(), method)
    assert method.calls == 0
    assert torch.equal(weights(first), weights(again))
