from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import TOKEN, Served, serving
from voxlate.config.recipe import load_recipe
from voxlate.web.settings import Settings


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, trained: Path, evaluated_run: object, phantom_cohort: Path
) -> Iterator[Served]:
    """A server with a run, its evaluation beside it, a tuning, and what is neither."""
    models = tmp_path_factory.mktemp("gallery") / "models"
    shutil.copytree(trained, models / "run", ignore=shutil.ignore_patterns("prepared", "checkpoints"))
    shutil.copytree(evaluated_run.out, models / "evaluation")  # type: ignore[attr-defined]
    shutil.copytree(evaluated_run.out, models / "of-another")  # type: ignore[attr-defined]
    report = models / "of-another/report.html"
    report.write_text("of another model")
    (models / "tuning").mkdir()
    recipe = load_recipe("t1-to-t2-fcn")
    (models / "tuning/best.yaml").write_text(recipe.to_yaml())
    lines = ["trial,state,mae,training.learning_rate,duration_s,run,reason"]
    lines += ["0,complete,0.2,0.01,3,trial-0,", "1,complete,0.1,0.003,3,trial-1,", "2,failed,,0.03,1,trial-2,NaN loss"]
    (models / "tuning/trials.csv").write_text("\n".join(lines) + "\n")
    (models / "broken").mkdir()
    (models / "broken/trials.csv").write_text("trial\nx\n")
    folder = tmp_path_factory.mktemp("state")
    with serving(Settings(folder, TOKEN, models=models, data=(phantom_cohort,))) as one:
        yield one


@pytest.fixture(scope="module")
def model(server: Served) -> str:
    models = server.client.get("/api/v1/models").json()
    assert [one["targets"] for one in models][1:] == [["t2"]]
    return str(models[1]["id"])


def test_a_model_tells_all_that_is_known_of_it(server: Served, model: str, evaluated_run: object) -> None:
    page = server.client.get(f"/api/v1/models/{model}").json()
    assert page["card"].startswith("# ")
    assert "source:" in page["recipe"]
    assert page["size_bytes"] > 1000
    assert not page["came"]
    assert page["has_curves"]
    *evaluations, validation = page["scores"]
    assert (validation["title"], validation["cases"]) == ("Validation", 1)
    assert {"MAE", "SSIM"} <= {score["title"] for score in validation["scores"]}
    assert [one["title"] for one in evaluations] == ["Evaluation, foreground", "Evaluation, lesion"]
    (mae,) = (score for score in evaluations[0]["scores"] if score["title"] == "MAE")
    assert mae["value"] > 0
    assert mae["lookup"] > 0
    assert mae["beaten"] in {True, False}
    seen = page["fingerprint"]
    assert seen["cases"] == page["model"]["trained_on"]
    assert {one["name"] for one in seen["contrasts"]} == {"t1", "t2"}
    assert all(one["low"] < one["high"] for one in seen["contrasts"])


def test_curves_and_figures_of_the_training_are_there(server: Served, model: str) -> None:
    curves = server.client.get(f"/api/v1/models/{model}/curves").json()
    kinds = {one["kind"] for one in curves}
    assert kinds == {"loss", "metric"}
    loss = next(one for one in curves if one["kind"] == "loss")
    assert (loss["steps"][0], loss["steps"][-1], len(loss["values"])) == (1, 12, 12)
    page = server.client.get(f"/api/v1/models/{model}").json()
    titles = [one["title"] for one in page["figures"]]
    assert "curves" in titles
    assert "step 6" in titles
    for one in page["figures"]:
        answer = server.client.get(f"/api/v1/models/{model}/figures/{one['id']}.png")
        assert answer.content.startswith(b"\x89PNG")
    for path in (f"/models/{model}/figures/none.png", "/models/none", "/models/none/curves"):
        assert server.client.get(f"/api/v1{path}").status_code == 404


def test_the_model_that_voxlate_has_tells_its_questions(server: Served) -> None:
    page = server.client.get("/api/v1/models/default").json()
    assert [one["title"] for one in page["scores"]] == ["Validation", "By question"]
    assert "T1 to T2" in {score["title"] for score in page["scores"][1]["scores"]}
    assert not page["has_curves"]
    assert page["fingerprint"]["foreground_mm"]


def test_tunings_tell_their_trials_and_the_best(server: Served) -> None:
    (tuning,) = server.client.get("/api/v1/tunings").json()
    assert (tuning["name"], tuning["metric"], tuning["fields"], tuning["best"]) == (
        "tuning",
        "mae",
        ["training.learning_rate"],
        1,
    )
    assert [one["value"] for one in tuning["trials"]] == [0.2, 0.1, None]
    assert tuning["trials"][2]["reason"] == "NaN loss"
