"""What the sources of a model look like as they enter the network, and whether a new one looks like them.

Of each training case are kept, after orientation, cropping and normalisation: 25 quantiles of its foreground, and a
picture of 12 x 12 x 12 means over the box of the foreground, in standard deviations. Of a source the means over its
cases are kept, and how each case compares with the mean of the others:

- **apart**: mean difference of the quantiles; another unit or normalisation is far apart;
- **alike**: correlation of the pictures where both show something; another contrast, an inverted image or noise is not;
- **turned**: how much better a picture fits once it is turned or mirrored in any of 47 ways, its outline counted too.

A new image is held against what these reach, with room to spare: nothing is said of what is only unusual. From one
training case nothing is known of how cases differ, so that only what is gross is told. Heads are alike when left and
right are exchanged, and at this size FLAIR looks as T1 does: neither is found. What was
measured stands in ``docs/results.md``.
"""

from __future__ import annotations

import base64
import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.finding import Finding
from voxlate.contrast import get_contrast
from voxlate.preprocess.masking import Mask
from voxlate.strict import StrictModel
from voxlate.volume import Array, extent

_EDGE = 12
_LEVELS = np.linspace(0.02, 0.98, 25)
_SAMPLES = 200_000
_CLIPPED = (1, 99)
_FILLED, _MOST_SHOW, _LEAST_CELLS = 0.3, 0.5, 30
_REACH, _STEPS = 3.0, 254
_OUTSIDE = -2.0
_NOT_ALIKE, _SHARE_OF_ALIKE = 0.15, 0.5
_APART, _TIMES_APART = 0.3, 4.0
_TURNED, _TIMES_TURNED, _LEAST_TURNED = 0.12, 3.0, 0.4
_AS_GOOD = 0.02
_WAYS = [(order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)]
_AXES = ("left to right", "front to back", "head to feet")
_ROUND = ("left-right", "front-back", "head-feet")
_Way = tuple[tuple[int, ...], tuple[int, ...]]
_Picture = NDArray[np.float32]


class Familiar(StrictModel):
    """What the images of one source are like.

    Attributes:
        quantiles: Mean over the cases, normalised values, from the 2nd to the 98th percentile.
        picture: Mean over the cases, as text.
        apart: By case, from the mean of the others; empty of a single case, as what follows is.
        alike: By case, with the mean of the others.
        turned: By case, how much better it fits the mean of the others turned than as it is; mostly below 0.
    """

    quantiles: tuple[float, ...]
    picture: str
    apart: tuple[float, ...]
    alike: tuple[float, ...]
    turned: tuple[float, ...]

    def told(self) -> str:
        """In words, how far the training cases are alike."""
        if not self.alike:
            return "one training case: only what is grossly unlike it can be told"
        return f"likeness of the training cases {min(self.alike):.2f} to {max(self.alike):.2f}"


@dataclass(frozen=True, eq=False)
class Appearance:
    """One image.

    Attributes:
        quantiles: ``(25,)``.
        picture: ``(12, 12, 12)``, in standard deviations; NaN where nothing is shown.
    """

    quantiles: NDArray[np.float64]
    picture: _Picture


def appearance(array: Array, shown: Mask) -> Appearance:
    """What is kept of a normalised image.

    Args:
        array: ``(i, j, k)``, RAS+.
        shown: ``(i, j, k)``, its foreground, not empty.
    """
    box = extent(shown) or (slice(None),) * 3
    values, inside = array[box], shown[box]
    sample = values[inside]
    sample = sample[:: max(1, sample.size // _SAMPLES)].astype(np.float64)
    low, high = np.percentile(sample, _CLIPPED)
    filled = _block_means(inside.astype(np.float32))
    means = _block_means(np.where(inside, np.clip(values, low, high), 0)) / np.maximum(filled, 1e-6)
    picture = np.where(filled > _FILLED, means, np.nan)
    spread = float(np.nanstd(picture)) if np.isfinite(picture).any() else 0.0
    centred = (picture - (np.nanmean(picture) if spread else 0.0)) / (spread or 1.0)
    return Appearance(np.quantile(sample, _LEVELS), centred.astype(np.float32))


def get_familiar(images: Sequence[Appearance]) -> Familiar:
    """What the images of a source are like.

    Args:
        images: Of the training cases, at least one.
    """
    apart, alike, turned = [], [], []
    if len(images) > 1:
        for at, image in enumerate(images):
            others = _mean([*images[:at], *images[at + 1 :]])
            apart.append(_apart(image, others))
            alike.append(_alike(image.picture, others.picture))
            turned.append(_best_turn(image.picture, others.picture)[0] - _fit(image.picture, others.picture))
    mean = _mean(images)
    quantiles = tuple(round(float(value), 5) for value in mean.quantiles)
    return Familiar(
        quantiles=quantiles,
        picture=_to_text(mean.picture),
        apart=_rounded(apart),
        alike=_rounded(alike),
        turned=_rounded(turned),
    )


def check_familiar(image: Appearance, familiar: Familiar, *, name: str, case: str, path: Path) -> list[Finding]:
    """Warns where an image does not look like those that a model was trained on.

    Args:
        image: As it enters the network.
        familiar: What it is held against.
        name: The contrast that it is taken for.
        case: Id of the case.
        path: The file, for the message.
    """
    mean = Appearance(np.array(familiar.quantiles), _from_text(familiar.picture))
    title = f"{path}: unlike the {get_contrast(name).title} scans that the model was trained on: "
    given, (turned, way) = _fit(image.picture, mean.picture), _best_turn(image.picture, mean.picture)
    gain = max(_TURNED, _TIMES_TURNED * max(familiar.turned, default=0.0))
    if turned - given > gain and turned > _LEAST_TURNED:
        told = (
            f"it fits them better {_in_words(way)} (likeness {turned:.2f}) than as it is ({given:.2f}). Is its "
            "orientation right?"
        )
        return [Finding("warning", "unlike_training", case, title + told)]
    found, reached = [], familiar.alike
    alike = _alike(image.picture, mean.picture)
    if alike < max(_NOT_ALIKE, _SHARE_OF_ALIKE * min(reached, default=0.0)):
        theirs = f"theirs is {min(reached):.2f} to {max(reached):.2f}" if reached else "1 is the same"
        found.append(f"what is bright and dark in it lies elsewhere (likeness {alike:.2f}; {theirs})")
    apart = _apart(image, mean)
    if apart > max(_APART, _TIMES_APART * max(familiar.apart, default=0.0)):
        theirs = f"; theirs are up to {max(familiar.apart):.2g} apart" if familiar.apart else ""
        found.append(f"its grey values are spread otherwise (by {apart:.2g} in what enters the network{theirs})")
    if not found:
        return []
    question = "Is it of this contrast, and of this part of the body?"
    return [Finding("warning", "unlike_training", case, f"{title}{', and '.join(found)}. {question}")]


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, 4) for value in values)


def _block_means(array: Array) -> _Picture:
    """Means over 12 blocks along each axis; voxels on a border count in part."""
    result = np.asarray(array, dtype=np.float32)
    for axis in range(3):
        voxels = np.arange(result.shape[axis])
        edges = np.linspace(0, voxels.size, _EDGE + 1)
        overlap = np.minimum(edges[1:, None], voxels + 1) - np.maximum(edges[:-1, None], voxels)
        weights = np.maximum(overlap, 0).astype(np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        result = np.moveaxis(np.tensordot(weights, result, (1, axis)), 0, axis)
    return result


def _mean(images: Sequence[Appearance]) -> Appearance:
    pictures = np.stack([image.picture for image in images])
    shown = ~np.isnan(pictures)
    count = shown.sum(axis=0)
    mean = np.where(shown, pictures, 0).sum(axis=0) / np.maximum(count, 1)
    picture = np.where(count >= _MOST_SHOW * len(images), mean, np.nan).astype(np.float32)
    return Appearance(np.mean([image.quantiles for image in images], axis=0), picture)


def _apart(one: Appearance, other: Appearance) -> float:
    return float(np.abs(one.quantiles - other.quantiles).mean())


def _alike(one: _Picture, other: _Picture) -> float:
    """The correlation where both show something; 1 where that is too little to tell."""
    both = ~np.isnan(one) & ~np.isnan(other)
    return _correlation(one[both], other[both]) if np.count_nonzero(both) >= _LEAST_CELLS else 1.0


def _fit(one: _Picture, other: _Picture) -> float:
    """The mean of the correlation inside and of that of the whole boxes, outlines and all."""
    whole = _correlation(*(np.nan_to_num(picture, nan=_OUTSIDE).ravel() for picture in (one, other)))
    return (_alike(one, other) + whole) / 2


def _correlation(one: _Picture, other: _Picture) -> float:
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _best_turn(picture: _Picture, mean: _Picture) -> tuple[float, _Way]:
    """How well the image fits turned or mirrored, and the simplest way that is about as good as the best."""
    scores = [(_fit(picture.transpose(way[0])[_flipped(way)], mean), way) for way in _WAYS[1:]]
    best = max(score for score, _ in scores)
    return best, min((way for score, way in scores if score > best - _AS_GOOD), key=_complexity)


def _flipped(way: _Way) -> tuple[slice, ...]:
    return tuple(slice(None, None, sign) for sign in way[1])


def _complexity(way: _Way) -> tuple[int, int]:
    return sum(axis != at for at, axis in enumerate(way[0])), sum(sign < 0 for sign in way[1])


def _in_words(way: _Way) -> str:
    order, signs = way
    mirrored = [axis for axis in range(3) if signs[axis] < 0]
    if order != (0, 1, 2):
        return "with its axes exchanged"
    if len(mirrored) == 2:
        [kept] = {0, 1, 2} - set(mirrored)
        return f"turned by 180 degrees round the {_ROUND[kept]} axis{', as if upside down' if 2 in mirrored else ''}"
    words = " and ".join(_AXES[axis] for axis in mirrored)
    return f"mirrored {words}{', as if upside down' if mirrored == [2] else ''}"


def _to_text(picture: _Picture) -> str:
    steps = 1 + np.rint((np.clip(np.nan_to_num(picture), -_REACH, _REACH) / _REACH + 1) / 2 * _STEPS)
    return base64.b64encode(zlib.compress(np.where(np.isnan(picture), 0, steps).astype(np.uint8).tobytes(), 9)).decode()


def _from_text(text: str) -> _Picture:
    raw = zlib.decompressobj().decompress(base64.b64decode(text), _EDGE**3)
    steps = np.frombuffer(raw, dtype=np.uint8).reshape((_EDGE,) * 3).astype(np.float32)
    return np.where(steps == 0, np.nan, ((steps - 1) / _STEPS * 2 - 1) * _REACH).astype(np.float32)
