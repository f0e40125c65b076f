"""Jobs of a server whose computing is done on a Dask cluster: of two workers one is killed, and the other finishes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import voxlate
from tests.web.conftest import TOKEN, serving
from voxlate.io import file_digest
from voxlate.web.settings import Settings


def _until(what: Callable[[], object], *, seconds: float = 1200) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)


def _images(folder: Path) -> dict[str, str]:
    return {path.name: file_digest(path) for path in folder.rglob("*_t2.nii.gz")}


def test_of_two_workers_one_is_killed_and_the_other_finishes(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed", reason="no Dask: pip install 'voxlate[cluster]'")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    ) as cluster:
        first, second = (nanny.pid for nanny in cluster.workers.values())
        os.kill(first, signal.SIGSTOP)  # so that it holds cases when it is killed
        settings = Settings(
            tmp_path / "served", TOKEN, models=trained, data=(phantom_cohort,), cluster=cluster.scheduler_address
        )
        with serving(settings) as one:
            client = voxlate.Client(str(one.client.base_url), TOKEN)
            told = client.dataset(client.datasets()[0].id)
            model = next(choice.model for choice in told.choices if choice.model != "default")
            job = client.complete(told, target="t2", model=model, every=True)
            _until(lambda: all(worker.processing for worker in cluster.scheduler.workers.values()))
            os.kill(first, signal.SIGKILL)
            job = client.wait(job)
            assert [case.state for case in client.cases(job)] == ["done"] * 6
            assert first not in [nanny.pid for nanny in cluster.workers.values()]  # another stands in its place
            assert job.attempts == 1
            voxlate.translate(trained, phantom_cohort, out=tmp_path / "alone", target="t2", every=True)
            assert _images(one.service.runner.place(job.id) / "out") == _images(tmp_path / "alone")
        os.kill(second, 0)
