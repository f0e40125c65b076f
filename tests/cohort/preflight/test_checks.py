"""The preflight on cohorts with one planted fault each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.scans import SHAPE, images, tissue, write, write_case
from voxlate.cohort import Finding, index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.config.plan import Reading

Codes = set[tuple[str, str, str]]
CASES = ("a", "b", "ü c")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, case in enumerate(CASES):
        scans = images(seed)
        write_case(tmp_path / case, {name: scans[name] for name in ("t1", "t2", "flair", "labels")})
    return tmp_path


def _codes(findings: list[Finding]) -> Codes:
    return {(finding.severity, finding.code, finding.case) for finding in findings}


def _check(root: Path, **options: Any) -> Codes:
    return _codes(preflight(index_cohort(root), **options))


def test_a_sound_cohort_has_no_findings(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    cohort = index_cohort(root)
    assert preflight(cohort, progress=lambda done, total: seen.append((done, total))) == []
    assert preflight(cohort, source=["T1w"], target="t2") == []
    assert preflight(cohort, source=["t1", "flair"], target="seg") == []
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def _rescaled(source: NDArray[Any]) -> NDArray[Any]:
    return (0.37 * source + 12).astype(np.float32)


def _inverted(source: NDArray[Any]) -> NDArray[Any]:
    return (1000 - source).astype(np.float32)


def _rounded(source: NDArray[Any]) -> NDArray[Any]:
    return np.rint(source).astype(np.int16)


def _moved(source: NDArray[Any]) -> NDArray[Any]:
    return np.roll(2 * source, (3, 0, -2), (0, 1, 2))


def _masked(source: NDArray[Any]) -> NDArray[Any]:
    inner = np.zeros(source.shape, dtype=bool)
    inner[8:-8, 8:-8, 6:-6] = True
    return np.where(inner, source, 0)


@pytest.mark.parametrize("fault", [np.copy, _rescaled, _inverted, _rounded, _masked, _moved])
def test_a_target_that_is_its_source_is_an_error(root: Path, fault: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    write(root / "b" / "t2.nii.gz", fault(images(1)["t1"]))
    cut = {("warning", "not_covered", "b")} if fault is _masked else set()  # a box shows less than the patient
    assert _check(root, source=["t1"], target="t2") == {("error", "target_is_source", "b")} | cut
    assert ("error", "copied_contrast", "b") in _check(root)
    assert _check(root, source=["flair"], target="t2") <= {("warning", "misaligned", "b")} | cut


def test_the_same_file_under_two_names_is_an_error(root: Path) -> None:
    for case in CASES:
        shutil.copyfile(root / case / "t1.nii.gz", root / case / "t2.nii.gz")
    found = preflight(index_cohort(root), source=["t1"], target="t2")
    assert _codes(found) == {("error", "target_is_source", case) for case in CASES}
    assert all("t1.nii.gz" in finding.message and "t2.nii.gz" in finding.message for finding in found)


def test_labels_that_are_the_source_image_are_an_error(root: Path) -> None:
    """The fault of Kathane and Vhora's generator: the input was returned as the label."""
    write(root / "a" / "labels.nii.gz", images(0)["t1"])
    codes = _check(root, source=["t1"], target="labels")
    assert codes == {("error", "target_is_source", "a"), ("error", "labels_not_integer", "a")}


def test_a_label_source_copied_into_the_target_is_an_error(root: Path) -> None:
    write(root / "a" / "t1.nii.gz", 4 * images(0)["labels"])
    assert ("error", "target_is_source", "a") in _check(root, source=["labels"], target="t1")


def test_two_sources_that_are_one_image_are_a_warning(root: Path) -> None:
    write(root / "a" / "flair.nii.gz", _rescaled(images(0)["t1"]))
    assert _check(root, source=["t1", "flair"], target="t2") == {("warning", "copied_contrast", "a")}


def test_a_misaligned_contrast_is_named_with_its_shift(root: Path) -> None:
    write(root / "b" / "t2.nii.gz", np.roll(images(1)["t2"], (0, -2, 0), (0, 1, 2)))
    (finding,) = preflight(index_cohort(root), source=["t1"], target="t2")
    assert (finding.severity, finding.code, finding.case) == ("warning", "misaligned", "b")
    assert "moved back by 2.0 mm to the back" in finding.message
    assert _check(root) == {("warning", "misaligned", "b")}


@pytest.mark.parametrize("exact", [True, False])
def test_one_image_in_two_cases(root: Path, exact: bool) -> None:
    if exact:
        shutil.copyfile(root / "a" / "t1.nii.gz", root / "b" / "t1.nii.gz")
    else:
        noise = np.random.default_rng(0).normal(0, 2, SHAPE)
        write(root / "b" / "t1.nii.gz", (3 * images(0)["t1"] + noise).astype(np.float32))
    only = index_cohort(root).with_contrasts("t1")
    parted = {"a": "train", "b": "test", "ü c": "validation"}
    together = {"a": "train", "b": "train", "ü c": "test"}
    assert ("error", "duplicate_image", "a") in _codes(preflight(only, source=["t1"]))
    assert ("error", "subject_in_two_parts", "a") in _codes(preflight(only, source=["t1"], split=parted))
    assert ("warning", "duplicate_image", "a") in _codes(preflight(only, source=["t1"], split=together))


def test_one_image_in_two_sessions_of_a_subject_is_a_warning(root: Path) -> None:
    for session in (1, 2):
        shutil.copytree(root / "a", root / f"sub-9_ses-{session}")
    shutil.rmtree(root / "a")
    assert _check(root, source=["t1"], target="t2") == {("warning", "duplicate_image", "sub-9_ses-1")}


def test_one_subject_in_two_parts_is_an_error(root: Path) -> None:
    (root / "cases.csv").write_text("case,subject\na,sub-anna\nb,Anna\n", encoding="utf-8")
    cohort = index_cohort(root)
    split = {"a": "train", "b": "test", "ü c": "validation"}
    found = preflight(cohort, source=["t1"], target="t2", split=split)
    assert _codes(found) == {("error", "subject_in_two_parts", "b")}
    assert "train (case a)" in found[0].message
    gone = preflight(cohort, split={"a": "train", "z": "test"})
    assert _codes(gone) == {("error", "not_in_cohort", "z")}


def test_what_the_reader_refuses_is_named(root: Path) -> None:
    broken = np.array(images(0)["t1"])
    broken[3, 3, 3] = np.nan
    write(root / "a" / "t1.nii.gz", broken)
    whole = (root / "b" / "t2.nii.gz").read_bytes()
    (root / "b" / "t2.nii.gz").write_bytes(whole[: len(whole) // 2])
    found = preflight(index_cohort(root), source=["t1"], target="t2")
    assert _codes(found) == {("error", "unreadable", "a"), ("error", "unreadable", "b")}
    assert "t1.nii.gz" in found[0].message
    accepted = preflight(index_cohort(root), source=["t1"], target="flair", reading=Reading(on_nonfinite="zero"))
    assert _codes(accepted) == set()


def test_a_constant_source_is_an_error(root: Path) -> None:
    write(root / "a" / "t1.nii.gz", np.full(SHAPE, 5, dtype=np.int16))
    assert _check(root, source=["t1"], target="t2") == {("error", "constant_image", "a")}
    assert _check(root) == {("error", "constant_image", "a")}


def test_empty_labels_are_counted(root: Path) -> None:
    for case in ("a", "b"):
        write(root / case / "labels.nii.gz", np.zeros(SHAPE, dtype=np.uint8))
    found = preflight(index_cohort(root), source=["t1"], target="t2")
    warned = {("warning", "empty_labels", case) for case in ("a", "b")}
    assert _codes(found) == {*warned, ("info", "empty_labels_count", "")}
    assert found[-1].message.startswith("2 label maps of 3 cases")


def test_ct_in_other_units_is_an_error(root: Path) -> None:
    field, head = tissue(0)
    hounsfield = np.where(head, 40 + 300 * (field > 1), -1000) + np.random.default_rng(0).normal(0, 8, SHAPE)
    write(root / "a" / "ct.nii.gz", hounsfield.astype(np.int16))
    write(root / "b" / "ct.nii.gz", np.maximum(hounsfield + 1100, 0).astype(np.int16))
    assert ("error", "not_hounsfield", "b") in _check(root, target="ct")
    assert ("error", "not_hounsfield", "a") not in _check(root, target="ct")


def test_other_grids_are_told_and_a_place_apart_is_an_error(root: Path) -> None:
    write(root / "a" / "t2.nii.gz", images(0)["t2"][::2, ::2, ::2], np.diag([2.0, 2, 2, 1]))
    far = np.eye(4)
    far[0, 3] = 500
    write(root / "b" / "t2.nii.gz", images(1)["t2"], far)
    found = preflight(index_cohort(root), source=["t1"], target="t2")
    assert _codes(found) == {("info", "different_grids", "a"), ("error", "no_overlap", "b")}
    assert "20 x 18 x 16 voxels of 2 x 2 x 2 mm" in found[1].message
    assert "plan.grids: rigid" in found[0].message


def test_a_place_apart_is_a_warning_where_images_are_registered_but_not_for_labels(root: Path) -> None:
    """CT and MR machines count from points of their own; registration begins at the centres. Labels stay: an error,
    where something is learned from them."""
    far = np.eye(4)
    far[0, 3] = 500
    write(root / "a" / "t2.nii.gz", images(0)["t2"], far)
    write(root / "b" / "labels.nii.gz", (images(1)["t2"] > 0).astype(np.uint8), far)
    assert _check(root, source=["t1"], target="t2", registers=True, labelled=True) == {
        ("warning", "no_overlap", "a"),
        ("error", "no_overlap", "b"),
    }
    assert ("warning", "no_overlap", "b") in _check(root, source=["t1"], target="t2", registers=True)


def test_files_of_two_subjects_in_one_case_are_a_warning(root: Path) -> None:
    write(root / "a" / "t2.nii.gz", images(50)["t2"])
    codes = _check(root, source=["t1"], target="t2")
    assert codes <= {("warning", "unrelated", "a"), ("warning", "misaligned", "a")}
    assert codes


def test_what_was_left_out_is_told(root: Path) -> None:
    (root / "notes.txt").touch()
    shutil.copyfile(root / "a" / "t1.nii.gz", root / "a" / "T1w.nii.gz")
    codes = _check(root, source=["t1"], target="t2")
    assert codes == {
        ("warning", "duplicate_contrast", ""),
        ("info", "left_out", ""),
        ("info", "lacks_contrast", "a"),
    }


def test_the_gravest_comes_first(root: Path) -> None:
    write(root / "ü c" / "t1.nii.gz", np.full(SHAPE, 5, dtype=np.int16))
    write(root / "a" / "labels.nii.gz", np.zeros(SHAPE, dtype=np.uint8))
    severities = [finding.severity for finding in preflight(index_cohort(root))]
    assert severities == ["error", "warning", "info"]
