"""Batches as pure functions: batch number ``step`` of a run is decided by (seed, step) and nothing else.

So a resumed run draws what the unbroken one would have drawn, with any number of loader processes. Within an epoch
the cases are visited in a seeded order without replacement; a sample's position and augmentation have a generator of
their own, seeded by (seed, epoch, index).

Labelled voxels: where samples are placed so that small structures are seen often enough.

Of each label value of a case at most so many voxels are kept, drawn once, so that what a sample costs does not depend
on the volume (nnU-Net does so too: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).

Where the target shows nothing, nothing is learned: samples lie where it shows the foreground, and the loss counts only
there. The source is seen as it is in use, with all of the foreground.
"""

from __future__ import annotations

import itertools
import multiprocessing
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config.recipe import Recipe
from voxlate.inference.stitching import fills_background, is_label
from voxlate.machines.launch import Share
from voxlate.machines.processes import own_share
from voxlate.methods.interface import Batch
from voxlate.preprocess.augmentation import apply_augmentation, draw_augmentation
from voxlate.preprocess.intensity import fill_outside
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase
from voxlate.question import Acquisitions, Query
from voxlate.training.loop.asking import Asking, asking
from voxlate.training.loop.loaders import loaded_ahead
from voxlate.windows import Box, Sliceable, Window, bounding_box

_Sample = tuple[NDArray[np.float32], ...]


class CaseStore(Protocol):
    """Where prepared cases lie: the prepared store, or one that adds to it."""

    @property
    def plan(self) -> Plan:
        """What the cases were prepared by."""

    def __getitem__(self, case_id: str) -> PreparedCase:
        """A case."""


_NO_LABELS = -1.0
_ATTEMPTS = 20
_ORDER, _SAMPLE = 0, 1  # streams of the seed: which case comes when, and what is drawn from it


@dataclass(frozen=True)
class TrainingSamples:
    """All batches of a run, by step; ``training_samples`` makes them.

    Attributes:
        store: Where the prepared cases lie.
        recipe: What to draw and how to augment it.
        windows: How it is cut, one per view; every sample of a view has the same size.
        divisor: Spatial sizes of a sample are multiples of it.
        boxes: From each training case to the bounding box of the foreground that its target shows, ``None`` if that is
            empty.
        labelled: Whether samples carry label maps.
        labels: From each training case to some of its labelled voxels, for samples that are placed around one.
        partial: Whether samples say where their target shows nothing; not needed where every target shows all.
        asking: What draws the question of a sample where there are several; ``None`` for a recipe with one target.
        together: Whether a sample has every target that its case has besides the sources, one a channel; the others
            show nothing.
        turns: The training cases as often as each comes in a round.
        share: Which part of every batch is drawn here, where several processes train.
    """

    store: CaseStore
    recipe: Recipe
    windows: tuple[Window, ...]
    divisor: int
    boxes: Mapping[str, Box | None]
    labelled: bool = False
    labels: Mapping[str, LabelledVoxels] = field(default_factory=dict)
    partial: bool = False
    asking: Asking | None = None
    together: bool = False
    turns: tuple[str, ...] = ()
    share: Share = field(default_factory=own_share)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last one is full too."""
        return self.recipe.training.steps_per_epoch

    def __getitem__(self, step: int) -> Batch:
        """Batch number ``step``, counted from 0 over all epochs; the views take turns."""
        training, view = self.recipe.training, step % len(self.windows)
        epoch, number = divmod(step, self.steps_per_epoch)
        first = number * training.step_samples
        samples = [
            self._sample(epoch, first + index, window=self.windows[view])
            for index in self.share.of(training.step_samples)
        ]
        source, target, mask, *more = (torch.from_numpy(np.stack(parts)) for parts in zip(*samples, strict=True))
        hidden = more.pop(0) if self.partial else None
        labels = more[0] if more else None
        return Batch(source=source, target=target, mask=mask, labels=labels, view=view, hidden=hidden)

    def _sample(self, epoch: int, index: int, *, window: Window) -> _Sample:
        training = self.recipe.training
        turn = index // training.samples_per_case
        case_ids = self.turns
        round_, place = divmod(turn, len(case_ids))
        order = np.random.default_rng([training.seed, _ORDER, epoch, round_]).permutation(len(case_ids))
        rng = np.random.default_rng([training.seed, _SAMPLE, epoch, index])
        return self._draw(self.store[case_ids[order[place]]], window, rng)

    def _draw(self, case: PreparedCase, window: Window, rng: np.random.Generator) -> _Sample:
        question = self._question(case, rng)
        box = self._place(case, question.target, window, rng)
        drawn = draw_augmentation(
            self.recipe.training.augmentation, dims=window.dims, flip_axis=window.lateral_axis, rng=rng
        )
        margin = drawn.margin(window.sample_shape(box))
        box = window.grown(box, margin)
        source = np.concatenate([window.cut(case.arrays[name], box) for name in question.sources])
        taught = self._taught(case, question)
        target = np.concatenate([_cut_target(case, name, window, box) for name in taught])
        mask = window.cut_centre(case.mask, box).astype(np.float32)
        # What moves with the mask, voxel by nearest voxel.
        if self.partial:
            mask = np.concatenate([mask, *(cut_hidden(case, name, window, box) for name in taught)])
        if self.labelled:
            mask = np.concatenate([mask, _labels(case, window, box)])
        *sources, goal = (is_label(name) for name in (*question.sources, question.target))
        each = np.repeat(sources, len(source) // len(sources)).tolist()  # neighbouring slices are channels, too
        source, target, mask = apply_augmentation(
            drawn, source, target, mask, source_labels=each, target_labels=goal, margin=margin
        )
        mask, hidden, labels = np.split(mask, [1, 1 + len(taught) * self.partial])
        seen = fill_outside(source, mask) if fills_background(self.recipe) else source
        if self.asking is not None:
            numbers = self.asking.numbers(question, case.case_id, rng, each=len(seen) // len(question.sources))
            seen = _with_question(seen, numbers, channels=len(seen) // len(question.sources) * len(self.recipe.source))
        if self.partial:
            mask = mask * (1 - hidden)
        return (seen, target, mask, *((hidden,) if self.partial else ()), *((labels,) if self.labelled else ()))

    def _question(self, case: PreparedCase, rng: np.random.Generator) -> Query:
        if self.asking is None:
            return Query(self.recipe.source, self.recipe.target)
        return self.asking.draw(case.arrays, rng)

    def _taught(self, case: PreparedCase, question: Query) -> tuple[str, ...]:
        """The targets of a sample, one a channel; without a name where the case has none, or it is a source."""
        if not self.together:
            return (question.target,)
        there = set(case.arrays) - set(question.sources)
        return tuple(name if name in there else "" for name in self.recipe.wanted)

    def _place(self, case: PreparedCase, target: str, window: Window, rng: np.random.Generator) -> Box:
        """Where a sample lies: where the target shows some of the foreground."""
        for _ in range(_ATTEMPTS if target in case.valid else 1):
            within = self._within(case, window, rng)
            box = window.draw(case.grid.shape, within=within, rng=rng, divisor=self.divisor)
            if target not in case.valid or _counts(case, target, window, box):
                return box
        shown = np.argwhere(case.shown(target))
        around = window.around(shown[int(rng.integers(len(shown)))])
        return window.draw(case.grid.shape, within=around, rng=rng, divisor=self.divisor)

    def _within(self, case: PreparedCase, window: Window, rng: np.random.Generator) -> Box | None:
        """Where in a case a sample may lie: in the foreground, in the middle of it, or around a labelled voxel."""
        box, share = self.boxes[case.case_id], self.recipe.training.label_share
        if share and rng.random() < share and (around := self.labels[case.case_id].draw(rng)) is not None:
            return window.around(around)
        if window.options.place == "centre" and box is not None:
            return window.around([start + size // 2 for start, size in zip(box.start, box.size, strict=True)])
        return box


def _with_question(images: NDArray[np.float32], numbers: NDArray[np.float32], *, channels: int) -> NDArray[np.float32]:
    """The channels of every source, those that are not there empty, and behind them the question, a channel a number.

    Args:
        images: ``(c, *s)``, the sources of the question, in order.
        numbers: The question; its first ``channels`` numbers say which channels are there.
        channels: Of all sources.
    """
    every = np.zeros((channels + len(numbers), *images.shape[1:]), dtype=np.float32)
    every[:channels][numbers[:channels] > 0] = images
    every[channels:] = numbers.reshape(-1, *[1] * (images.ndim - 1))
    return every


def _cut_target(case: PreparedCase, target: str, window: Window, box: Box) -> NDArray[np.float32]:
    if not target:
        return np.zeros_like(window.cut_centre(case.mask, box), dtype=np.float32)
    return window.cut_centre(case.arrays[target], box)


def cut_hidden(case: PreparedCase, target: str, window: Window, box: Box) -> NDArray[np.float32]:
    """Where the target of a sample shows nothing: 1 there, ``(1, *spatial)``.

    Args:
        case: The case.
        target: The contrast; without a name it shows nothing anywhere.
        window: How it is cut.
        box: Where.
    """
    if not target:
        return np.ones_like(window.cut_centre(case.mask, box), dtype=np.float32)
    if target not in case.valid:
        return np.zeros_like(window.cut_centre(case.mask, box), dtype=np.float32)
    return np.asarray(window.cut_centre(case.valid[target], box) == 0, dtype=np.float32)


def _counts(case: PreparedCase, target: str, window: Window, box: Box) -> bool:
    """Whether a sample has a voxel that counts."""
    inside, hidden = window.cut_centre(case.mask, box), cut_hidden(case, target, window, box)
    return bool((inside.astype(np.bool_) & (hidden == 0)).any())


def _labels(case: PreparedCase, window: Window, box: Box) -> NDArray[np.float32]:
    if "labels" not in case.arrays:
        return np.full_like(window.cut_centre(case.mask, box), _NO_LABELS, dtype=np.float32)
    return np.asarray(window.cut_centre(case.arrays["labels"], box), dtype=np.float32)


def training_samples(
    store: CaseStore,
    case_ids: Sequence[str],
    recipe: Recipe,
    *,
    divisor: int,
    labelled: bool = False,
    acquired: Mapping[str, Acquisitions] | None = None,
    together: bool = False,
) -> TrainingSamples:
    """The batches of a run, with label maps if its losses use them, or its samples are placed by them.

    Where the method is told how images were acquired, ``acquired`` says so for each case; where it learns every target
    of a sample at once, ``together`` says so.

    Windows without a size of their own (whole slices, whole volumes) get that of the largest foreground, so that the
    samples of a batch fit together; smaller ones are continued beyond their edge, where the mask is empty.
    """
    several = bool(recipe.targets)
    seen = () if several else (recipe.target,)  # of several, each shows other parts of the foreground
    partial = together or any(name in store[case_id].valid for case_id in case_ids for name in recipe.wanted)
    boxes = {case_id: bounding_box(store[case_id].shown(*seen)) for case_id in case_ids}
    largest = [max((box.size[axis] for box in boxes.values() if box), default=1) for axis in range(3)]
    views = recipe.window.views.values() or [recipe.window]
    windows = tuple(_sized(Window(options), largest) for options in views)
    around = {}
    if recipe.training.label_share:
        name = recipe.target if is_label(recipe.target) else "labels"
        around = {
            case_id: _labelled_voxels(_shown_labels(store[case_id], name, recipe), seed=case_id) for case_id in case_ids
        }
    cases = [store[case_id].arrays for case_id in case_ids]
    questions = asking(recipe.source, recipe.wanted, cases, acquired=acquired) if several else None
    turns = tuple(case_id for case_id in case_ids for _ in range(_times(case_id, recipe.training.repeat)))
    return TrainingSamples(
        store, recipe, windows, divisor, boxes, labelled, around, partial, questions, together, turns
    )


def _times(case_id: str, repeat: Mapping[str, int]) -> int:
    """How often a case comes in a round: as the first pattern says that fits its id, else once."""
    return next((times for pattern, times in repeat.items() if fnmatchcase(case_id, pattern)), 1)


def _shown_labels(case: PreparedCase, name: str, recipe: Recipe) -> Sliceable | None:
    """A case's label map, if it has one, with what its target does not show unlabelled."""
    labels = case.arrays.get(name)
    if labels is None or recipe.targets or recipe.target not in case.valid:
        return labels
    return np.where(np.asarray(case.valid[recipe.target][:]), np.asarray(labels[:]), 0)


def _sized(window: Window, largest: Sequence[int]) -> Window:
    if window.options.size is not None:
        return window
    size = tuple(n + 2 * window.options.margin for axis, n in enumerate(largest) if axis != window.axis)
    return Window(window.options.model_copy(update={"size": size}))


def stream(samples: TrainingSamples, *, start: int) -> Iterator[Batch]:
    """Batches from step ``start`` on, without end, loaded ahead by the recipe's number of processes.

    Raises:
        TrainingError: If loader processes are killed, or do not answer, again and again.
    """
    workers = samples.recipe.training.workers
    if workers == 0 or multiprocessing.current_process().daemon:  # the worker of a cluster, which may start none
        yield from map(samples.__getitem__, itertools.count(start))
        return
    yield from loaded_ahead(samples.__getitem__, start=start, workers=workers)


_MOST_VOXELS = 1000


@dataclass(frozen=True)
class LabelledVoxels:
    """Some labelled voxels of a case.

    Attributes:
        places: For each label value above 0 that occurs, ``(n, 3)`` indices of voxels, n at most ``_MOST_VOXELS``.
    """

    places: tuple[NDArray[np.int32], ...]

    def draw(self, rng: np.random.Generator) -> tuple[int, int, int] | None:
        """A voxel of a label value, both drawn with equal probability; ``None`` if nothing is labelled."""
        if not self.places:
            return None
        voxels = self.places[int(rng.integers(len(self.places)))]
        i, j, k = voxels[int(rng.integers(len(voxels)))]
        return int(i), int(j), int(k)


def _labelled_voxels(labels: Sliceable | None, *, seed: str) -> LabelledVoxels:
    """Some voxels of each label value of a label map ``(i, j, k)``; none without one.

    Args:
        labels: The label map.
        seed: The same text draws the same voxels.
    """
    if labels is None:
        return LabelledVoxels(())
    array = np.rint(np.asarray(labels[:])).astype(np.int64)
    places = np.argwhere(array > 0).astype(np.int32)
    values = array[tuple(places.T)]
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    kept = []
    for value in np.unique(values):
        voxels = places[values == value]
        kept.append(rng.permutation(voxels)[:_MOST_VOXELS])
    return LabelledVoxels(tuple(kept))
