"""Scoring a folder of translated images: one case that cannot be read does not end the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

import voxlate
from voxlate.cli import app
from voxlate.cohort import index_cohort
from voxlate.contrast import get_contrast
from voxlate.errors import ReadError, UsageError
from voxlate.evaluation.account import say_account
from voxlate.evaluation.candidates import load_candidate
from voxlate.evaluation.cases import Scored
from voxlate.evaluation.evidence import CaseEvidence
from voxlate.io import Provenance, read_volume, write_volume
from voxlate.io.provenance import FileRecord, ModelRecord
from voxlate.volume import Volume
from voxlate.workflows.result import Result


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four small phantom heads."""
    return voxlate.phantom(tmp_path / "data", cases=4, seed=3, size=24)


@pytest.fixture
def made(data: Path, tmp_path: Path) -> Path:
    """A folder of T2 images that were made of T1: the true ones with noise; none of the last case."""
    generator = np.random.default_rng(0)
    for case in index_cohort(data).cases[:-1]:
        truth = read_volume(case.paths["t2"])
        noise = generator.normal(0, 20, truth.shape) * (truth.array > 0)
        record = FileRecord(name=case.paths["t1"].name, sha256="0" * 64, contrast="t1")
        by = ModelRecord(name="a model", digest="0" * 64)
        told = Provenance(synthetic=True, sources=(record,), model=by, target="t2", unit="a.u.")
        path = tmp_path / "made" / case.id / f"{case.id}_t2.nii.gz"
        path.parent.mkdir(parents=True)
        write_volume(Volume((truth.array + noise).astype(np.float32), truth.affine), path, provenance=told)
    return tmp_path / "made"


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_nan(path: Path) -> None:
    volume = read_volume(path)
    array = volume.array.astype(np.float32)
    array[12, 12, 12] = np.nan
    nib.save(nib.Nifti1Image(array, volume.affine), path)


def evaluated(made: Path, data: Path, out: Path, **more: Any) -> Result:
    return voxlate.evaluate(made, data, out=out, split="all", **more)


@pytest.mark.parametrize(("contrast", "harm"), [("t2", cut_short), ("t1", with_nan)])
def test_one_broken_case_is_named_and_the_others_are_scored(
    data: Path,
    made: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    contrast: str,
    harm: Callable[[Path], None],
) -> None:
    broken = index_cohort(data).cases[0]
    harm(broken.paths[contrast])
    result = evaluated(made, data, tmp_path / "out")
    assert [case for case, _ in result.failed] == [broken.id]
    assert f"case {broken.id} is left out of what all are compared by: " in caplog.text


def test_a_case_without_a_prediction_is_not_read(data: Path, made: Path, tmp_path: Path) -> None:
    cut_short(index_cohort(data).cases[-1].paths["t2"])
    assert not evaluated(made, data, tmp_path / "out").failed


def test_a_folder_of_which_no_case_can_be_read_is_refused(data: Path, made: Path) -> None:
    for case in index_cohort(data).cases:
        with_nan(case.paths["t1"])
    with pytest.raises(ReadError, match="NaN"):
        load_candidate(made, data)


def test_what_is_refused_can_be_accepted_and_is_told(data: Path, made: Path, tmp_path: Path) -> None:
    with_nan(index_cohort(data).cases[0].paths["t1"])
    line = ["evaluate", str(made), str(data), "--out", str(tmp_path / "out"), "--split", "all"]
    refused = CliRunner().invoke(app, line)
    assert refused.exit_code == 1
    assert "--accept on_nonfinite=zero" in " ".join(refused.stderr.split())
    accepted = CliRunner().invoke(app, [*line, "--accept", "on_nonfinite=zero"])
    assert accepted.exit_code == 0, accepted.stderr
    assert "<dt>accepted</dt><dd>on_nonfinite=zero</dd>" in (tmp_path / "out" / "report.html").read_text()


def test_the_aspects_of_sets_take_nothing_that_is_accepted(data: Path, made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--accept"):
        evaluated(made, data, tmp_path, aspects="distribution", accept={"on_nonfinite": "zero"})


@pytest.mark.parametrize("accept", [{"on_nonfinite": "one"}, {"on_everything": "zero"}])
def test_nothing_unknown_is_accepted(data: Path, made: Path, tmp_path: Path, accept: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="a field of plan"):
        evaluated(made, data, tmp_path / "out", accept=accept)


def test_the_cases_that_are_not_scored_are_told_with_their_reasons(data: Path, made: Path, tmp_path: Path) -> None:
    first, second, third, last = index_cohort(data).cases
    cut_short(first.paths["t2"])
    second.paths["t2"].unlink()
    result = evaluated(made, data, tmp_path / "out")
    told = (
        f"4 cases: 1 scored, 1 that could not be scored ({first.id}), 1 without a translated image ({last.id}), "
        f"1 lacks {get_contrast('t2').title} ({second.id})"
    )
    assert result.account == told
    assert f"1 translated; {told}" in (tmp_path / "out" / "report.html").read_text()
    assert third.id not in told


def test_a_truth_that_a_model_made_is_told_as_the_reason(data: Path, made: Path) -> None:
    first = index_cohort(data).cases[0]
    for path in (made / first.id).iterdir():
        if path.name.startswith(first.id):
            target = first.paths["t2"].with_name(path.name.replace(f"{first.id}_t2", first.paths["t2"].name[:-7]))
            target.write_bytes(path.read_bytes())
    candidate, cohort = load_candidate(made, data)
    assert candidate.incomplete == {first.id: "whose truth a model made"}
    assert len(cohort) == 3


def test_where_all_cases_are_scored_there_is_nothing_to_tell() -> None:
    found = {name: CaseEvidence([]) for name in "ab"}
    assert not say_account(Scored(found), {})
    assert say_account(Scored(found), {"c": "lacks T2", "d": "lacks T2"}) == "4 cases: 2 scored, 2 lack T2 (c, d)"
    many = {f"{number}": "seen by the model" for number in range(7)}
    assert say_account(Scored(found), many) == "9 cases: 2 scored, 7 seen by the model (0, 1, 2, 3, 4 ...)"
