"""The program without its start: ``voxlate`` in this process or a copy, which spares a test the seconds of imports."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
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


@contextlib.contextmanager
def copied(function: Callable[[], object]) -> Iterator[BaseProcess]:
    """A copy of this process that calls a function, on one thread; it is killed where the block ends.

    What is killed in a test, or disturbs another, needs no interpreter of its own with seconds of imports.
    """

    def alone() -> None:
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)  # others are not copied
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background has it ignored
        function()

    process = multiprocessing.get_context("fork").Process(target=alone)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def side_by_side(*functions: Callable[[], object]) -> None:
    """Calls functions in copies of this process at one time, each of which must come to its end."""
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(copied(function)) for function in functions]
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * len(functions)


def started(*words: object, told: Path = Path(os.devnull)) -> contextlib.AbstractContextManager[BaseProcess]:
    """``voxlate`` with these words as a program that can be killed, by ``copied``; what it prints is in ``told``."""

    def program() -> None:
        with told.open("wb") as file:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        sys.argv = ["voxlate", *map(str, words)]
        logging.getLogger().handlers.clear()  # those of the tests: it logs as the program does
        main()

    from voxlate.cli import main

    return copied(program)
