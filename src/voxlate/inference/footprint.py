"""How much memory a translation takes at its peak, forecast from a model and the size of a scan.

    peak = program + copies * weights + features * voxels of a batch + arrays * voxels of the scan

``features`` is found by a forward pass on a little noise: the bytes of all tensors that are alive at once, at most, for
each voxel. What a program with its libraries takes, how often weights lie in memory while they are read and packed, and
the bytes that reading, preparing, stitching and writing take for each voxel were measured.

    python -m voxlate.inference.footprint MODEL     # the numbers of a model, as JSON
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.window import WindowOptions
from voxlate.inference.stitching import TOGETHER
from voxlate.strict import StrictModel
from voxlate.windows import Triple

if TYPE_CHECKING:
    from voxlate.bundle.bundle import Bundle

_WITH_TORCH, _WITHOUT, _COPIES, _SCRATCH, _ARRAYS = 300 * 2**20, 110 * 2**20, 3.0, 1.2, 40.0
"""Bytes of a program that computes by torch, and of one that does not; copies of the weights; features with what
computing them takes beside; bytes of a voxel."""
_FILLED = 0.8
"""Of each side of a scan by the foreground, at least."""


class Footprint(StrictModel):
    """What the memory of a model's translations follows from.

    Attributes:
        weight_bytes: Of its networks.
        feature_bytes: For each voxel of a batch, of all that is alive at once.
    """

    weight_bytes: float
    feature_bytes: float

    def peak_bytes(
        self, bundle: Bundle, shape: Sequence[int], spacing_mm: Sequence[float], *, by_torch: bool = True
    ) -> float:
        """Bytes at the peak of a translation of a scan.

        Args:
            bundle: The model.
            shape: Of the scan, along its axes.
            spacing_mm: Of its voxels.
            by_torch: Whether torch computes, or a runtime in its place.
        """
        seen = _seen(bundle, shape, spacing_mm)
        features = _SCRATCH * self.feature_bytes * _batch_voxels(bundle.recipe.window, seen)
        arrays = _ARRAYS * max(prod(shape), prod(seen))
        program = _WITH_TORCH if by_torch else _WITHOUT
        return program + _COPIES * self.weight_bytes + features + arrays


def _seen(bundle: Bundle, shape: Sequence[int], spacing_mm: Sequence[float]) -> Triple:
    """The part of the scan that is computed, in voxels of the size that the model sees."""
    plan, known = bundle.plan, bundle.fingerprint
    fixed = plan.spacing_mm is not None or plan.resize is not None or known.spacing_varies
    wanted = plan.spacing_for(shape, spacing_mm) if fixed else known.spacing_mm
    extents = [n * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    # Only the foreground's box is computed: what it was in training, or most of the scan.
    boxes = [max(mm * _FILLED, learned) for mm, learned in zip(extents, known.foreground_mm or extents, strict=True)]
    i, j, k = (max(1, round(min(mm, box) / step)) for mm, box, step in zip(extents, boxes, wanted, strict=True))
    return i, j, k


def _footprint_of(bundle: Bundle) -> Footprint | None:
    """The footprint of a model, found by networks of its shape on noise; ``None`` for methods without a network."""
    import torch

    from voxlate.inference.runtimes.exporting import Plain, noise_for
    from voxlate.methods.build import rehearse_learner
    from voxlate.methods.interface import NetworkMethod

    method = rehearse_learner(bundle.recipe).eval()
    if not isinstance(method, NetworkMethod):
        return None
    sample = noise_for(bundle, method)[1]
    network = Plain(method).eval()
    with torch.inference_mode():
        alive = _most_alive(lambda: network(*sample))
    weights = sum(one.numel() * one.element_size() for one in method.parameters())
    return Footprint(weight_bytes=weights, feature_bytes=alive / (sample[0].numel() / sample[0].shape[1]))


def _most_alive(work: Callable[[], object]) -> int:
    """Bytes of the tensors that some work makes and holds at once, at most."""
    from torch import Tensor
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    held: dict[int, int] = {}
    now = most = 0

    def release(place: int, size: int) -> None:
        nonlocal now
        held[place] -= 1
        if not held[place]:
            del held[place]
            now -= size

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch has no types there
        """Counts every tensor that an operation gives, once for all that share its memory."""

        def __torch_dispatch__(
            self,
            func: Callable[..., object],
            types: object,
            args: tuple[object, ...] = (),
            kwargs: dict[str, object] | None = None,
        ) -> object:
            nonlocal now, most
            found = func(*args, **(kwargs or {}))
            for one in tree_leaves(found):
                if isinstance(one, Tensor):
                    storage = one.untyped_storage()
                    place, size = storage._cdata, storage.nbytes()
                    now += 0 if place in held else size
                    held[place] = held.get(place, 0) + 1
                    most = max(most, now)
                    weakref.finalize(one, release, place, size)
            return found

    with Watching():  # type: ignore[no-untyped-call]
        work()
    return most


def _batch_voxels(window: WindowOptions, shape: Triple) -> int:
    """Voxels that are computed at once: of slices some together, else one window."""
    if window.kind == "slices":
        axes = window.axis if isinstance(window.axis, tuple) else (window.axis,)
        pixels = max(prod(n for axis, n in enumerate(shape) if axis != across) for across in axes)
        return min(prod(shape), pixels * max(1, TOGETHER // pixels))
    size = window.size if window.kind == "patches" and window.size else shape
    return prod(min(n, most) for n, most in zip(shape, size, strict=True))


if __name__ == "__main__":
    from voxlate.bundle.ensemble import read_model

    found = _footprint_of(read_model(Path(sys.argv[1])))
    sys.stdout.write("null" if found is None else found.model_dump_json())
