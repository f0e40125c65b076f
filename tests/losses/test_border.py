"""U-Net's border weight map against a map that is made voxel by voxel."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from voxlate.losses import LOSSES
from voxlate.losses.border import border_weights

Map = NDArray[np.bool_]


def flooded(labelled: Map) -> list[set[tuple[int, ...]]]:
    """The components, with neighbours at faces, edges and corners, by walking from voxel to voxel."""
    left = set(map(tuple, np.argwhere(labelled).tolist()))
    steps = list(itertools.product((-1, 0, 1), repeat=labelled.ndim))
    found = []
    while left:
        queue = [left.pop()]
        component = set(queue)
        while queue:
            here = queue.pop()
            for step in steps:
                there = tuple(a + b for a, b in zip(here, step, strict=True))
                if there in left:
                    left.remove(there)
                    component.add(there)
                    queue.append(there)
        found.append(component)
    return found


def border(component: set[tuple[int, ...]], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Its voxels with a face neighbour in the image that is not of it."""
    kept = []
    for voxel in component:
        beside = [
            (*voxel[:a], voxel[a] + step, *voxel[a + 1 :])
            for a, step in itertools.product(range(len(shape)), (-1, 1))
            if 0 <= voxel[a] + step < shape[a]
        ]
        if any(neighbour not in component for neighbour in beside):
            kept.append(voxel)
    return np.array(kept)


def by_hand(labelled: Map, mask: Map, *, w0: float, sigma_voxels: float, balance: bool) -> NDArray[np.float64]:
    """The formula at one voxel after the other."""
    inside = labelled & mask
    borders = [border(component, inside.shape) for component in flooded(inside)]
    share = inside.sum() / mask.sum()
    weights = np.zeros(inside.shape)
    for voxel in map(tuple, np.argwhere(mask).tolist()):
        w = 1.0
        if balance and 0 < share < 1:
            w = 0.5 / share if inside[voxel] else 0.5 / (1 - share)
        if len(borders) >= 2:
            d1, d2 = sorted(float(np.linalg.norm(edge - np.array(voxel), axis=1).min()) for edge in borders)[:2]
            w += w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma_voxels**2))
        weights[voxel] = w
    return weights


def boxes(shape: tuple[int, ...], *, count: int, seed: int) -> Map:
    """Boxes of 1 to 5 voxels at random places, some of which touch or reach the edge."""
    generator = np.random.default_rng(seed)
    image = np.zeros(shape, dtype=bool)
    for _ in range(count):
        corner = [int(generator.integers(0, n)) for n in shape]
        image[tuple(slice(c, c + int(generator.integers(1, 6))) for c in corner)] = True
    return image


@pytest.mark.parametrize("shape", [(31, 26), (13, 15, 12)])
@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize(("w0", "sigma_voxels"), [(10.0, 5.0), (4.0, 1.2)])
def test_map_is_the_formula(shape: tuple[int, ...], balance: bool, w0: float, sigma_voxels: float) -> None:
    labelled = boxes(shape, count=7, seed=len(shape))
    mask = np.random.default_rng(9).random(shape) > 0.1
    assert len(flooded(labelled & mask)) >= 3
    expected = by_hand(labelled, mask, w0=w0, sigma_voxels=sigma_voxels, balance=balance)
    found = border_weights(labelled, mask, w0=w0, sigma_voxels=sigma_voxels, balance=balance)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=5e-6 * w0)


def test_gap_between_two_components_weighs_most_and_a_lone_one_has_no_border_term() -> None:
    image = np.zeros((40, 40), dtype=bool)
    image[10:30, 5:19] = image[10:30, 21:35] = True
    everywhere = np.ones_like(image)
    weights = border_weights(image, everywhere, balance=False)
    gap = weights[12:28, 19:21]
    np.testing.assert_allclose(gap, 1 + 10 * np.exp(-(3.0**2) / 50), rtol=1e-6)
    assert weights[0, 0] < 2
    assert weights[20, 10] < weights[20, 18], "inside, the weight falls with the distance to the border"
    image[:, 21:] = False
    np.testing.assert_array_equal(border_weights(image, everywhere, balance=False), 1)
    corners = np.eye(6, dtype=bool)
    np.testing.assert_array_equal(border_weights(corners, np.ones_like(corners), balance=False), 1)


def test_balance_gives_both_sides_the_same_weight_and_one_side_alone_1() -> None:
    image = boxes((20, 20, 8), count=5, seed=1)
    mask = np.ones_like(image)
    weights = border_weights(image, mask, w0=0.0)
    assert weights[image].sum() == pytest.approx(weights[~image].sum(), rel=1e-5)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    for lone in (mask, ~mask):
        np.testing.assert_array_equal(border_weights(lone, mask), 1)
    np.testing.assert_array_equal(border_weights(image, ~mask), 0)


@pytest.mark.parametrize("shape", [(24, 20), (10, 12, 9)])
def test_loss_is_the_cross_entropy_with_the_map_of_each_sample_and_class(shape: tuple[int, ...]) -> None:
    targets = np.array([[boxes(shape, count=4, seed=5 * b + c) for c in range(2)] for b in range(2)])
    logits = torch.randn(2, 2, *shape, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(2, 1, *shape, generator=torch.Generator().manual_seed(1)) > 0.2
    target = torch.from_numpy(targets).float()
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none").numpy()
    maps = np.array(
        [
            [by_hand(targets[b, c], mask[b, 0].numpy(), w0=10.0, sigma_voxels=5.0, balance=True) for c in range(2)]
            for b in range(2)
        ]
    )
    loss = LOSSES["border_bce"](dims=len(shape), data_range=1.0)
    expected = (maps * plain).sum() / (2 * float(mask.sum()))
    assert float(loss(logits, target, mask.float())) == pytest.approx(expected, rel=1e-4)


def test_softmax_is_the_papers_energy_with_the_background_as_a_class() -> None:
    """Equation 1 of the U-Net paper by another way: softmax and picking, voxel by voxel."""
    one = boxes((24, 20), count=3, seed=2)
    two = boxes((24, 20), count=3, seed=3) & ~one
    target = torch.from_numpy(np.stack([one, two])[None]).float()
    logits = torch.randn(1, 2, 24, 20, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(1, 1, 24, 20, generator=torch.Generator().manual_seed(1)) > 0.2
    chances = torch.softmax(torch.cat([torch.zeros(1, 1, 24, 20), logits], 1), 1)[0].numpy()
    picked = np.choose(one + 2 * two, chances)
    weights = by_hand(one | two, mask[0, 0].numpy(), w0=10.0, sigma_voxels=5.0, balance=True)
    loss = LOSSES["border_softmax"](dims=2, data_range=1.0)
    expected = -(weights * np.log(picked)).sum() / float(mask.sum())
    assert float(loss(logits, target, mask.float())) == pytest.approx(expected, rel=1e-4)
