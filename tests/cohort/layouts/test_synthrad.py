from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import tissue, touch
from voxlate.cohort import Cohort, index_cohort
from voxlate.config.plan import PlanOptions
from voxlate.errors import CohortError
from voxlate.io import write_volume
from voxlate.preprocess.fingerprint import take_fingerprint
from voxlate.preprocess.plan import make_plan
from voxlate.preprocess.prepare import prepare_case
from voxlate.volume import Volume


def _names(root: Path, case: str, suffix: str, source: str = "mr") -> None:
    touch(*(root / case / f"{name}{suffix}" for name in (source, "ct", "mask")))


def _known(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    return {
        case.id: tuple(case.attributes.get(name, "") for name in ("task", "region", "centre")) for case in cohort.cases
    }


@pytest.fixture
def both_years(tmp_path: Path) -> Path:
    for case in ("brain/1BA001", "brain/1BC002", "pelvis/1PA001"):
        _names(tmp_path / "Task1", case, ".nii.gz")
    _names(tmp_path / "Task2", "brain/2BB060", ".nii.gz", "cbct")
    for case in ("HN/1HNA001", "TH/1THB216", "AB/1ABC001"):
        _names(tmp_path / "Task1", case, ".mha")
    _names(tmp_path / "Task2", "AB/2ABE010", ".mha", "cbct")
    touch(tmp_path / "Task1" / "brain" / "overlay" / "1BA001_train.png", tmp_path / "Task1" / "1_HN_train.xlsx")
    return tmp_path


def test_ids_tell_task_region_and_centre(both_years: Path) -> None:
    cohort = index_cohort(both_years)
    assert cohort.layout == "synthrad"
    assert _known(cohort) == {
        "1ABC001": ("Task1", "AB", "C"),
        "1BA001": ("Task1", "brain", "A"),
        "1BC002": ("Task1", "brain", "C"),
        "1HNA001": ("Task1", "HN", "A"),
        "1PA001": ("Task1", "pelvis", "A"),
        "1THB216": ("Task1", "TH", "B"),
        "2ABE010": ("Task2", "AB", "E"),
        "2BB060": ("Task2", "brain", "B"),
    }
    assert set(cohort.case("1HNA001").paths) == {"mr", "ct", "mask"}
    assert set(cohort.case("2BB060").paths) == {"cbct", "ct", "mask"}
    assert len(cohort.with_contrasts("mr", "ct")) == 6
    assert {item.code for item in cohort.left_out} == {"not_an_image"}


@pytest.mark.parametrize("below", ["Task1", "Task1/brain"])
def test_any_folder_above_the_cases_is_the_data_set(both_years: Path, below: str) -> None:
    whole = index_cohort(both_years)
    cohort = index_cohort(both_years / below)
    assert cohort.layout == "synthrad"
    assert len(cohort) == (6 if below == "Task1" else 2)
    assert [whole.case(case.id) for case in cohort.cases] == list(cohort.cases)


def test_cases_of_other_names_are_known_by_their_folders(tmp_path: Path) -> None:
    _names(tmp_path / "Task1" / "TH", "clinic 7", ".mha")
    assert _known(index_cohort(tmp_path)) == {"clinic 7": ("Task1", "TH", "")}


def test_what_is_no_image_of_the_challenge_is_left_out(both_years: Path) -> None:
    stray = both_years / "Task1" / "brain" / "1BA001" / "ct_deformed.nii.gz"
    nowhere = both_years / "Task1" / "elsewhere" / "a" / "b" / "scan.nii.gz"
    touch(stray, nowhere)
    reasons = {item.path: item.reason for item in index_cohort(both_years).left_out if item.code == "unmatched"}
    assert set(reasons) == {stray, nowhere}
    assert "none of mr, cbct, ct, mask" in reasons[stray]
    with pytest.raises(CohortError):
        index_cohort(both_years / "Task1" / "elsewhere", layout="synthrad")


def test_contrasts_alone_make_no_synthrad(tmp_path: Path) -> None:
    _names(tmp_path, "case 1", ".nii.gz")
    assert index_cohort(tmp_path).layout == "folders"


@pytest.mark.parametrize(("place", "suffix"), [("brain/1BA", ".nii.gz"), ("HN/1HNA", ".mha")])
def test_the_mask_file_is_the_foreground(tmp_path: Path, place: str, suffix: str) -> None:
    outlines = {}
    for n in (1, 2):
        field, head = tissue(n, (16, 18, 12))
        outline = head & (np.arange(12) < 9)
        images = {
            "mr": np.where(head, 200 + 50 * field, 5.0).astype(np.float32),
            "ct": np.where(head, 40 + 300 * (field > 1), -1000).astype(np.int16),
            "mask": outline.astype(np.uint8),
        }
        folder = tmp_path / "Task1" / f"{place}{n:03d}"
        folder.mkdir(parents=True)
        for name, array in images.items():
            write_volume(Volume(array, np.diag([1.0, 1.0, 2.5, 1.0])), folder / f"{name}{suffix}")
        outlines[folder.name] = outline
    cohort = index_cohort(tmp_path)
    seen = take_fingerprint(cohort.cases, ("mr", "ct"), options=PlanOptions())
    plan = make_plan(seen, PlanOptions(), source=("mr",), target="ct")
    assert (plan.mask.kind, plan.normalisers["ct"].kind) == ("file", "hounsfield")
    for case in cohort.cases:
        prepared = prepare_case(case, plan, contrasts=("mr", "ct"))
        assert int(np.asarray(prepared.mask).sum()) == int(outlines[case.id].sum())
        assert np.asarray(prepared.arrays["ct"])[np.asarray(prepared.mask)].min() >= 0.04 - 1e-6
