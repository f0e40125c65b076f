from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import uvicorn

import voxlate
from voxlate.web.application import build_application
from voxlate.web.service import Service
from voxlate.web.settings import Settings

TOKEN = "a-token-of-the-tests-000"  # noqa: S105
BEARER = {"authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Served:
    """A server in this process, its client with the token, and its folder."""

    client: httpx.Client
    service: Service
    folder: Path

    def upload(self, *files: tuple[str, bytes]) -> dict[str, object]:
        """What is recognised of files."""
        upload = self.client.post("/api/v1/uploads").json()["id"]
        for name, content in files:
            put = self.client.put(
                f"/api/v1/uploads/{upload}/files", content=content, headers={"x-file-name": quote(name)}
            )
            assert put.status_code == 204, put.text
        answer = self.client.post(f"/api/v1/uploads/{upload}/finish")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@contextmanager
def serving(settings: Settings) -> Iterator[Served]:
    """A server in a thread of this process."""
    service = Service(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(build_application(service), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, headers=BEARER, timeout=120, trust_env=False) as client:
            yield Served(client, service, settings.folder)
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def gappy(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five cases: the first has all, two lack T2, one has a T2 of thick slices, the last has FLAIR alone."""
    folder = tmp_path_factory.mktemp("gappy") / "heads"
    for case, kept in zip(
        sorted(phantom_cohort.iterdir()), ("t1n t2w t2f", "t1n", "t1n t2f", "t1n", "t2f"), strict=False
    ):
        for name in kept.split():
            copied = folder / case.name / f"{case.name}-{name}.nii.gz"
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes((case / copied.name).read_bytes())
    thick = sorted(folder.iterdir())[3]
    scan = voxlate.read_volume(phantom_cohort / thick.name / f"{thick.name}-t2w.nii.gz")
    affine = scan.affine @ np.diag([1.0, 1.0, 4.0, 1.0])
    voxlate.write_volume(voxlate.Volume(scan.array[:, :, ::4], affine), thick / f"{thick.name}-t2w.nii.gz")
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, trained: Path, gappy: Path) -> Iterator[Served]:
    """A server that offers a model of a few steps and a data set with gaps, and takes little."""
    settings = Settings(
        tmp_path_factory.mktemp("served"),
        TOKEN,
        models=trained,
        data=(gappy,),
        upload_bytes=4 * 2**20,
        upload_files=20,
    )
    with serving(settings) as one:
        yield one
