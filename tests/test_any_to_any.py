"""A model of several targets from end to end: cases with gaps, any sources, any target, the matrix of its errors."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import voxlate
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.config.recipe import Recipe
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, UsageError
from voxlate.inference.model import Model, load_model
from voxlate.io import read_provenance, read_volume, write_volume
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.training.loop.batches import training_samples
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.volume import Volume

SMALL = {
    "source": ["t1", "t2", "flair"],
    "window.neighbours": 0,
    "method.network": {"name": "unet", "channels": [8, 16], "normalise": "instance"},
    "training.epochs": None,
    "training.steps": 8,
    "training.batch_size": 2,
    "training.validate_every": 8,
    "training.checkpoint_every": 4,
    "training.precision": "fp32",
    "training.warmup_steps": 0,
}
GONE = {"Phantom-00001-000": ("t2f",), "Phantom-00002-000": ("t1n", "t1c"), "Phantom-00003-000": ("t2w",)}


@pytest.fixture(scope="module")
def gappy(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six phantoms, three of which lack contrasts."""
    root = tmp_path_factory.mktemp("gappy") / "cohort"
    shutil.copytree(phantom_cohort, root)
    for case, names in GONE.items():
        for name in names:
            for path in (root / case).glob(f"*{name}.*"):
                path.unlink()
    return root


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return resolve_recipe("any-to-any", overrides=SMALL)


@pytest.fixture(scope="module")
def run(gappy: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_run(gappy, recipe, tmp_path_factory.mktemp("any") / "run").folder


@pytest.fixture(scope="module")
def model(run: Path) -> Model:
    return load_model(run)


def scan(root: Path, case: str, name: str) -> Path:
    return root / case / f"{case}-{name}.nii.gz"


def test_cases_with_gaps_are_used_with_what_they_have(run: Path, gappy: Path) -> None:
    bundle = read_bundle(run)
    assert bundle.plan.targets == ("t1", "t2", "flair")
    with (run / "split.csv").open(newline="") as file:
        assert {row["case"] for row in csv.DictReader(file)} >= set(GONE)
    seen = json.loads((run / "bundle" / "manifest.json").read_text())["seen"]
    counts = {case: len(images) for part in seen.values() for case, images in part.items()}
    assert all(count == 3 - sum(name != "t1c" for name in GONE.get(case, ())) for case, count in counts.items())


def test_every_main_question_is_scored_beside_the_lookup(run: Path) -> None:
    scores = read_bundle(run).scores
    assert set(scores["questions"]) == set(scores["lookups"])
    assert {"t1>t2", "t2>flair", "t1+t2>flair"} <= set(scores["questions"])
    assert "T1 + T2 to FLAIR" in (run / "bundle" / "MODEL_CARD.md").read_text()


def test_model_takes_whatever_there_is_and_gives_what_is_asked(model: Model, gappy: Path) -> None:
    case = "Phantom-00004-000"
    first, second = (read_volume(scan(gappy, case, name)) for name in ("t1n", "t2w"))
    alone, both = (
        model.translate({"t1": first}, target="flair"),
        model.translate({"t1": first, "t2": second}, target="flair"),
    )
    assert alone.contrast is not None
    assert alone.contrast.name == "flair"
    assert alone.shape == first.shape
    assert both.provenance is not None
    assert [one.contrast for one in both.provenance.sources] == ["t1", "t2"]
    assert not np.array_equal(alone.array, both.array)
    given = model.translate({"t1": first, "t2": second, "flair": first}, target="flair")
    assert np.array_equal(given.array, both.array), "what is asked for is no source"
    told = replace(first, contrast=get_contrast("t1"))
    assert np.array_equal(model.translate(told, target="flair").array, alone.array), "the volume says that it is T1"
    with pytest.raises(UsageError, match="does not say what it shows"):
        model.translate(first, target="flair")


def test_target_that_is_missing_alone_need_not_be_named(model: Model, gappy: Path) -> None:
    volumes = {name: read_volume(scan(gappy, "Phantom-00004-000", end)) for name, end in (("t1", "t1n"), ("t2", "t2w"))}
    translated = model.translate(volumes)
    assert translated.contrast is not None
    assert translated.contrast.name == "flair"


def test_several_possible_targets_are_named_in_the_refusal(model: Model, gappy: Path) -> None:
    volume = read_volume(scan(gappy, "Phantom-00004-000", "t1n"))
    with pytest.raises(UsageError, match=r"one of t2, flair.*--target t2"):
        model.translate({"t1": volume})
    with pytest.raises(UsageError, match=r"t2, flair.*'pd'"):
        model.translate({"t1": volume}, target="pd")


def test_file_says_by_its_name_or_by_as_what_it_shows(run: Path, gappy: Path, tmp_path: Path) -> None:
    source = scan(gappy, "Phantom-00004-000", "t2w")
    [named] = voxlate.translate(run, source, target="t1", out=tmp_path / "a.nii.gz")
    assert named.sources == ("t2",)
    plain = tmp_path / "scan.nii.gz"
    shutil.copy(source, plain)
    with pytest.raises(UsageError, match="--as t1"):
        voxlate.translate(run, plain, target="t1", out=tmp_path / "b.nii.gz")
    [told] = voxlate.translate(run, plain, target="t1", shows="T2w", out=tmp_path / "b.nii.gz")
    assert told.sources == ("t2",)
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz").array, read_volume(tmp_path / "b.nii.gz").array)
    with pytest.raises(UsageError, match="one file for --as"):
        voxlate.translate(run, gappy, target="t1", shows="t2", out=tmp_path / "all")


def test_scans_on_grids_of_their_own_are_registered_first_and_the_result_has_the_first_ones(
    model: Model, gappy: Path, run: Path, tmp_path: Path
) -> None:
    case, folder = "Phantom-00004-000", tmp_path / "study" / "p1"
    folder.mkdir(parents=True)
    shutil.copy(scan(gappy, case, "t1n"), folder / "p1_T1.nii.gz")
    flair = read_volume(scan(gappy, case, "t2f"))
    part = np.ascontiguousarray(flair.array.transpose(2, 1, 0)[::-1, 2:-1])
    place = flair.affine @ np.array([[0, 0, 1.0, 0], [0, 1, 0, 2], [-1, 0, 0, len(part) - 1], [0, 0, 0, 1]])
    place[:3, 3] += (3.0, -2.0, 1.5)  # as if the patient had moved
    write_volume(Volume(part, place), folder / "p1_FLAIR.nii.gz")
    [outcome] = voxlate.translate(run, tmp_path / "study", target="t2", out=tmp_path / "out")
    assert outcome.path is not None
    told = read_provenance(outcome.path)
    assert told is not None
    assert read_volume(outcome.path).grid.matches(read_volume(folder / "p1_T1.nii.gz").grid)
    assert any(note.startswith("flair: rigid registration") for note in told.notes)
    options = {"accept": {"on_grids": "resample"}, "overwrite": True}
    [outcome] = voxlate.translate(run, tmp_path / "study", target="t2", out=tmp_path / "out", **options)
    told = read_provenance(tmp_path / "out" / "p1" / "p1_t2.nii.gz")
    assert told is not None
    assert not any("registration" in note for note in told.notes)


def test_gaps_of_a_cohort_are_filled_from_what_each_case_has(run: Path, gappy: Path, tmp_path: Path) -> None:
    outcomes = voxlate.translate(run, gappy, out=tmp_path / "filled")
    made = {(one.case, one.target): one for one in outcomes if one.status == "done"}
    assert set(made) == {("Phantom-00001-000", "flair"), ("Phantom-00002-000", "t1"), ("Phantom-00003-000", "t2")}
    assert made["Phantom-00001-000", "flair"].sources == ("t1", "t2")
    assert made["Phantom-00002-000", "t1"].sources == ("t2", "flair")
    told = read_provenance(tmp_path / "filled" / "Phantom-00002-000" / "Phantom-00002-000_t1.nii.gz")
    assert told is not None
    assert [one.contrast for one in told.sources] == ["t2", "flair"]
    again = voxlate.translate(run, gappy, out=tmp_path / "filled", target="t2")
    assert [(one.case, one.target) for one in again if one.status == "skipped"] == [("Phantom-00003-000", "t2")]
    assert {one.target for one in again} == {"t2"}


def test_matrix_of_errors_stands_beside_baselines_and_dedicated_models(
    run: Path, trained: Path, gappy: Path, tmp_path: Path
) -> None:
    result = voxlate.evaluate(run, gappy, out=tmp_path / "matrix", split="all", beside=[trained])
    methods = {(row[0], row[1]) for row in result.rows}
    assert {("T1 to T2", name) for name in ("identity", "lookup", "model", "dedicated")} <= methods
    assert ("T2 to T1", "dedicated") not in methods
    assert (tmp_path / "matrix" / "figures" / "matrix.png").is_file()
    with (tmp_path / "matrix" / "matrix.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not any(row["case"] == "Phantom-00001-000" and row["target"] == "flair" for row in rows)
    summary = json.loads((tmp_path / "matrix" / "summary.json").read_text())
    values = [
        float(row["value"])
        for row in rows
        if (row["sources"], row["target"], row["method"], row["metric"]) == ("t1", "t2", "lookup", "mae")
    ]
    assert summary["questions"]["t1>t2"]["lookup"] == pytest.approx(np.mean(values))
    with pytest.raises(UsageError, match="several targets"):
        voxlate.evaluate(trained, gappy, out=tmp_path / "other", beside=[run])


def test_batches_follow_from_seed_and_step_and_say_what_they_ask(run: Path, gappy: Path, recipe: Recipe) -> None:
    """So that a resumed run asks what the unbroken one would have asked."""
    plan = read_bundle(run).plan
    cases = {
        case.id: prepare_case(case, plan.of(case), contrasts=[name for name in recipe.source if name in case.paths])
        for case in index_cohort(gappy).cases[:3]
    }
    whole, again = (training_samples(_Kept(plan, cases), list(cases), recipe, divisor=2) for _ in range(2))
    asked = set()
    for step in range(12):
        batch = whole[step]
        assert torch.equal(batch.source, again[step].source)
        assert torch.equal(batch.target, again[step].target)
        images, there, wanted = batch.source.split(3, dim=1)
        assert not (wanted.amax((2, 3)) * there.amax((2, 3))).any(), "what is wanted is no source"
        assert (wanted.sum(1) == 1).all()
        assert not images[there == 0].any()
        asked |= {tuple(numbers) for numbers in batch.source[:, 3:, 0, 0].tolist()}
    assert len(asked) > 4


def test_cases_come_as_often_as_the_recipe_says(run: Path, gappy: Path, recipe: Recipe) -> None:
    plan = read_bundle(run).plan
    kept = {
        case.id: prepare_case(case, plan.of(case), contrasts=[name for name in recipe.source if name in case.paths])
        for case in index_cohort(gappy).cases[:3]
    }
    often = recipe.with_overrides({"training.repeat": {"*-00002-*": 4}})
    samples = training_samples(_Kept(plan, kept), list(kept), often, divisor=2)
    assert [samples.turns.count(case) for case in kept] == [1, 4, 1]
    assert training_samples(_Kept(plan, kept), list(kept), recipe, divisor=2).turns == tuple(kept)


@dataclass(frozen=True)
class _Kept:
    """Prepared cases in memory."""

    plan: Plan
    cases: Mapping[str, PreparedCase]

    def __getitem__(self, case_id: str) -> PreparedCase:
        return self.cases[case_id]


def test_target_option_makes_a_model_of_one_target_from_any_sources() -> None:
    one = resolve_recipe("any-to-any", overrides={**SMALL, "target": "flair"})
    assert (one.target, one.wanted) == ("flair", ("flair",))
    assert one.source == ("t1", "t2", "flair")


def test_contrast_that_no_case_has_is_refused(gappy: Path, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(CohortError, match="none with pd"):
        voxlate.train(gappy, recipe=recipe.with_overrides({"source": ["t1", "t2", "pd"]}), out=tmp_path / "run")


def test_recipe_of_one_target_is_written_as_ever() -> None:
    text = resolve_recipe("avula2020-t1-to-t2").to_yaml()
    assert "targets" not in text
