"""Tissue maps from label maps, and their bookkeeping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voxlate.errors import UsageError
from voxlate.phantoms import PROTOCOLS, TissueMap, draw_spins, from_labels, render, tissue_id
from voxlate.phantoms.anatomy import _block_sum
from voxlate.volume import Grid, Volume

AFFINE = np.diag([1.5, 1.5, 2.0, 1.0])


def _two_halves() -> Volume:
    labels = np.zeros((12, 12, 12), np.int16)
    labels[2:10, 2:10, 2:10] = 7
    labels[6:10, 2:10, 2:10] = 9
    return Volume(labels, AFFINE)


def test_labels_become_the_tissues_of_the_table() -> None:
    tissue_map = from_labels(_two_halves(), {7: "liver", 9: "fat"})
    assert tissue_map.grid.shape == (12, 12, 12)
    np.testing.assert_array_equal(tissue_map.grid.affine, AFFINE)
    assert set(np.unique(tissue_map.tissues)) == {0, tissue_id("liver"), tissue_id("fat")}
    np.testing.assert_array_equal(tissue_map.labels(), tissue_map.tissues)


def test_coarser_images_average_their_labels_and_keep_the_place() -> None:
    tissue_map = from_labels(_two_halves(), {7: "liver", 9: "fat"}, factor=4)
    assert tissue_map.grid.shape == (3, 3, 3)
    first = (tissue_map.grid.affine @ [0, 0, 0, 1])[:3]
    np.testing.assert_allclose(first, [1.5 * 1.5, 1.5 * 1.5, 1.5 * 2.0])
    assert tissue_map.fraction(tissue_id("liver"))[1, 1, 1] == 2 * 4 * 4
    assert tissue_map.fraction(tissue_id("fat"))[1, 1, 1] == 2 * 4 * 4


def test_labels_without_a_tissue_are_refused_or_take_the_named_one() -> None:
    with pytest.raises(UsageError, match=r"labels \[9\]"):
        from_labels(_two_halves(), {7: "liver"})
    tissue_map = from_labels(_two_halves(), {7: "liver"}, elsewhere="soft_tissue")
    assert tissue_id("soft_tissue") in tissue_map.tissues
    with pytest.raises(UsageError, match="cheese"):
        from_labels(_two_halves(), {7: "cheese", 9: "fat"})


def test_tissue_map_refuses_a_shape_that_does_not_fit_its_grid() -> None:
    with pytest.raises(UsageError, match=r"\(4, 4, 4\)"):
        TissueMap(np.zeros((4, 4, 5), np.uint8), Grid((2, 2, 2), np.eye(4)), 2)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_block_sum_counts(factor: int) -> None:
    mask = np.random.default_rng(0).random((6, 12, 6)) > 0.5
    count = _block_sum(mask, factor)
    shape = (6 // factor, factor, 12 // factor, factor, 6 // factor, factor)
    np.testing.assert_array_equal(count, mask.reshape(shape).sum(axis=(1, 3, 5)))


def test_partial_volume_mixes_ct_numbers_by_volume() -> None:
    labels = np.zeros((32, 32, 32), np.uint8)
    labels[::2] = 1
    labels[1::2] = 2
    tissue_map = from_labels(Volume(labels, np.eye(4)), {1: "liver", 2: "fat"}, factor=2)
    spins = draw_spins(tissue_map, np.random.default_rng(0))
    image = render(spins, PROTOCOLS["ct"])
    liver, fat = (spins.hu[spins.tissue == tissue_id(name)].mean() for name in ("liver", "fat"))
    assert image.mean() == pytest.approx((liver + fat) / 2, abs=0.1)


def test_equal_water_and_fat_vanish_in_opposed_phase() -> None:
    labels = np.ones((16, 16, 16), np.uint8)
    tissue_map = from_labels(Volume(labels, np.eye(4)), {1: "marrow"})
    spins = draw_spins(tissue_map, np.random.default_rng(0))
    in_phase, opposed = (render(spins, PROTOCOLS[name]) for name in ("in_phase", "out_phase"))
    assert opposed.mean() < 0.4 * in_phase.mean()


def test_a_real_segmentation_can_be_rendered(real_data: Path) -> None:
    from voxlate.io import read_volume

    labels = read_volume(real_data / "totalsegmentator" / "example_seg.nii.gz")
    table = {1: "spleen", 2: "kidney", 3: "kidney", 5: "liver"}
    tissue_map = from_labels(labels, table, elsewhere="soft_tissue")
    spins = draw_spins(tissue_map, np.random.default_rng(0))
    ct, t2 = (render(spins, PROTOCOLS[name]) for name in ("ct", "t2"))
    inner = tissue_map.tissues == tissue_id("liver")
    assert ct.shape == labels.shape
    assert 45 < np.median(ct[inner]) < 70
    assert np.median(t2[tissue_map.tissues == tissue_id("spleen")]) > np.median(t2[inner])
