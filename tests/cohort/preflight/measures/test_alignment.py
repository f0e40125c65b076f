from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.cohort.scans import images, tissue
from voxlate.cohort.preflight.measures.alignment import Shift, normalised_information, shift_between
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.contrast import CONTRASTS
from voxlate.volume import Volume

SCANS = images(0)
RAS = np.eye(4)


def _volume(name: str, *, shift: tuple[int, int, int] = (0, 0, 0), affine: NDArray[np.float64] = RAS) -> Volume:
    return Volume(np.roll(SCANS[name], shift, (0, 1, 2)), affine, CONTRASTS[name])


def find_shift(fixed: Volume, moving: Volume) -> Shift | None:
    return shift_between(Binned(fixed), Binned(moving).on(fixed.grid), moving.grid)


def _shift(fixed: Volume, moving: Volume) -> Shift:
    found = find_shift(fixed, moving)
    assert found is not None
    return found


@pytest.mark.parametrize("moving", ["t1c", "t2", "flair"])
def test_aligned_contrasts_stay_where_they_are(moving: str) -> None:
    found = _shift(_volume("t1"), _volume(moving))
    assert found.voxels == (0, 0, 0)
    assert not found.is_misaligned
    assert not found.is_unrelated


@settings(deadline=None, max_examples=25)
@given(shift=st.tuples(*[st.integers(-5, 5)] * 3).filter(any))
def test_every_displacement_is_found_to_the_voxel(shift: tuple[int, int, int]) -> None:
    found = _shift(_volume("t1"), _volume("t2", shift=shift))
    assert found.voxels == shift
    assert found.is_misaligned


def test_a_common_mask_does_not_hide_a_displacement() -> None:
    moved = np.roll(SCANS["t2"], (2, 0, -1), (0, 1, 2))
    masked = Volume(np.where(SCANS["t1"] != 0, moved, 0), RAS, CONTRASTS["t2"])
    assert _shift(_volume("t1"), masked).voxels == (2, 0, -1)


def test_millimetres_are_of_the_world() -> None:
    affine = np.array([[0, 0, -3, 50], [2, 0, 0, -20], [0, 1, 0, 7], [0, 0, 0, 1]], dtype=np.float64)
    found = _shift(_volume("t1", affine=affine), _volume("t2", shift=(2, 0, 1), affine=affine))
    assert found.voxels == (2, 0, 1)
    assert found.millimetres == (-3.0, 4.0, 0.0)
    assert found.describe() == "4.0 mm to the front, 3.0 mm to the left"


def test_another_grid_of_the_same_place_is_aligned_and_a_wrong_header_is_not() -> None:
    fixed = _volume("t1")
    turned = Volume(SCANS["t2"].transpose(2, 0, 1)[::-1], _turned(), CONTRASTS["t2"])
    assert _shift(fixed, turned).voxels == (0, 0, 0)
    wrong = np.array(turned.affine)
    wrong[:3, 3] += (0, 4, 0)
    assert _shift(fixed, replace(turned, affine=wrong)).voxels == (0, 4, 0)


def _turned() -> NDArray[np.float64]:
    """Of ``array.transpose(2, 0, 1)[::-1]``: the first axis goes down the old third, and so on."""
    last = SCANS["t2"].shape[2] - 1
    return np.array([[0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, last], [0, 0, 0, 1]], dtype=np.float64)


def test_thick_slices_are_not_called_misaligned() -> None:
    thick = SCANS["t2"].reshape(40, 36, 8, 4).mean(axis=3).astype(np.float32)
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[2, 3] = 1.5
    assert not _shift(_volume("t1"), Volume(thick, affine, CONTRASTS["t2"])).is_misaligned


def test_another_subject_is_unrelated() -> None:
    other = Volume(images(7)["t2"], RAS, CONTRASTS["t2"])
    found = _shift(_volume("t1"), other)
    assert not found.is_misaligned or found.best < 0.03


def test_too_little_in_common_is_no_answer() -> None:
    small = Volume(SCANS["t1"][:8, :8, :8], RAS, CONTRASTS["t1"])
    assert find_shift(small, small) is None


def test_ct_is_compared_inside_the_body() -> None:
    field, head = tissue(0)
    ct = np.where(head, 40 + 300 * (field > 1), -1000).astype(np.int16)
    moved = Volume(np.roll(ct, (0, 3, 0), (0, 1, 2)), RAS, CONTRASTS["ct"])
    assert _shift(_volume("t1"), moved).voxels == (0, 3, 0)
    assert not _shift(_volume("t1"), Volume(ct, RAS, CONTRASTS["ct"])).is_misaligned


def test_information_against_known_values() -> None:
    assert normalised_information(np.diag([50_000] * 4)) == pytest.approx(1, abs=1e-4)
    assert normalised_information(np.full((4, 4), 10_000)) == pytest.approx(0, abs=1e-4)
    joint = np.array([[300_000, 100_000], [100_000, 300_000]])
    expected = np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    assert normalised_information(joint) == pytest.approx(expected / np.log(2), abs=1e-5)


def test_the_small_sample_bias_is_taken_off() -> None:
    rng = np.random.default_rng(0)
    draws = [np.bincount(rng.integers(0, 1024, 4000), minlength=1024).reshape(32, 32) for _ in range(20)]
    assert abs(np.mean([normalised_information(counts) for counts in draws])) < 0.005


@pytest.mark.parametrize("by", [5, 6, 7])
def test_no_shift_beyond_the_reach_is_proposed(by: int) -> None:
    coarse = np.diag([4.0, 4.0, 4.0, 1.0])
    found = _shift(_volume("t1", affine=coarse), _volume("t2", shift=(by, 0, 0), affine=coarse))
    assert max(map(abs, found.voxels)) <= 4


def test_one_voxel_must_gain_more_than_a_part_of_one_would() -> None:
    """Two scans of one head, 0.3 mm apart by their brains, gained 1.12 times by a voxel of 0.9 mm; a whole one 1.2."""
    one, two = (Shift(by, (0.0, 0.9, 0.0), 0.242, 0.271) for by in ((0, 1, 0), (0, 1, 1)))
    assert not one.is_misaligned
    assert two.is_misaligned
    assert replace(one, best=0.29).is_misaligned
