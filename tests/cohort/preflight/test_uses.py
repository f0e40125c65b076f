"""A check that is told what the contrasts are for gives findings the severity that training would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cohort.scans import images, write_case
from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.verbs import check


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uses") / "scans"
    for seed, case in enumerate("abc"):
        scans = images(seed)
        del scans["flair"]
        if case == "b":
            scans["t1c"] = scans["t1"]
            scans["labels"] = scans["labels"] + np.float32(0.4)
        write_case(folder / case, scans)
    return folder


def _told(root: Path, **use: Any) -> set[tuple[str, str]]:
    return {
        (severity, code)
        for severity, case, code, _ in check(root, keep=root.parent / "run", **use).findings
        if case == "b"
    }


def test_severity_is_by_use(root: Path) -> None:
    labels, copied = ("error", "labels_not_integer"), ("error", "copied_contrast")
    assert {labels, copied} <= _told(root)
    assert {("error", "target_is_source"), ("warning", "labels_not_integer")} <= _told(root, source="t1", target="t1c")
    assert {("warning", "copied_contrast"), labels} <= _told(root, source=["t1", "t1c"], target="labels")


def test_a_recipe_says_what_is_used(root: Path) -> None:
    told = _told(root, recipe="avula2020-t1-to-t2")
    assert ("warning", "labels_not_integer") in told
    assert not {code for _, code in told} & {"copied_contrast", "target_is_source"}


def test_a_contrast_that_no_case_has_is_an_error(root: Path) -> None:
    found = [(f.severity, f.code, f.case) for f in preflight(index_cohort(root), source=["t1"], target="flair")]
    assert found[0] == ("error", "lacks_contrast", "")
    assert found.count(("info", "lacks_contrast", "a")) == 1
