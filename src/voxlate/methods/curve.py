"""A curve of grey values: what intensity lookup makes of an image, to which a network adds the rest.

``curve(x) = (1 - f) v[n] + f v[n + 1]``, ``n + f = (x - low) / (high - low) * (knots - 1)``, where ``v`` are the mean
target values that the training cases have at evenly spaced source values.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voxlate.volume import Array

KNOTS = 256


class GreyCurve(nn.Module):
    """A function of one value, 0 everywhere until it is set.

    Attributes:
        ends: ``(2,)`` the source values of the first and the last knot.
        values: ``(knots,)`` the target value at each.
    """

    ends: Tensor
    values: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("ends", torch.tensor([0.0, 1.0]))
        self.register_buffer("values", torch.zeros(KNOTS))

    def set(self, ends: tuple[float, float], values: Array) -> None:
        """Takes the source values of the first and the last knot, and the ``(256,)`` target values of all."""
        low, high = ends
        self.ends.copy_(torch.tensor([low, max(high, low + 1e-6)]))
        self.values.copy_(torch.from_numpy(values))

    def forward(self, image: Tensor) -> Tensor:
        """Values of any shape to as many, float32."""
        last = self.values.numel() - 1
        place = ((image.float() - self.ends[0]) / (self.ends[1] - self.ends[0]) * last).clamp(0, last)
        below = place.floor().clamp(max=last - 1)
        at = below.long()
        return torch.lerp(self.values[at], self.values[at + 1], place - below)
