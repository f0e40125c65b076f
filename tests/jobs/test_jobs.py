from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voxlate.errors import UsageError
from voxlate.jobs import JobList, Runner, Work
from voxlate.jobs.job import LOG, ORDER, PROGRESS, RESULT, read_json, write_json
from voxlate.jobs.runner import HELD
from voxlate.jobs.worker import carry_out

_WORKER = """
import os, pathlib, sys, threading, time
folder = pathlib.Path(sys.argv[1])
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
print("begun", os.getpid(), flush=True)
with (folder / "begun").open("a") as file:
    file.write(f"{os.getpid()}\\n")
while not (folder.parent / "go").exists():
    time.sleep(0.01)
(folder / "result.json").write_text('{"answer": 42}')
"""
_KINDS = {
    "wait": Work((sys.executable, "-I", "-S", "-c", _WORKER), limit_s=60),
    "short": Work((sys.executable, "-I", "-S", "-c", _WORKER), limit_s=0.3),
    "crash": Work((sys.executable, "-I", "-S", "-c", "import os; os.abort()"), limit_s=60),
    "refuse": Work((sys.executable, "-I", "-S", "-c", "raise SystemExit(3)"), limit_s=60),
    "gone": Work((str(Path(sys.executable).parent / "no-such-program"),), limit_s=60),
    "held": Work((sys.executable, "-I", "-S", "-c", f"raise SystemExit({HELD})"), limit_s=60),
}


@contextmanager
def _running(folder: Path) -> Iterator[tuple[JobList, Runner]]:
    ledger = JobList(folder / "jobs.sqlite")
    runner = Runner(ledger, folder, kinds=_KINDS)
    runner.start()
    try:
        yield ledger, runner
    finally:
        runner.stop()
        ledger.close()


def _until(what: Callable[[], object], *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.01)


def _state(ledger: JobList, name: str) -> str:
    job = ledger.find(name)
    return job.state if job else "none"


def _pids(runner: Runner, name: str) -> list[int]:
    path = runner.place(name) / "begun"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_a_job_waits_its_turn_runs_and_ends(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, runner):
        first, second = ledger.add("wait", {"a": 1}), ledger.add("wait", {})
        runner.wake()
        _until(lambda: _pids(runner, first.id))
        assert (_state(ledger, first.id), _state(ledger, second.id)) == ("running", "queued")
        assert read_json(runner.place(first.id) / ORDER) == {"a": 1}
        assert not ledger.remove(first.id)
        (tmp_path / "go").touch()
        _until(lambda: _state(ledger, second.id) == "done")
        assert [job.id for job in ledger.all()] == [second.id, first.id]
        assert "begun" in (runner.place(first.id) / LOG).read_text()
        assert ledger.remove(first.id)
        assert ledger.find(first.id) is None


def test_a_worker_that_is_killed_is_replaced_once(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, runner):
        job = ledger.add("wait", {})
        for attempt in (1, 2):
            _until(lambda attempt=attempt: len(_pids(runner, job.id)) == attempt)
            os.kill(_pids(runner, job.id)[-1], signal.SIGKILL)
        _until(lambda: _state(ledger, job.id) == "failed")
        assert "killed more than once" in (ledger.find(job.id) or job).reason
        (tmp_path / "go").touch()
        assert ledger.wait_again(job.id, after=("failed",), anew=True)
        _until(lambda: _state(ledger, job.id) == "done")
        assert len(_pids(runner, job.id)) == 3


def test_a_crash_a_refusal_and_a_hang_fail_the_job_alone(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, runner):
        jobs = [ledger.add(kind, {}) for kind in ("crash", "refuse", "short")]
        _until(lambda: all(_state(ledger, job.id) == "failed" for job in jobs))
        reasons = [(ledger.find(job.id) or job).reason for job in jobs]
        for reason, words in zip(reasons, ("SIGABRT", "exit code 3", "within 0 seconds"), strict=True):
            assert words in reason
        (tmp_path / "go").touch()
        last = ledger.add("wait", {})
        _until(lambda: _state(ledger, last.id) == "done")
        assert runner.place(last.id).is_dir()


def test_jobs_are_cancelled_in_the_queue_and_at_work(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, runner):
        first, second = ledger.add("wait", {}), ledger.add("wait", {})
        _until(lambda: _pids(runner, first.id))
        runner.cancel(second.id)
        assert _state(ledger, second.id) == "cancelled"
        runner.cancel(first.id)
        _until(lambda: _state(ledger, first.id) == "cancelled")
        assert _is_gone(_pids(runner, first.id)[0])
        assert not _pids(runner, second.id)


def test_a_folder_that_is_held_is_tried_again(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, _):
        job = ledger.add("held", {})
        _until(lambda: (ledger.find(job.id) or job).attempts > 2)
        assert _state(ledger, job.id) in {"queued", "running"}


def _serve(folder: Path) -> None:
    with _running(folder) as (ledger, _):
        ledger.add("wait", {})
        signal.pause()


def test_a_server_that_is_killed_takes_its_worker_along_and_the_next_one_ends_the_job(tmp_path: Path) -> None:
    server = multiprocessing.get_context("fork").Process(target=_serve, args=(tmp_path,))
    server.start()
    _until(lambda: list(tmp_path.glob("*/begun")))
    (begun,) = tmp_path.glob("*/begun")
    _until(begun.read_text)
    server.kill()
    server.join()
    _until(lambda: _is_gone(int(begun.read_text())))
    (tmp_path / "go").touch()
    with _running(tmp_path) as (ledger, runner):
        (job,) = ledger.all()
        _until(lambda: _state(ledger, job.id) == "done")
        assert len(_pids(runner, job.id)) == 2
        assert read_json(runner.place(job.id) / RESULT) == {"answer": 42}


def test_a_server_that_stops_leaves_its_job_to_the_next(tmp_path: Path) -> None:
    with _running(tmp_path) as (ledger, runner):
        job = ledger.add("wait", {})
        _until(lambda: _pids(runner, job.id))
    ledger = JobList(tmp_path / "jobs.sqlite")
    assert _state(ledger, job.id) == "queued"
    ledger.close()


@pytest.mark.parametrize("error", [UsageError("a", came="b", where="c", remedy="D."), ValueError("e")])
def test_a_worker_leaves_a_result_or_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("voxlate.jobs.worker._end_with_server", lambda: None)
    write_json(tmp_path / ORDER, {"a": 1})

    def work(order: dict[str, object], folder: Path, report: Callable[[str, int, int], None]) -> dict[str, object]:
        report("translate", 1, 2)
        return {"got": order["a"], "in": folder.name}

    def refuse(*_: object) -> dict[str, object]:
        raise error

    assert carry_out(tmp_path, work) == 0
    assert read_json(tmp_path / RESULT) == {"got": 1, "in": tmp_path.name}
    assert read_json(tmp_path / PROGRESS) == {"stage": "translate", "done": 1, "of": 2}
    assert carry_out(tmp_path, refuse) == 1
    assert (read_json(tmp_path / RESULT) or {})["reason"] in {"Expected a, got b. D.", "ValueError: e"}


@pytest.mark.parametrize(("kind", "words"), [("gone", "no-such-program"), ("of another version", "kind")])
def test_a_job_that_cannot_be_begun_has_failed_and_those_after_it_run(tmp_path: Path, kind: str, words: str) -> None:
    (tmp_path / "go").touch()
    with _running(tmp_path) as (ledger, runner):
        bad, good = ledger.add(kind, {}), ledger.add("wait", {})
        runner.wake()
        _until(lambda: _state(ledger, good.id) == "done")
        job = ledger.find(bad.id)
        assert job is not None
        assert job.state == "failed"
        assert words in job.reason
