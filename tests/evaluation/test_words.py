"""Words for every metric of the catalogues."""

from __future__ import annotations

import pytest

from voxlate.errors import counted, plural
from voxlate.evaluation.words import after_value, better, listed, meaning, metric_title, number, signed, with_minus
from voxlate.metrics import METRICS


@pytest.mark.parametrize("name", METRICS)
def test_metrics_have_a_title_a_meaning_and_a_direction(name: str) -> None:
    metric = METRICS[name]
    assert metric_title(name) == metric.title != name or name in {"accuracy", "precision", "recall", "sharpness"}
    assert meaning(name)
    assert better(name) == metric.better


@pytest.mark.parametrize("name", METRICS)
def test_metrics_have_the_digits_that_they_know(name: str) -> None:
    decimals = METRICS[name].decimals
    assert number(12.345678, metric=name) == ("12.3" if decimals is None else f"{12.345678:.{decimals}f}")
    assert number(12.345678, metric=f"lesion_{name}") == number(12.345678, metric=name)


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


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (0.123, ".2f", "+0.12"),
        (-0.126, ".2f", "\N{MINUS SIGN}0.13"),
        (0.004, ".2f", "0.00"),
        (-0.004, ".2f", "0.00"),
        (-0.0, ".3g", "0"),
        (0.00123, ".3g", "+0.00123"),
        (-1.5e-7, ".3g", "\N{MINUS SIGN}1.5e\N{MINUS SIGN}07"),
    ],
)
def test_differences_have_a_sign_unless_they_round_to_zero(value: float, digits: str, expected: str) -> None:
    assert signed(value, digits) == expected


def test_counts_agree_with_what_is_counted() -> None:
    assert [counted(n, "held-out case", spelled=True) for n in (0, 1, 2)] == [
        "0 held-out cases",
        "one held-out case",
        "2 held-out cases",
    ]
    assert counted(1, "seed") == "1 seed"
    assert [plural(n, "was", "were") for n in (0, 1, 2)] == ["were", "was", "were"]


def test_names_are_listed_as_in_a_sentence() -> None:
    assert listed(["identity"]) == "identity"
    assert listed(["identity", "lookup"]) == "identity and lookup"
    assert listed(["axial", "coronal", "sagittal"], "or") == "axial, coronal or sagittal"
    assert listed((3, 4)) == "3 and 4"


def test_units_and_minus_signs_stand_as_in_print() -> None:
    assert (after_value("HU"), after_value("1"), after_value("")) == (" HU", "", "")
    assert with_minus("-1 to 2") == "\N{MINUS SIGN}1 to 2"
