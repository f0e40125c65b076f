"""What every worker does: holds its folder, ends with its server, and leaves a result or a reason."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from voxlate.errors import LockedError, UsageError, VoxlateError
from voxlate.interruption import ending_at_signals
from voxlate.io.lock import hold
from voxlate.jobs.job import ORDER, PROGRESS, RESULT, read_json, write_json
from voxlate.jobs.runner import HELD
from voxlate.plainyaml import Json
from voxlate.progress import ProgressReport

logger = logging.getLogger(__name__)
_INTERRUPTED = 130


def carry_out(folder: Path, work: Callable[[Json, Path, ProgressReport], Json]) -> int:
    """Does the work of a job in its folder, and returns the exit code of the program.

    Args:
        folder: The job's.
        work: Called with the order, the folder and who is told how far it is; gives the result.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("voxlate").setLevel(logging.INFO)
    threading.Thread(target=_end_with_server, daemon=True).start()
    with ending_at_signals():
        try:
            with hold(folder, what="a job"):
                order = read_json(folder / ORDER)
                if order is None:
                    raise UsageError("an order", came="none", where=folder.name, remedy="Ask for the job again.")
                write_json(folder / RESULT, work(order, folder, _telling(folder / PROGRESS)))
        except LockedError:
            time.sleep(1)
            return HELD
        except VoxlateError as error:
            logger.exception("refused")
            came = error.came if error.came.endswith(".") else f"{error.came}."
            return _leave(folder, f"Expected {error.expected}, got {came} {error.remedy}")
        except KeyboardInterrupt:
            return _INTERRUPTED
        except Exception as error:
            logger.exception("failed unexpectedly")
            return _leave(folder, f"{type(error).__name__}: {error}")
    return 0


def _leave(folder: Path, reason: str) -> int:
    write_json(folder / RESULT, {"reason": reason})
    return 1


def _telling(path: Path) -> ProgressReport:
    def tell(stage: str, done: int, of: int) -> None:
        write_json(path, {"stage": stage, "done": done, "of": of})

    return tell


def _end_with_server() -> None:
    """Ends the process, like a kill, when the pipe from the server closes; not where there is a terminal instead."""
    if not sys.stdin.isatty():
        while os.read(sys.stdin.fileno(), 64):
            pass
        os._exit(1)
