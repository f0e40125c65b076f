"""The verbs end to end on the phantom: what they leave on disk, and that it is true."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import voxlate
from tests.conftest import SMALL
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import index_cohort
from voxlate.errors import CohortError, UsageError
from voxlate.io import read_volume
from voxlate.io.atomic import PREFIX
from voxlate.training.loop.journal import read_log
from voxlate.training.train import train_run
from voxlate.verbs import resolve_recipe
from voxlate.workflows.result import Result


@pytest.fixture(scope="module")
def evaluated(evaluated_run: Result) -> Path:
    return evaluated_run.page.parent


def scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "scores.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_holds_what_the_contract_says(trained: Path) -> None:
    for name in ("recipe.yaml", "plan.yaml", "split.csv", "log.jsonl", "checkpoints", "figures", "bundle"):
        assert (trained / name).exists(), name
    assert len(list((trained / "figures").glob("step_*.png"))) == 2
    assert (trained / "figures" / "progression.png").is_file()
    assert (trained / "figures" / "curves.png").is_file()
    log = read_log(trained / "log.jsonl")
    assert [entry.step for entry in log if "loss" in entry.numbers] == list(range(1, 13))
    assert [entry.step for entry in log if entry.validation] == [6, 12]


def test_an_evaluation_holds_what_the_contract_says(evaluated: Path) -> None:
    rows = scores(evaluated)
    assert set(rows[0]) == {"case", "region", "method", "metric", "value", "unit"}
    assert {row["method"] for row in rows} == {"identity", "lookup", "model"}
    assert {"foreground", "lesion"} <= {row["region"] for row in rows}
    assert {"mae", "mse", "rmse", "psnr", "ssim", "ncc"} <= {row["metric"] for row in rows}
    summary = json.loads((evaluated / "summary.json").read_text())
    assert summary["n_cases"] == 1
    page = (evaluated / "report.html").read_text()
    assert "not for diagnostic use" in page.lower()
    assert "http" not in page.replace("http-equiv", "")
    assert list((evaluated / "figures").glob("*.png"))


def test_only_unseen_cases_are_scored(evaluated: Path, trained: Path, phantom_cohort: Path) -> None:
    with (trained / "split.csv").open() as file:
        held_out = {row["case"] for row in csv.DictReader(file) if row["part"] == "test"}
    assert {row["case"] for row in scores(evaluated)} == held_out


def test_the_scores_are_those_of_the_files(
    evaluated: Path, trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    """Recomputed from the translated file, the truth and the bundle's plan with nothing but NumPy."""
    [case_id] = {row["case"] for row in scores(evaluated)}
    case = index_cohort(phantom_cohort).case(case_id)
    out = tmp_path / "t2.nii.gz"
    voxlate.translate(trained, case.paths["t1"], out=out)
    plan = read_bundle(trained).plan
    from voxlate.preprocess.prepare import prepare_case
    from voxlate.preprocess.resampling import resample

    prepared = prepare_case(case, plan, contrasts=("t1", "t2"))
    written, truth = read_volume(out), read_volume(case.paths["t2"])
    inside = resample(np.asarray(prepared.mask), prepared.grid, truth.grid, nearest=True).astype(bool)
    low, high = np.percentile(truth.array[inside], (0.5, 99.5))
    scaling = plan.normalisers["t2"].inverse
    error = (written.array - scaling.offset) / scaling.scale - (truth.array - low) / (high - low)
    expected = np.abs(error[inside].astype(np.float64)).mean()
    [found] = [
        float(row["value"])
        for row in scores(evaluated)
        if (row["region"], row["method"], row["metric"]) == ("foreground", "model", "mae")
    ]
    assert found == pytest.approx(expected, rel=1e-4)


def test_translated_images_score_as_the_model_does(
    evaluated: Path, trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    [case_id] = {row["case"] for row in scores(evaluated)}
    with (trained / "split.csv").open() as file:
        seen = next(row["case"] for row in csv.DictReader(file) if row["part"] == "train")
    data = tmp_path / "data"
    for case in (case_id, seen):
        shutil.copytree(phantom_cohort / case, data / case)
    voxlate.translate(trained, data, out=tmp_path / "translated")
    result = voxlate.evaluate(tmp_path / "translated", data, out=tmp_path / "evaluation", split="test")
    assert "2 translated, partly training cases" in result.sentence  # which the manifest of a translation tells
    assert "held-out" not in result.sentence
    keyed = [
        {
            (r["region"], r["metric"]): float(r["value"] or "nan")
            for r in rows
            if r["method"] == "model" and r["case"] == case_id
        }
        for rows in (scores(evaluated), scores(tmp_path / "evaluation"))
    ]
    assert keyed[0].keys() == keyed[1].keys()
    for key, value in keyed[0].items():
        assert keyed[1][key] == pytest.approx(value, rel=2e-3, nan_ok=True), key


def test_translated_images_of_cases_with_other_names_are_told_by_example(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    one = next(phantom_cohort.glob("Phantom-*"))
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for short, contrast in (("t1n", "T1"), ("t2w", "T2")):
            shutil.copy(one / f"{one.name}-{short}.nii.gz", tmp_path / "data" / name / f"{contrast}.nii.gz")
    made = tmp_path / "made"
    voxlate.translate(trained, tmp_path / "data", out=made, every=True)
    with pytest.raises(CohortError, match=r"6 cases, such as 'Phantom-00001-000', got none: .* 'a'"):
        voxlate.evaluate(made, phantom_cohort, out=tmp_path / "scores", split="all")


def test_a_text_is_one_item_of_a_list(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    assert resolve_recipe("avula2020-t1-to-t2", source="t1c+flair").source == ("t1c", "flair")
    assert resolve_recipe("avula2020-t1-to-t2", source="t2", target="t1").source == ("t2",)
    voxlate.phantom(tmp_path / "heads", cases=1, seed=1, size=16, contrasts="t1")
    assert len(list((tmp_path / "heads").rglob("*-t1n.nii.gz"))) == 1
    with pytest.raises(UsageError, match=r"got fidelities\. Did you mean fidelity\?"):
        voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "out", aspects="fidelities")
    with pytest.raises(UsageError, match=r"got 1|two|got 'nowhere.yaml'"):
        voxlate.compare(phantom_cohort, recipes="nowhere.yaml", out=tmp_path / "compared")


def test_an_argument_that_a_verb_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got minuts\. Did you mean minutes\?.*overrides"):
        voxlate.train(tmp_path, source="t1", target="t2", minuts=1)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="got splitt"):
        voxlate.evaluate(tmp_path, tmp_path, out=tmp_path / "out", splitt="all")  # type: ignore[call-arg]


def test_nothing_unseen_is_an_error(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    with (trained / "split.csv").open() as file:
        seen = [row["case"] for row in csv.DictReader(file) if row["part"] == "train"]
    shutil.copytree(phantom_cohort / seen[0], tmp_path / "data" / seen[0])
    with pytest.raises(CohortError, match="not seen"):
        voxlate.evaluate(trained, tmp_path / "data", out=tmp_path / "out")
    result = voxlate.evaluate(trained, tmp_path / "data", out=tmp_path / "out", split="all")
    assert "on one training case" in result.sentence
    assert "trained or chosen on every case that is scored" in result.page.read_text(encoding="utf-8")


def test_seen_and_unseen_cases_are_told_apart_in_the_report(
    trained: Path, phantom_cohort: Path, tmp_path: Path
) -> None:
    parts: dict[str, str] = {}
    with (trained / "split.csv").open() as file:
        for row in csv.DictReader(file):
            parts.setdefault(row["part"], row["case"])
    for part in ("train", "test"):
        shutil.copytree(phantom_cohort / parts[part], tmp_path / "data" / parts[part])
    result = voxlate.evaluate(trained, tmp_path / "data", out=tmp_path / "out", split="all")
    assert "on 2 training and held-out cases" in result.sentence
    assert "trained or chosen on 1 of the 2 cases that are scored" in result.page.read_text(encoding="utf-8")


def test_contrasts_that_no_case_has_are_told_with_those_that_there_are(phantom_cohort: Path, tmp_path: Path) -> None:
    recipe = resolve_recipe("zhao-unet-2d")
    with pytest.raises(CohortError, match=r"in_phase, out_phase, ct, got none.* t1 \(6\), .*--source") as caught:
        voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
    assert "labels (6)" in str(caught.value)


@pytest.mark.parametrize("arguments", [{"split": "train"}, {"aspects": ("beauty",)}])
def test_unknown_choices_are_refused(
    trained: Path, phantom_cohort: Path, tmp_path: Path, arguments: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        voxlate.evaluate(trained, phantom_cohort, out=tmp_path, **arguments)


@pytest.mark.parametrize(
    "overrides",
    [
        {"source": ["t1", "flair"], "window.axis": 0, "window.neighbours": 1},
        {
            "source": ["flair"],
            "target": "t1c",
            "method.network": {"name": "unet", "channels": [8, 16]},
            "window.kind": "patches",
            "window.size": [24, 24, 24],
        },
        {"source": ["t2"], "target": "t1", "window.kind": "volume", "plan.spacing_mm": [5.0, 5.0, 5.0]},
    ],
    ids=["slices", "patches", "volume"],
)
def test_windows_networks_sources_and_targets_run_through_one_path(
    phantom_cohort: Path, tmp_path: Path, overrides: dict[str, object]
) -> None:
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "training.steps": 2, **overrides})
    run = train_run(phantom_cohort, recipe, tmp_path / "run").folder
    assert read_bundle(run).recipe.target == recipe.target
    result = voxlate.evaluate(run, phantom_cohort, out=tmp_path / "evaluation")
    assert result.failed == []
    rows = [row for row in scores(tmp_path / "evaluation") if row["method"] == "model" and row["metric"] == "mae"]
    assert all(math.isfinite(float(row["value"])) for row in rows if row["region"] == "foreground")


def test_the_forecast_is_near_the_truth(phantom_cohort: Path, tmp_path: Path) -> None:
    """The time is forecast before and after the run, in its own process: what else a machine does comes and goes."""
    overrides = {**SMALL, "training.steps": 30, "training.validate_every": 15, "training.batch_size": 8}
    recipe, short = tmp_path / "recipe.yaml", tmp_path / "short.yaml"
    recipe.write_text(resolve_recipe("avula2020-t1-to-t2", overrides=overrides).to_yaml())
    short.write_text(resolve_recipe(recipe, overrides={"training.steps": 2}).to_yaml())
    peak, before, after, spent, steps, memory, disk = _measured(
        "data, recipe, out, short, apart = sys.argv[1:]\n"
        "voxlate.train(data, recipe=short, out=apart)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)\n"
        "begin = voxlate.forecast(data, recipe=recipe)\n"
        "began = time.monotonic()\n"
        "run = voxlate.train(data, recipe=recipe, out=out)\n"
        "spent = time.monotonic() - began\n"
        "print(begin.seconds, voxlate.forecast(data, recipe=recipe).seconds, spent)\n"
        "print(begin.steps, begin.memory_bytes, begin.disk_bytes)\n",
        [phantom_cohort, recipe, tmp_path / "timed", short, tmp_path / "short"],
    )
    assert min(before, after) < spent * 2
    assert max(before, after) > spent / 4
    left = [path for path in (tmp_path / "timed").rglob("*") if path.is_file() and "figures" not in path.parts]
    folder = sum(path.stat().st_size for path in left)
    assert steps == 30
    assert peak / 1.5 < memory < peak * 1.5
    assert folder / 2 < disk < folder * 2


def _measured(program: str, arguments: Sequence[Path | str]) -> list[float]:
    """The numbers that a program prints, in a process of its own and on one thread."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import resource, sys, time, voxlate\n{program}", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return [float(word) for word in ran.stdout.split()]


def test_tensorboard_gets_losses_and_metrics(phantom_cohort: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    overrides = {**SMALL, "training.steps": 2, "training.validate_every": 2, "training.tensorboard": True}
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides=overrides)
    run = voxlate.train(phantom_cohort, recipe=recipe, out=tmp_path / "run")
    events = EventAccumulator(str(run / "tensorboard")).Reload()
    assert {"training/loss", "training/ssim", "validation/mae"} <= set(events.Tags()["scalars"])
    logged = [entry.numbers["loss"] for entry in read_log(run / "log.jsonl") if "loss" in entry.numbers]
    assert [event.value for event in events.Scalars("training/loss")] == pytest.approx(logged)


def test_an_evaluation_leaves_nothing_of_a_killed_one(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "out" / "evidence"
    evidence.mkdir(parents=True)
    left = [evidence / "0123456789abcdef.npz", tmp_path / "out" / f"{PREFIX}scores.csv", evidence / f"{PREFIX}1.npz"]
    for path in left:
        path.write_bytes(b"cut short")
    voxlate.evaluate(trained, phantom_cohort, out=tmp_path / "out")
    assert not [path for path in left if path.exists()]
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_run_that_never_began_does_not_stand_in_the_way(phantom_cohort: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(phantom_cohort, data)
    case = min(data.glob("Phantom-*"))
    true = (case / f"{case.name}-t2w.nii.gz").read_bytes()
    shutil.copy(case / f"{case.name}-t1n.nii.gz", case / f"{case.name}-t2w.nii.gz")
    recipe = resolve_recipe("avula2020-t1-to-t2", overrides={**SMALL, "training.steps": 2})
    with pytest.raises(CohortError, match="preflight"):
        voxlate.train(data, recipe=recipe, out=run)
    (case / f"{case.name}-t2w.nii.gz").write_bytes(true)
    voxlate.train(data, recipe=recipe, out=run)
    assert read_bundle(run).recipe.model_copy(update={"name": recipe.name, "after": ""}) == recipe


def test_several_scans_are_named_by_what_they_show(trained: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    scan = next(phantom_cohort.glob("*001-000/*-t1n.nii.gz"))
    (outcome,) = voxlate.translate(trained, {"T1w": scan, "flair": scan}, out=tmp_path / "t2.nii.gz")
    (alone,) = voxlate.translate(trained, scan, out=tmp_path / "alone.nii.gz")
    assert outcome.path.read_bytes() == alone.path.read_bytes()
    for scans in ({}, {"t1": scan, "t1w": scan}, {"t1": tmp_path / "none.nii"}):
        with pytest.raises(UsageError, match="a scan for each contrast"):
            voxlate.translate(trained, scans, out=tmp_path / "no.nii.gz")
    with pytest.raises(UsageError, match="replace"):
        voxlate.translate(trained, {"t1": scan}, out=tmp_path / "no.nii.gz", replace=["poor"])
