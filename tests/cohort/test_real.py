"""The index and the preflight on real scans: sound data is left in peace, planted faults are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cohort.scans import write
from voxlate.cohort import Case, Cohort, contrast_counts, index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.cohort.preflight.measures.alignment import shift_between
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.contrast import get_contrast
from voxlate.io import read_volume
from voxlate.volume import Volume


def test_open_ms_is_indexed_and_sound(real_data: Path) -> None:
    cohort = index_cohort(real_data / "open_ms")
    assert [case.id for case in cohort.cases] == ["patient19", "patient26"]
    assert contrast_counts(cohort) == {"t1": 2, "t1c": 2, "t2": 2, "flair": 2, "labels": 2}
    assert [item.path.name for item in cohort.left_out] == ["LICENSE.txt"]
    assert {finding.code for finding in preflight(cohort)} == {"left_out"}


def test_hippocampus_is_paired_and_sound(real_data: Path) -> None:
    cohort = index_cohort(real_data / "msd_hippocampus")
    assert cohort.layout == "pairs"
    assert len(cohort) == 260
    assert {item.path.parent.name + "/" + item.path.name for item in cohort.left_out if item.code == "unpaired"} == {
        "images/hippocampus_118.nii.gz",
        "labels/hippocampus_010.nii.gz",
        "labels/hippocampus_281.nii.gz",
    }
    some = Cohort(cohort.root, cohort.layout, cohort.cases[:60])
    assert preflight(some, source=["mr"], target="labels") == []


def _volume(path: Path, contrast: str) -> Volume:
    return read_volume(path, contrast=get_contrast(contrast))


@pytest.mark.parametrize("shift", [(1, 0, 0), (0, -2, 3), (11, -6, 9)])
def test_a_displaced_real_scan_is_found_to_the_voxel(real_data: Path, shift: tuple[int, int, int]) -> None:
    folder = real_data / "open_ms" / "patient26"
    fixed, moving = _volume(folder / "T1.nii.gz", "t1"), _volume(folder / "T2.nii.gz", "t2")
    moved = moving.with_array(np.roll(moving.array, shift, (0, 1, 2)))
    found = shift_between(Binned(fixed), Binned(moved).on(fixed.grid), moved.grid)
    assert found is not None
    assert found.voxels == shift
    assert found.is_misaligned


def test_two_patients_are_unrelated(real_data: Path) -> None:
    fixed = _volume(real_data / "open_ms" / "patient19" / "T1.nii.gz", "t1")
    moving = _volume(real_data / "open_ms" / "patient26" / "T2.nii.gz", "t2")
    found = shift_between(Binned(fixed), Binned(moving).on(fixed.grid), moving.grid)
    assert found is not None
    assert found.is_unrelated
    assert not found.is_misaligned


def test_population_averages_are_aligned_and_cormack_units_are_no_hu(real_data: Path, tmp_path: Path) -> None:
    templates = real_data / "spm12_templates"
    paths = {name: templates / f"avg152{name.upper()}.nii" for name in ("t1", "t2", "pd")}
    case = Case("average", "average", {**paths, "ct": real_data / "scct" / "scct.nii"})
    cohort = Cohort(tmp_path, "folders", (case,))
    assert [(finding.severity, finding.code) for finding in preflight(cohort)] == [("error", "not_hounsfield")]


def test_a_stripped_ct_in_another_place_is_found_and_can_be_registered(real_data: Path, tmp_path: Path) -> None:
    """The atlas of the brain lies 1.2 m from the origin, as its scanner counted, and has 0 HU around the brain."""
    paths = {
        "t1": real_data / "spm12_templates" / "avg152T1.nii",
        "ct": real_data / "totalsegmentator" / "ct_brain_atlas_1mm.nii.gz",
    }
    cohort = Cohort(tmp_path, "folders", (Case("atlas", "atlas", paths),))
    for registers, severity in ((False, "error"), (True, "warning")):
        found = preflight(cohort, source=["t1"], target="ct", registers=registers)
        assert {(finding.severity, finding.code) for finding in found} == {
            (severity, "no_overlap"),
            ("warning", "hounsfield_background"),
        }


def test_ct_of_totalsegmentator_is_in_hu(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "totalsegmentator"
    paths = {"ct": folder / "example_ct_sm.nii.gz", "labels": folder / "example_seg.nii.gz"}
    cohort = Cohort(tmp_path, "folders", (Case("ct", "ct", paths),))
    assert preflight(cohort, source=["labels"], target="ct") == []


def test_a_real_scan_copied_as_its_target_is_refused(real_data: Path, tmp_path: Path) -> None:
    source = _volume(real_data / "open_ms" / "patient26" / "T1.nii.gz", "t1")
    scaled = (np.rint(0.2 * np.clip(source.array, 0, 700)) + 3).astype(np.int16)
    paths = {
        "t1": real_data / "open_ms" / "patient26" / "T1.nii.gz",
        "t2": write(tmp_path / "T2.nii.gz", np.roll(scaled, 5, axis=1), source.affine),
    }
    cohort = Cohort(tmp_path, "folders", (Case("patient26", "patient26", paths),))
    (finding,) = preflight(cohort, source=["t1"], target="t2")
    assert (finding.severity, finding.code) == ("error", "target_is_source")
    assert "moved by 5.0 mm" in finding.message
