"""What is killed in mid-job: the worker, and the whole server; the job ends, and its output is whole and once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

import voxlate
from tests.web.conftest import BEARER, TOKEN, Served, serving
from voxlate.web.settings import Settings


def _until_held(served: httpx.Client, folder: Path, job: str) -> int:
    """Waits until a worker holds the job's folder, and tells its process id."""
    lock, end = folder / "jobs" / job / ".voxlate.lock", time.monotonic() + 120
    while True:
        assert time.monotonic() < end, served.get(f"/api/v1/jobs/{job}/files/log").text
        try:
            return int(json.loads(lock.read_text())["pid"])
        except (OSError, ValueError):
            time.sleep(0.01)


def test_a_job_outlives_its_worker_and_its_server(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    scan, folder = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz")), tmp_path / "served"
    words = ["serve", "--no-browser", "--port", "0", "--folder", folder, "--models", trained]
    server = subprocess.Popen(
        [sys.executable, "-m", "voxlate", *map(str, words)],
        stdout=subprocess.PIPE,
        env={**os.environ, "VOXLATE_TOKEN": TOKEN},
        text=True,
    )
    assert server.stdout is not None
    link = server.stdout.readline().strip()
    assert link.endswith(f"/?token={TOKEN}")
    with httpx.Client(base_url=link.partition("/?")[0], headers=BEARER, timeout=120, trust_env=False) as client:
        first = Served(client, None, folder)  # type: ignore[arg-type]  what runs in another process
        upload = first.upload(("a_t1n.nii.gz", scan.read_bytes()))
        model = next(one["model"] for one in upload["scans"][0]["choices"] if one["targets"] == ["t2"])
        order = {"upload": upload["id"], "scan": "1", "target": "t2", "model": model}
        job = client.post("/api/v1/jobs", json=order).json()["id"]
        worker = _until_held(client, folder, job)
        os.kill(worker, signal.SIGKILL)
        while (again := _until_held(client, folder, job)) == worker:
            time.sleep(0.01)
        server.kill()
        server.wait()
        server.stdout.close()
    with serving(Settings(folder, TOKEN, models=trained)) as second:
        events = second.client.get(f"/api/v1/jobs/{job}/events").text
        told = json.loads(events.split("data: ")[-1].splitlines()[0])
        assert told["state"] == "done", second.client.get(f"/api/v1/jobs/{job}/files/log").text
        assert told["attempts"] == 3
        assert not Path(f"/proc/{again}").exists()
        (outcome,) = voxlate.translate(trained, scan, out=tmp_path / "t2.nii.gz", shows="t1")
        image = second.client.get(f"/api/v1/jobs/{job}/files/image")
        assert image.content == outcome.path.read_bytes()
        out = second.service.runner.place(job) / "out"
        assert sorted(path.name for path in out.iterdir()) == ["t1_to_t2.json", "t1_to_t2.nii.gz", "t1_to_t2.png"]
