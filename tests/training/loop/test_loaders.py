"""Loader processes: what they make is what the training would have made, and their death ends nothing."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from voxlate.errors import ReadError, TrainingError
from voxlate.interruption import stop_requests
from voxlate.methods.interface import Batch
from voxlate.training.loop.loaders import loaded_ahead


def make(step: int) -> Batch:
    """A batch that its step decides; larger than what a socket holds."""
    values = torch.from_numpy(np.random.default_rng(step).normal(size=(2, 1, 64, 64)).astype(np.float32))
    return Batch(source=values, target=values + step, mask=torch.ones(2, 1, 64, 64), view=step % 3)


def is_of(batch: Batch, step: int) -> bool:
    """Whether a batch is that of a step."""
    wanted = make(step)
    same = torch.equal(batch.source, wanted.source) and torch.equal(batch.target, wanted.target)
    return same and (batch.labels, batch.view) == (None, step % 3)


@pytest.mark.parametrize("workers", [1, 3])
def test_the_batches_are_those_of_the_steps_in_order(workers: int) -> None:
    for step, batch in enumerate(islice(loaded_ahead(make, start=5, workers=workers), 7), start=5):
        assert is_of(batch, step)


def test_a_process_that_is_killed_is_replaced_and_no_batch_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def dying(step: int) -> Batch:
        place = tmp_path / str(step)
        if step == 3 and not place.exists():
            place.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return make(step)

    with caplog.at_level(logging.WARNING):
        for step, batch in enumerate(islice(loaded_ahead(dying, start=0, workers=2), 6)):
            assert is_of(batch, step)
    assert "was killed by SIGKILL" in caplog.text


def test_processes_that_always_die_end_the_run_with_a_sentence() -> None:
    def dying(step: int) -> Batch:
        os._exit(step + 7)

    with pytest.raises(TrainingError, match=r"training.workers.*exit code 7"):
        next(loaded_ahead(dying, start=0, workers=1))


def test_a_process_that_hangs_is_not_waited_for() -> None:
    def hanging(step: int) -> Batch:
        time.sleep(60)
        return make(step)

    with pytest.raises(TrainingError, match="no batch for a long time"):
        next(loaded_ahead(hanging, start=0, workers=1, silence_s=0.1))


def test_a_signal_ends_the_wait_for_a_process() -> None:
    def hanging(step: int) -> Batch:
        time.sleep(60)
        return make(step)

    with stop_requests() as request:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
        assert list(loaded_ahead(hanging, start=0, workers=2)) == []
    assert request.name == "SIGTERM"


def test_what_a_case_raises_is_raised_here() -> None:
    def refusing(step: int) -> Batch:
        raise ReadError("a case", came="none", where=step, remedy="Prepare it.")

    with pytest.raises(ReadError, match="0: expected a case, got none"):
        next(loaded_ahead(refusing, start=0, workers=1))


@pytest.mark.parametrize(("error", "said"), [(ValueError("odd"), "ValueError: odd"), (MemoryError(), "^$")])
def test_what_a_library_raises_there_is_told_here(error: Exception, said: str) -> None:
    def failing(step: int) -> Batch:
        raise error

    with pytest.raises((RuntimeError, MemoryError), match=said):
        next(loaded_ahead(failing, start=0, workers=1))
