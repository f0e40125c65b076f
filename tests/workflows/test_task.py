"""A task on disk: a program and bundles as segmenters, from a trained model to the page, in steps."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import voxlate
from tests.workflows.test_fidelity import contents
from voxlate.cohort import index_cohort
from voxlate.config.recipe import parse_recipe
from voxlate.errors import UsageError
from voxlate.evaluation.files import read_scores
from voxlate.evaluation.segmentation.programs import ProgramSegmenter
from voxlate.evaluation.segmentation.segmenters import _BundleSegmenter, load_segmenter
from voxlate.io import file_digest, read_provenance
from voxlate.preprocess.prepare import prepare_case
from voxlate.roles import MODEL
from voxlate.training.train import train_run
from voxlate.verbs import evaluate
from voxlate.workflows import task as workflow
from voxlate.workflows.result import Result

BRIGHT = (
    "import sys, nibabel as n, numpy as np; i = n.load(sys.argv[1]); v = i.get_fdata();"
    "n.save(n.Nifti1Image((v > np.percentile(v, 97)).astype('u1'), i.affine), sys.argv[2])"
)
SEGMENTATION: dict[str, Any] = {
    "name": "tiny",
    "target": "labels",
    "plan": {"mask": "nonzero"},
    "window": {"kind": "patches", "size": [24, 24, 24], "overlap": 0.0},
    "method": {"name": "segmentation", "classes": "regions", "network": {"name": "unet", "channels": [4, 8]}},
    "loss": {"bce": 1.0, "dice": 1.0},
    "training": {
        "steps": 8,
        "batch_size": 2,
        "label_share": 1.0,
        "learning_rate": 0.01,
        "monitor": "dice",
        "validate_every": 8,
        "checkpoint_every": 8,
        "precision": "fp32",
    },
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "task.yaml"
    content = {
        "name": "bright",
        "command": [sys.executable, "-c", BRIGHT, "{t2}", "{output}"],
        "sources": ["t2"],
        "classes": {"lesion": [1]},
        "truth": {"lesion": [1, 2, 3]},
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def segmenter(cohort: Path, folder: Path, source: list[str]) -> Path:
    return train_run(cohort, parse_recipe({**SEGMENTATION, "source": source}, where="a test"), folder).folder


@pytest.fixture(scope="module")
def with_t2(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segmenter(phantom_cohort, tmp_path_factory.mktemp("with") / "run", ["t2", "flair"])


@pytest.fixture(scope="module")
def without_t2(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return segmenter(phantom_cohort, tmp_path_factory.mktemp("without") / "run", ["flair"])


def text_of(page: Path) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def judged(
    trained: Path, phantom_cohort: Path, program: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("judged")
    return folder, evaluate(trained, phantom_cohort, out=folder, task=program, split="all")


@pytest.fixture(scope="module")
def made(trained: Path, phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    voxlate.translate(trained, phantom_cohort, out=folder, every=True)
    return folder


def test_a_program_judges_every_case(judged: tuple[Path, Result]) -> None:
    folder, result = judged
    assert not result.failed
    scores = read_scores(folder / "scores.csv")
    assert {score.method for score in scores} == {"real", "synthetic", "lookup", "truth"}
    assert len({score.case for score in scores}) == 6
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["answer"] == result.sentence
    assert set(summary["arms"]) == {"real", "synthetic"}
    text = " ".join(text_of(result.page).split())
    assert result.sentence in text
    assert "There is no arm without T2" in text
    assert "does not tell which cases it was trained on" in text
    assert "The model was trained or chosen on" in text
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["dice.png", "worst.png"]


def test_synthetic_images_are_files_as_translate_writes_them(judged: tuple[Path, Result], made: Path) -> None:
    files = sorted((judged[0] / "synthetic").rglob("*.nii.gz"))
    assert len(files) == 6
    for file in files:
        told = read_provenance(file)
        assert told is not None
        assert told.synthetic
        assert file.read_bytes() == (made / file.relative_to(judged[0] / "synthetic")).read_bytes()


def test_translated_images_are_judged_like_their_model(
    judged: tuple[Path, Result], made: Path, phantom_cohort: Path, program: Path, tmp_path: Path
) -> None:
    evaluate(made, phantom_cohort, out=tmp_path, task=program, split="all")
    first, second = (read_scores(folder / "scores.csv") for folder in (judged[0], tmp_path))
    of_model = [[one.value for one in scores if one.method != "lookup"] for scores in (first, second)]  # fitted apart
    np.testing.assert_equal(*of_model)
    assert {score.case for score in second if score.method == "lookup"} == {score.case for score in first}


def test_a_bundle_judges_with_and_without(
    trained: Path, phantom_cohort: Path, with_t2: Path, without_t2: Path, tmp_path: Path
) -> None:
    result = evaluate(trained, phantom_cohort, out=tmp_path, task=with_t2, task_without=without_t2, split="all")
    scores = read_scores(tmp_path / "scores.csv")
    assert {score.method for score in scores} == {"real", "synthetic", "without", "lookup", "truth"}
    assert {score.region for score in scores} == {"whole tumour", "tumour core", "enhancing tumour"}
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert summary["region"] == "whole tumour"
    assert "trained without T2" in summary["arms"]["without"]
    text = text_of(result.page)
    assert re.search(r"the segmenter (was|and|were) .*trained or chosen on Phantom", text, re.IGNORECASE)
    assert "empty image" not in text
    alone = load_segmenter(without_t2)
    case = index_cohort(phantom_cohort).cases[0]
    voxels = [s.value for s in scores if (s.case, s.region, s.method, s.metric)
              == (case.id, "whole tumour", "without", "volume")]  # fmt: skip
    found = alone.segment(case)
    assert voxels[0] == pytest.approx((found.array > 0).sum() * np.prod(found.spacing_mm) / 1000)


def test_a_missing_contrast_is_zero_for_a_bundle(phantom_cohort: Path, with_t2: Path) -> None:
    loaded = load_segmenter(with_t2)
    assert isinstance(loaded, _BundleSegmenter)
    case = index_cohort(phantom_cohort).cases[0]
    model = loaded.model
    assert model.bundle.plan.reference == "t2"  # so that another source must give grid and foreground
    plan = model.bundle.plan.model_copy(update={"reference": "flair"})
    prepared = prepare_case(case, plan, contrasts=("flair",))
    arrays = [np.zeros(prepared.grid.shape, np.float32), np.asarray(prepared.arrays["flair"])]
    expected = model.predict(arrays, prepared.mask)[0]
    filled = loaded._filled(case, "t2")
    np.testing.assert_array_equal(model.predictions(filled)[MODEL], expected)
    assert loaded.segment(case, missing="t2").shape == loaded.segment(case).shape


def test_a_failing_case_is_named_and_the_page_is_written(
    trained: Path, phantom_cohort: Path, program: Path, tmp_path: Path
) -> None:
    content = yaml.safe_load(program.read_text(encoding="utf-8"))
    victim = index_cohort(phantom_cohort).cases[2]
    digest = file_digest(victim.paths["t2"])
    code = (
        "import sys, hashlib as h; d = h.sha256(open(sys.argv[1], 'rb').read()).hexdigest();"
        f"d == {digest!r} and sys.exit('a license is missing'); {BRIGHT}"
    )
    content["command"][2] = code.replace("{", "{{").replace("}", "}}")
    path = tmp_path / "task.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    result = evaluate(trained, phantom_cohort, out=tmp_path / "out", task=path, split="all")
    [(case, reason)] = result.failed
    assert case == victim.id
    assert "a license is missing" in reason
    assert f"{victim.id} could not be scored" in text_of(result.page)


def test_a_task_killed_between_its_steps_goes_on_without_segmenting(
    made: Path, phantom_cohort: Path, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def segment(*_: object, **__: object) -> None:
        pytest.fail("a case was segmented again")

    for step in ("summarise", "draw"):
        with monkeypatch.context() as patch:
            patch.setattr(workflow, step, killed)
            with pytest.raises(KeyboardInterrupt):
                evaluate(made, phantom_cohort, out=out, task=program, split="all")
        monkeypatch.setattr(ProgramSegmenter, "segment", segment)
    assert not (out / "report.html").exists()
    evaluate(made, phantom_cohort, out=out, task=program, split="all")
    before = contents(out)
    for path in (*(out / "figures").iterdir(), out / "report.html"):
        path.unlink()
    evaluate(made, phantom_cohort, out=out, task=program, split="all")
    assert contents(out) == before


def test_a_task_stands_alone(trained: Path, phantom_cohort: Path, program: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a task alone"):
        evaluate(trained, phantom_cohort, out=tmp_path, task=program, aspects=("fidelity", "dose"))
    with pytest.raises(UsageError, match="no --task"):
        evaluate(trained, phantom_cohort, out=tmp_path, task_without=program)
    with pytest.raises(UsageError, match="the split test or all"):
        evaluate(trained, phantom_cohort, out=tmp_path, task=program, split="some")
    assert not list(tmp_path.iterdir())
