"""Folds and their ensemble: who validates whom, what the members predict together, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydicom import dcmread

import voxlate
from tests.io.dicom.crafted import write_series
from tests.training.test_segmentation import RECIPE
from voxlate.bundle.bundle import read_bundle
from voxlate.bundle.ensemble import ENSEMBLE, read_members, read_model
from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.splits import split_cohort
from voxlate.config.plan import SplitOptions
from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.errors import BundleError, CohortError, StoppedError, UsageError
from voxlate.evaluation.segmentation.segmenters import load_segmenter
from voxlate.inference.model import load_model
from voxlate.inference.predict import Predictor, predictor
from voxlate.inference.stitching import EnsemblePredictor
from voxlate.io import read_provenance, read_volume
from voxlate.methods.build import build_learner
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.training.run import RunFolder
from voxlate.training.studies.folds import train_folds


@pytest.fixture(scope="module")
def cohort(drawn_once: Callable[..., Path]) -> Path:
    return drawn_once(cases=5, seed=3, size=32, contrasts=["t1c", "flair"])


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
    assert one.trained_on == other.trained_on == 2
    assert "Trained on: 2 cases" in (one.folder / "MODEL_CARD.md").read_text()
    assert read_model(ensemble).trained_on == 4, "each member has seen half of them"
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
    kept = {"translator": first.translator, "window": first.window, "device": first.device}
    told = EnsemblePredictor((Told(**kept, tile=(1, 1, 1)), Told(**kept)))
    mask = np.ones((2, 2, 2), dtype=bool)
    assert (told([], mask) > 0).all(), "the mean of 0.95 and 0.2 is above a half, where one of two votes is not"


@pytest.mark.parametrize(
    "window",
    [
        {"kind": "slices"},
        {"kind": "slices", "mirror": True},
        {"kind": "slices", "axis": [2, 0, 1]},
        {"kind": "slices", "axis": [2, 0], "combine": "weights"},
    ],
    ids=["slices", "mirrored", "views", "weighed views"],
)
def test_an_ensemble_of_images_is_the_mean_of_its_members(cohort: Path, window: dict[str, Any]) -> None:
    method = {"name": "regression", "network": {"name": "unet", "channels": [2, 4]}}
    recipe = parse_recipe(
        {**RECIPE, "target": "flair", "source": ["t1c"], "window": window, "method": method, "loss": {"l1": 1.0}}
        | {"training": {"steps": 1}},
        where="a test",
    )
    case = index_cohort(cohort).cases[0]
    plan = make_plan(
        take_fingerprint([case], ("t1c", "flair"), options=recipe.plan), recipe.plan, source=("t1c",), target="flair"
    )
    members = []
    for seed in range(3):
        torch.manual_seed(seed)
        method = build_learner(recipe, plan)
        members.append(predictor(recipe, method.eval(), device=torch.device("cpu"), precision="fp32"))
    source = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    mask = np.zeros(source.shape, dtype=bool)
    mask[2:14, 3:13, 1:15] = True
    found = EnsemblePredictor(tuple(members))([source], mask)
    each = np.stack([member([source], mask).astype(np.float64) for member in members])
    assert np.allclose(found, each.mean(axis=0), atol=1e-6)
    assert each.std(axis=0).max() > 0.01, "members differ"
    mean, spread = EnsemblePredictor(tuple(members)).doubted([source], mask)
    assert np.array_equal(mean, found[0])
    assert spread is not None
    assert np.allclose(spread, each.std(axis=0)[0], atol=1e-4)
    assert members[0].doubted([source], mask)[1] is None


def test_a_study_is_answered_by_a_segmentation_and_how_much_the_members_differ(
    ensemble: Path, cohort: Path, tmp_path: Path
) -> None:
    for number, (name, words) in enumerate({"t1c": "t1_post", "flair": "t2_flair"}.items()):
        volume = read_volume(index_cohort(cohort).cases[0].paths[name])
        uid = f"1.2.3.4.{number}"
        series = np.rint(volume.array), volume.affine
        write_series(tmp_path / "s" / name, *series, SeriesDescription=words, SeriesInstanceUID=uid)
    [outcome] = voxlate.translate(ensemble, tmp_path / "s", out=tmp_path / "out", doubt=True, picture=True)
    assert outcome.path == tmp_path / "out" / "s_labels"
    seg, doubt = (dcmread(tmp_path / "out" / name / "IM0001.dcm") for name in ("s_labels", "s_labels_doubt"))
    told = read_provenance(outcome.path)
    assert told is not None
    assert [item.SegmentLabel for item in seg.SegmentSequence] == [told.labels[key] for key in sorted(told.labels)]
    assert (seg.Modality, seg.NumberOfFrames) == ("SEG", 32 * len(told.labels))
    values = np.frombuffer(doubt.FloatPixelData, "<f4")
    assert 0 < values.max() <= 0.5, "two members differ by a half at most"
    [again] = voxlate.translate(ensemble, tmp_path / "s", out=tmp_path / "out", doubt=True)
    assert again.status == "skipped"
    with pytest.raises(UsageError, match=r"one scan for --doubt, got a data set"):
        voxlate.translate(ensemble, cohort, out=tmp_path / "all", doubt=True)


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
    dice = [member.scores["metrics"]["dice"] for member in read_members(ensemble)]
    assert facts["scores"]["metrics"]["dice"] == pytest.approx(np.mean(dice))
    assert facts["scores"]["cases"] == 4, "every development case"
    assert load_segmenter(ensemble).sources == ("t1c", "flair")
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


def test_a_refused_command_leaves_the_ensemble_as_it_is(ensemble: Path, cohort: Path) -> None:
    digest = read_model(ensemble).digest
    for folds, resume, message in ((2, False, "--resume"), (3, True, "another plan")):
        with pytest.raises(UsageError, match=message):
            train_folds(cohort, make(), ensemble, folds=folds, resume=resume)
    with pytest.raises(UsageError, match=r"one of folds.*--folds"):
        voxlate.train(cohort, recipe=make(), out=ensemble, resume=True)
    assert read_model(ensemble).digest == digest
    with pytest.raises(UsageError, match="a folder for folds, got a run"):
        train_folds(cohort, make(), ensemble / "fold-0", folds=2)


def test_a_data_set_that_changed_between_folds_is_refused(ensemble: Path, cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(ensemble / "fold-0", tmp_path / "folds" / "fold-0")
    fewer = tmp_path / "cohort"
    shutil.copytree(cohort, fewer)
    shutil.rmtree(fewer / "Phantom-00001-000")
    with pytest.raises(CohortError, match="changed since the first fold"):
        train_folds(fewer, make(), tmp_path / "folds", folds=2, resume=True)
    assert not RunFolder(tmp_path / "folds" / "fold-1").log.exists()


def test_what_the_first_fold_left_open_is_the_same_in_all(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make(method__network__channels="auto", training__steps=1)
    base = iter((4, 8))
    monkeypatch.setattr("voxlate.training.setup.settling._levels_for", lambda *_args, **_kwargs: [next(base)] * 2)
    train_folds(cohort, recipe, tmp_path, folds=2)
    one, other = read_members(tmp_path)
    assert one.recipe.method.options["network"]["channels"] == other.recipe.method.options["network"]["channels"]


def test_a_dry_run_of_folds_forecasts_them_all(cohort: Path, ensemble: Path) -> None:
    one = voxlate.forecast(cohort, recipe=make())
    forecast = voxlate.forecast(cohort, recipe=make(), folds=2)
    rows = dict(forecast.rows())
    assert forecast.plan_yaml == (ensemble / "fold-0" / "plan.yaml").read_text()
    assert forecast.cases == (2, 2, 1)
    assert rows["folds"].startswith("2;")
    assert one.disk_bytes < forecast.disk_bytes < 2 * one.disk_bytes, "what is prepared is shared"
