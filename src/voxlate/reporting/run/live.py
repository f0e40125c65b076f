"""How far a call has come, shown while it works to whoever calls it from Python: in a notebook, or on a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voxlate.training.loop.validation import Validation

_WIDTH = 24
_PAUSE_S = 0.2
"""Between two drawings of what only moved on."""


@dataclass
class _Stage:
    """How far one stage is, since when, and what is said beside it."""

    share: float = 0.0
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    note: str = ""

    def line(self, name: str) -> str:
        now = time.monotonic() if self.ended is None else self.ended
        bar = ("█" * round(_WIDTH * self.share)).ljust(_WIDTH, "░")
        elapsed = now - self.began
        left = f", {_clock(elapsed / self.share - elapsed)} left" if 0 < self.share < 1 else ""
        return f"{name:<12} {bar} {100 * self.share:>3.0f} %  {_clock(elapsed)}{left}  {self.note}".rstrip()


class Live:
    """Shows the stages of a call, one line each; called like a ``ProgressReport``, and an observer of training.

    Args:
        draw: Takes all lines as one text, and the line that has just changed.
    """

    def __init__(self, draw: Callable[[str, str], None]) -> None:
        self._draw = draw
        self._stages: dict[str, _Stage] = {}
        self._drawn = 0.0
        self._metrics = ""

    def __call__(self, name: str, done: int, of: int) -> None:
        """Shows that ``done`` of ``of`` pieces of a stage are finished."""
        self._move(name, done / max(of, 1), f"{done} of {of}")

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Shows the training's loss."""
        self._move("train", fraction, f"step {step}, loss {logs.get('loss', float('nan')):.4f}{self._metrics}")

    def validated(self, step: int, validation: Validation) -> None:
        """Keeps the newest validation metric for the next line."""
        titles = {"mae": "MAE", "dice": "Dice"}
        found = [f"{titles[name]} {validation.metrics[name]:.4f}" for name in titles if name in validation.metrics]
        self._metrics = f", validation {found[0]} at step {step}" if found else ""

    def _move(self, name: str, share: float, note: str) -> None:
        stage = self._stages.setdefault(name, _Stage())
        stage.share, stage.note = min(max(share, 0.0), 1.0), note
        ends = stage.share == 1 and stage.ended is None
        if stage.share == 1:
            stage.ended = stage.ended or time.monotonic()
        if ends or time.monotonic() - self._drawn > _PAUSE_S:
            self._drawn = time.monotonic()
            text = "\n".join(stage.line(name) for name, stage in self._stages.items())
            self._draw(text, stage.line(name) if ends else "")


def live(*, wanted: bool | None) -> Live | None:
    """What shows how far a call is; ``None`` for nothing.

    Args:
        wanted: Whether to show it; ``None``: in a notebook and on a terminal. Where there is neither, what is wanted
            comes as plain lines on standard error, one per finished stage.
    """
    if wanted is False:
        return None
    kernel = _notebook()
    if kernel is not None:
        return Live(_in_notebook(kernel))
    if sys.stderr.isatty():
        return Live(_on_terminal())
    return Live(_in_lines) if wanted else None


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _notebook() -> Any:  # noqa: ANN401  IPython need not be there
    """IPython's display module, where a notebook's kernel runs this."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return sys.modules.get("IPython.display") if shell is not None and hasattr(shell, "kernel") else None


def _in_notebook(display: Any) -> Callable[[str, str], None]:  # noqa: ANN401
    handle = display.DisplayHandle()
    begun: list[bool] = []

    def draw(text: str, _line: str) -> None:
        (handle.update if begun else handle.display)({"text/plain": text}, raw=True)
        begun.append(True)

    return draw


def _on_terminal() -> Callable[[str, str], None]:
    """The lines over the lines before."""
    height = 0

    def draw(text: str, _line: str) -> None:
        nonlocal height
        width, lines = shutil.get_terminal_size().columns - 1, text.split("\n")
        up = f"\x1b[{height}A" if height else ""
        height = len(lines)
        sys.stderr.write(up + "".join(f"\x1b[2K{line[:width]}\n" for line in lines))
        sys.stderr.flush()

    return draw


def _in_lines(_text: str, line: str) -> None:
    if line:
        sys.stderr.write(f"{line}\n")
