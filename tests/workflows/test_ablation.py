"""The verb ``ablate`` end to end: the second paper's question on the phantom, killed in the middle and resumed."""

from __future__ import annotations

import csv
import json
import math
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import voxlate
from tests.program import run_here, started
from tests.workflows.steps import check_goes_on_between_steps, check_goes_on_while_it_scores
from tests.workflows.test_fidelity import contents
from voxlate.bundle.bundle import read_bundle
from voxlate.config.recipe import Recipe
from voxlate.errors import LockedError, UsageError
from voxlate.io.lock import hold
from voxlate.training.loop.journal import read_log
from voxlate.verbs import resolve_recipe, switched_off

TINY = {
    "plan.split.fractions": [0.5, 0.17, 0.33],
    "method.network": {"name": "resnet", "width": 4, "blocks": 1},
    "method.discriminator": {"name": "patchgan", "width": 4, "layers": 1},
    "training.steps": 3,
    "training.batch_size": 1,
    "training.samples_per_case": 2,
    "training.validate_every": 3,
    "training.figure_every": 3,
    "training.checkpoint_every": 1,
    "training.precision": "fp32",
}
TERM = "loss.lesion_mask"

pytestmark = pytest.mark.usefixtures("one_thread")


def tiny() -> Recipe:
    return resolve_recipe("genc2022-t1c-to-t1", overrides=TINY)


@pytest.fixture(scope="module")
def ablated(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds, with and without the lesion-mask term."""
    out = tmp_path_factory.mktemp("ablated") / "out"
    voxlate.ablate(phantom_cohort, recipe=tiny(), changes=switched_off([TERM]), seeds=2, out=out)
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def summary(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "summary.json").read_text())
    return found


def test_runs_are_on_one_split_with_paired_seeds(ablated: Path) -> None:
    splits = {
        (ablated / variant / f"seed-{seed}" / "split.csv").read_text()
        for variant in ("with", "without")
        for seed in (0, 1)
    }
    assert len(splits) == 1
    for seed in (0, 1):
        recipes = {variant: read_bundle(ablated / variant / f"seed-{seed}").recipe for variant in ("with", "without")}
        assert recipes["with"].loss[TERM.split(".")[1]] > 0
        named = {"name": recipes["with"].name, "after": recipes["with"].after}
        assert recipes["without"].model_copy(update=named) == recipes["with"].with_overrides({TERM: 0})
        assert recipes["with"].training.seed == seed
    stores = [folder.name for folder in (ablated / "prepared").iterdir() if folder.name != "preflight"]
    assert len(stores) == 1, "one prepared store for all runs"


def test_it_leaves_what_the_contract_says(ablated: Path) -> None:
    for name in ("similarity", "differences", "case"):
        assert (ablated / "figures" / f"{name}.png").is_file()
    scores = rows(ablated / "scores.csv")
    assert list(scores[0]) == ["case", "region", "method", "metric", "value", "unit"]
    assert list(dict.fromkeys(row["method"] for row in scores)) == ["identity", "lookup", "without", "with"]
    assert {"foreground", "lesion"} <= {row["region"] for row in scores}
    assert "ssim_masked_image" in {row["metric"] for row in scores}
    runs = rows(ablated / "runs.csv")
    assert list(runs[0]) == [*scores[0], "seed"]
    assert {row["seed"] for row in runs} == {"0", "1"}
    held_out = {row["case"] for row in rows(ablated / "with" / "seed-0" / "split.csv") if row["part"] == "test"}
    assert {row["case"] for row in scores} == held_out
    assert len(held_out) == 2


def test_the_summary_can_be_recomputed_from_the_scores(ablated: Path) -> None:
    told = summary(ablated)
    row = next(r for r in told["comparisons"] if (r["metric"], r["region"]) == ("mae", "lesion"))
    runs = [r for r in rows(ablated / "runs.csv") if (r["metric"], r["region"]) == ("mae", "lesion")]
    values = {
        (r["method"], r["seed"], r["case"]): float(r["value"]) for r in runs if r["method"] in {"with", "without"}
    }
    assert len(values) == 8
    differences = [value - values["without", *key[1:]] for key, value in values.items() if key[0] == "with"]
    assert row["difference"] == pytest.approx(np.mean(differences))
    assert [one["seed"] for one in row["seeds"]] == [0, 1]
    means = {
        (r["method"], r["case"]): float(r["value"])
        for r in rows(ablated / "scores.csv")
        if (r["metric"], r["region"]) == ("mae", "lesion")
    }
    for (method, seed, case), value in values.items():
        if seed == "0":
            assert means[method, case] == pytest.approx((value + values[method, "1", case]) / 2)
    assert told["changes"] == {TERM: 0}
    assert told["question"] == {"metric": "mae", "region": "lesion"}


def test_the_page_opens_with_the_answer(ablated: Path) -> None:
    page = (ablated / "report.html").read_text().replace("\N{NO-BREAK SPACE}", " ")
    told = summary(ablated)
    assert told["verdict"].startswith("With loss.lesion_mask")
    assert told["answer"] in {"lower", "higher", "none"}
    assert page.index(told["verdict"]) < page.index("With and without</h2>") < page.index("Seed by seed</h2>")
    assert "Fewer than 6 cases are too few for a test." in told["verdict"]
    assert len(re.findall(r"<img ", page)) == 3
    assert "http" not in page.replace("http-equiv", "")


def test_a_finished_ablation_is_read_not_made_again(ablated: Path, phantom_cohort: Path) -> None:
    kept = {path: path.stat().st_mtime_ns for path in ablated.rglob("*") if path.is_file() and "seed-" in str(path)}
    before = (ablated / "summary.json").read_text()
    stages: list[str] = []
    result = voxlate.ablate(
        phantom_cohort,
        recipe=tiny(),
        changes={TERM: 0},
        seeds=2,
        out=ablated,
        report=lambda stage, _done, _of: stages.append(stage),
    )
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert set(stages) == {"runs", "scored"}
    assert (ablated / "summary.json").read_text() == before
    assert result.sentence == summary(ablated)["verdict"]
    assert result.rows[0][:2] == ("foreground", "MAE")


@pytest.mark.parametrize("check", [check_goes_on_between_steps, check_goes_on_while_it_scores])
def test_every_step_can_be_lost_and_done_again(
    check: Callable[[Callable[[], object], Path], None], ablated: Path, phantom_cohort: Path
) -> None:
    before = contents(ablated)
    check(lambda: voxlate.ablate(phantom_cohort, recipe=tiny(), changes={TERM: 0}, seeds=2, out=ablated), ablated)
    assert contents(ablated) == before


def test_damaged_scores_are_made_again(ablated: Path, phantom_cohort: Path) -> None:
    [kept] = (ablated / "with" / "seed-0").glob("held-out-*.csv")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2 + 7])
    voxlate.ablate(phantom_cohort, recipe=tiny(), changes={TERM: 0}, seeds=2, out=ablated)
    assert kept.read_bytes() == whole


def test_killed_and_resumed_equals_the_unbroken_one(ablated: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(tiny().to_yaml())
    words = ["ablate", phantom_cohort, "--recipe", recipe, "--without", TERM, "--seeds", "2", "--out", out]
    with started(*words) as process:
        log, deadline = out / "without" / "seed-0" / "log.jsonl", time.monotonic() + 120
        while not (log.is_file() and read_log(log)) and time.monotonic() < deadline and process.is_alive():
            time.sleep(0.005)
    assert process.exitcode == -signal.SIGKILL
    assert not (out / "scores.csv").exists()
    finished = run_here(*words)
    assert finished.returncode == 0, finished.stderr
    for name in ("scores.csv", "runs.csv", "summary.json"):
        assert (out / name).read_bytes() == (ablated / name).read_bytes(), name
    assert "With loss.lesion_mask" in finished.stdout


def test_the_scores_of_a_run_are_those_that_evaluate_gives(ablated: Path, phantom_cohort: Path, tmp_path: Path) -> None:
    voxlate.evaluate(ablated / "with" / "seed-1", phantom_cohort, out=tmp_path)
    key = ("case", "region", "metric")
    once = {tuple(r[k] for k in key): r["value"] for r in rows(tmp_path / "scores.csv") if r["method"] == "model"}
    runs = [r for r in rows(ablated / "runs.csv") if (r["method"], r["seed"]) == ("with", "1")]
    shared = [r for r in runs if r["metric"] != "ssim_masked_image"]
    assert len(shared) > 30
    for row in shared:
        mine, theirs = float(row["value"] or "nan"), float(once[tuple(row[k] for k in key)] or "nan")
        assert mine == theirs or (math.isnan(mine) and math.isnan(theirs))


def test_another_recipe_cannot_go_on(ablated: Path, phantom_cohort: Path) -> None:
    changed = tiny().with_overrides({"training.learning_rate": 0.5})
    with pytest.raises(UsageError, match=r"training\.learning_rate"):
        voxlate.ablate(phantom_cohort, recipe=changed, changes={TERM: 0}, seeds=2, out=ablated)


def test_a_second_writer_is_told(phantom_cohort: Path, tmp_path: Path) -> None:
    with hold(tmp_path, what="ablation"), pytest.raises(LockedError, match="ablation"):
        voxlate.ablate(phantom_cohort, recipe=tiny(), changes={TERM: 0}, seeds=1, out=tmp_path)


@pytest.mark.parametrize("field", ["training.seed", "loss", "loss.", "loss.l1.weight", ""])
def test_only_terms_of_the_loss_can_be_without(field: str) -> None:
    with pytest.raises(UsageError, match="--without"):
        switched_off([field])


def test_no_seed_is_refused(phantom_cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="seed"):
        voxlate.ablate(phantom_cohort, recipe=tiny(), changes={TERM: 0}, seeds=0, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
