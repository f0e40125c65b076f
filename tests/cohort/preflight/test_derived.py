"""What the preflight and a cohort say of contrasts that are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cohort.scans import images, write_case
from voxlate.cohort import Cohort, index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.derivation import Derivation

PAIR = {"derived_mean": Derivation(operation="mean", of=("t1", "t2"))}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three cases with t1, t2 and flair; the second lacks t2."""
    for seed, case in enumerate(("a", "b", "c")):
        scans = images(seed)
        write_case(tmp_path / case, {name: scans[name] for name in ("t1", "t2", "flair")})
    (tmp_path / "b" / "t2.nii.gz").unlink()
    return tmp_path


def _found(cohort: Cohort, **options: Any) -> dict[tuple[str, str, str], str]:
    findings = preflight(cohort, target="flair", **options)
    return {(finding.severity, finding.code, finding.case): finding.message for finding in findings}


def test_a_case_has_what_it_has_the_operands_of(root: Path) -> None:
    complete = index_cohort(root).with_contrasts("derived_mean", "flair", derive=PAIR)
    assert [case.id for case in complete.cases] == ["a", "c"]
    assert [item.reason for item in complete.left_out] == ["case b has no t2"]
    found = _found(index_cohort(root), source=["t1", "derived_mean"], derive=PAIR)
    assert found == {("info", "lacks_contrast", "b"): "has no t2."}


def test_an_operand_that_is_the_target_is_found(root: Path) -> None:
    scans = images(0)
    write_case(root / "a", {"flair": (2 * scans["t2"] + 3).astype(np.float32)})
    found = _found(index_cohort(root), source=["derived_mean"], derive=PAIR)
    assert ("error", "target_is_source", "a") in found


def test_a_target_that_the_arithmetic_gives_away_is_found(root: Path) -> None:
    scans = images(0)
    write_case(root / "a", {"flair": (scans["t1"] + scans["t2"]).astype(np.float32)})
    found = _found(index_cohort(root), source=["t1", "derived_mean"], derive=PAIR)
    leak = ("warning", "shared_noise", "a")  # the target holds the noise of t1
    assert list(found) == [("error", "target_is_source", "a"), leak, ("info", "lacks_contrast", "b")]
    assert "computed as mean of t1 and t2" in found["error", "target_is_source", "a"]


@pytest.mark.parametrize(
    ("derivation", "code"),
    [
        (Derivation(operation="subtract", of=("t1", "t1")), "constant_image"),
        (Derivation(operation="multiply", of=("t1",) * 20), "not_finite"),
    ],
)
def test_what_cannot_be_used_is_found(root: Path, derivation: Derivation, code: str) -> None:
    found = _found(index_cohort(root), source=["t1", "derived_x"], derive={"derived_x": derivation})
    assert {key for key in found if key[0] == "error"} == {("error", code, case) for case in ("a", "b", "c")}
