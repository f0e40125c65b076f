"""The exemplars of a method that keeps some: samples of the training cases, chosen by rule, never by hand.

Cases and slices are taken evenly: exemplar ``i`` of ``n`` comes from training case ``i`` (from the first again when all
have given one), at a place along the slice axis that goes from one end of the foreground to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from voxlate.errors import UsageError
from voxlate.inference.stitching import fills_background
from voxlate.methods.interface import Batch
from voxlate.preprocess.intensity import fill_outside
from voxlate.training.loop.batches import TrainingSamples, cut_hidden
from voxlate.windows import Box, Window


def choose_exemplars(samples: TrainingSamples, *, count: int) -> Batch:
    """``count`` samples without augmentation, spread evenly over cases and along the slice axis.

    Args:
        samples: The cases, how they are cut and at which size; see ``training_samples``.
        count: How many are wanted.

    Raises:
        UsageError: If the window is not one of slices, or no case has any foreground.
    """
    axis = samples.windows[0].axis
    case_ids = [case_id for case_id, box in samples.boxes.items() if box is not None]
    if axis is None or not case_ids:
        raise UsageError(
            "slices with foreground to take exemplars from",
            came="a window of volumes" if axis is None else "none",
            where="window.kind",
            remedy="Set window.kind to slices.",
        )
    parts = [_sample(samples, case_ids[i % len(case_ids)], share=(i + 0.5) / count) for i in range(count)]
    source, target, mask = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*parts, strict=True))
    return Batch(source=source, target=target, mask=mask)


def _sample(samples: TrainingSamples, case_id: str, *, share: float) -> Sequence[np.ndarray]:
    window, recipe = samples.windows[0], samples.recipe
    case, around = samples.store[case_id], samples.boxes[case_id]
    box = _place(window, case.grid.shape, around, share=share, divisor=samples.divisor)
    source = np.concatenate([window.cut(case.arrays[name], box) for name in recipe.source])
    target = window.cut_centre(case.arrays[recipe.target], box)
    mask = window.cut_centre(case.mask, box).astype(np.float32)
    seen = fill_outside(source, mask) if fills_background(recipe) else source
    return seen, target, mask * (1 - cut_hidden(case, recipe.target, window, box))


def _place(window: Window, shape: Sequence[int], around: Box | None, *, share: float, divisor: int) -> Box:
    """The window in the middle of the foreground, at a share of its length along the slice axis."""
    drawn = window.draw(shape, within=around, rng=np.random.default_rng(0), divisor=divisor)
    axis = window.axis
    if around is None or axis is None:
        return drawn
    start = list(drawn.start)
    for other in range(3):
        if other != axis:
            start[other] = around.start[other] + (around.size[other] - drawn.size[other]) // 2
    start[axis] = around.start[axis] + min(int(share * around.size[axis]), around.size[axis] - 1)
    i, j, k = start
    return Box((i, j, k), drawn.size)
