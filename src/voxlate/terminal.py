"""Progress on a terminal: one line per stage, and the training's loss beside its bar."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from voxlate.training.validation import Validation


class Terminal:
    """Shows stages and training steps; a context manager that leaves the terminal as it was."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._metrics = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def stage(self, name: str, done: int, of: int) -> None:
        """Shows that ``done`` of ``of`` pieces of a stage are finished."""
        self._progress.update(self._task(name), completed=done, total=max(of, 1))

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Shows the training's loss."""
        note = f"step {step}  loss {logs.get('loss', float('nan')):.4f}{self._metrics}"
        self._progress.update(self._task("train"), completed=fraction, total=1.0, note=note)

    def validated(self, step: int, validation: Validation) -> None:
        """Keeps the newest validation metrics for the next line."""
        mae = validation.metrics.get("mae")
        self._metrics = "" if mae is None else f"  validation MAE {mae:.4f} at {step}"

    def _task(self, name: str) -> TaskID:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, note="")
        return self._tasks[name]
