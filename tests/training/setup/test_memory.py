"""The window ``auto``: the forecast against steps that are really taken, the decision, and where it is kept."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.errors import StoppedError, TrainingError, UsageError
from voxlate.training.run import RunFolder, read_recipe
from voxlate.training.setup import memory
from voxlate.training.setup.begin import prepare, set_up
from voxlate.training.setup.memory import (
    ProbeAnswer,
    ProbeRequest,
    _decide_window,
    _largest_volume,
    _StepMemory,
    may_become,
)
from voxlate.training.setup.setup import Setup
from voxlate.training.studies.variants import Study, VariantRun, train_variants
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.windows import bounding_box

MIB = 2**20
STEP = _StepMemory(fixed_bytes=10 * MIB, voxel_bytes=1024)  # a cube of 32 voxels takes 32 MiB more
AUTO = WindowOptions(kind="auto", size=(32, 32, 32), overlap=0.25)
FIELDS: dict[str, Any] = {
    "window.kind": "auto",
    "window.size": [16, 16, 16],
    "window.overlap": 0.0,
    "method": {"name": "regression", "network": {"name": "unet", "channels": [4, 8]}},
    "loss": {"l1": 1.0},
    "training.epochs": None,
    "training.steps": 2,
    "training.batch_size": 1,
    "training.validate_every": 2,
    "training.checkpoint_every": 1,
    "training.figure_every": 2,
    "training.precision": "fp32",
}


@pytest.fixture(scope="module")
def cohort(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the phantoms."""
    folder = tmp_path_factory.mktemp("memory") / "cohort"
    for case in sorted(phantom_cohort.glob("Phantom-*"))[:3]:
        shutil.copytree(case, folder / case.name)
    return folder


@pytest.fixture(scope="module")
def setup(cohort: Path) -> Setup:
    return set_up(cohort, make(window__kind="patches"), run=None, report=lambda *_: None)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[ProbeRequest]:
    """What was asked of the measuring process, whose answer is the line ``STEP``."""
    requests: list[ProbeRequest] = []

    def answer(request: ProbeRequest) -> ProbeAnswer:
        requests.append(request)
        return ProbeAnswer(divisor=2, peaks=tuple((side**3, STEP.of(side**3)) for side in request.cubes))

    monkeypatch.setattr(memory, "_measure_step", answer)
    return requests


def make(**overrides: Any) -> Recipe:
    fields = {name.replace("__", "."): value for name, value in overrides.items()}
    return resolve_recipe("avula2020-t1-to-t2", overrides={**FIELDS, **fields})


def leave(monkeypatch: pytest.MonkeyPatch, mib: float) -> None:
    """Lets a step use so much memory."""
    monkeypatch.setattr(memory, "_available_bytes", lambda _: math.ceil(mib * MIB / memory._USABLE_SHARE))


def ask(setup: Setup, cubes: tuple[int, ...] = memory._CUBES, **overrides: Any) -> ProbeAnswer:
    request = ProbeRequest(recipe=make(**overrides), plan=setup.plan, fingerprint=setup.fingerprint, cubes=cubes)
    return memory._measure_step(request)


def test_the_line_through_two_cubes_tells_the_memory_of_a_third(setup: Setup) -> None:
    answer = ask(setup, (*memory._CUBES, 80), method__network={"name": "unet", "channels": [8, 16]})
    small, large, third = answer.peaks
    assert (small[0], large[0], third[0], answer.divisor) == (32**3, 64**3, 80**3, 2)
    assert third[1] > 100 * MIB
    assert _StepMemory.through(small, large).of(third[0]) == pytest.approx(third[1], rel=0.4)


def test_a_recipe_that_cannot_be_built_is_refused_in_its_own_words(setup: Setup) -> None:
    with pytest.raises(UsageError, match="neighbours 1 with kind 'auto'"):
        ask(setup, window__neighbours=1)


def test_a_measurement_that_dies_says_what_to_do(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(TrainingError, match=r"cubes of 32 and 64 voxels, got exit code 1\..*fewer channels"):
        ask(setup)
    dead = subprocess.CompletedProcess("", -9, stdout="", stderr="warning\nRuntimeError: can't allocate memory\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: dead)
    with pytest.raises(TrainingError, match="got RuntimeError: can't allocate memory"):
        ask(setup)


@pytest.mark.parametrize(
    ("usable_mib", "samples", "kind", "size", "needed_mib"),
    [
        (139, 1, "volume", None, 138),
        (139, 2, "patches", (32, 32, 32), 74),
        (137, 1, "patches", (32, 32, 32), 42),
        (41, 1, "patches", (16, 16, 16), 14),
    ],
)
def test_the_largest_window_that_fits_is_taken(
    usable_mib: int, samples: int, kind: str, size: tuple[int, ...] | None, needed_mib: int
) -> None:
    limits = {"samples": samples, "divisor": 8, "usable_bytes": usable_mib * MIB}
    found = _decide_window(AUTO, (64, 64, 32), step=STEP, **limits)
    assert found.window == WindowOptions(kind=kind, size=size, overlap=0.25)  # type: ignore[arg-type]
    assert (found.window_bytes, found.volume_bytes) == (needed_mib * MIB, (10 + samples * 128) * MIB)
    assert may_become(AUTO, found.window)


def test_patches_are_multiples_of_the_divisor_and_not_halved_without_end() -> None:
    asked = WindowOptions(kind="auto", size=(100, 40, 20))
    small = _decide_window(asked, (256, 256, 256), step=STEP, samples=1, divisor=16, usable_bytes=80 * MIB)
    assert small.window.size == (96, 32, 16)
    assert _decide_window(
        asked, (256, 256, 256), step=STEP, samples=1, divisor=16, usable_bytes=35 * MIB
    ).window.size == (48, 16, 16)
    with pytest.raises(TrainingError, match=r"16 x 16 x 16 voxels, 0.01 GiB, got 0.01 GiB.*training.batch_size"):
        _decide_window(asked, (256, 256, 256), step=STEP, samples=1, divisor=16, usable_bytes=12 * MIB)
    without = WindowOptions(kind="auto")
    found = _decide_window(without, (256, 256, 256), step=STEP, samples=1, divisor=16, usable_bytes=300 * MIB)
    assert found.window.size == memory._PATCH


def test_what_a_window_may_become() -> None:
    volume = WindowOptions(kind="volume", overlap=0.25)
    assert may_become(volume, volume)
    assert not may_become(volume, AUTO)
    assert not may_become(AUTO, WindowOptions(kind="volume", overlap=0.5))
    assert not may_become(AUTO, WindowOptions(kind="slices", overlap=0.25))


def test_the_largest_volume_is_that_of_the_prepared_foregrounds(setup: Setup, tmp_path: Path) -> None:
    cases = setup.cases("train")
    store = prepare(setup, cases, tmp_path, report=lambda *_: None)
    boxes = [bounding_box(store[case.id].mask) for case in cases]
    largest = tuple(max(box.size[axis] for box in boxes if box) for axis in range(3))
    assert _largest_volume(setup.fingerprint, setup.plan) == largest
    double = setup.plan.model_copy(update={"spacing_mm": tuple(2 * mm for mm in setup.fingerprint.spacing_mm)})
    assert _largest_volume(setup.fingerprint, double) == tuple(round(n / 2) + 1 for n in largest)
    unknown = setup.fingerprint.model_copy(update={"foreground_mm": None})
    assert _largest_volume(unknown, setup.plan) == unknown.shape, "as large as the whole grid, to be safe"


def test_free_memory_is_that_of_the_tightest_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert 0 < memory._available_bytes(cpu) < 2**50
    monkeypatch.setattr(memory, "_left_in_groups", lambda: [7 * MIB, 5 * MIB])
    assert memory._available_bytes(cpu) == 5 * MIB


class StopAfterOne:
    """Stops a run as Ctrl-C does, after its first step."""

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        raise StoppedError("a whole run", came="a stop", remedy=f"Go on from {step}, {fraction}, {logs}.")

    def validated(self, step: int, validation: Any) -> None:
        raise AssertionError(step, validation)


def test_a_run_keeps_its_decision_and_its_recipe(
    cohort: Path, tmp_path: Path, measured: list[ProbeRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 20)
    run = RunFolder(tmp_path / "run")
    with pytest.raises(StoppedError):
        train_run(cohort, make(), run.folder, observers=(StopAfterOne(),))
    leave(monkeypatch, 1000)
    train_run(cohort, make(), run.folder, resume=True)
    assert len(measured) == 1, "a resumed run does not decide anew"
    assert read_recipe(run) == make()
    window = WindowOptions(kind="patches", size=(16, 16, 16), overlap=0.0)
    recipe = read_bundle(run.folder).recipe
    assert recipe.model_copy(update={"name": make().name, "after": ""}) == make().model_copy(update={"window": window})
    assert "regression, patches" in (run.bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert VariantRun("a", 0, run.folder, make()).finished
    assert VariantRun("a", 0, run.folder, recipe).finished
    assert not VariantRun("a", 0, run.folder, make(window__overlap=0.5)).finished
    assert not VariantRun("a", 0, run.folder, make(training__steps=3)).finished
    with pytest.raises(UsageError, match="another window"):
        train_run(cohort, make(window__kind="patches"), run.folder, resume=True)


def test_the_seeds_of_a_variant_share_one_decision(
    cohort: Path, tmp_path: Path, measured: list[ProbeRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(monkeypatch, 1000)
    study = Study({"a": make(training__steps=1)}, seeds=(0, 1))
    runs = train_variants(cohort, replace(study, seeds=(0,)), tmp_path)
    leave(monkeypatch, 20)
    runs = train_variants(cohort, study, tmp_path)
    assert [read_bundle(run.folder).recipe.window.kind for run in runs] == ["volume", "volume"]
    assert all(run.finished for run in runs)
    assert len(measured) == 1


def test_a_dry_run_shows_the_decision_and_its_numbers(
    cohort: Path, measured: list[ProbeRequest], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="voxlate")
    leave(monkeypatch, 2048)
    rows = dict(voxlate.forecast(cohort, recipe=make()).rows())
    assert rows["window"].startswith("whole volume, ")
    assert rows["window"].endswith(": 0.0 of 2.0 GiB")
    assert f"window: {rows['window']}" in caplog.messages
    leave(monkeypatch, 20)
    words = dict(voxlate.forecast(cohort, recipe=make()).rows())["window"]
    assert words.startswith("patches, 16 x 16 x 16: 0.0 of 0.0 GiB; the whole volume, ")
    leave(monkeypatch, 2)
    with pytest.raises(TrainingError, match="patches of 16 x 16 x 16 voxels"):
        voxlate.forecast(cohort, recipe=make())
    assert [request.recipe.window.kind for request in measured] == ["auto"] * 3
    assert "window" not in dict(voxlate.forecast(cohort, recipe=make(window__kind="patches")).rows())
