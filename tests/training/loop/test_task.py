"""The task metric: a segmentation of the target, applied to what is predicted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.conftest import SMALL
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.inference.model import Model, load_model
from voxlate.preprocess.prepare import prepare_case
from voxlate.training.loop.task import DownstreamTask
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe

SHORT = {**SMALL, "training.steps": 2}


@pytest.fixture(scope="module")
def segmenter(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model from T2 to labels that has hardly learned."""
    overrides = {**SHORT, "loss": {"l1": 1.0}, "plan.reference": "t2"}
    recipe = resolve_recipe("avula2020-t1-to-t2", source=["t2"], target="labels", overrides=overrides)
    return train_run(phantom_cohort, recipe, tmp_path_factory.mktemp("segmenter") / "run").folder


def brightest(model: Model) -> Model:
    """The model with a predictor that takes what is brighter than 0.5 for a lesion."""
    return replace(model, predict=lambda sources, _mask: (np.asarray(sources[0]) > 0.5)[None].astype(np.float32))  # type: ignore[arg-type]


def test_the_task_is_applied_to_prediction_and_truth(phantom_cohort: Path, segmenter: Path, trained: Path) -> None:
    plan = load_model(trained).bundle.plan
    case = prepare_case(index_cohort(phantom_cohort).cases[0], plan, contrasts=("t1", "t2", "labels"))
    mask, labels = np.asarray(case.mask[:]), np.asarray(case.arrays["labels"][:]) > 0
    task = DownstreamTask(brightest(load_model(segmenter)), plan)
    perfect = task.score(case, labels.astype(np.float32))
    assert perfect["task_dice"] == 1.0
    bright = (np.asarray(case.arrays["t2"][:]) > 0.5) & mask
    expected = 2 * (bright & labels & mask).sum() / (bright.sum() + (labels & mask).sum())
    assert perfect["task_dice_real"] == pytest.approx(expected)
    assert task.score(replace(case, arrays={"t2": case.arrays["t2"]}), labels.astype(np.float32)) == {}


def test_a_run_reports_the_task(phantom_cohort: Path, segmenter: Path, tmp_path: Path) -> None:
    overrides = {**SHORT, "search.task": str(segmenter), "training.monitor": "task_dice"}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    run = train_run(phantom_cohort, recipe, tmp_path / "run").folder
    metrics = json.loads((run / "bundle" / "scores.json").read_text())["metrics"]
    assert 0 <= metrics["task_dice"] <= 1
    assert 0 <= metrics["task_dice_real"] <= 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "t1"}, "the source t1"),
        ({"normalisers": "zscore"}, "the normalisation zscore"),
        ({"spacing_mm": (2.0, 2.0, 2.0)}, "the spacing 2.0, 2.0, 2.0"),
        ({"bias_correction": True}, "the bias correction True"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(
    segmenter: Path, trained: Path, change: dict[str, Any], words: str
) -> None:
    plan = load_model(trained).bundle.plan
    if "normalisers" in change:
        other = plan.normalisers["t2"].model_copy(update={"kind": change["normalisers"]})
        change = {"normalisers": {**plan.normalisers, "t2": other}}
    with pytest.raises(UsageError, match=words):
        DownstreamTask(load_model(segmenter), plan.model_copy(update=change))


def test_a_model_of_images_is_no_task(trained: Path) -> None:
    model = load_model(trained)
    plan = model.bundle.plan.model_copy(update={"source": ("t2",), "reference": "t2", "target": "t1"})
    with pytest.raises(UsageError, match="kind of target label"):
        DownstreamTask(model, plan)


def test_a_task_metric_needs_a_task(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SHORT, "training.monitor": "task_dice"})
    with pytest.raises(UsageError, match=r"search\.task"):
        voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
