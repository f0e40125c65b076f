"""Distance maps against analytic distances and SimpleITK, and label maps there and back."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.shapes.maps import INNER, OUTER, dice, ellipsoids, population
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError
from voxlate.shapes import distance_maps
from voxlate.shapes.distance_maps import _signed_distance, survey
from voxlate.shapes.placement import choose, place
from voxlate.volume import Volume


def test_distances_are_those_of_a_ball() -> None:
    place = np.stack(np.meshgrid(*[np.arange(41) - 20.0] * 3, indexing="ij")) * 1.5
    radius = np.sqrt((place**2).sum(axis=0))
    found = _signed_distance(radius < 18, 1.5, limit_mm=9)
    wanted = np.clip(radius - 18, -9, 9)
    assert np.abs(found - wanted).max() < 1.5
    assert np.abs(found - wanted).mean() < 0.4


def test_distances_are_those_of_an_independent_implementation() -> None:
    inside = ellipsoids((18, 15, 20)).array > 0
    image = sitk.GetImageFromArray(inside.astype(np.uint8))
    image.SetSpacing((2.0, 2.0, 2.0))
    signed = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=False, useImageSpacing=True)
    wanted = sitk.GetArrayFromImage(signed)
    found = _signed_distance(inside, 2.0, limit_mm=100)
    # ITK measures to the outermost voxels inside, here the border lies midway between voxels.
    outside = ~inside
    np.testing.assert_allclose(found[outside] + 1.0, wanted[outside], atol=1e-4)


@pytest.mark.parametrize("fill", [False, True])
def test_an_empty_and_a_full_mask_are_as_far_as_can_be(fill: bool) -> None:
    found = _signed_distance(np.full((9, 9, 9), fill), 1.0, limit_mm=4)
    assert (found == (-4 if fill else 4)).all()


def test_there_and_back_keeps_structures() -> None:
    maps = population(3)
    domain, encoded = survey(maps, points=32)
    assert all(points % 8 == 0 for points in domain.frame.shape)
    for labels, one in zip(maps, encoded, strict=True):
        back = domain.on_lattice_of(labels, one)
        assert dice(back, labels, OUTER) > 0.95
        assert dice(back, labels, INNER) > 0.93


def test_structures_that_touch_have_no_gap_between_them_when_their_borders_are_moved_apart() -> None:
    """Background is a label of its own: half a millimetre of doubt between two structures makes no hole."""
    labels = ellipsoids((20, 18, 22))
    domain, encoded = survey([labels, ellipsoids((18, 18, 20))], points=32)
    moved = encoded[0].copy()
    moved[1:] += 0.5
    back = domain.on_lattice_of(labels, moved)
    assert not ((back.array == 0) & (domain.on_lattice_of(labels, encoded[0]).array == INNER)).any()
    centre = ellipsoids((15, 13, 17)).array > 0
    assert (back.array[centre] != 0).all()


def test_what_the_edge_cuts_goes_on_to_the_edge() -> None:
    """A column through the whole image is one in what is drawn back, too."""
    array = np.zeros((32, 32, 20), dtype=np.uint8)
    array[10:22, 12:20] = 1
    labels = Volume(array, np.diag([2.0, 2.0, 2.0, 1.0]), get_contrast("labels"))
    domain, encoded = survey([labels, labels], points=24)
    back = domain.on_lattice_of(labels, encoded[0])
    assert (back.array[16, 16] == 1).all()


def test_memory_is_bounded_by_a_coarser_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = population(3)
    full, _ = survey(maps, points=40)
    monkeypatch.setattr(distance_maps, "_BUDGET_BYTES", 200_000)
    domain, encoded = survey(maps, points=40)
    assert encoded.nbytes <= 200_000
    assert domain.frame.spacing_mm > full.frame.spacing_mm


def test_images_taken_for_label_maps_are_refused() -> None:
    rng = np.random.default_rng(0)
    noise = Volume(rng.integers(1, 1000, (12, 12, 12)), np.eye(4), get_contrast("labels"))
    with pytest.raises(CohortError, match="128 label values"):
        survey([noise, noise], points=16)


def test_a_drawn_map_gets_the_grid_of_one_of_the_training_maps_nearest_in_size() -> None:
    sizes = [(10.0 + n, 10.0 + n, 10.0 + n) for n in range(8)]
    placements = [placed for placed in (place(ellipsoids(size)) for size in sizes) if placed is not None]
    wanted = placements[5].extent_mm
    found = {choose(placements, wanted, np.random.default_rng(seed)).extent_mm for seed in range(40)}
    assert found == {placements[4].extent_mm, wanted, placements[6].extent_mm}
