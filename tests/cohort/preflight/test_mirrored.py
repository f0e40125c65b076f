"""Label maps whose voxels were flipped while their header stayed: told by how their borders agree with the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.cohort.scans import images, write_case
from voxlate.cohort import index_cohort
from voxlate.cohort.preflight.checks import preflight
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.measures.borders import best_mirroring
from voxlate.contrast import CONTRASTS
from voxlate.volume import Volume

DATA = Path(__file__).parents[4] / "shared" / "data"
WAYS = [(0,), (2,), (0, 1)]


def _cohort(root: Path, flipped: dict[int, Sequence[int]], *, cases: int = 6) -> Path:
    for seed in range(cases):
        scans = {name: array for name, array in images(seed).items() if name in ("t1", "t2", "labels")}
        scans["labels"] = np.flip(scans["labels"], tuple(flipped.get(seed, ())))
        write_case(root / f"case{seed}", scans)
    return root


def _mirrored(root: Path) -> dict[str, str]:
    found = preflight(index_cohort(root), source=["t1"], target="labels")
    assert {one.code for one in found} <= {"mirrored"}
    return {one.case: one.message for one in found}


def test_labels_in_place_are_not_found(tmp_path: Path) -> None:
    assert _mirrored(_cohort(tmp_path, {})) == {}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cases", [1, 6])
def test_flipped_labels_of_one_case_are_found(tmp_path: Path, way: Sequence[int], cases: int) -> None:
    found = _mirrored(_cohort(tmp_path, {0: way}, cases=cases))
    assert list(found) == ["case0"]
    assert ("turn by 180 degrees" in found["case0"]) == (len(way) == 2)


def test_labels_that_are_flipped_in_all_cases_are_found(tmp_path: Path) -> None:
    found = _mirrored(_cohort(tmp_path, dict.fromkeys(range(6), (0,))))
    assert len(found) == 6
    assert all("left to right" in message for message in found.values())


def test_a_few_labelled_voxels_tell_nothing(drawn_once: Callable[..., Path]) -> None:
    """The lesion of one of these, 52 voxels, would fit the mirrored head by chance."""
    cohort = index_cohort(drawn_once(cases=2, seed=4, size=32, contrasts=["t1", "t2"]))
    assert "mirrored" not in {one.code for one in preflight(cohort, source=["t1"], target="t2")}


def test_what_is_labelled_but_does_not_show_is_not_found(tmp_path: Path) -> None:
    """Labels of other people, which agree with nothing, are no flipped ones."""
    for seed in range(6):
        scans = {name: array for name, array in images(seed).items() if name in ("t1", "t2")}
        write_case(tmp_path / f"case{seed}", {**scans, "labels": images(seed + 50)["labels"]})
    assert _mirrored(tmp_path) == {}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real scans of ../shared/data are not here")
@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("open_ms/patient19/FLAIR.nii.gz", "open_ms/patient19/GOLD_STANDARD.nii.gz"),
        ("totalsegmentator/example_ct_sm.nii.gz", "totalsegmentator/example_seg.nii.gz"),
        ("totalsegmentator/example_mr_sm.nii.gz", "totalsegmentator/example_seg_mr.nii.gz"),
        *(
            tuple(f"msd_hippocampus/{what}/hippocampus_{n:03}.nii.gz" for what in ("images", "labels"))
            for n in (8, 15, 37)
        ),
    ],
)
def test_real_labels_agree_better_than_mirrored_ones(image: str, labels: str) -> None:
    scan, drawn = (np.asarray(nib.load(DATA / path).dataobj) for path in (image, labels))
    kind = CONTRASTS["ct" if "_ct" in image else "t1"]
    binned = Binned(Volume(np.asfortranarray(scan, dtype=np.float32), np.eye(4), kind))
    for way in [(), *WAYS]:
        flipped = np.flip(drawn, way).astype(np.int32)
        pose = best_mirroring(binned, Binned(Volume(flipped, np.eye(4), CONTRASTS["labels"])))
        assert pose is not None
        if way:
            assert pose.mirrored == way
            assert pose.best > max(0.2, 1.4 * pose.given)
        else:
            assert pose.best < 0.8 * pose.given


@pytest.mark.parametrize("order", [(2, 1, 0), (1, 2, 0)])
def test_labels_in_a_cube_whose_axes_were_exchanged_are_found(tmp_path: Path, order: Sequence[int]) -> None:
    """As where an array is written whose first axis is the last one of the file."""
    for seed in range(2):
        scans = {name: array[4:36, 2:34] for name, array in images(seed).items() if name in ("t1", "labels")}
        if seed == 0:
            scans["labels"] = np.ascontiguousarray(scans["labels"].transpose(order))
        write_case(tmp_path / f"case{seed}", scans)
    found = _mirrored(tmp_path)
    assert list(found) == ["case0"]
    assert "written in another order" in found["case0"]
