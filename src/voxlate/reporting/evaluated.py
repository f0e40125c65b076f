"""What every evaluation has in common: its answer, the folder that it works in, and the figures of a run's training."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voxlate.reporting.pages import Illustration

_OF_TRAINING = {
    "progression": ("The same slice over training time", "A validation case; the truth is at the end."),
    "curves": ("Training", "Losses of every step, and metrics of the validation cases."),
    "game": ("The adversarial game", "A discriminator in balance stays a little better than chance."),
}
_OF_LABELS = {
    "progression": ("What was found over training time", "One slice of a validation case; the image alone at the end."),
    "curves": (
        "Training and validation cases",
        "Both are scored alike, whole and without augmentation: what lies between the curves is learned by heart.",
    ),
}


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation found.

    Attributes:
        sentence: The answer in words.
        page: The report.
        fields: Column names of ``rows``.
        rows: Mean and interval per method, region and metric.
        failed: Cases that could not be scored, each with its reason.
    """

    sentence: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[tuple[str, str]]


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """A folder for the time of the block, without what a killed run left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def figures_of_training(path: Path, *, labels: bool = False) -> dict[str, Illustration]:
    """The strip, the curves and the adversarial game that a run has drawn, if a run is evaluated.

    Args:
        path: The run, or whatever else is evaluated.
        labels: Whether its target is a label map.
    """
    told = {**_OF_TRAINING, **_OF_LABELS} if labels else _OF_TRAINING
    files = {name: path / "figures" / f"{name}.png" for name in told}
    there = {name: file for name, file in files.items() if file.is_file()}
    return {name: Illustration(*told[name], file.read_bytes()) for name, file in there.items()}
