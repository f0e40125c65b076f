"""Folds and their ensemble: who validates whom, what the members predict together, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import voxlate
from tests.training.test_segmentation import RECIPE
from voxlate.bundle import read_bundle
from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.splits import split_cohort
from voxlate.config import Recipe, SplitOptions, parse_recipe
from voxlate.ensemble import ENSEMBLE, read_members, read_model
from voxlate.errors import BundleError, CohortError, StoppedError, UsageError
from voxlate.inference.model import load_model
from voxlate.inference.predict import EnsemblePredictor, Predictor
from voxlate.io import read_provenance, read_volume
from voxlate.training.folds import train_folds


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds") / "cohort"
    voxlate.phantom(folder, cases=5, seed=3, size=32, contrasts=["t1c", "flair"])
    return folder


def make(**overrides: Any) -> Recipe:
    fields = {name.replace("__", "."): value for name, value in overrides.items()}
    return parse_recipe(RECIPE, where="test").with_overrides({"training.steps": 2, **fields})


@pytest.fixture(scope="module")
def ensemble(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voxlate.train(cohort, recipe=make(), out=tmp_path_factory.mktemp("ensemble") / "folds", folds=2)


def many(subjects: int) -> Cohort:
    cases = [
        Case(id=f"c{n}_{visit}", subject=f"c{n}", paths={}, attributes={"site": "ab"[n % 3 == 0]})
        for n in range(subjects)
        for visit in range(1 + n % 2)
    ]
    return Cohort(Path(), layout="folders", cases=tuple(cases))


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_every_development_subject_validates_once_and_the_test_stays(folds: int) -> None:
    cohort = many(23)
    splits = [
        split_cohort(cohort, SplitOptions(folds=folds, fold=fold, stratify=("site",)), seed=4) for fold in range(folds)
    ]
    tests = [{case for case, part in split.items() if part == "test"} for split in splits]
    assert all(test == tests[0] for test in tests)
    assert tests[0] == {
        case for case, part in split_cohort(cohort, SplitOptions(stratify=("site",)), seed=4).items() if part == "test"
    }
    validating = [case for split in splits for case, part in split.items() if part == "validation"]
    assert sorted(validating) == sorted(case.id for case in cohort.cases if case.id not in tests[0])
    for split in splits:
        parts = {}
        for case in cohort.cases:
            assert parts.setdefault(case.subject, split[case.id]) == split[case.id]
        of_b = [case for case in cohort.cases if split[case.id] == "validation" and case.attributes["site"] == "b"]
        assert of_b, "every fold has subjects of both sites"


def test_too_few_subjects_and_impossible_folds_are_refused() -> None:
    with pytest.raises(CohortError, match=r"at least 5 subjects.*got 3"):
        split_cohort(many(4), SplitOptions(folds=5, fractions=(0.5, 0.25, 0.25)), seed=0)
    with pytest.raises(UsageError, match="fold must be below folds"):
        make(plan__split={"folds": 2, "fold": 2})


def test_members_share_plan_and_classes_and_differ_in_weights(ensemble: Path) -> None:
    one, other = read_members(ensemble)
    assert one.plan == other.plan
    assert one.recipe.method == other.recipe.method
    assert any(not torch.equal(value, other.weights()[name]) for name, value in one.weights().items())
    assert one.seen == other.seen, "what one fold trains on chooses the weights of another"
    rows = (ensemble / "cross_validation.csv").read_text().splitlines()
    assert rows[0] == "fold,cases,metric,value"
    assert {row.split(",")[0] for row in rows[1:]} == {"0", "1"}


def test_probabilities_are_averaged_before_they_become_labels(ensemble: Path, cohort: Path) -> None:
    model, case = load_model(ensemble), index_cohort(cohort).cases[0]
    assert isinstance(model.predict, EnsemblePredictor)
    prepared = model.prepare(case)
    sources = [prepared.arrays[name] for name in ("t1c", "flair")]
    members = [member for member in model.predict.members if isinstance(member, Predictor)]
    probabilities = [member.stitched(sources, prepared.mask) for member in members]
    expected = members[0].decode(np.mean(probabilities, axis=0))
    assert np.array_equal(model.predict(sources, prepared.mask), expected)
    assert model.bundle.digest not in {member.digest for member in read_members(ensemble)}


def test_one_sure_member_outvotes_an_unsure_one(ensemble: Path) -> None:
    first = load_model(ensemble).predict.members[0]  # type: ignore[union-attr]

    class Told(Predictor):
        def stitched(self, sources: Any, mask: Any) -> Any:
            value = 0.95 if self.tile else 0.2
            return np.full((3, *mask.shape), value, dtype=np.float32)

    assert isinstance(first, Predictor)
    kept = {"translator": first.translator, "window": first.window, "divisor": 1, "device": first.device}
    told = EnsemblePredictor((Told(**kept, tile=(1, 1, 1)), Told(**kept)))
    mask = np.ones((2, 2, 2), dtype=bool)
    assert (told([], mask) > 0).all(), "the mean of 0.95 and 0.2 is above a half, where one of two votes is not"


def test_an_ensemble_is_used_like_a_run(ensemble: Path, cohort: Path, tmp_path: Path) -> None:
    outcomes = voxlate.translate(ensemble, cohort, out=tmp_path / "out")
    assert {outcome.status for outcome in outcomes} == {"done"}
    written = next((tmp_path / "out").glob("*/*_labels.nii.gz"))
    provenance = read_provenance(written)
    assert provenance is not None
    assert provenance.model is not None
    assert provenance.model.digest == read_model(ensemble).digest
    assert read_volume(written).array.dtype == np.uint8
    facts = voxlate.info(ensemble)
    assert len(facts["members"]) == 2
    cases = index_cohort(cohort).cases
    unseen = {case.id for case in load_model(ensemble).unseen(cases)}
    split = split_cohort(index_cohort(cohort), SplitOptions(), seed=0)
    assert unseen == {case for case, part in split.items() if part == "test"}


def test_a_damaged_or_foreign_member_is_refused(ensemble: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(ensemble, broken)
    shutil.rmtree(broken / "fold-1" / "bundle")
    with pytest.raises(BundleError, match="fold-1"):
        load_model(broken)
    other = tmp_path / "other"
    shutil.copytree(ensemble, other)
    told = json.loads((other / ENSEMBLE).read_text())
    told["members"]["fold-1"] = "0" * 64
    (other / ENSEMBLE).write_text(json.dumps(told))
    with pytest.raises(BundleError, match="expected the digest 000"):
        load_model(other)
    (other / ENSEMBLE).write_text(json.dumps({"format": 1, "members": {"../fold-0": "0"}}))
    with pytest.raises(BundleError, match="in the ensemble's folder"):
        load_model(other)
    (other / ENSEMBLE).write_text("{}")
    with pytest.raises(BundleError, match="format 1"):
        load_model(other)


def test_stopped_folds_go_on_where_they_were(ensemble: Path, cohort: Path, tmp_path: Path) -> None:
    class Stop:
        def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
            raise StoppedError("an unbroken run", came="a test", remedy="Go on.")

        def validated(self, step: int, validation: Any) -> None:
            pass

    with pytest.raises(StoppedError):
        train_folds(
            cohort, make(), tmp_path, folds=2, watch=lambda run, _: (Stop(),) if run.folder.name == "fold-1" else ()
        )
    assert not (tmp_path / ENSEMBLE).exists()
    first = read_bundle(tmp_path / "fold-0").digest
    with pytest.raises(UsageError, match="resume"):
        train_folds(cohort, make(), tmp_path, folds=2)
    train_folds(cohort, make(), tmp_path, folds=2, resume=True)
    members = read_members(tmp_path)
    assert members[0].digest == first
    for ours, theirs in zip(members, read_members(ensemble), strict=True):
        assert all(torch.equal(value, theirs.weights()[name]) for name, value in ours.weights().items())
