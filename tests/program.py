"""The program without its start: ``voxlate`` in this process, which spares a test the seconds of its imports."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def run_here(*words: object, cwd: Path | None = None) -> Ended:
    """Runs ``voxlate`` with these words, in a folder and on a terminal of 200 columns."""
    from voxlate.cli import main

    code, out, err = 0, io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd or Path.cwd()),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.dict(os.environ, COLUMNS="200"),
        patch.object(sys, "argv", ["voxlate", *map(str, words)]),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())
