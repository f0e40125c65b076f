"""Figures that a run drew while it trained, as an evaluation shows them again."""

from __future__ import annotations

from pathlib import Path

from voxlate.reporting.page.page import Illustration

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


def figures_of_training(path: Path, *, labels: bool = False) -> list[Illustration]:
    """The strip, the curves and the adversarial game that a run has drawn, if a run is evaluated.

    Args:
        path: The run, or whatever else is evaluated.
        labels: Whether its target is a label map.
    """
    told = {**_OF_TRAINING, **_OF_LABELS} if labels else _OF_TRAINING
    files = {name: path / "figures" / f"{name}.png" for name in told}
    return [Illustration(*told[name], path.read_bytes(), file=name) for name, path in files.items() if path.is_file()]
