"""The max-pooled loss of Zhao's slides: images are pooled before they are compared, so that a small shift costs little.

With the windows ``w`` of ``kernel`` voxels along each axis, ``stride`` voxels apart, and the foreground ``F``::

    P(x)[w] = maximum of x over the voxels of w in F
    M[w]    = 1 where w holds any voxel of F, else 0
    loss    = L(P(prediction), P(target), M)

for any other loss ``L`` of the catalogue. A structure that lies elsewhere in the same window costs nothing, one that
has crossed the border of a window does. Windows that overlap (a stride below the kernel) cost the same on average, but
then it matters no more where the borders lie.

What is gained is paid for: only the brightest voxel of a window is compared. Gaps narrower than the window are lost,
and as the maximum of a noisy target lies above its mean, the prediction is drawn to the bright side. ``extremes: both``
is the mean of the losses of the maxima and of the minima, which see what is dark and pull the other way. The slides
pool maxima only, which is the default here.

Outside ``F`` nothing has any influence, not even a NaN; pooled images are 0 where ``M`` is 0. Of a label map, a window
has the largest label in ``F``: it is lesion if any voxel of it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.losses.pixelwise import Loss

Extremes = Literal["maxima", "minima", "both"]
_Width = Annotated[int, Field(ge=1, le=64)]
_SIGNS: dict[Extremes, tuple[int, ...]] = {"maxima": (1,), "minima": (-1,), "both": (1, -1)}
_NO_LABEL = -1.0


def pooling(catalogue: Mapping[str, Callable[..., Loss]]) -> Callable[..., Loss]:
    """The catalogue's entry that pools and then applies one of the losses given; itself is not among them."""

    def pooled(
        *,
        dims: int,
        data_range: float,
        of: Choice = Choice(name="dead_zone_huber"),  # noqa: B008  (frozen)
        kernel: _Width | tuple[_Width, ...] = 2,
        stride: _Width | tuple[_Width, ...] | None = None,
        extremes: Extremes = "maxima",
    ) -> Loss:
        """Another loss, of images that are max-pooled first: it forgives small misalignment.

        Args:
            dims: Number of spatial axes.
            data_range: Range of the normalised target values.
            of: The loss of the pooled images: any other of this table with its options.
            kernel: Width of the windows in voxels, one for all axes of a sample or one for each.
            stride: Voxels from window to window, at most the kernel; `null`: the kernel, windows side by side.
            extremes: What is kept of a window: its largest value, its smallest, or both, each counting half.
        """
        widths = _per_axis(kernel, dims, field="kernel")
        steps = widths if stride is None else _per_axis(stride, dims, field="stride")
        if any(step > width for step, width in zip(steps, widths, strict=True)):
            raise UsageError(
                f"a stride of at most the kernel, {widths}",
                came=str(steps),
                where="loss.pooled.stride",
                remedy="Voxels between the windows would not count: make it smaller.",
            )
        inner = build(catalogue, of, what="pooled loss", dims=dims, data_range=data_range)
        return PooledLoss(inner, name=of.name, kernel=widths, stride=steps, extremes=extremes)

    return pooled


@dataclass(frozen=True)
class PooledLoss:
    """A loss of pooled images; see ``pooling``.

    Attributes:
        of: The loss that is applied.
        name: Its name in the catalogue.
        kernel: Width of the windows along each axis of a sample.
        stride: Voxels from window to window along each axis, at most the kernel.
        extremes: What is kept of a window.
    """

    of: Loss
    name: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    extremes: Extremes = "maxima"

    def __call__(self, prediction: Tensor, target: Tensor, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
        """A scalar; arguments as in ``Loss``."""
        outside = mask == 0
        counted = self._largest(mask.float())
        lesion = None if labels is None else self._largest(labels.float().masked_fill(outside, _NO_LABEL))

        def pool(image: Tensor, sign: int) -> Tensor:
            found = self._largest((sign * image.float()).masked_fill(outside, -torch.inf))
            return sign * found.masked_fill(counted == 0, 0.0)

        values = [self.of(pool(prediction, s), pool(target, s), counted, labels=lesion) for s in _SIGNS[self.extremes]]
        return torch.stack(values).mean()

    def _largest(self, image: Tensor) -> Tensor:
        """The largest value of every window; those that reach beyond the image's end are cut off there."""
        kernel = [min(width, n) for width, n in zip(self.kernel, image.shape[2:], strict=True)]
        pool = functional.max_pool2d if len(kernel) == 2 else functional.max_pool3d
        return pool(image, kernel, list(self.stride), ceil_mode=True)


def _per_axis(value: int | tuple[int, ...], dims: int, *, field: str) -> tuple[int, ...]:
    widths = (value,) * dims if isinstance(value, int) else value
    if len(widths) != dims:
        raise UsageError(
            f"one number, or {dims} of them",
            came=str(widths),
            where=f"loss.pooled.{field}",
            remedy="Give one per spatial axis of a sample.",
        )
    return widths
