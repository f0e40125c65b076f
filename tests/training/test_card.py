"""The card says nothing that is not so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.training.card import model_card

SCORES: dict[str, Any] = {
    "step": 7,
    "part": "validation",
    "cases": 2,
    "training_cases": 3,
    "metrics": {"mae": 0.1, "lesion_mae": 0.2},
}


@pytest.fixture(scope="module")
def bundle(trained: Path) -> Bundle:
    return read_bundle(trained)


def _card(bundle: Bundle, **fields: Any) -> str:
    recipe = bundle.recipe.with_overrides(fields)
    return model_card(recipe, bundle.fingerprint, SCORES)


def test_only_the_best_validation_chooses_weights(bundle: Bundle) -> None:
    assert "which chose these weights" in _card(bundle, **{"training.keep": "best"})
    last = _card(bundle, **{"training.keep": "last"})
    assert "On 2 held-out validation cases; step 7" in last
    assert "chose" not in last


def test_exemplars_are_chosen_by_no_validation(bundle: Bundle) -> None:
    assert "chose" not in _card(bundle, method={"name": "image_analogy"}, loss={})


def test_what_is_inside_labels_is_not_called_a_lesion(bundle: Bundle) -> None:
    """Labels may mark a heart."""
    card = _card(bundle)
    assert "| mae in labels | 0.2 |" in card
    assert "lesion_" not in card


def test_what_a_model_made_is_counted(bundle: Bundle) -> None:
    card = model_card(bundle.recipe, bundle.fingerprint, SCORES, imputed={"t1": 2})
    assert "A model made, and no scanner took, of the training cases: T1 of 2" in card
    assert "A model made" not in _card(bundle)


def test_what_targets_do_not_show_is_said(bundle: Bundle) -> None:
    hidden = {"cases": 2, "of": 5, "percent": 12.34}
    card = model_card(bundle.recipe, bundle.fingerprint, {**SCORES, "not_shown": hidden})
    said = "Neither learned nor scored: the T2 of 2 of 5 cases does not show all of the foreground (12 % of it"
    assert said in card
    assert "Neither learned" not in _card(bundle)
