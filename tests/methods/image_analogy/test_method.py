"""Image analogies on constructed pairs with a known answer, and against the paper's loop written out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from voxlate.errors import UsageError
from voxlate.methods import METHODS, Batch
from voxlate.methods.image_analogy.features import _BACKGROUND, pyramid
from voxlate.methods.image_analogy.method import ImageAnalogy

Relation = Callable[[np.ndarray], np.ndarray]


def texture(seed: int, *, size: int = 48) -> np.ndarray:
    """A smooth random field with mean 0 and sd 1."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 2, mode="wrap")
    return (field - field.mean()) / field.std()


def tissues(seed: int) -> np.ndarray:
    """Four tissues with a value each and a little noise."""
    field, rng = texture(seed), np.random.default_rng(seed)
    return np.array([0.1, 0.4, 0.6, 0.9])[np.digitize(field, [-0.8, 0, 0.8])] + rng.normal(0, 0.02, field.shape)


def bone_is_bright(source: np.ndarray) -> np.ndarray:
    """An intensity map that no monotone one comes near: the darkest tissue becomes the brightest."""
    return np.interp(source, [0.1, 0.4, 0.6, 0.9], [1.0, 0.0, 0.05, -0.1])


def blurred(source: np.ndarray) -> np.ndarray:
    return gaussian_filter(source, 2, mode="nearest")


def batch(images: list[np.ndarray], relation: Relation, *, mask: np.ndarray | None = None) -> Batch:
    source, target = (
        torch.from_numpy(np.stack(stack)[:, None].astype(np.float32)) for stack in (images, list(map(relation, images)))
    )
    inside = torch.ones_like(source) if mask is None else torch.from_numpy(mask).float().expand_as(source)
    return Batch(source=source, target=target, mask=inside)


def analogy(exemplars: Batch, **options: Any) -> ImageAnalogy:
    channels = {"source_channels": exemplars.source.shape[1], "target_channels": exemplars.target.shape[1]}
    method = METHODS["image_analogy"](dims=2, loss={}, data_range=1.0, **channels, **options)
    assert isinstance(method, ImageAnalogy)
    method.fit(exemplars)
    return method


def mae(prediction: torch.Tensor, target: np.ndarray) -> float:
    return float(np.abs(prediction[0, 0].numpy() - target).mean())


def as_source(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image.astype(np.float32))[None, None]


def everywhere(image: np.ndarray) -> np.ndarray:
    return np.ones(image.shape, bool)


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [({"patch": 1, "levels": 1}, 0.01), ({"kappa": 0.0}, 0.05), ({}, 0.1)],
    ids=["single pixels", "neighbourhoods", "coherence"],
)
def test_intensity_map_is_found_within_a_share_of_its_range(options: dict[str, Any], tolerance: float) -> None:
    method, unseen = analogy(batch([tissues(0), tissues(1)], bone_is_bright), **options), tissues(9)
    expected = bone_is_bright(unseen)
    assert mae(method.predict(as_source(unseen)), expected) < tolerance * np.ptp(expected)
    assert mae(as_source(unseen), expected) > 0.5 * np.ptp(expected)


def test_blur_is_approached_to_less_than_half_of_what_identity_misses() -> None:
    method = analogy(batch([texture(seed) for seed in range(6)], blurred))
    unseen = texture(99)
    assert mae(method.predict(as_source(unseen)), blurred(unseen)) < 0.5 * mae(as_source(unseen), blurred(unseen))


def test_luminance_remapping_takes_gain_and_offset_away() -> None:
    exemplars, unseen = batch([tissues(0), tissues(1)], bone_is_bright), tissues(9)
    changed = as_source(3 * unseen + 5)
    expected = bone_is_bright(unseen)
    remapping, keeping = (analogy(exemplars, kappa=0.0, remap=remap) for remap in (True, False))
    assert mae(remapping.predict(changed), expected) < 0.05 * 1.1
    assert mae(keeping.predict(changed), expected) > 0.3
    assert mae(keeping.predict(as_source(unseen)), expected) < 0.05 * 1.1


def coherent_share(origin: np.ndarray) -> float:
    """Of pairs of pixels side by side, the share whose sources are side by side in one exemplar."""
    pairs = [(origin[:, :, 1:] - origin[:, :, :-1], (0, 0, 1)), (origin[:, 1:] - origin[:, :-1], (0, 1, 0))]
    return float(np.mean([(step == np.reshape(wanted, (3, 1, 1))).all(0).mean() for step, wanted in pairs]))


def test_more_kappa_makes_a_more_coherent_source_map() -> None:
    exemplars, unseen = batch([texture(seed) for seed in range(3)], blurred), texture(99)
    shares = []
    for kappa in (0.0, 1.0, 10.0):
        method = analogy(exemplars, kappa=kappa)
        shares.append(coherent_share(method.translate(unseen[None].astype(np.float32), everywhere(unseen))[1]))
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.05, shares
    assert shares[2] > 0.7, shares


def test_every_value_stands_where_the_map_says_and_the_background_stays_empty() -> None:
    rows, columns = np.mgrid[:48, :48]
    mask = (rows - 24) ** 2 + (columns - 20) ** 2 < 300
    exemplars = batch([tissues(0), tissues(1)], bone_is_bright, mask=mask)
    exemplars.target[exemplars.mask == 0] = torch.nan
    source = np.where(mask, tissues(9), -1).astype(np.float32)
    target, origin = analogy(exemplars).translate(source[None], mask)
    image, row, column = origin[:, mask]
    assert np.array_equal(target[0, mask], exemplars.target[:, 0].numpy()[image, row, column])
    assert (target[0, ~mask] == -1).all()
    assert (origin[:, ~mask] == -1).all()
    assert set(image) == {0, 1}, "both exemplars are of use"
    prediction = analogy(exemplars).predict(torch.from_numpy(source)[None, None])
    assert np.array_equal(prediction[0].numpy(), target), "the background of a slice is known by its value"
    assert (analogy(exemplars).predict(torch.full((1, 1, 8, 9), -1.0)) == -1).all()


def test_seed_decides_which_pixels_the_search_knows() -> None:
    exemplars, source = batch([texture(0), texture(1)], blurred), as_source(texture(9))
    few = {"pixels": 200}
    first = analogy(exemplars, seed=1, **few).predict(source)
    assert torch.equal(first, analogy(exemplars, seed=1, **few).predict(source))
    assert not torch.equal(first, analogy(exemplars, seed=2, **few).predict(source))


def test_channels_of_the_source_complete_each_other() -> None:
    def pair(seed: int) -> Batch:
        first, second = as_source(texture(seed)), as_source(texture(seed + 50))
        return Batch(torch.cat([first, second], 1), torch.cat([first + second, -first], 1), torch.ones(1, 1, 48, 48))

    known, unseen = [pair(seed) for seed in range(3)], pair(9)
    exemplars = Batch(*(torch.cat([getattr(one, name) for one in known]) for name in ("source", "target", "mask")))
    prediction = analogy(exemplars).predict(unseen.source)
    assert prediction.shape == unseen.target.shape
    alone = analogy(Batch(exemplars.source[:, :1], exemplars.target, exemplars.mask)).predict(unseen.source[:, :1])
    missed, missed_alone = ((p - unseen.target)[:, 0].abs().mean() for p in (prediction, alone))
    assert missed < 0.8 * missed_alone


@pytest.mark.parametrize("kappa", [0.0, 2.0])
def test_result_is_that_of_the_papers_loop(kappa: float) -> None:
    """With an exact search the translation is the one of the loop over pixels in scan order, by brute force."""
    images = [texture(seed, size=11) for seed in (1, 2)]
    unseen = texture(9, size=10)
    mask = np.ones((10, 10), bool)
    mask[:2, :4] = False
    exemplars = batch(images, blurred)
    method = analogy(exemplars, kappa=kappa, levels=2, eps=0.0, components=55, remap=True)
    target, origin = method.translate(np.where(mask, unseen, -1)[None].astype(np.float32), mask)
    expected = loop(exemplars, unseen, mask, kappa=kappa)
    assert np.array_equal(origin[:, mask], expected[:, mask])
    assert np.isfinite(target).all()


Seen = list[tuple[np.ndarray, np.ndarray, np.ndarray]]
"""On each level, an image, what is made of it, and the foreground."""


def loop(exemplars: Batch, source: np.ndarray, mask: np.ndarray, *, kappa: float) -> np.ndarray:
    """Figure 2 of the paper for one channel and two levels; the number, row and column of each pixel's origin."""
    known, wanted = (images[:, 0].double().numpy() for images in (exemplars.source, exemplars.target))
    known = np.stack([(image - image.mean()) / image.std() for image in known])
    wanted = (wanted - wanted.mean()) / wanted.std()
    full = np.ones(known.shape, bool)
    a, a_made = (pyramid(images[:, None], full, levels=2) for images in (known, wanted))
    library = [[(a[i][0][n, 0], a_made[i][0][n, 0], a[i][1][n]) for i in (0, 1)] for n in range(len(known))]
    slice_ = (source - source[mask].mean()) / source[mask].std()
    b = pyramid(slice_[None, None], mask[None], levels=2)
    new = [(image[0, 0], np.full(inside.shape[1:], _BACKGROUND), inside[0]) for image, inside in b]
    for level in (1, 0):
        _, made, inside = new[level]
        features = {
            (n, row, column): vector(pair, level, row, column)
            for n, pair in enumerate(library)
            for row, column in np.ndindex(pair[level][0].shape)
        }
        origin = np.full((3, *inside.shape), -1)
        for row, column in np.argwhere(inside):
            sought = vector(new, level, row, column)
            distance = {place: float(((there - sought) ** 2).sum()) for place, there in features.items()}
            best = min(distance, key=distance.__getitem__)
            coherent = [place for place in continued(origin, row, column) if place in distance]
            rival = min(coherent, key=distance.__getitem__, default=best)
            if distance[rival] <= distance[best] * (1 + kappa / 2**level):
                best = rival
            origin[:, row, column] = best
            made[row, column] = library[best[0]][level][1][best[1:]]
    return origin


def vector(pair: Seen, level: int, row: int, column: int) -> np.ndarray:
    """A pixel's weighted feature vector; the finer of two levels sees both."""
    parts = []
    for step, size in ((0, 5), (1, 3)) if level == 0 else ((0, 5),):
        image, made, inside = pair[level + step]
        block, weights = [], []
        for dy, dx in square(size):
            y, x = (row + dy, column + dx) if step == 0 else (row // 2 + dy, column // 2 + dx)
            seen = (image, made) if step or (dy, dx) < (0, 0) else (image,)
            block += [one[y, x] if within(inside, y, x) else _BACKGROUND for one in seen]
            weights += [np.exp(-(dy**2 + dx**2) / (2 * (size / 4) ** 2))] * len(seen)
        parts.append(np.sqrt(np.array(weights) / sum(weights)) * block)
    return np.concatenate(parts)


def continued(origin: np.ndarray, row: int, column: int) -> list[tuple[int, int, int]]:
    """Where a pixel would come from, if it went on what each neighbour before it was taken from."""
    places = []
    for dy, dx in square(5):
        if (dy, dx) < (0, 0) and within(origin[0] >= 0, row + dy, column + dx):
            n, y, x = (int(number) for number in origin[:, row + dy, column + dx])
            places.append((n, y - dy, x - dx))
    return places


def square(size: int) -> list[tuple[int, int]]:
    return [(dy, dx) for dy in range(-(size // 2), size // 2 + 1) for dx in range(-(size // 2), size // 2 + 1)]


def within(inside: np.ndarray, row: int, column: int) -> bool:
    return 0 <= row < inside.shape[0] and 0 <= column < inside.shape[1] and bool(inside[row, column])


def test_exemplars_without_foreground_are_refused() -> None:
    with pytest.raises(UsageError, match="foreground"):
        analogy(batch([texture(0)], blurred, mask=np.zeros((48, 48)))).predict(as_source(texture(1)))


@pytest.mark.slow
def test_slice_of_240_by_240_takes_at_most_ten_seconds_of_one_core() -> None:
    method = analogy(batch([texture(seed, size=240) for seed in range(16)], blurred))
    source = as_source(texture(99, size=240))
    start = time.process_time()
    method.predict(source)
    assert time.process_time() - start < 10
