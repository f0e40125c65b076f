"""What every evaluation has in common: its answer, the folder that it works in, and the figures of a run's training."""

from __future__ import annotations

import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxlate.evaluation.words import number
from voxlate.metrics import CONTINUITY_METRICS, CT_METRICS, DOSE_METRICS, PATH_METRICS
from voxlate.metrics.hounsfield import TISSUES
from voxlate.regions import in_words
from voxlate.reporting.page.page import Illustration

SHOWN = ("mae", "psnr", "ssim")
_IN_TERMINAL = (*SHOWN, *CONTINUITY_METRICS, *CT_METRICS, *PATH_METRICS, *DOSE_METRICS)

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


def terminal_table(
    summary: Mapping[str, Any], *, brief: Container[str] = ()
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and rows of the summary for a terminal: the metrics of volumes, of tissues the MAE alone.

    Args:
        summary: As ``voxlate.evaluation.summarise`` gives it.
        brief: Other regions of which the MAE is enough.
    """
    rows: list[tuple[str, ...]] = []
    for row in summary["rows"]:
        region = row["region"]
        if row["metric"] in (("mae",) if region in TISSUES or region in brief else _IN_TERMINAL):
            low, high = row["interval"] or (None, None)
            interval = "" if low is None else f"{number(low)} to {number(high)}"
            mean = "" if row["mean"] is None else number(row["mean"])
            rows.append((in_words(region), row["title"], row["method"], mean, interval, row["unit"], str(row["n"])))
    return ("region", "metric", "method", "mean", "95 % interval", "unit", "n"), rows
