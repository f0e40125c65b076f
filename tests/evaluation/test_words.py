"""Words for every metric of the catalogues."""

from __future__ import annotations

import pytest

from voxlate.evaluation.words import better, meaning, metric_title, number
from voxlate.metrics import metrics_of

OF_LABELS = metrics_of("segmentation", "surface", "detection")


@pytest.mark.parametrize("name", OF_LABELS)
def test_metrics_of_segmentations_have_a_title_a_meaning_and_a_direction(name: str) -> None:
    assert metric_title(name) == OF_LABELS[name].title != name or name in {"accuracy", "precision", "recall"}
    assert meaning(name)
    assert better(name) == OF_LABELS[name].better


def test_metrics_of_segmentations_have_the_digits_they_deserve() -> None:
    assert number(0.87654, metric="dice") == "0.877"
    assert number(0.87654, metric="surface_dice") == "0.877"
    assert number(3.14159, metric="hd95") == "3.14"
    assert number(12.0, metric="detection_tp") == "12.0"
    assert metric_title("hd95", unit="mm") == "HD95 (mm)"


def test_names_of_a_validation_say_on_which_cases_and_for_which_class_they_are() -> None:
    assert metric_title("train_dice") == "Dice, training cases"
    assert metric_title("dice of tumour core") == "Dice of tumour core"
    assert metric_title("train_dice of tumour core") == "Dice of tumour core, training cases"
    assert metric_title("lesion_mae", unit="HU") == "MAE in labels (HU)"
    assert metric_title("train_loss") == "loss, training cases"
    assert number(0.87654, metric="train_dice of tumour core") == "0.877"
    assert better("train_dice of tumour core") == "higher"
    assert better("train_loss") == "lower"
