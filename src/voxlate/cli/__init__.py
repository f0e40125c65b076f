"""The command line: parses, calls the verb of the same name, prints what it returns.

Exit codes: 0 done, 1 some cases failed (each named), 2 wrong usage or input, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys

from voxlate.cli import compare, data, evaluate, train, translate
from voxlate.cli.options import app, errors
from voxlate.errors import StoppedError, VoxlateError

_ORDER = ["demo", "phantom", "check", "train", "tune", "ablate", "compare"]
_ORDER += ["translate", "synthesize", "evaluate", "info"]
# As a user comes to them, in --help and in the documentation.
app.registered_commands.sort(key=lambda command: _ORDER.index(getattr(command.callback, "__name__", "")))

__all__ = ["app", "compare", "data", "evaluate", "main", "train", "translate"]


def main() -> None:
    """Entry point: turns errors into one line and an exit code."""
    # Threads that spin while they wait halve the speed of a busy machine, or worse; OpenMP reads this when it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # What is trained, how large it is and how much of the image a discriminator sees is news, not a warning.
    for name in ("voxlate.training.train", "voxlate.verbs.train", "voxlate.verbs.tune", "voxlate.evaluation.cases"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        app(standalone_mode=True)
    except StoppedError as error:
        errors().print(str(error), markup=False, style="yellow")
        sys.exit(error.exit_code)
    except VoxlateError as error:
        errors().print(str(error), markup=False, style="red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        errors().print("interrupted", style="yellow")
        sys.exit(130)
