"""The three steps of an evaluation: each can be lost and done again without the one before it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import voxlate
from voxlate.cohort import Case, index_cohort
from voxlate.errors import StoppedError, UsageError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.workflows import fidelity


def contents(out: Path) -> dict[str, bytes]:
    """Every file of an evaluation but the evidence."""
    files = (path for path in out.rglob("*") if path.is_file() and path.parent.name != "evidence")
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files if not path.name.startswith(".")}


@pytest.fixture(scope="module")
def few(trained: Path, phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of the phantoms from each part of the run's split."""
    with (trained / "split.csv").open(encoding="utf-8") as file:
        parts = {row["part"]: row["case"] for row in csv.DictReader(file)}
    folder = tmp_path_factory.mktemp("few") / "cohort"
    for case in parts.values():
        shutil.copytree(phantom_cohort / case, folder / case)
    return folder


@pytest.fixture(scope="module")
def evaluated(trained: Path, few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An evaluation of all of them."""
    out = tmp_path_factory.mktemp("evaluated") / "evaluation"
    voxlate.evaluate(trained, few, out=out, split="all")
    return out


@contextmanager
def killed_before(step: str) -> Iterator[None]:
    """An evaluation is made that ends where a step begins."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity, step, killed)
        with pytest.raises(KeyboardInterrupt):
            yield


def again(trained: Path, few: Path, out: Path, monkeypatch: pytest.MonkeyPatch, *, cases: bool = False) -> None:
    """The same evaluation by a model that must not predict."""

    def predict(*_: object) -> None:
        pytest.fail("a case was predicted again")

    monkeypatch.setattr(ModelCandidate, "predict", predict)
    voxlate.evaluate(trained, few, out=out, split="all", cases=cases)


def test_a_page_is_drawn_again_from_what_lies_on_disk(
    trained: Path, few: Path, evaluated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(evaluated)
    for path in (*(evaluated / "figures").iterdir(), evaluated / "report.html", evaluated / "summary.json"):
        path.unlink()
    again(trained, few, evaluated, monkeypatch)
    assert contents(evaluated) == before


def test_every_case_has_a_page_of_its_own_that_is_gone_when_it_is_not_asked_for(
    trained: Path, few: Path, evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(evaluated, out)
    again(trained, few, out, monkeypatch, cases=True)
    pages = sorted((out / "cases").iterdir())
    ids = [case.id for case in index_cohort(few).cases]
    assert [page.stem for page in pages] == sorted(ids)
    whole = (out / "report.html").read_text(encoding="utf-8")
    assert all(f'href="cases/{case}.html"' in whole for case in ids)
    seen = 0
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for words in (
            "counted from the best case",
            "intensity lookup",
            "identity",
            "Lesion",
            "Three planes",
            "voxel size",
        ):
            assert words in text, words
        assert 'href="../report.html"' in text
        assert text.count("image/jpeg") > 1
        assert "n = 1" in text
        seen += "trained or chosen on this case" in text
    assert 0 < seen < len(ids), "a case says whether the model has seen it"
    again(trained, few, out, monkeypatch)
    assert contents(out) == contents(evaluated)


def test_one_sheet_says_what_it_must_not_be_used_for(evaluated: Path) -> None:
    text = (evaluated / "summary.html").read_text(encoding="utf-8")
    assert "What it must not be used for" in text
    assert "Diagnosis" in text
    assert text.count("<table>") == 1
    assert text.count("<figure") == 1
    assert 'href="summary.html"' in (evaluated / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("aspect", ["distribution", "privacy"])
def test_pages_of_cases_belong_to_evaluations_image_by_image(aspect: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--cases"):
        voxlate.evaluate(tmp_path, tmp_path, out=tmp_path / "out", aspects=aspect, cases=True)


def test_an_evaluation_killed_between_its_steps_goes_on(
    trained: Path, few: Path, evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with killed_before("summarise"):
        voxlate.evaluate(trained, few, out=out, split="all")
    assert not (out / "summary.json").exists()
    with killed_before("draw"):
        again(trained, few, out, monkeypatch)
    assert (out / "summary.json").exists()
    assert not (out / "report.html").exists()
    again(trained, few, out, monkeypatch)
    assert contents(out) == contents(evaluated)


def test_an_evaluation_killed_within_a_step_keeps_the_cases_that_are_done(
    trained: Path, few: Path, evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted: list[str] = []
    predict = ModelCandidate.predict

    def counted(self: ModelCandidate, case: Case) -> object:
        if len(predicted) == 2:
            predicted.append("killed")
            raise KeyboardInterrupt
        predicted.append(case.id)
        return predict(self, case)

    monkeypatch.setattr(ModelCandidate, "predict", counted)
    with pytest.raises(StoppedError):
        voxlate.evaluate(trained, few, out=tmp_path / "out", split="all")
    voxlate.evaluate(trained, few, out=tmp_path / "out", split="all")
    assert len(predicted) == 1 + 3
    assert len(set(predicted)) == 1 + 3
    assert contents(tmp_path / "out") == contents(evaluated)


def test_a_changed_image_is_scored_again(
    trained: Path, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(few, data)
    with killed_before("draw"):
        voxlate.evaluate(trained, data, out=tmp_path / "out", split="all")
    first, *_, last = sorted(path for path in data.rglob("*t2w.nii.gz"))
    shutil.copyfile(last, first)
    with pytest.raises(BaseException, match="predicted again"):
        again(trained, data, tmp_path / "out", monkeypatch)
