"""An observer that writes scalars for TensorBoard; needs the extra ``voxlate[tensorboard]``."""

from __future__ import annotations

from pathlib import Path

from voxlate.errors import UsageError
from voxlate.training.loop.validation import Validation


class TensorBoard:
    """Writes the training losses and validation metrics as event files.

    Raises:
        UsageError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError(
                "the package tensorboard",
                came="none",
                where="training.tensorboard",
                remedy="Run: pip install 'voxlate[tensorboard]'",
            ) from error
        self._writer = SummaryWriter(str(folder))

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """Writes each part of the loss."""
        for name, value in logs.items():
            self._writer.add_scalar(f"training/{name}", value, step)

    def validated(self, step: int, validation: Validation) -> None:
        """Writes each metric."""
        for name, value in validation.metrics.items():
            self._writer.add_scalar(f"validation/{name}", value, step)
        self._writer.flush()
