"""Waits for what a worker does; the deadline is for a machine that is busy with other things."""

from __future__ import annotations

import time
from typing import Any

import httpx


def until_ended(client: httpx.Client, path: str) -> dict[str, Any]:
    """What the server says of a job when it neither waits nor runs any more."""
    end = time.monotonic() + 600
    while (told := dict(client.get(path).json()))["state"] in {"queued", "running"}:
        assert time.monotonic() < end, told
        time.sleep(0.1)
    return told
