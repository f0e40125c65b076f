"""A scan is poor against its cohort, not against a wish; what no header tells stands in a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.cohort import index_cohort
from voxlate.cohort.poor import find_poor, read_poor, without_poor
from voxlate.cohort.preflight.checks import preflight
from voxlate.config.plan import Reading
from voxlate.errors import ReadError, UsageError
from voxlate.io import write_volume
from voxlate.volume import Volume

FINE, THICK, LONG = (1.0, 1.0, 1.2), (1.0, 1.0, 6.0), (0.5, 0.5, 2.5)


def _cohort(root: Path, t2: list[tuple[float, float, float]], *, t1: tuple[float, float, float] = FINE) -> None:
    rng = np.random.default_rng(0)
    for number, spacing in enumerate(t2):
        folder = root / f"case{number}"
        folder.mkdir(parents=True)
        for name, mm in (("t1", t1), ("t2", spacing)):
            array = rng.random((6, 7, 8), dtype=np.float32)
            write_volume(Volume(array, np.diag([*mm, 1.0])), folder / f"{name}.nii.gz")


def _found(root: Path) -> dict[tuple[str, str], str]:
    return find_poor(index_cohort(root), reading=Reading())


def test_thick_slices_and_long_voxels_are_poor_among_finer_ones(tmp_path: Path) -> None:
    _cohort(tmp_path, [FINE, FINE, THICK, FINE, LONG])
    found = _found(tmp_path)
    assert set(found) == {("case2", "t2"), ("case4", "t2")}
    assert "slices of 6 mm" in found["case2", "t2"]
    assert "5 times as long" in found["case4", "t2"]


@pytest.mark.parametrize("spacings", [[THICK] * 4, [THICK, THICK, FINE], [(1.0, 1.0, 3.0), FINE, FINE], [THICK]])
def test_what_the_cohort_is_like_is_not_poor(tmp_path: Path, spacings: list[tuple[float, float, float]]) -> None:
    """Thick throughout, thick in most, no thicker than 4 mm, or alone; whatever the other contrast is like."""
    _cohort(tmp_path, spacings)
    assert _found(tmp_path) == {}


def test_slices_of_another_orientation_than_most_are_poor(tmp_path: Path) -> None:
    axial, sagittal, cubes = (1.0, 1.0, 3.0), (3.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    _cohort(tmp_path / "mixed", [axial, axial, sagittal, axial, cubes])
    assert _found(tmp_path / "mixed") == {("case2", "t2"): "sagittal slices, where 3 of 5 scans have axial ones"}
    _cohort(tmp_path / "halves", [axial, axial, sagittal, sagittal])
    assert _found(tmp_path / "halves") == {}


def test_the_preflight_tells_the_rule_for_the_record(tmp_path: Path) -> None:
    _cohort(tmp_path, [FINE, FINE, THICK])
    (found,) = [one for one in preflight(index_cohort(tmp_path)) if one.code == "poor_scan"]
    assert (found.severity, found.case) == ("info", "case2")
    for part in ("--replace poor", "4 mm", "1.5 times the median"):
        assert part in found.message


def test_a_damaged_file_is_not_judged(tmp_path: Path) -> None:
    _cohort(tmp_path, [FINE, FINE, THICK])
    (tmp_path / "case2" / "t2.nii.gz").write_bytes(b"damaged")
    assert _found(tmp_path) == {}


def test_a_table_names_scans_and_reasons(tmp_path: Path) -> None:
    _cohort(tmp_path / "data", [FINE, FINE])
    table = tmp_path / "motion.csv"
    table.write_text("case,contrast,reason\ncase1,T2w,the head moved\ncase0,t1,\n")
    cohort = index_cohort(tmp_path / "data")
    poor = read_poor(table, cohort)
    assert poor == {("case1", "t2"): "the head moved", ("case0", "t1"): "named in motion.csv"}
    assert [set(case.paths) for case in without_poor(cohort, poor).cases] == [{"t2"}, {"t1"}]


@pytest.mark.parametrize("row", ["case7,t2", "case1,flair"])
def test_a_row_that_names_no_scan_is_refused(tmp_path: Path, row: str) -> None:
    _cohort(tmp_path / "data", [FINE, FINE])
    (tmp_path / "a.csv").write_text(f"case,contrast\n{row}\n")
    with pytest.raises(UsageError, match=row.partition(",")[0]):
        read_poor(tmp_path / "a.csv", index_cohort(tmp_path / "data"))


@pytest.mark.parametrize("text", ["", "id,what\na,t2\n", "case,contrast\n"])
def test_another_table_is_refused(tmp_path: Path, text: str) -> None:
    _cohort(tmp_path / "data", [FINE, FINE])
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ReadError, match="columns case and contrast"):
        read_poor(tmp_path / "a.csv", index_cohort(tmp_path / "data"))
