from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cohort.scans import images
from voxlate.cohort.preflight.copies import Signature, find_duplicates, thumbnail
from voxlate.cohort.preflight.measures.binned import Binned
from voxlate.cohort.preflight.subjects import _never_reached
from voxlate.volume import Volume

SCAN = images(0)["t1"]
FLIPPED = np.array([[-1, 0, 0, 39], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64)


def _scan(array: NDArray[Any], affine: NDArray[Any]) -> Binned:
    return Binned(Volume(array, affine))


def _correlation(one: Volume, other: Volume) -> float:
    return float(thumbnail(Binned(one)) @ thumbnail(Binned(other)))


@pytest.mark.parametrize(
    "copy",
    [
        Volume(3 * SCAN - 7, np.eye(4)),
        Volume(np.rint(SCAN).astype(np.int16), np.eye(4)),
        Volume(SCAN[::-1], FLIPPED),
        Volume(SCAN + np.random.default_rng(0).normal(0, 3, SCAN.shape), np.eye(4)),
        Volume(
            SCAN.transpose(1, 2, 0),
            np.array([[0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]], dtype=np.float64),
        ),
    ],
    ids=["scaled", "rounded", "flipped", "noisy", "transposed"],
)
def test_a_thumbnail_does_not_change_with_how_an_image_is_stored(copy: Volume) -> None:
    assert _correlation(Volume(SCAN, np.eye(4)), copy) > 0.9999


@pytest.mark.parametrize("other", [images(1)["t1"], images(0)["t2"], SCAN[::-1]])
def test_another_image_has_another_thumbnail(other: np.ndarray) -> None:
    assert _correlation(Volume(SCAN, np.eye(4)), Volume(other, np.eye(4))) < 0.999


@pytest.mark.parametrize("shape", [(1, 40, 40), (5, 17, 16), (100, 3, 33)])
def test_any_shape_has_a_thumbnail_of_length_one(shape: tuple[int, int, int]) -> None:
    image = np.random.default_rng(0).normal(5, 1, shape)
    small = thumbnail(_scan(image, np.eye(4)))
    assert small.shape == (4096,)
    assert np.linalg.norm(small) == pytest.approx(1, abs=1e-5)


def test_a_thumbnail_is_the_mean_of_blocks() -> None:
    image = np.random.default_rng(0).integers(5, 9, (32, 48, 16)).astype(np.float64)
    blocks = image.reshape(16, 2, 16, 3, 16, 1).mean(axis=(1, 3, 5))
    blocks -= blocks.mean()
    assert np.allclose(thumbnail(_scan(image, np.eye(4))), (blocks / np.linalg.norm(blocks)).ravel(), atol=1e-6)


def test_padding_and_spoilt_voxels_do_not_make_people_alike() -> None:
    one, other = (np.array(images(seed)["t1"]) for seed in (0, 1))
    for image in (one, other):
        image[20, 18, 16] = 4e6
        image[:6], image[-6:] = -32768, -32768
    assert thumbnail(_scan(one, np.eye(4))) @ thumbnail(_scan(other, np.eye(4))) < 0.999


def test_pairs_within_a_contrast_are_found_once() -> None:
    small = thumbnail(_scan(SCAN, np.eye(4)))
    flat = np.zeros(4096, dtype=np.float32)
    other = thumbnail(_scan(images(1)["t1"], np.eye(4)))
    signatures = [
        Signature("a", "t1", "1", small),
        Signature("b", "t1", "2", small),
        Signature("c", "t1", "3", other),
        Signature("d", "t2", "1", small),
        Signature("e", "t1", "4", flat),
        Signature("f", "t1", "4", flat),
    ]
    found = [(pair.one, pair.other, pair.exact) for pair in find_duplicates(signatures)]
    assert found == [("a", "b", False), ("e", "f", True)]


def test_different_heads_of_one_outline_and_little_texture_are_no_duplicates() -> None:
    """As of one template, skull-stripped, and even."""
    inside = images(0)["t1"] > 0
    heads = [np.where(inside, 500 + 0.01 * images(seed)["t1"], 0) for seed in (1, 2)]
    copies = [heads[0], 3 * heads[0] - 7, heads[1]]
    signatures = [Signature(str(n), "t1", str(n), thumbnail(_scan(array, np.eye(4)))) for n, array in enumerate(copies)]
    assert [(pair.one, pair.other) for pair in find_duplicates(signatures)] == [("0", "1")]


def test_a_tail_of_alike_heads_lifts_what_makes_two_of_them_one_person() -> None:
    """Correlations of pairs of fifteen simulated heads in thick slices; the most alike of all 105 pairs had 0.878."""
    drawn = [0.8, 0.8, 0.81, *[0.82] * 6, 0.83, 0.83, 0.84, 0.85, 0.86, 0.86, 0.88]
    assert 0.88 < _never_reached(drawn, 4.0, few=0.93) < 0.95
    assert _never_reached([0.3, 0.4, 0.45, 0.5, 0.5, 0.5, 0.55, 0.6], 4.0, few=0.93) < 0.85
