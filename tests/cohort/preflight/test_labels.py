"""Label maps and masks in the preflight: beside the images of their case, and beside those of other cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cohort.scans import SHAPE, images, write, write_case
from voxlate.cohort import index_cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.numbering import check_numbering
from voxlate.cohort.preflight.checks import preflight
from voxlate.config.plan import Reading

CASES = ("a", "b")


def _cohort(root: Path, cases: tuple[str, ...] = CASES) -> Path:
    for seed, case in enumerate(cases):
        scans = images(seed)
        write_case(root / case, {name: scans[name] for name in ("t1", "t2", "labels")})
        write(root / case / "brain_mask.nii.gz", (scans["t1"] > 0).astype(np.uint8))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _cohort(tmp_path)


def _found(root: Path, **options: Any) -> list[Finding]:
    return preflight(index_cohort(root), **options)


def _codes(root: Path, **options: Any) -> set[tuple[str, str, str]]:
    return {(one.severity, one.code, one.case) for one in _found(root, **options)}


def test_sound_labels_and_masks_have_no_findings(root: Path) -> None:
    assert _found(root) == []
    assert _found(root, source=["t1"], target="labels") == []


@pytest.mark.parametrize("fault", ["fractions", "negative", "elsewhere", "unreadable"])
def test_a_fault_in_labels_is_an_error_only_where_something_is_learned_from_them(root: Path, fault: str) -> None:
    path, labels = root / "b" / "labels.nii.gz", images(1)["labels"]
    if fault == "unreadable":
        path.write_bytes(path.read_bytes()[:50])
    elif fault == "elsewhere":
        write(path, labels, np.diag([-1.0, -1, 1, 1]))
    else:
        write(path, 0.7 * labels if fault == "fractions" else np.where(labels, 1, -1).astype(np.int16))
    (learned,) = _codes(root, source=["t1"], target="labels")
    assert learned[0] == "error"
    (scored,) = _codes(root, source=["t1"], target="t2")
    assert scored == ("warning", *learned[1:])
    assert _codes(root, source=["t1"], target="t2", labelled=True) == {learned}


def test_what_is_accepted_is_a_warning(root: Path) -> None:
    write(root / "b" / "labels.nii.gz", np.where(images(1)["labels"], 1, -1).astype(np.int16))
    write(root / "a" / "labels.nii.gz", images(0)["labels"], np.diag([-1.0, -1, 1, 1]))
    accepted = Reading(accept=("negative_labels", "labels_misplaced"))
    assert _codes(root, source=["t1"], target="labels", reading=accepted) == {
        ("warning", "negative_labels", "b"),
        ("warning", "labels_misplaced", "a"),
    }


def test_a_mask_is_always_needed(root: Path) -> None:
    write(root / "b" / "brain_mask.nii.gz", np.zeros(SHAPE, np.uint8))
    assert _codes(root, source=["t1"], target="t2") == {("error", "empty_mask", "b")}


def test_a_mask_of_one_voxel_leaves_nothing_to_normalise(root: Path) -> None:
    dot = np.zeros(SHAPE, np.uint8)
    dot[20, 18, 16] = 1
    write(root / "b" / "brain_mask.nii.gz", dot)
    found = _codes(root, source=["t1"], target="t2")
    assert found == {("error", "constant_image", "b"), ("warning", "small_mask", "b")}


def test_a_mask_far_smaller_than_the_others_is_told_once(tmp_path: Path) -> None:
    root = _cohort(tmp_path, ("a", "b", "c", "d"))
    part = np.zeros(SHAPE, np.uint8)
    part[13:26, 11:25, 9:23] = 1
    write(root / "b" / "brain_mask.nii.gz", part)
    (found,) = _found(root)
    assert (found.code, found.case) == ("small_mask", "b")
    assert "median" in found.message


def test_masks_of_lesions_name_the_other_reading(root: Path) -> None:
    for seed, case in enumerate(CASES):
        write(root / case / "brain_mask.nii.gz", images(seed)["labels"])
    found = _found(root)
    assert [(one.code, one.case) for one in found] == [("small_mask", case) for case in CASES]
    assert all("label map" in one.message for one in found)


@pytest.mark.parametrize(
    ("options", "severity", "words"),
    [
        ({}, "info", "it is not used: 1 of 3 cases have a mask."),
        ({"mask": "file"}, "warning", "confined to it"),
        ({"mask": "otsu"}, "info", "it is not used: plan.mask is otsu."),
        ({"split": {"a": "train", "b": "train", "c": "test"}}, "info", "1 of 2 training cases have a mask."),
        ({"split": {"a": "test", "b": "train", "c": "test"}}, "warning", "confined to it"),
    ],
)
def test_a_small_mask_is_a_warning_only_where_masks_are_used(
    tmp_path: Path, options: dict[str, Any], severity: str, words: str
) -> None:
    root = _cohort(tmp_path, ("a", "b", "c"))
    for case in "ac":
        (root / case / "brain_mask.nii.gz").unlink()
    write(root / "b" / "brain_mask.nii.gz", images(1)["labels"])
    (found,) = [one for one in _found(root, source=["t1"], target="t2", **options) if one.code == "small_mask"]
    assert (found.severity, found.case) == (severity, "b")
    assert words in found.message
    assert "name it ..._seg" in found.message
    assert ("confined" in found.message) == (severity == "warning")


def test_one_label_under_two_numbers(root: Path) -> None:
    write(root / "a" / "labels.nii.gz", images(0)["labels"] * 255)
    (found,) = _found(root)
    assert (found.severity, found.code) == ("warning", "other_numbering")
    assert "1 in 1 case (b), 255 in 1 case (a)" in found.message
    write(root / "b" / "labels.nii.gz", images(1)["labels"] * 255)
    assert _found(root) == []


def test_two_labels_under_other_numbers(tmp_path: Path) -> None:
    root = _cohort(tmp_path, ("a", "b", "c", "d"))
    for seed, case in enumerate("abcd"):
        labels = images(seed)["labels"]
        labels[:20] *= 2
        write(root / case / "labels.nii.gz", labels * (100 if case == "b" else 1))
    (found,) = _found(root)
    assert (found.severity, found.code) == ("warning", "other_numbering")
    assert "1 case (b) are 100, 200, and those of the others 1, 2" in found.message
    for seed, case in enumerate("acd"):
        write(root / case / "labels.nii.gz", images(seed)["labels"] * 100)
    assert _found(root) == []


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (["1 2", "128 255", "1 2", "1 2"], "1 case (b) are 128, 255, and those of the others 1, 2"),
        (["1 2", "1", "3 2", "1 2", "1 2"], "1 case (c) are 2, 3, and those of the others 1"),
        (["1 2", "7 8", "7 8", "1 2", "1 2"], "2 cases (b, c) are 7, 8, and those of the others 1, 2"),
        (["1", "1", "2", "1"], "1 case (c) are 2, and those of the others 1"),
        (["1 2 4", "1 2 4", "2 4", "2", "4"], ""),
        (["1 2", "1 2", "3 4", "3 4"], ""),
        (["1", "2", "1", "2", "1"], ""),
        (["1 5 9", "1 5 8", "2 5 7", "5 9"], ""),
    ],
)
def test_cases_whose_labels_have_other_numbers_than_the_rest(numbers: list[str], told: str) -> None:
    found = check_numbering({"abcde"[n]: tuple(sorted(map(int, own.split()))) for n, own in enumerate(numbers)})
    assert [one.code for one in found] == (["other_numbering"] if told else [])
    assert not told or told in found[0].message


def test_a_label_map_without_background_is_told(root: Path) -> None:
    write(root / "a" / "labels.nii.gz", images(0)["labels"] + 1)
    (found,) = [one for one in _found(root) if "no voxel of 0" in one.message]
    assert (found.severity, found.code) == ("warning", "other_numbering")


def test_one_label_map_in_two_cases_is_told_wherever_it_lies(root: Path) -> None:
    labels = images(0)["labels"]
    labels[[0, -1]] = 0
    write(root / "a" / "labels.nii.gz", labels)
    write(root / "b" / "labels.nii.gz", np.roll(labels, 1, axis=0))
    assert ("warning", "duplicate_labels", "b") in _codes(root)
    (root / "cases.csv").write_text("case,subject\na,p1\nb,p1\n", encoding="utf-8")
    assert "duplicate_labels" not in {code for _, code, _ in _codes(root)}


def test_nothing_labelled_cannot_be_learned(root: Path) -> None:
    for case in CASES:
        write(root / case / "labels.nii.gz", np.zeros(SHAPE, np.uint8))
    assert ("error", "nothing_labelled", "") in _codes(root, source=["t1"], target="labels")
    assert ("warning", "nothing_labelled", "") in _codes(root)
    assert ("nothing_labelled") not in {code for _, code, _ in _codes(root, source=["t1"], target="t2")}
