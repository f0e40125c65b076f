"""Training is killed with -9 in the middle, resumed, and equals the unbroken run bit for bit (rows 22 to 24, 29)."""

from __future__ import annotations

import json
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from tests.conftest import SMALL
from tests.program import run_here, started
from tests.training.toys import story
from voxlate.config.recipe import load_recipe
from voxlate.io.lock import hold
from voxlate.training.loop.journal import Entry, read_log

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 20


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short recipe with dropout-free but augmented training, as a file."""
    fields = {**SMALL, "training.steps": STEPS, "training.augmentation.elastic": 0.5}
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(load_recipe("avula2020-t1-to-t2").with_overrides(fields).to_yaml())
    return path


def words(data: Path, recipe: Path, out: Path, *extra: str) -> list[str]:
    return ["train", str(data), "--recipe", str(recipe), "--out", str(out), *extra]


def wait_for_step(process: BaseProcess, out: Path, step: int) -> None:
    """Returns as soon as the run's log has reached a step."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(entry.step >= step for entry in read_log(out / "log.jsonl")):
            return
        assert process.is_alive()
        time.sleep(0.01)
    pytest.fail("the run did not get there")


def result(run: Path) -> tuple[bytes, list[Entry]]:
    return (run / "bundle" / "weights.safetensors").read_bytes(), story(run)


@pytest.fixture(scope="module")
def unbroken(phantom_cohort: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "run"
    assert run_here(*words(phantom_cohort, recipe, out)).returncode == 0
    return out


def test_killed_twice_and_resumed_equals_the_unbroken_run(
    phantom_cohort: Path, recipe: Path, unbroken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for step in (6, 13):
        with started(*words(phantom_cohort, recipe, out, "--resume")) as process:
            wait_for_step(process, out, step)
        assert process.exitcode == -signal.SIGKILL
    assert run_here(*words(phantom_cohort, recipe, out, "--resume")).returncode == 0
    assert result(out) == result(unbroken)
    assert not [path for path in out.rglob("*") if "voxlate-tmp" in path.name]


def test_sigterm_ends_with_the_documented_code(phantom_cohort: Path, recipe: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "run", tmp_path / "told.txt"
    with started(*words(phantom_cohort, recipe, out), told=told) as process:
        wait_for_step(process, out, 3)
        process.terminate()
        process.join(60)
        assert process.exitcode == 130
    assert "--resume" in told.read_text()


def test_loader_processes_change_nothing(phantom_cohort: Path, recipe: Path, unbroken: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert run_here(*words(phantom_cohort, recipe, out, "--set", "training.workers=2")).returncode == 0
    assert result(out) == result(unbroken)


def test_a_second_writer_is_told_who_holds_the_run(phantom_cohort: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    with hold(out, what="training"):
        refused = run_here(*words(phantom_cohort, recipe, out))
    assert refused.returncode == 2
    assert str(os.getpid()) in refused.stderr


def test_another_recipe_cannot_resume_a_run(phantom_cohort: Path, recipe: Path, unbroken: Path) -> None:
    changed = ("--resume", "--set", "training.learning_rate=0.5")
    finished = run_here(*words(phantom_cohort, recipe, unbroken, *changed))
    assert finished.returncode == 2
    assert "training.learning_rate" in finished.stderr.replace("\n", "")
    assert json.loads((unbroken / "bundle" / "manifest.json").read_text())["format"] == 1
