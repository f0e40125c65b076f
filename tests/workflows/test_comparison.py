"""The three steps of a study: each can be lost and done again without training or predicting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import voxlate
from tests.conftest import SMALL
from tests.workflows.test_fidelity import contents
from voxlate.cohort import Case
from voxlate.config.recipe import Recipe
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.training.studies import variants
from voxlate.verbs import resolve_recipe
from voxlate.workflows import ablation, comparison

STEPS = {**SMALL, "training.steps": 2, "training.validate_every": 2, "training.figure_every": 2}
SEGMENTER: dict[str, Any] = {
    "window.kind": "patches",
    "window.size": [16, 16, 16],
    "method.network.channels": [4, 8],
    "method.classes": "regions",
    "training.epochs": None,
    "training.steps": 2,
    "training.validate_every": 2,
    "training.batch_size": 1,
    "training.precision": "fp32",
    "training.augmentation.elastic": 0,
}


def fcn() -> Recipe:
    return resolve_recipe("avula2020-t1-to-t2", overrides=STEPS)


def ablate(data: Path, out: Path) -> None:
    voxlate.ablate(data, recipe=fcn(), changes={"loss.ssim": 0}, seeds=1, out=out)


def compare(data: Path, out: Path) -> None:
    voxlate.compare(data, recipes=[fcn(), fcn().with_overrides({"name": "other", "loss.l1": 2.0})], out=out)


def segment(data: Path, out: Path) -> None:
    recipe = resolve_recipe("segment-default", source=["t1c"], overrides=SEGMENTER)
    voxlate.compare(data, recipes=[recipe, recipe.with_overrides({"name": "other", "training.seed": 5})], out=out)


STUDIES = {"ablation": ablate, "comparison": compare, "segmentations": segment}
Study = tuple[Callable[[Path, Path], None], Path]


@pytest.fixture(scope="module", params=STUDIES)
def studied(request: pytest.FixtureRequest, phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A finished study, and how it was made."""
    out = tmp_path_factory.mktemp(request.param) / "out"
    STUDIES[request.param](phantom_cohort, out)
    return STUDIES[request.param], out


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """No training and no prediction."""

    def work(*_: object, **__: object) -> None:
        pytest.fail("something was trained or predicted again")

    monkeypatch.setattr(ModelCandidate, "predict", work)
    monkeypatch.setattr(variants, "train_run", work)


@pytest.mark.usefixtures("idle")
def test_a_page_is_drawn_again_from_what_lies_on_disk(studied: Study, phantom_cohort: Path) -> None:
    run, out = studied
    before = contents(out)
    for path in (*(out / "figures").iterdir(), out / "report.html", out / "summary.json", out / "scores.csv"):
        path.unlink()
    run(phantom_cohort, out)
    assert contents(out) == before


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("step", ["write_summary", "publish"])
def test_a_study_killed_between_its_steps_goes_on(step: str, studied: Study, phantom_cohort: Path) -> None:
    run, out = studied
    before = contents(out)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (out / "report.html").unlink()
    with pytest.MonkeyPatch.context() as patch:
        for module in (ablation, comparison):
            patch.setattr(module, step, killed)
        with pytest.raises(KeyboardInterrupt):
            run(phantom_cohort, out)
    assert not (out / "report.html").exists()
    run(phantom_cohort, out)
    assert contents(out) == before


def test_a_study_killed_while_it_scores_keeps_the_cases_that_are_done(
    studied: Study, phantom_cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = studied
    before, predicted = contents(out), list[str]()
    predict = ModelCandidate.predict
    [kept] = next(path for path in out.glob("*/seed-*") if path.is_dir()).glob("held-out-*.csv")
    kept.unlink()
    for path in (kept.parent / "evidence").iterdir():
        path.unlink()

    def counted(self: ModelCandidate, case: Case) -> object:
        predicted.append(case.id)
        if len(predicted) == 2:
            raise KeyboardInterrupt
        return predict(self, case)

    monkeypatch.setattr(ModelCandidate, "predict", counted)
    with pytest.raises(KeyboardInterrupt):
        run(phantom_cohort, out)
    assert list((kept.parent / "evidence").glob("*.npz"))
    assert not kept.exists()
    run(phantom_cohort, out)
    first, *others = predicted
    assert first not in others[: len(others) - 1], "it is predicted once more at most, for its picture"
    assert contents(out) == before
