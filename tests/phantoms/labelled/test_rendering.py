"""Heads rendered from label maps: a hand-made one in all contrasts, its lesions, its grids, and a real one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.io import read_volume
from voxlate.phantoms import RenderOptions, SimulatedCase, bids_fields, render_labels, tissue_id
from voxlate.phantoms.labelled.table import _HEAD_TISSUES
from voxlate.volume import Volume

REAL = Path("../shared/data/head_label_maps")
CALM = RenderOptions(
    shape=0,
    mirror=False,
    lesions="none",
    skull_strip=0,
    thick_slices=0,
    motion=0,
    bias=0,
    noise=0,
    spread=0,
    texture=0.2,
)


def ball(size: int = 30, spacing_mm: float = 6.0) -> Volume:
    """A head of shells: scalp, skull, fluid, cortex, white matter with ventricles, left and right, and a sinus."""
    axis = np.arange(size) - (size - 1) / 2
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    labels = np.zeros((size, size, size), dtype=np.int32)
    for outer, left, right in ((14, 511, 511), (13, 515, 515), (11.5, 24, 24), (10.4, 3, 42), (8, 2, 41), (2.5, 4, 43)):
        labels[radius < outer] = left
        labels[(radius < outer) & (x > 0)] = right
    labels[(np.abs(x) < 2) & (y > 10) & (y < 13) & (np.abs(z) < 2)] = 0
    return Volume(labels, np.diag([-spacing_mm, spacing_mm, spacing_mm, 1.0]))


@pytest.fixture(scope="module")
def case() -> SimulatedCase:
    return render_labels(ball(), seed=3, options=CALM)


def level(case: SimulatedCase, contrast: str, tissue: str) -> float:
    number = list(_HEAD_TISSUES).index(tissue)
    return float(np.median(case.scans[contrast].image[case.tissues == number]))


def test_contrasts_have_the_order_of_real_scans(case: SimulatedCase) -> None:
    assert level(case, "t1", "white_matter") > level(case, "t1", "grey_matter") > level(case, "t1", "csf")
    assert level(case, "t2", "csf") > level(case, "t2", "grey_matter") > level(case, "t2", "white_matter")
    assert level(case, "flair", "csf") < 0.6 * level(case, "flair", "white_matter")
    assert level(case, "pd", "grey_matter") > level(case, "pd", "white_matter")


def test_ct_numbers_are_those_of_tissues(case: SimulatedCase) -> None:
    assert case.scans["ct"].image.min() < -990
    assert 24 < level(case, "ct", "white_matter") < level(case, "ct", "grey_matter") < 42
    assert case.anatomy is not None
    ventricles = np.isin(case.anatomy, (4, 43))
    assert 3 < np.percentile(case.scans["ct"].image[ventricles], 20) < 20
    assert level(case, "ct", "cortical_bone") > 600


def test_bone_and_air_are_dark_in_mr(case: SimulatedCase) -> None:
    for contrast in ("t1", "t2", "flair", "pd"):
        assert level(case, contrast, "cortical_bone") < 0.45 * level(case, contrast, "white_matter")
        assert level(case, contrast, "air") < 0.02 * level(case, contrast, "white_matter")


def test_the_brain_mask_holds_the_ventricles(case: SimulatedCase) -> None:
    assert case.brain is not None
    assert case.anatomy is not None
    assert case.brain[np.isin(case.anatomy, (2, 41, 3, 42, 4, 43))].all()
    assert not case.brain[np.isin(case.anatomy, (0, 511, 515))].any()


def test_a_case_depends_neither_on_the_contrasts_asked_for_nor_on_chance() -> None:
    alone = render_labels(ball(), seed=5, contrasts="flair")
    among = render_labels(ball(), seed=5, contrasts=("t1", "flair"))
    other = render_labels(ball(), seed=6, contrasts="flair")
    assert np.array_equal(alone.scans["flair"].image, among.scans["flair"].image)
    assert alone.scans["flair"].protocol == among.scans["flair"].protocol
    assert alone.scans["flair"].protocol != other.scans["flair"].protocol


def test_a_mirrored_head_keeps_its_left_on_the_left() -> None:
    still = CALM.model_copy(update={"mirror": True})
    left = []
    for index in range(6):
        found = render_labels(ball(), seed=1, index=index, contrasts="pd", options=still)
        assert found.anatomy is not None
        place = np.argwhere(found.anatomy == 2)[:, 0].mean() - np.argwhere(found.anatomy == 41)[:, 0].mean()
        left.append(place > 0)
    assert all(left)  # x grows to the right, and the array of the map runs from right to left


@pytest.mark.parametrize("illness", ["ms", "tumour"])
def test_lesions_lie_in_the_brain_and_are_bright_in_flair(illness: str) -> None:
    options = CALM.model_copy(update={"lesions": illness})
    case = render_labels(ball(), seed=2, contrasts=("flair",), options=options)
    ill = case.lesions > 0
    assert ill.any()
    assert set(np.unique(case.lesions)) <= ({0, 4} if illness == "ms" else {0, 1, 2, 3})
    assert case.brain is not None
    assert case.brain[ill].all()
    bright = case.lesions if illness == "ms" else np.where(case.lesions == 2, 2, 0)
    white = level(case, "flair", "white_matter")
    assert np.median(case.scans["flair"].image[bright > 0]) > 1.05 * white


def test_thick_slices_keep_their_grid_or_come_back() -> None:
    thick = CALM.model_copy(update={"thick_slices": 1.0, "spacing_mm": 2.0, "size": 32, "factor": 1})
    back = render_labels(ball(), seed=4, contrasts="t2", options=thick)
    native = render_labels(ball(), seed=4, contrasts="t2", options=thick.model_copy(update={"native": True}))
    scan = native.scans["t2"]
    assert back.scans["t2"].image.shape == (32, 32, 32)
    assert back.scans["t2"].grid is None
    assert scan.grid is not None
    assert scan.image.shape == scan.grid.shape
    axis, step = scan.protocol.slice_axis, scan.protocol.slice_step
    assert scan.grid.spacing_mm[axis] == pytest.approx(2.0 * step)
    first = (step - 1) // 2
    assert np.array_equal(np.take(back.scans["t2"].image, first, axis=axis), np.take(scan.image, 0, axis=axis))


def test_other_grids_and_stripped_heads() -> None:
    options = RenderOptions(spacing_mm=9.0, size=20, skull_strip=1.0)
    case = render_labels(ball(24, 7.5), seed=1, contrasts=("t1", "ct"), options=options)
    assert case.grid.shape == (20, 20, 20)
    assert case.grid.spacing_mm == pytest.approx((9.0, 9.0, 9.0))
    assert case.brain is not None
    assert (case.scans["t1"].image[~case.brain] == 0).all()
    assert (case.scans["ct"].image[~case.brain] == -1000).all()


def test_a_brain_that_lies_in_zeros_gets_fluid_in_its_sulci() -> None:
    volume = ball(30, 2.0)
    array = np.where(np.isin(volume.array, (2, 3, 41, 42, 4, 43)), volume.array, 0)
    array[12:18, 19:24, 15] = 0  # a sulcus
    case = render_labels(Volume(array, volume.affine), seed=1, contrasts="t2", options=CALM)
    assert case.anatomy is not None
    assert np.count_nonzero((case.tissues == tissue_id("csf")) & (case.anatomy == 0)) > 20


def test_parameters_have_the_names_and_units_of_bids(case: SimulatedCase) -> None:
    told = bids_fields(case.scans["flair"].protocol)
    assert 6 <= float(told["RepetitionTime"] or 0) <= 11
    assert 1.5 < float(told["InversionTime"] or 0) < 3
    assert told["MagneticFieldStrength"] in (1.5, 3.0)
    assert bids_fields(case.scans["t1c"].protocol)["ContrastBolusIngredient"] == "GADOLINIUM"
    assert bids_fields(case.scans["ct"].protocol)["EchoTime"] is None


def test_a_real_head_has_air_in_its_sinuses_and_fat_in_its_orbits() -> None:
    if not REAL.is_dir():
        pytest.skip("needs the label maps of whole heads in ../shared/data/head_label_maps")
    volume = read_volume(REAL / "training_seg_01.nii.gz")
    options = CALM.model_copy(update={"spacing_mm": 2.0, "factor": 1})
    case = render_labels(volume, seed=1, contrasts=("t1", "ct"), options=options)
    assert case.anatomy is not None
    head = case.scans["ct"].image > -300
    filled = np.maximum.accumulate(head, axis=0) & np.maximum.accumulate(head[::-1], axis=0)[::-1]
    air = filled & (case.scans["ct"].image < -700)
    assert np.count_nonzero(air) * 8 / 1000 > 20  # ml of sinuses, throat and ear canals
    assert level(case, "t1", "fat") > level(case, "t1", "white_matter")
    assert level(case, "t1", "spinal_cord") > level(case, "t1", "csf")
