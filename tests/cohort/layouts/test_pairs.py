from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cohort.scans import touch
from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.names import check_names
from voxlate.errors import CohortError


def test_unpaired_files_are_reported(tmp_path: Path) -> None:
    touch(*(tmp_path / "images" / f"h_{n}.nii.gz" for n in (1, 2, 118)))
    touch(*(tmp_path / "labels" / f"h_{n}.nii.gz" for n in (1, 2, 10)))
    cohort = index_cohort(tmp_path)
    assert [case.id for case in cohort.cases] == ["h_1", "h_2"]
    assert set(cohort.cases[0].paths) == {"mr", "labels"}
    assert {(item.path.name, item.code) for item in cohort.left_out} == {
        ("h_118.nii.gz", "unpaired"),
        ("h_10.nii.gz", "unpaired"),
    }


@pytest.mark.parametrize(
    ("content", "contrast"),
    [
        ({"modality": {"0": "CT"}}, "ct"),
        ({"channel_names": {"0": "CT"}}, "ct"),
        ({"modality": {"0": "MRI"}}, "mr"),
        ({"channel_names": {"0": "T2"}}, "t2"),
        ({"modality": {"0": "zscore"}}, "mr"),
        ({}, "mr"),
    ],
)
def test_dataset_json_says_what_the_images_show(tmp_path: Path, content: dict[str, object], contrast: str) -> None:
    touch(tmp_path / "imagesTr" / "a.nii.gz", tmp_path / "labelsTr" / "a.nii.gz", tmp_path / "imagesTs" / "b.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps(content), encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {contrast, "labels"}
    assert [item.path.name for item in cohort.left_out] == ["b.nii.gz"]


def test_channels_of_nnunet(tmp_path: Path) -> None:
    touch(*(tmp_path / "imagesTr" / f"a_{n:04d}.nii.gz" for n in range(4)), tmp_path / "labelsTr" / "a.nii.gz")
    names = {"0": "T1", "1": "T1ce", "2": "FLAIR"}
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": names}), encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"t1", "t1c", "flair", "labels"}
    assert [item.reason for item in cohort.left_out] == ["dataset.json names no channel 3"]


def test_channels_without_names_are_ambiguous(tmp_path: Path) -> None:
    touch(*(tmp_path / "imagesTr" / f"a_{n:04d}.nii.gz" for n in range(2)), tmp_path / "labelsTr" / "a.nii.gz")
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"labels"}
    assert [item.code for item in cohort.left_out] == ["unknown_channels", "unclear_channel", "unclear_channel"]
    assert cohort.left_out[0].path.name == "dataset.json"


@pytest.mark.parametrize("names", [["perfusion", "high b"], ["CT", "CT"], ["T1", "T1w"]])
def test_channels_that_no_known_name_tells_apart_are_one_sentence(tmp_path: Path, names: list[str]) -> None:
    for case in ("a", "b"):
        images = (tmp_path / "imagesTr" / f"{case}_{n:04d}.nii.gz" for n in range(2))
        touch(*images, tmp_path / "labelsTr" / f"{case}.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": dict(enumerate(names))}), encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert all(set(case.paths) == {"labels"} for case in cohort.cases)
    (told,) = (finding for finding in check_names(cohort) if finding.code == "unknown_channels")
    assert told.severity == "warning"
    assert all(word in told.message for word in ("dataset.json", repr(names[0]), repr(names[1]), "flair"))
    assert not any("keep one" in item.reason for item in cohort.left_out)


def test_one_channel_of_an_unknown_name_is_told_and_used(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a_0000.nii.gz", tmp_path / "labelsTr" / "a.nii.gz")
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": ["perfusion"]}), encoding="utf-8")
    cohort = index_cohort(tmp_path)
    assert set(cohort.cases[0].paths) == {"mr", "labels"}
    assert [item.code for item in cohort.left_out] == ["unknown_channels"]
    assert "'perfusion'" in cohort.left_out[0].reason


def test_a_broken_dataset_json_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "a.nii.gz", tmp_path / "labels" / "a.nii.gz")
    (tmp_path / "dataset.json").write_text("{", encoding="utf-8")
    with pytest.raises(CohortError, match=r"dataset\.json"):
        index_cohort(tmp_path)
