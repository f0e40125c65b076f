"""Methods made of exemplars: chosen by rule, kept in the bundle, told where a case begins."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import voxlate
from tests.conftest import SMALL
from voxlate.errors import UsageError
from voxlate.inference.model import load_model
from voxlate.methods import METHODS
from voxlate.methods.exemplars import Exemplary
from voxlate.verbs import resolve_recipe


class MeanOfExemplars(Exemplary):
    """Predicts the mean of the exemplars' targets, plus the number of the sample within its case."""

    def begin_case(self) -> None:
        self.number = 0

    def predict(self, source: Tensor) -> Tensor:
        self.require_exemplars()
        self.number += 1
        return torch.full_like(source[:, :1], float(self.exemplar_target[self.exemplar_mask > 0].mean()))


def mean_of_exemplars(
    *, dims: int, source_channels: int, target_channels: int, loss: dict[str, float], data_range: float, count: int = 3
) -> MeanOfExemplars:
    """As the entries of the catalogue."""
    return MeanOfExemplars(wanted=count)


@pytest.fixture
def run(phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(METHODS, "mean_of_exemplars", mean_of_exemplars)
    overrides = {**SMALL, "method": {"name": "mean_of_exemplars", "count": 5}}
    overrides.pop("method.network.widths")
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    return voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")


def test_exemplars_are_spread_over_cases_and_slices_and_travel_in_the_bundle(run: Path, phantom_cohort: Path) -> None:
    model = load_model(run)
    method = model.predict.translator
    assert isinstance(method, MeanOfExemplars)
    assert len(method.exemplar_source) == len(method.exemplar_target) == len(method.exemplar_mask) == 5
    assert method.exemplar_source.shape == method.exemplar_target.shape
    areas = method.exemplar_mask.flatten(1).sum(1)
    assert (areas > 0).all()
    assert areas[2] > areas[0], "the middle of a head is larger than its ends"
    again = voxlate.train(phantom_cohort, recipe=resolve_recipe(run / "recipe.yaml"), out=run, resume=True)
    assert torch.equal(load_model(again).predict.translator.exemplar_source, method.exemplar_source)  # type: ignore[attr-defined]


def test_every_case_is_begun(run: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    outcomes = voxlate.translate(run, phantom_cohort, out=tmp_path / "out")
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert (run / "figures" / "step_000000000.png").is_file()


def test_without_exemplars_nothing_is_predicted() -> None:
    with pytest.raises(UsageError, match="exemplars"):
        MeanOfExemplars(wanted=1).predict(torch.zeros(1, 1, 4, 4))


def test_volumes_give_no_exemplars(phantom_cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "mean_of_exemplars", mean_of_exemplars)
    overrides = {**SMALL, "method": "mean_of_exemplars", "window": {"kind": "volume"}}
    overrides.pop("method.network.widths")
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    with pytest.raises(UsageError, match="slices"):
        voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
