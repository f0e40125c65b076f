"""Classes of a cohort's label maps: from its values, or from the convention that its names tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import touch, write
from voxlate.cohort import Case, index_cohort
from voxlate.cohort.labels.classes import group_labels
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.errors import CohortError, ReadError, UsageError

LABELS = np.array([0, 1, 2, 4], dtype=np.uint8).reshape(1, 2, 2)


def case(name: str, folder: Path, labels: np.ndarray, **attributes: str) -> Case:
    path = folder / f"{name}.nii.gz"
    write(path, labels)
    return Case(id=name, subject=name, paths={"labels": path}, attributes=attributes)


@pytest.mark.parametrize(
    ("convention", "whole", "core", "enhancing"),
    [
        ("brats2015", (1, 2, 3, 4), (1, 3, 4), (4,)),
        ("brats2017", (1, 2, 4), (1, 4), (4,)),
        ("brats2023", (1, 2, 3), (1, 3), (3,)),
    ],
)
def test_regions_follow_the_year(
    tmp_path: Path, convention: str, whole: tuple[int, ...], core: tuple[int, ...], enhancing: tuple[int, ...]
) -> None:
    cases = [case("a", tmp_path, LABELS, label_convention=convention)]
    found = group_labels("regions", cases, "labels")
    assert found == {"whole tumour": whole, "tumour core": core, "enhancing tumour": enhancing}


def test_regions_are_never_guessed(tmp_path: Path) -> None:
    untold = case("a", tmp_path, LABELS)
    old = case("b", tmp_path, LABELS, label_convention="brats2017")
    new = case("c", tmp_path, LABELS, label_convention="brats2023")
    for cases, came in ([untold], "none"), ([old, new], "brats2017, brats2023"), ([old, untold], "brats2017, none"):
        with pytest.raises(CohortError, match=f"one convention of BraTS.*got {came}.*changed with the years"):
            group_labels("regions", cases, "labels")


def test_a_class_for_each_value_that_occurs_in_any_case(tmp_path: Path) -> None:
    cases = [case("a", tmp_path, LABELS * 0), case("b", tmp_path, LABELS), case("c", tmp_path, LABELS // 4 * 7)]
    assert group_labels("each", cases, "labels") == {
        "label 1": (1,), "label 2": (2,), "label 4": (4,), "label 7": (7,)
    }  # fmt: skip
    named = [case("d", tmp_path, LABELS, label_convention="brats2017")]
    assert list(group_labels("each", named, "labels")) == [
        "tumour core without enhancement", "oedema", "enhancing tumour"
    ]  # fmt: skip
    assert group_labels("binary", cases, "labels") == {"any label": ()}


def test_an_image_that_was_taken_for_a_label_map_is_no_set_of_classes(tmp_path: Path) -> None:
    values = np.arange(512, dtype=np.int16).reshape(8, 8, 8)
    with pytest.raises(ReadError, match=r"512 values from 0 to 511.*an image"):
        group_labels("each", [case("a", tmp_path, values)], "labels")
    atlas = np.kron(values, np.ones((4, 4, 4), np.int16))  # of regions, not of voxels
    with pytest.raises(CohortError, match=r"1 to 128 label values.*got 511"):
        group_labels("each", [case("a", tmp_path, atlas)], "labels")
    with pytest.raises(CohortError, match="got 0"):
        group_labels("each", [case("b", tmp_path, LABELS * 0)], "labels")
    with pytest.raises(UsageError, match="binary, each, regions"):
        group_labels("all", [], "labels")


def test_names_are_those_of_the_convention_or_counted(tmp_path: Path) -> None:
    assert labelling_of([case("a", tmp_path, LABELS // 4)]).names == {}
    assert labelling_of([case("b", tmp_path, LABELS)]).names == {1: "label 1", 2: "label 2", 4: "label 4"}
    brats = labelling_of([case("c", tmp_path, LABELS, label_convention="brats2015")]).names
    assert brats[3] == "tumour without enhancement"


def test_the_layout_of_2015_tells_its_regions(tmp_path: Path) -> None:
    folder = tmp_path / "HGG" / "brats_2013_pat0001_1"
    for stem in ("VSD.Brain.XX.O.MR_Flair.1", "VSD.Brain_3more.XX.O.OT.2"):
        touch(folder / stem / f"{stem}.mha")
    found = group_labels("regions", index_cohort(tmp_path).cases, "labels")
    assert found["tumour core"] == (1, 3, 4)
