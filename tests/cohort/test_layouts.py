"""One contract for every layout: the same invariants on a small data set of its kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from tests.io.dicom.crafted import placed, values, write_series
from voxlate.cohort import LAYOUTS, index_cohort, natural_key, recognise
from voxlate.errors import CohortError, UsageError
from voxlate.io import is_volume_path


def _folders(root: Path) -> None:
    touch(*(root / f"case {n}" / f"{name}.nii.gz" for n in (1, 2, 10) for name in ("T1", "T2")))


def _brats(root: Path) -> None:
    for n in (1, 2, 10):
        case = f"BraTS19_XX_{n}"
        touch(*(root / "HGG" / case / f"{case}_{name}.nii.gz" for name in ("t1", "t1ce", "t2", "flair", "seg")))


def _pairs(root: Path) -> None:
    touch(*(root / side / f"hippocampus_{n:03d}.nii.gz" for n in (1, 2, 10) for side in ("images", "labels")))


def _manifest(root: Path) -> None:
    _folders(root)
    rows = [f"case {n},case {n}/T1.nii.gz,case {n}/T2.nii.gz,Köln" for n in (10, 1, 2)]
    (root / "manifest.csv").write_text("\n".join(["case,t1,t2,site", *rows]), encoding="utf-8")


def _synthrad(root: Path) -> None:
    cases = [root / "Task1" / "brain" / f"1BA{n:03d}" for n in (1, 2, 10)]
    touch(*(case / f"{name}.nii.gz" for case in cases for name in ("mr", "ct", "mask")))


def _mmwhs(root: Path) -> None:
    names = [f"ct_train_{n}" for n in (1001, 1002, 1010)]
    touch(*(root / "ct_train" / f"{name}_{side}.nii.gz" for name in names for side in ("image", "label")))


def _contrasts(root: Path) -> None:
    touch(*(root / name / f"p{n}_{name}.nii.gz" for n in (1, 2, 10) for name in ("T1", "T2")))


def _bids(root: Path) -> None:
    touch(
        *(root / f"sub-{n:02d}" / "anat" / f"sub-{n:02d}_{name}.nii.gz" for n in (1, 2, 10) for name in ("T1w", "T2w"))
    )


def _flat(root: Path) -> None:
    touch(*(root / f"p{n}_{name}.nii.gz" for n in (1, 2, 10) for name in ("T1", "T2")))


def _dicom(root: Path) -> None:
    for n in (1, 2, 10):
        for name in ("T1", "T2"):
            folder = root / f"p{n}" / name
            header = {"StudyInstanceUID": f"1.2.{n}", "SeriesInstanceUID": f"1.2.{n}.{name[1]}", "SliceThickness": 2}
            write_series(folder, values((4, 4, 1)), placed(), SeriesDescription=f"{name} tse", **header)


BUILDERS: dict[str, Callable[[Path], None]] = {
    "folders": _folders,
    "brats": _brats,
    "pairs": _pairs,
    "manifest": _manifest,
    "synthrad": _synthrad,
    "mmwhs": _mmwhs,
    "contrasts": _contrasts,
    "bids": _bids,
    "flat": _flat,
    "dicom": _dicom,
}


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def root(layout: str, tmp_path: Path) -> Path:
    folder = tmp_path / "Ünï code ☃"
    folder.mkdir()
    BUILDERS[layout](folder)
    return folder


def test_it_is_recognised_and_indexed(root: Path, layout: str) -> None:
    assert recognise(root) == layout
    cohort = index_cohort(root)
    assert cohort.layout == layout
    assert len(cohort) == 3
    assert cohort.left_out == ()
    assert all(path.is_file() for case in cohort.cases for path in case.paths.values())


def test_ids_are_unique_and_in_natural_order(root: Path) -> None:
    ids = [case.id for case in index_cohort(root).cases]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids, key=natural_key)
    assert [int("".join(filter(str.isdigit, case))[-2:]) % 90 for case in ids] == [1, 2, 10]


def test_the_same_again(root: Path, layout: str, tmp_path: Path) -> None:
    assert index_cohort(root) == index_cohort(root, layout=layout)
    shutil.rmtree(root)
    with pytest.raises(UsageError):
        index_cohort(root)


def test_every_image_is_in_a_case_or_left_out_with_a_reason(root: Path, layout: str) -> None:
    stray = root / "stray" / "deep" / "thing_xyz.nii.gz"
    touch(stray, root / "notes.txt")
    cohort = index_cohort(root, layout=layout)
    files = {path for case in cohort.cases for path in case.paths.values()}
    left = {item.path: item.reason for item in cohort.left_out}
    if layout == "manifest":  # the table says what there is
        return
    assert {path for path in root.rglob("*") if is_volume_path(path) or path.suffix == ".dcm"} == files | {stray}
    assert set(left) == {stray, root / "notes.txt"}
    assert all(left.values())


def test_hidden_temporary_and_derived_files_are_named_once(root: Path, layout: str) -> None:
    touch(
        *(root / "derivatives" / f"p{n}" / "T1.nii.gz" for n in range(3)),
        root / ".hidden" / "T1.nii.gz",
        *(root / "x" / name for name in ("._T1.nii.gz", ".DS_Store", "T1.tmp.nii.gz", "T2.nii.gz.part", "~T2.nii")),
    )
    cohort = index_cohort(root, layout=layout)
    assert len(cohort) == 3
    assert [item.code for item in cohort.left_out] == ["ignored"] * (0 if layout == "manifest" else 3)


def test_attributes_come_from_participants(root: Path) -> None:
    ids = [case.id for case in index_cohort(root).cases]
    rows = [f"sub-{ids[0]}\t61\tn/a", f"{ids[1]}\t47\tF"]
    (root / "participants.tsv").write_text("\n".join(["participant_id\tage\tsex", *rows]) + "\n", encoding="utf-8")
    first, second, third = index_cohort(root).cases
    assert first.attributes["age"] == "61"
    assert "sex" not in first.attributes
    assert second.attributes["sex"] == "F"
    assert "age" not in third.attributes


def test_an_empty_data_set_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(CohortError):
        index_cohort(tmp_path, layout=layout)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "scan.nii.gz")
    with pytest.raises(UsageError, match="Give the data set's folder"):
        index_cohort(tmp_path / "scan.nii.gz")
    with pytest.raises(UsageError, match="manifest, bids, pairs, brats, synthrad"):
        index_cohort(tmp_path, layout="scrolls")


def test_a_path_longer_than_any_file_system_takes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        index_cohort(tmp_path / ("x" * 5000))
    (tmp_path / "manifest.csv").write_text(f"case,t1,t2\na,{'y' * 5000}.nii,b.nii\n", encoding="utf-8")
    with pytest.raises(CohortError, match="does not exist"):
        index_cohort(tmp_path)
