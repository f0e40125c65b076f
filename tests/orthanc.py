"""A real archive for tests: Orthanc with its DICOMweb plugin, on free ports and in a folder of its own.

Debian: ``apt-get install orthanc orthanc-dicomweb``.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

USER, PASSWORD = "voxlate", "very-secret-words"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Orthanc:
    """A running archive: its ports, that of the node that it knows as VOXLATE, and its REST interface."""

    web: int
    dimse: int
    node: int

    @property
    def dicomweb(self) -> str:
        return f"dicomweb+http://127.0.0.1:{self.web}/dicom-web"

    @property
    def dicom(self) -> str:
        return f"dicom://ORTHANC@127.0.0.1:{self.dimse}"

    def ask(self, path: str, data: object = None, *, method: str = "GET") -> Any:
        """What the REST interface answers: JSON, or bytes."""
        body = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
        url = f"http://127.0.0.1:{self.web}{path}"
        request = urllib.request.Request(url, body, method="POST" if body is not None else method)
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            content = answer.read()
            return json.loads(content) if "json" in answer.headers["Content-Type"] else content

    def put(self, folder: Path) -> None:
        """Stores every file below a folder."""
        for path in sorted(folder.rglob("*.dcm")):
            self.ask("/instances", path.read_bytes())

    def find(self, **keys: str) -> list[str]:
        """Orthanc's own names of the series whose headers say this."""
        found: list[str] = self.ask("/tools/find", {"Level": "Series", "Query": keys})
        return found

    def files(self, series: str) -> list[Dataset]:
        """The files of a series, in order."""
        names = self.ask(f"/series/{series}")["Instances"]
        files = [dcmread(BytesIO(self.ask(f"/instances/{name}/file"))) for name in names]
        return sorted(files, key=lambda one: one.InstanceNumber)

    def empty(self) -> None:
        for name in self.ask("/patients"):
            self.ask(f"/patients/{name}", method="DELETE")


@contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """An archive as long as the block lasts; the test is skipped where Orthanc is not installed."""
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if program is None or not PLUGIN.is_file():
        pytest.skip("no Orthanc here: apt-get install orthanc orthanc-dicomweb")
    one = Orthanc(free_port(), free_port(), free_port())
    settings = {
        "StorageDirectory": str(folder), "Plugins": [str(PLUGIN)], "HttpPort": one.web, "DicomPort": one.dimse,
        "DicomAet": "ORTHANC", "AuthenticationEnabled": True, "RegisteredUsers": {USER: PASSWORD},
        "RemoteAccessAllowed": False, "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}, "HttpThreadsCount": 4,
        "DicomModalities": {"node": ["VOXLATE", "127.0.0.1", one.node]}, "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True, "DicomAlwaysAllowMove": True, "DicomAlwaysAllowStore": True,
        "SynchronousCMove": True, "StableAge": 1, "StorageCompression": False, "OverwriteInstances": False,
    }  # fmt: skip
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log, cwd=folder)
    try:
        _wait(one, process, folder)
        yield one
    finally:
        process.kill()
        process.wait()


def _wait(one: Orthanc, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            one.ask("/system")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"Orthanc does not start: {(folder / 'log').read_text()[-2000:]}")
