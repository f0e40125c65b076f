"""A BIDS data set with gaps is completed as a derivative that the validator accepts, by ``translate`` and as an app."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import voxlate
from tests.program import run_here
from voxlate.cohort import index_cohort
from voxlate.cohort.synthetic import is_imputed
from voxlate.errors import UsageError
from voxlate.inference.cohort.dataset import STATE
from voxlate.inference.model import load_model
from voxlate.io import read_grid, read_provenance
from voxlate.io.lock import hold

VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")
SCANS = {
    "sub-01/anat/sub-01_T1w": (0, "t1"),
    "sub-01/anat/sub-01_T2w": (0, "t2"),
    "sub-02/anat/sub-02_T1w": (1, "t1"),
    "sub-02/anat/sub-02_FLAIR": (1, "flair"),
    "sub-03/ses-x/anat/sub-03_ses-x_T1w": (2, "t1"),
}
MADE = {
    "sub-02/anat/sub-02_desc-synth_T2w.nii.gz",
    "sub-03/ses-x/anat/sub-03_ses-x_desc-synth_T2w.nii.gz",
}


def validate(folder: Path) -> list[dict[str, Any]]:
    """What the validator of BIDS says of a folder."""
    if not VALIDATOR.is_file():
        pytest.skip("bids-validator-deno is not installed: pip install -e .[dev]")
    done = subprocess.run([VALIDATOR, "--format", "json", str(folder)], capture_output=True, text=True, check=False)
    return list(json.loads(done.stdout)["issues"]["issues"])


def images(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.nii.gz")}


@pytest.fixture(scope="module")
def raw(phantom_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three participants, one with a session; two lack T2."""
    root, cases = tmp_path_factory.mktemp("bids") / "raw", index_cohort(phantom_cohort).cases
    for name, (number, contrast) in SCANS.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(cases[number].paths[contrast], root / f"{name}.nii.gz")
    told = {
        "Name": "Three",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "Authors": ["A", "B"],
        "DatasetDOI": "doi:10.1/x",
    }
    (root / "dataset_description.json").write_text(json.dumps(told), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def derivative(raw: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    before = sorted(raw.rglob("*"))
    out = tmp_path_factory.mktemp("derivative") / "out"
    outcomes = voxlate.translate(trained, raw, out=out)
    assert [one.status for one in outcomes] == ["present", "done", "done"]
    assert sorted(raw.rglob("*")) == before
    return out


def test_the_gaps_are_filled_under_names_of_bids(derivative: Path, raw: Path, trained: Path) -> None:
    assert images(derivative) == MADE
    assert {one.status for one in voxlate.translate(trained, raw, out=derivative)} == {"present", "skipped"}
    assert images(derivative) == MADE


def test_the_validator_finds_nothing(derivative: Path) -> None:
    assert validate(derivative) == []


def test_one_json_file_tells_bids_and_what_is_synthetic(derivative: Path, raw: Path, trained: Path) -> None:
    image = derivative / "sub-02/anat/sub-02_desc-synth_T2w.nii.gz"
    told = json.loads(image.with_name("sub-02_desc-synth_T2w.json").read_text())
    source = "bids:raw:sub-02/anat/sub-02_T1w.nii.gz"
    assert (told["Sources"], told["SpatialReference"], told["SkullStripped"]) == ([source], source, False)
    assert "Not for diagnostic use" in told["Description"]
    provenance = read_provenance(image)
    assert provenance is not None
    assert (provenance.synthetic, provenance.bids["Sources"]) == (True, [source])
    assert is_imputed(image)
    assert read_grid(image).matches(read_grid(raw / "sub-02/anat/sub-02_T1w.nii.gz"))
    whole = json.loads((derivative / "dataset_description.json").read_text())
    assert whole["DatasetType"] == "derivative"
    assert {one["Version"] for one in whole["GeneratedBy"]} >= {voxlate.__version__, load_model(trained).bundle.digest}
    assert (whole["Authors"], whole["SourceDatasets"][0]["DOI"]) == (["A", "B"], "doi:10.1/x")
    assert (derivative / whole["DatasetLinks"]["raw"]).resolve() == raw.resolve()


def test_what_was_written_is_a_data_set_again(derivative: Path) -> None:
    cohort = index_cohort(derivative)
    assert (cohort.layout, [case.id for case in cohort.cases]) == ("bids", ["sub-02", "sub-03_ses-x"])
    completed = index_cohort(derivative / "completed.csv")
    assert [sorted(case.paths) for case in completed.cases] == [["t1", "t2"], ["flair", "t1", "t2"], ["t1", "t2"]]


@pytest.fixture(scope="module")
def answered(raw: Path, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app at three participants at once, then at the group."""
    out = tmp_path_factory.mktemp("app") / "out"

    def call(label: str) -> list[str]:
        options = {"participants": label, "target": "T2w", "model": trained, "picture": label == "sub-02"}
        return [one.status for one in voxlate.bids(raw, out, "participant", **options).outcomes]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(call, ("01", "sub-02", "03"))) == [["present"], ["done"], ["done"]]
    result = voxlate.bids(raw, out, "group")
    assert [one.status for one in result.outcomes] == ["present", "done", "done"]
    assert result.page == out / "report.html"
    return out


def test_the_app_answers_participants_at_once_and_the_group(answered: Path) -> None:
    assert images(answered) == MADE
    page = (answered / "report.html").read_text(encoding="utf-8")
    assert "2 of 3 cases lack T2 and were filled" in page
    assert "sub-02: synthetic T2" in page
    assert "sub-03_ses-x: synthetic T2" not in page
    assert len(index_cohort(answered / "completed.csv")) == 3
    assert validate(answered) == []


def test_the_app_goes_on_where_it_was(answered: Path, raw: Path, trained: Path) -> None:
    words = ("--participant_label", "02", "03", "--session-label", "x", "--skip-bids-validation", "--target", "T2w")
    image = answered / "sub-03/ses-x/anat/sub-03_ses-x_desc-synth_T2w.nii.gz"
    before = image.stat().st_mtime_ns
    ended = run_here("bids", raw, answered, "participant", *words, "--model", trained, "--quiet")
    assert ended.returncode == 0, ended.stderr
    assert image.stat().st_mtime_ns == before
    assert "skipped" in ended.stdout
    assert "sub-02" not in ended.stdout
    with hold(answered / STATE / "sub-02", what="translation"):
        ended = run_here("bids", raw, answered, "participant", "--participant-label=02", "--bundle", trained, "--quiet")
    assert (ended.returncode, "sub-02" in ended.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("participant", "--participant-label", "09"), "sub-09"),
        (("session",), "participant or group"),
        (("participant", "--target", "T9w"), "T9w"),
    ],
)
def test_what_it_cannot_do_is_told_as_wrong_usage(raw: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    ended = run_here("bids", raw, tmp_path / "out", *words, "--quiet")
    assert (ended.returncode, told in ended.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_the_version_is_told_and_a_group_without_participants_refused(raw: Path, tmp_path: Path) -> None:
    assert run_here("bids", "--version").stdout == f"voxlate {voxlate.__version__}\n"
    with pytest.raises(UsageError, match="participant first"):
        voxlate.bids(raw, tmp_path / "out", "group")
