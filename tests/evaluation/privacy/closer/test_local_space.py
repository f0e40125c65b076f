"""Local space: a copy stays near under another contrast, in part, moved or bent; another image does not come near."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter, zoom

from voxlate.cohort import Case
from voxlate.evaluation.privacy.closer.local_space import local_neighbours
from voxlate.evaluation.privacy.closer.texture import texture_of
from voxlate.evaluation.privacy.neighbours import Neighbour
from voxlate.evaluation.privacy.placing import PlacedImage
from voxlate.evaluation.privacy.template import Small
from voxlate.volume import Grid

SIDE = 24
GRID = Grid((SIDE, SIDE, SIDE), np.eye(4))
Array = NDArray[np.float32]


def _image(seed: int) -> Array:
    folds = gaussian_filter(np.random.default_rng(seed).standard_normal((SIDE,) * 3), 2)
    found = folds / folds.std() + np.linspace(0, 3, SIDE)
    return np.asarray((found - found.min()) / np.ptp(found), dtype=np.float32)


def _placed(name: str, array: Array, grid: Grid = GRID) -> PlacedImage:
    small = Small(np.ascontiguousarray(array, dtype=np.float32), grid, np.zeros(3), (24.0, 24.0, 24.0))
    return PlacedImage(Case(name, name, {}), array, array, (np.eye(4), np.eye(4)), 1.0, small)


def _half(array: Array) -> Array:
    found = array.copy()
    found[SIDE // 2 :] = 0
    return found


def _turned(array: Array) -> Array:
    angle = np.deg2rad(9)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]) / 1.06
    centre = np.full(3, (SIDE - 1) / 2)
    return np.asarray(affine_transform(array, turn, offset=centre - turn @ centre, order=1), dtype=np.float32)


def _bias(array: Array) -> Array:
    return array * np.exp(zoom(np.random.default_rng(5).standard_normal((3, 3, 3)), SIDE / 3)).astype(np.float32)


COPIES: dict[str, Callable[[Array], Array]] = {
    "copy": lambda array: array,
    "inverted": lambda array: 1 - array,
    "gamma": lambda array: array**2.5,
    "windowed": lambda array: array.clip(0.3, 0.7),
    "half zeroed": _half,
    "mirrored": lambda array: array[::-1],
    "shifted": lambda array: np.pad(array, ((4, 0), (0, 3), (0, 0)))[:SIDE, 3:],
    "turned and scaled": _turned,
    "bias field": _bias,
    "blend": lambda array: np.asarray(0.8 * array + 0.2 * _image(77), dtype=np.float32),
    "noise": lambda array: array + 0.05 * np.random.default_rng(6).standard_normal(array.shape).astype(np.float32),
}


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Neighbour, ...]]:
    gallery = [_placed(f"real{number}", _image(number)) for number in range(5)]
    asked = [_placed(name, change(_image(2))) for name, change in COPIES.items()]
    cut = Grid((16, 17, 15), np.array([[1, 0, 0, 7.0], [0, 1, 0, 2], [0, 0, 1, 5], [0, 0, 0, 1]]))
    asked.append(_placed("cropped", _image(2)[7:23, 2:19, 5:20], cut))
    asked += [_placed(f"new{number}", _image(50 + number)) for number in range(3)]
    nearest = local_neighbours(asked, gallery, subjects=[None] * len(asked), report=lambda *_: None)
    return {one.case.id: near for one, near in zip(asked, nearest, strict=True)}


@pytest.mark.parametrize("kind", [*COPIES, "cropped"])
def test_a_changed_copy_is_nearest_to_its_original(kind: str, found: dict[str, tuple[Neighbour, ...]]) -> None:
    others = min(found[f"new{number}"][0].distance for number in range(3))
    first = found[kind][0]
    assert first.case == "real2"
    assert first.distance < 0.7 * others
    assert first.mirrored == (kind == "mirrored")


def test_the_map_of_a_pair_leads_from_the_original_to_the_copy(found: dict[str, tuple[Neighbour, ...]]) -> None:
    world = np.array(found["shifted"][0].world)
    np.testing.assert_allclose(world @ [12, 12, 12, 1], [16, 9, 12, 1], atol=0.3)
    np.testing.assert_allclose(np.array(found["cropped"][0].world) @ [15, 10, 12, 1], [15, 10, 12, 1], atol=0.5)


def test_a_real_image_is_not_compared_with_its_own_subject() -> None:
    gallery = [_placed(f"real{number}", _image(number)) for number in range(3)]
    subjects = [one.case.subject for one in gallery]
    nearest = local_neighbours(gallery, gallery, subjects=subjects, report=lambda *_: None)
    for one, found in zip(gallery, nearest, strict=True):
        assert found
        assert one.case.id not in {near.case for near in found}


def test_nothing_is_said_of_padding_and_of_what_lies_beside_it() -> None:
    array = _image(3)
    whole, half = (texture_of(_placed("a", one).small) for one in (array, _half(array)))
    assert not half.known[SIDE // 2 - 1 :].any()
    assert half.known[: SIDE // 2 - 3].all()
    inner = slice(4, SIDE // 2 - 6)
    np.testing.assert_allclose(half.values[inner], whole.values[inner], atol=0.25)
