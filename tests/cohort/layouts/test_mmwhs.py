"""Names of MM-WHS, and a stray value in its label maps."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import touch, write
from voxlate.cohort import index_cohort
from voxlate.cohort.labels.classes import group_labels
from voxlate.cohort.labels.conventions import LABEL_NAMES
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.cohort.preflight.checks import preflight
from voxlate.errors import CohortError

VALUES = list(LABEL_NAMES["mmwhs"])


def _pair(root: Path, case: str, *, strays: int) -> Path:
    """An image and a label map of every structure, with that many voxels of the value 421."""
    rng = np.random.default_rng(sum(map(ord, case)))
    labels = np.zeros((12, 12, 12), dtype=np.int16)
    labels[2:9, 2, 2] = VALUES
    labels[2 : 2 + strays, 5, 5] = 421
    write(root / f"{case}_image.nii.gz", rng.normal(0, 300, labels.shape).astype(np.int16))
    return write(root / f"{case}_label.nii.gz", labels)


def test_ct_and_mr_are_cases_of_different_subjects(tmp_path: Path) -> None:
    touch(*(tmp_path / f"{kind}_train_1001_{what}.nii.gz" for kind in ("ct", "mr") for what in ("image", "label")))
    touch(tmp_path / "test" / "ct_test_2001_image.nii.gz", tmp_path / "ct_test_2001_label_encrypt_1mm.nii.gz")
    cohort = index_cohort(tmp_path)
    assert cohort.layout == "mmwhs"
    contrasts = {case.id: sorted(case.paths) for case in cohort.cases}
    assert contrasts == {
        "ct_test_2001": ["ct"],
        "ct_train_1001": ["ct", "labels"],
        "mr_train_1001": ["labels", "mr"],
    }
    assert len({case.subject for case in cohort.cases}) == 3
    assert [case.attributes["challenge_part"] for case in cohort.cases] == ["test", "train", "train"]
    assert {case.attributes["label_convention"] for case in cohort.cases} == {"mmwhs"}
    assert [item.path.name for item in cohort.left_out] == ["ct_test_2001_label_encrypt_1mm.nii.gz"]


def test_values_have_the_names_of_the_structures(tmp_path: Path) -> None:
    _pair(tmp_path, "ct_train_1001", strays=0)
    cases = index_cohort(tmp_path).cases
    assert labelling_of(cases).names[420] == "left atrium"
    assert group_labels("each", cases, "labels") == {name: (value,) for value, name in LABEL_NAMES["mmwhs"].items()}


def test_a_stray_value_is_reported_with_its_voxels_and_makes_no_class(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _pair(tmp_path, "ct_train_1001", strays=0)
    path = _pair(tmp_path, "mr_train_1001", strays=3)
    cohort = index_cohort(tmp_path)
    findings = [finding for finding in preflight(cohort) if finding.code == "unknown_label"]
    assert [(finding.severity, finding.case) for finding in findings] == [("warning", "mr_train_1001")]
    assert str(path) in findings[0].message
    assert "421 (3 voxels)" in findings[0].message
    with caplog.at_level(logging.WARNING):
        assert list(group_labels("each", cohort.cases, "labels").values()) == [(value,) for value in VALUES]
    assert "421" in caplog.text


def test_a_value_is_a_stray_only_under_a_convention(tmp_path: Path) -> None:
    labels = np.zeros((12, 12, 12), dtype=np.int16)
    labels[2:9, 2, 2] = 421
    write(tmp_path / "a" / "labels.nii.gz", labels)
    untold = index_cohort(tmp_path)
    assert "unknown_label" not in {finding.code for finding in preflight(untold)}
    assert group_labels("each", untold.cases, "labels") == {"label 421": (421,)}
    (tmp_path / "cases.csv").write_text("case,label_convention\na,mmwhs\n", encoding="utf-8")
    told = index_cohort(tmp_path)
    assert "421 (7 voxels)" in next(f.message for f in preflight(told) if f.code == "unknown_label")
    with pytest.raises(CohortError, match="1 to 128 label values"):
        group_labels("each", told.cases, "labels")
