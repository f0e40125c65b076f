"""The template: an image that was moved comes back to where it was."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from voxlate.errors import GeometryError
from voxlate.evaluation.privacy.template import (
    beginning,
    correlation,
    fit,
    lay,
    mean_image,
    measure_extent,
    shrink,
    template_grid,
)
from voxlate.volume import Volume

SHAPE = (30, 36, 28)


def _blob(seed: int = 0) -> np.ndarray:
    grid = np.stack(np.meshgrid(*(np.linspace(-1.3, 1.3, n) for n in SHAPE), indexing="ij"))
    folds = gaussian_filter(np.random.default_rng(seed).standard_normal(SHAPE), 2)
    return ((grid**2).sum(axis=0) < 1) * (100 + 20 * folds / folds.std()).astype(np.float32)


def test_an_affine_map_is_found() -> None:
    volume = Volume(_blob(), np.diag([4.0, 4.0, 4.0, 1.0]))
    angle = np.deg2rad(8)
    moved = np.eye(4)
    moved[:2, :2] = 1.08 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved[:3, 3] = 30, -20, 11
    other = Volume(volume.array, moved @ volume.affine)
    grid = template_grid([measure_extent(volume, kind="mr")])
    first, second = (shrink(one, grid, kind="mr") for one in (volume, other))
    mean = lay(first, grid, beginning(first))
    begun = correlation(lay(second, grid, beginning(second)), mean)
    found = fit(second, mean, grid, begin=beginning(second))
    assert begun < 0.97
    assert correlation(lay(second, grid, found), mean) > 0.99
    corners = np.concatenate([grid.corners_mm() * 0.6, np.ones((8, 1))], axis=1).T
    expected = moved @ beginning(first) @ corners
    assert np.abs(found @ corners - expected)[:3].max() < 0.3 * grid.spacing_mm[0]


def test_a_mirrored_beginning_exchanges_left_and_right() -> None:
    volume = Volume(_blob(3), np.diag([4.0, 4.0, 4.0, 1.0]))
    turned = Volume(volume.array[::-1], volume.affine)
    grid = template_grid([measure_extent(volume, kind="mr")])
    one, other = (shrink(image, grid, kind="mr") for image in (volume, turned))
    straight = lay(one, grid, beginning(one))
    assert correlation(lay(other, grid, beginning(other, mirrored=True)), straight) > 0.99
    assert correlation(lay(other, grid, beginning(other)), straight) < 0.97


def test_the_storage_of_an_image_does_not_matter() -> None:
    volume = Volume(_blob(4), np.diag([4.0, 4.0, 4.0, 1.0]))
    flip = np.array([[0.0, 1, 0, 0], [-1, 0, 0, SHAPE[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    # Voxel (i, j) is stored at (35 - j, i).
    same = Volume(volume.array.transpose(1, 0, 2)[::-1], volume.affine @ flip)
    grid = template_grid([measure_extent(volume, kind="mr")])
    images = [shrink(one, grid, kind="mr") for one in (volume, same)]
    laid = [lay(one, grid, beginning(one)) for one in images]
    assert np.nanmax(np.abs(laid[0] - laid[1])) < 1e-3


def test_an_image_far_away_is_not_taken_for_a_fit() -> None:
    volume = Volume(_blob(), np.diag([4.0, 4.0, 4.0, 1.0]))
    grid = template_grid([measure_extent(volume, kind="mr")])
    image = shrink(volume, grid, kind="mr")
    mean = lay(image, grid, beginning(image))
    far = beginning(image)
    far[0, 3] += 1000
    assert correlation(lay(image, grid, far), mean) == -1


def test_the_mean_is_taken_where_most_images_reach() -> None:
    one, other = np.ones((2, 2, 2), dtype=np.float32), np.full((2, 2, 2), 3, dtype=np.float32)
    third = other.copy()
    one[0], other[0] = np.nan, np.nan
    mean = mean_image([one, other, third])
    assert np.isnan(mean[0]).all()
    assert mean[1] == pytest.approx(7 / 3)


def test_an_image_without_contrast_is_refused() -> None:
    grid = template_grid([(100.0, 100.0, 100.0)])
    with pytest.raises(GeometryError, match="with contrast"):
        shrink(Volume(np.ones((8, 8, 8)), np.eye(4)), grid, kind="mr")
