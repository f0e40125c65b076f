"""Enhancement read from label maps, where a convention says which value it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.cohort.scans import write
from voxlate.cohort import index_cohort
from voxlate.cohort.labels.enhancement import with_enhancement
from voxlate.config.plan import Reading


def _cohort(root: Path, names: dict[str, int]) -> Path:
    for name, value in names.items():
        array = np.zeros((4, 4, 4), np.uint8)
        array[1, 1, 1] = value
        write(root / name / f"{name}_seg.nii.gz", array)
    return root


def test_the_conventions_value_decides(tmp_path: Path) -> None:
    cohort = index_cohort(_cohort(tmp_path, {"BraTS19_X_1": 4, "BraTS19_X_2": 2, "BraTS19_X_3": 3}))
    (tmp_path / "BraTS19_X_3" / "BraTS19_X_3_seg.nii.gz").write_bytes(b"")
    found = with_enhancement(cohort, ["grade", "enhancing"], reading=Reading())
    assert [case.attributes.get("enhancing") for case in found.cases] == ["yes", "no", None]
    assert with_enhancement(cohort, ["grade"], reading=Reading()) is cohort


def test_without_a_convention_nothing_is_said(tmp_path: Path) -> None:
    cohort = index_cohort(_cohort(tmp_path, {"p1": 4, "BraTS-PED-00001-000": 3}))
    found = with_enhancement(cohort, ["enhancement"], reading=Reading())
    assert not any("enhancement" in case.attributes for case in found.cases)
