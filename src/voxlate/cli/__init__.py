"""The command line: parses, calls the verb of the same name, prints what it returns.

Exit codes: 0 done, 1 some cases failed (each named), 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from voxlate._version import __version__
from voxlate.cli import archive, bids, compare, data, evaluate, serve, train, translate
from voxlate.cli.encoding import say_anything
from voxlate.cli.options import LogToTerminal, app, errors
from voxlate.cli.plugins import offer_plugins
from voxlate.errors import StoppedError, VoxlateError
from voxlate.inference.runtimes.allocator import keep_freed_memory
from voxlate.interruption import ending_at_signals

_ORDER = ["demo", "phantom", "check", "recipes", "train", "tune", "ablate", "compare", "pairs"]
_ORDER += [
    "translate",
    "bids",
    "listen",
    "synthesize",
    "derive",
    "register",
    "deidentify",
    "redraw",
    "evaluate",
    "serve",
    "info",
]
# As a user comes to them, in --help and in the documentation.
app.registered_commands.sort(key=lambda command: _ORDER.index(getattr(command.callback, "__name__", "")))

offer_plugins(app)
_OF_THE_MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
"""What no code can mend: a full disk, a limit, no permission, a failing device."""

__all__ = ["app", "archive", "bids", "compare", "data", "evaluate", "main", "serve", "train", "translate"]


def _tell_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"voxlate {__version__}\n")
        raise typer.Exit


@app.callback()
def _voxlate(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """What stands before a command."""


_NEWS = (
    "voxlate.training.train",
    "voxlate.verbs.train",
    "voxlate.verbs.tune",
    "voxlate.verbs.single",
    "voxlate.verbs.network",
    "voxlate.workflows.node",
    "voxlate.evaluation.cases",
)


def main() -> None:
    """Entry point: turns errors into one line and an exit code."""
    # Threads that spin while they wait halve the speed of a busy machine, or worse; OpenMP reads this when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    say_anything(sys.stdout, sys.stderr)
    handlers = (LogToTerminal(),)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", handlers=handlers)
    for one in logging.getLogger().handlers:  # that of an earlier command in the same program stays
        if isinstance(one, LogToTerminal):
            one.warned.clear()
    # What is trained, how large it is, how much a discriminator sees, what a series shows: news, not a warning.
    for name in _NEWS:
        logging.getLogger(name).setLevel(logging.INFO)
    with ending_at_signals() as request:
        try:
            app(standalone_mode=True, prog_name="voxlate")
        except StoppedError as error:
            _end(str(error), error.exit_code, style="yellow")
        except VoxlateError as error:
            _end(str(error), error.exit_code, style="red")
        except (KeyboardInterrupt, SystemExit) as end:
            if isinstance(end, SystemExit) and not request.name:
                raise
            _end(f"interrupted by {request.name or 'Ctrl-C'}", StoppedError.exit_code, style="yellow")
        except OSError as error:
            if error.errno not in _OF_THE_MACHINE:
                raise
            from voxlate.io.atomic import write_error

            _end(str(write_error(Path(error.filename or "output"), error)), 1, style="red")


def _end(words: str, code: int, *, style: str) -> NoReturn:
    from voxlate.cli.output import say

    say(errors(), words, style=style)
    sys.exit(code)
