"""An image that a model made becomes a source only where that is asked for, and then sidecars and tables say so."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

import voxlate
from voxlate.cohort import index_cohort
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import load_candidate
from voxlate.inference.cohort.outcome import Outcome
from voxlate.io import Provenance, read_provenance, read_volume, sidecar_path, write_volume
from voxlate.volume import Volume

USE = {"imputed": "sources"}


@pytest.fixture(scope="module")
def chain(trained: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the bundles from T1 to T2 and from T2 to FLAIR."""
    folder = tmp_path_factory.mktemp("chain")
    shutil.copytree(trained / "bundle", folder / "t1-to-t2")
    shutil.copytree(models / "t2-to-flair" / "bundle", folder / "t2-to-flair")
    return folder


@pytest.fixture
def data(phantom_cohort: Path, tmp_path: Path) -> Path:
    """Three cases: one with T1 alone, one without FLAIR, one with everything."""
    for number, names in enumerate((("t1",), ("t1", "t2"), ("t1", "t2", "flair"))):
        case = index_cohort(phantom_cohort).cases[number]
        (tmp_path / "data" / case.id).mkdir(parents=True)
        for name in names:
            shutil.copy(case.paths[name], tmp_path / "data" / case.id)
    return tmp_path / "data"


def _rows(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(newline="") as file:
        return {(row["case"], row.get("target", "")): row for row in csv.DictReader(file)}


def _told(path: Path) -> Provenance:
    told = read_provenance(path)
    assert told is not None
    return told


def _statuses(outcomes: list[Outcome]) -> list[tuple[str, str, str]]:
    return [(one.case[-5:-4], one.target, one.status) for one in outcomes]


def test_a_chain_is_made_only_on_purpose(chain: Path, data: Path, tmp_path: Path) -> None:
    strict = voxlate.translate(chain, data, out=tmp_path / "strict")
    assert ("1", "flair", "cannot") in _statuses(strict)
    out = tmp_path / "made"
    made = voxlate.translate(chain, data, out=out, accept=USE)
    assert _statuses(made) == [
        ("1", "t2", "done"),
        ("1", "flair", "done"),
        ("2", "t2", "present"),
        ("2", "flair", "done"),
        ("3", "t2", "present"),
        ("3", "flair", "present"),
    ]
    case, other = (one.case for one in (made[0], made[2]))
    rows = _rows(out / "manifest.csv")
    assert [rows[case, "flair"]["imputed"], rows[other, "flair"]["imputed"]] == ["t2", ""]
    (source,) = _told(out / case / f"{case}_flair.nii.gz").sources
    assert source.imputed
    assert source.sha256 == _told(out / case / f"{case}_t2.nii.gz").output_sha256
    completed = _rows(out / "completed.csv")
    assert completed[case, ""]["imputed"] == "t2 flair"
    again = voxlate.translate(chain, data, out=out, accept=USE)
    assert {one.status for one in again} == {"skipped", "present"}
    voxlate.translate(chain / "t1-to-t2", data, out=out)
    assert _rows(out / "completed.csv")[case, ""]["flair"], "a chain of an earlier call stays in the table"


def test_a_completed_cohort_is_used_on_purpose(chain: Path, data: Path, tmp_path: Path) -> None:
    """As the second paper does: fill first, then go on from what was filled."""
    voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "filled")
    table = tmp_path / "filled" / "completed.csv"
    first = index_cohort(table).cases[0].id
    strict = voxlate.translate(chain / "t2-to-flair", table, out=tmp_path / "strict")
    assert (strict[0].status, "--use-imputed" in strict[0].reason) == ("cannot", True)
    loose = voxlate.translate(chain / "t2-to-flair", table, out=tmp_path / "loose", accept=USE)
    assert (loose[0].status, loose[0].imputed) == ("done", ("t2",))
    assert _rows(tmp_path / "loose" / "manifest.csv")[first, "flair"]["imputed"] == "t2"


def test_one_file_that_a_model_made_is_refused_without_its_sidecar_too(chain: Path, data: Path, tmp_path: Path) -> None:
    scan = next(data.glob("*/*t1n.nii.gz"))
    made = tmp_path / "t2.nii.gz"
    voxlate.translate(chain / "t1-to-t2", scan, out=made)
    sidecar_path(made).unlink()
    with pytest.raises(UsageError, match="--use-imputed"):
        voxlate.translate(chain / "t2-to-flair", made, out=tmp_path / "flair.nii.gz")
    voxlate.translate(chain / "t2-to-flair", made, out=tmp_path / "flair.nii.gz", accept=USE)
    assert [one.imputed for one in _told(tmp_path / "flair.nii.gz").sources] == [True]


def test_a_poor_scan_is_made_anew_and_its_file_stays(chain: Path, data: Path, tmp_path: Path) -> None:
    case = index_cohort(data).cases[2]
    scan = read_volume(case.paths["t2"])
    affine = scan.affine @ np.diag([1, 1, 16, 1.0])
    write_volume(Volume(scan.array[:, :, ::16], affine), case.paths["t2"], overwrite=True)
    before = case.paths["t2"].read_bytes()
    left = voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "left")
    assert left[-1].status == "present"
    made = voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "made", replace=("poor",))
    assert (made[-1].status, "poor" in made[-1].reason) == ("done", True)
    assert case.paths["t2"].read_bytes() == before
    row = _rows(tmp_path / "made" / "completed.csv")[case.id, ""]
    assert (row["imputed"], Path(row["t2"]).name) == ("t2", f"{case.id}_t2.nii.gz")
    assert any("poor" in note for note in _told(tmp_path / "made" / case.id / f"{case.id}_t2.nii.gz").notes)


def test_where_no_scan_is_poor_none_is_made_anew(
    chain: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for case in index_cohort(data).cases:
        if "t2" not in case.paths:
            scan = read_volume(case.paths["t1"])
            write_volume(scan, case.paths["t1"].with_name(case.paths["t1"].name.replace("t1n", "t2w")))
    made = voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "made", replace=("poor",))
    assert {one.status for one in made} == {"present"}
    assert "no scan is poor" in caplog.text
    with pytest.raises(UsageError, match=r"nope\.csv: .*no file of that name"):
        voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "made", replace=("nope.csv",))


@pytest.mark.parametrize(
    ("name", "better"),
    [("x.nii.gzz", "x"), ("x.nii.gz.bak", "x"), ("x.jpg", "x"), ("x.", "x"), ("v1.2.NII.old", "v1.2")],
)
def test_the_name_that_is_proposed_has_one_suffix(
    chain: Path, data: Path, tmp_path: Path, name: str, better: str
) -> None:
    scan = next(data.glob("*/*t1n.nii.gz"))
    with pytest.raises(UsageError, match=rf"Write {better}\.nii\.gz, say"):
        voxlate.translate(chain / "t1-to-t2", scan, out=tmp_path / name)


def test_a_table_of_poor_scans_is_for_data_sets(chain: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "motion.csv").write_text(f"case,contrast,reason\n{index_cohort(data).cases[2].id},t2,moved\n")
    made = voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "made", replace=tmp_path / "motion.csv")
    assert (made[-1].status, "moved" in made[-1].reason) == ("done", True)
    scan = next(data.glob("*/*t1n.nii.gz"))
    with pytest.raises(UsageError, match="--replace"):
        voxlate.translate(chain / "t1-to-t2", scan, out=tmp_path / "a.nii.gz", replace=("poor",))


@pytest.mark.parametrize("name", ["x.jpg", "x.dcm", "x.npy", "x.png", "x.nii.gz.tmp", "x.mgz", "x.json", ".nii.gz"])
def test_a_file_of_no_image_format_is_no_folder(chain: Path, data: Path, tmp_path: Path, name: str) -> None:
    scan = next(data.glob("*/*t1n.nii.gz"))
    with pytest.raises(UsageError, match="--out"):
        voxlate.translate(chain / "t1-to-t2", scan, out=tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_data_set_goes_into_a_folder(chain: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder for a data set"):
        voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "x.nii.gz")


@pytest.mark.parametrize("name", ["folder", "v1.2", "there.out"])
def test_a_folder_is_a_folder(chain: Path, data: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "there.out").mkdir()
    scan = next(data.glob("*/*t1n.nii.gz"))
    voxlate.translate(chain / "t1-to-t2", scan, out=tmp_path / name)
    assert len(list((tmp_path / name).glob("*_t2.nii.gz"))) == 1


def test_sources_of_an_evaluation_may_be_made_and_the_truth_never(
    chain: Path, data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    voxlate.translate(chain / "t1-to-t2", data, out=tmp_path / "filled")
    first = index_cohort(data).cases[0]
    shutil.copy(tmp_path / "filled" / first.id / f"{first.id}_t2.nii.gz", data / first.id / f"{first.id}-t2w.nii.gz")
    whole = index_cohort(data).cases[2]
    shutil.copy(whole.paths["flair"], data / first.id / f"{first.id}-t2f.nii.gz")
    _, strict = load_candidate(chain / "t2-to-flair", data)
    assert [case.id for case in strict.cases] == [whole.id]
    assert any("--use-imputed" in record.getMessage() for record in caplog.records)
    candidate, loose = load_candidate(chain / "t2-to-flair", data, use_imputed=True)
    assert [case.id for case in loose.cases] == [first.id, whole.id]
    assert candidate.facts["imputed sources"] == "t2 of 1 case"
    _, truth = load_candidate(chain / "t1-to-t2", data, use_imputed=True)
    assert first.id not in [case.id for case in truth.cases]
