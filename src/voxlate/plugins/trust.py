"""Which plugins this user has named on this machine: by their file and its digest, in the user's own folder."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from voxlate.io.atomic import write_text

logger = logging.getLogger(__name__)


def _file() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "voxlate" / "plugins.json"


def _read() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(path: Path, digest: str) -> None:
    """Notes that the user has named a plugin; where that cannot be kept, it must be named each time."""
    known = _read()
    if known.get(str(path)) == digest:
        return
    try:
        _file().parent.mkdir(parents=True, exist_ok=True)
        write_text(_file(), json.dumps({**known, str(path): digest}, indent=1) + "\n")
    except Exception as error:  # noqa: BLE001  a full or read-only home does not keep anybody from working
        logger.info("the plugin must be named each time: %s", error)


def is_named(path: Path, digest: str) -> bool:
    """Whether this user has named this file as it is."""
    return _read().get(str(path)) == digest
