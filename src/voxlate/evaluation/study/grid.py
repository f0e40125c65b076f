"""The experiment grid: what every setting reached in training and validation, epoch by epoch.

They are read from the logs of the trials' runs. Validations of a segmentation score whole cases of both kinds, and a
setting that finds nothing can have a high accuracy, which is said in words. Those of images score validation cases;
their training loss is the mean over the steps since the validation before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.config.recipe import Recipe
from voxlate.evaluation.scores import gain
from voxlate.evaluation.words import field_title, number
from voxlate.io.atomic import write_rows
from voxlate.training.loop.journal import read_log
from voxlate.training.loop.validation import TRAIN_PREFIX, validation_metric
from voxlate.training.tuning.results import Searched
from voxlate.training.tuning.trials import Trial

_OF_LABELS = ("loss", "accuracy", "precision", "recall", "f1")
_OF_IMAGES = ("loss", "mae", "psnr", "ssim")
_HIGH_ACCURACY = 0.9
Metrics = Mapping[str, float]


@dataclass(frozen=True)
class Setting:
    """A trial of the grid.

    Attributes:
        name: Its values in short: ``focal, flair``.
        epochs: Of each validation.
        metrics: Of each validation: those of ``columns``, and what is known of training cases behind ``train_``.
        best: Which validation chose the weights.
    """

    name: str
    epochs: tuple[float, ...]
    metrics: tuple[Metrics, ...]
    best: int

    @property
    def columns(self) -> tuple[str, ...]:
        """The metrics of the grid: of label maps, or of images."""
        return _OF_LABELS if "recall" in self.metrics[self.best] else _OF_IMAGES

    @property
    def found_nothing(self) -> bool:
        """Whether the chosen weights call nearly every voxel right and find no labelled one."""
        chosen = self.metrics[self.best]
        return chosen.get("recall") == 0 and chosen["accuracy"] > _HIGH_ACCURACY


def columns_known(settings: Sequence[Setting], prefix: str) -> list[str]:
    """The metrics that some validation of the settings has, of validation cases or, behind ``train_``, of training."""
    columns = settings[0].columns if settings else ()
    known = [metrics for setting in settings for metrics in setting.metrics]
    return [name for name in columns if any(not math.isnan(one.get(prefix + name, math.nan)) for one in known)]


def read_settings(searched: Searched, folder: Path) -> list[Setting]:
    """The complete trials of this folder's worker, from the logs of their runs, in the order of the grid's values."""
    space = searched.recipe.search.space

    def place(trial: Trial) -> list[int]:
        return [(range_.values or ()).index(trial.values[field]) for field, range_ in space.items()]

    found = (_read(searched, trial, folder) for trial in sorted(searched.complete, key=place))
    return [setting for setting in found if setting is not None]


def varied_fields(searched: Searched) -> str:
    """What the settings differ in, in the order of their names: ``loss, learning rate``."""
    return ", ".join(map(field_title, searched.recipe.search.space))


def write_settings(settings: Sequence[Setting], folder: Path) -> None:
    """Writes ``grid_training.csv`` and ``grid_validation.csv``, with all digits, a line per validation."""
    for name, prefix in (("training", TRAIN_PREFIX), ("validation", "")):
        columns = columns_known(settings, prefix)
        rows: list[tuple[object, ...]] = [("setting", "epoch", "best", "final", *columns)]
        for setting in settings:
            for place, (epoch, metrics) in enumerate(zip(setting.epochs, setting.metrics, strict=True)):
                marks = (int(place == setting.best), int(place == len(setting.epochs) - 1))
                values = [metrics.get(prefix + metric, math.nan) for metric in columns]
                told = ["" if math.isnan(value) else repr(value) for value in values]
                rows.append((setting.name, f"{epoch:g}", *marks, *told))
        write_rows(folder / f"grid_{name}.csv", rows)


def say_nothing_found(settings: Sequence[Setting]) -> str:
    """How many settings found nothing although their accuracy is high; empty if none."""
    silent = [setting for setting in settings if setting.found_nothing]
    if not silent:
        return ""
    lowest = min(setting.metrics[setting.best]["accuracy"] for setting in silent)
    return (
        f"{len(silent)} of {len(settings)} settings found nothing that is labelled, although their accuracy is "
        f"{number(lowest, metric='accuracy')} or more: it counts the background, which is nearly everything."
    )


def _read(searched: Searched, trial: Trial, folder: Path) -> Setting | None:
    recipe = searched.recipe.with_overrides(dict(trial.values))
    found: list[Metrics] = []
    epochs: list[float] = []
    losses: list[float] = []  # since the validation before
    for row in read_log(folder / trial.run / "log.jsonl"):
        if row.validation is None:
            # With its opponent's it would say nothing.
            losses.append(row.numbers.get("generator", row.numbers.get("loss", math.nan)))
            continue
        trained = {TRAIN_PREFIX + "loss": sum(losses) / len(losses)} if losses else {}
        found.append({**trained, **row.validation})
        epochs.append(row.step / recipe.training.steps_per_epoch)
        losses = []
    if not found:  # another worker's, in a folder of its own
        return None
    name = ", ".join(str(value) for value in trial.values.values())
    return Setting(name, tuple(epochs), tuple(found), _best(found, recipe))


def _best(found: Sequence[Metrics], recipe: Recipe) -> int:
    monitor = recipe.training.monitor
    sign = gain(validation_metric(monitor).better)
    values = [sign * metrics.get(monitor, math.nan) for metrics in found]
    known = [value for value in values if not math.isnan(value)]
    return values.index(max(known)) if known else len(values) - 1
