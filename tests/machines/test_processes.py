"""Two processes train as one would: the same curve, the same weights, the same after a kill."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch

import voxlate
from tests.program import copied
from tests.silence import Heard, allowed
from voxlate.config.recipe import Recipe
from voxlate.errors import StoppedError, UsageError, VoxlateError
from voxlate.methods.interface import Batch
from voxlate.training.loop import loop
from voxlate.training.loop.checkpoints import BEST, load_checkpoint
from voxlate.training.loop.journal import read_log
from voxlate.training.loop.state import RunState
from voxlate.verbs import resolve_recipe

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = {
    "training.steps": 6,
    "training.epochs": None,
    "training.batch_size": 4,
    "training.validate_every": 3,
    "training.checkpoint_every": 3,
    "training.figure_at": [],
    "training.precision": "fp32",
    "training.workers": 0,
    "window.size": [16, 16],
}
KINDS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "regression": ("t1-to-t2-fcn", {"method.network": {"name": "fcn", "widths": [4, 8], "normalise": "batch"}}),
    "adversarial": (
        "t2-to-flair-gan",
        {
            "method.network": {"name": "unet", "channels": [4, 8], "normalise": "batch"},
            "method.discriminator": {"name": "patchgan", "width": 4, "layers": 1},
        },
    ),
}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def by_two(work: Callable[[], object], *, folder: Path) -> list[int | None]:
    """Runs work in two processes as ``torchrun`` would start them, which write to a folder alone; their exit codes."""
    port = str(free_port())

    def started_as(rank: int) -> Callable[[], None]:
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}

        def program() -> None:
            heard = Heard([folder, *allowed()])
            heard.listen()
            with patch.dict(os.environ, {**place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}):
                work()
            assert heard.told == []

        return program

    with ExitStack() as stack:
        processes = [stack.enter_context(copied(started_as(rank))) for rank in (0, 1)]
        for process in processes:
            process.join(120)
        return [process.exitcode for process in processes]


def curve(run: Path) -> list[tuple[int, dict[str, float]]]:
    return [
        (entry.step, {k: v for k, v in {**entry.numbers, **(entry.validation or {})}.items() if not k.endswith("_s")})
        for entry in read_log(run / "log.jsonl")
    ]


def weights(run: Path) -> torch.Tensor:
    best = load_checkpoint(run / "checkpoints" / BEST)
    assert best is not None
    return torch.cat([value.flatten().double() for value in best["method"].values()])


def disturbed(number: signal.Signals, *, at: int, told: Path, train: Callable[[], object]) -> None:
    """Trains, and sends the second process a signal in a step; what the first refuses is written down."""
    take = loop.take_step

    def take_or_end(state: RunState, batch: Batch, job: loop.Job) -> dict[str, float]:
        if os.environ["RANK"] == "1" and state.progress.step == at:
            os.kill(os.getpid(), number)
        return take(state, batch, job)

    with patch.object(loop, "take_step", take_or_end):
        try:
            train()
        except VoxlateError as error:
            if os.environ["RANK"] == "0":
                told.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
            raise SystemExit(error.exit_code) from error


@pytest.mark.parametrize("kind", list(KINDS))
def test_two_processes_learn_what_one_learns(kind: str, phantom_cohort: Path, tmp_path: Path) -> None:
    name, changes = KINDS[kind]
    recipe = resolve_recipe(name, overrides={**TINY, **changes})
    one = voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "one")
    assert by_two(lambda: voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "two"), folder=tmp_path) == [0, 0]
    first, second = curve(one), curve(tmp_path / "two")
    assert [step for step, _ in second] == [step for step, _ in first]
    for (_, expected), (_, found) in zip(first, second, strict=True):
        assert found == pytest.approx(expected, rel=2e-4, abs=2e-5, nan_ok=True)
    torch.testing.assert_close(weights(tmp_path / "two"), weights(one), rtol=1e-3, atol=1e-4)
    if kind == "adversarial":
        _ends_and_goes_on(recipe, phantom_cohort, tmp_path, unbroken=second)


def _ends_and_goes_on(recipe: Recipe, data: Path, folder: Path, *, unbroken: list[Any]) -> None:
    """A signal to one process ends both, with the state saved; a death ends the other with a sentence."""
    told, out = folder / "told", folder / "ended"

    def train() -> Path:
        return voxlate.train(data, recipe=recipe, out=out, resume=True)

    codes = by_two(lambda: disturbed(signal.SIGTERM, at=1, told=told, train=train), folder=folder)
    assert codes == [StoppedError.exit_code] * 2, told.read_text()
    assert "The state of step 2 is saved" in told.read_text()
    codes = by_two(lambda: disturbed(signal.SIGKILL, at=4, told=told, train=train), folder=folder)
    assert codes == [1, -signal.SIGKILL]
    assert "expected all 2 processes of this training, got one that has ended" in told.read_text()
    assert "with --resume" in told.read_text()
    assert by_two(train, folder=folder) == [0, 0]
    assert curve(out) == unbroken, "as if nothing had ended it"


def test_what_processes_cannot_share_is_refused(phantom_cohort: Path, tmp_path: Path) -> None:
    launched = {"RANK": "0", "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    recipe = resolve_recipe("t1-to-t2-fcn", overrides=TINY)
    with patch.dict(os.environ, launched):
        with pytest.raises(UsageError, match="a batch that 3 processes share evenly"):
            voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "uneven")
        with pytest.raises(UsageError, match="one of several"):
            voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "folds", folds=2)
