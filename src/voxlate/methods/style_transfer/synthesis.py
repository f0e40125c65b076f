"""Images made by gradient descent on their pixels, until a frozen network sees in them what is wanted (Gatys et al.).

``minimise over x: content weight * content(x) + style weight * style(x) + variation weight * variation(x)``, see
``voxlate.losses.style``. The optimiser is L-BFGS with a strong Wolfe line search (Liu & Nocedal 1989,
doi:10.1007/BF01589116), the paper's choice, or Adam. Pixels outside the mask have one value and do not move.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from voxlate.losses.style import content_distance, coverage, gram, style_distance, total_variation
from voxlate.networks.frozen.feature_network import FeatureNetwork
from voxlate.strict import StrictModel

Descent = Literal["lbfgs", "adam"]
_ADAM_RATE = 0.02  # of the range of values, a step


class Weights(StrictModel):
    """What the parts of the sum weigh."""

    content: float = Field(1.0, ge=0, description="of the content's features")
    style: float = Field(10.0, ge=0, description="of the style's Gram matrices")
    variation: float = Field(0.1, ge=0, description="of the total variation")

    @model_validator(mode="after")
    def _some_count(self) -> Self:
        if not (self.content or self.style or self.variation):
            raise ValueError("at least one weight must be above 0")
        return self


@dataclass(frozen=True)
class Wanted:
    """What a network should see; layers that are not named do not count.

    Attributes:
        content: From a layer to features ``(1, c, h, w)``.
        style: From a layer to a Gram matrix ``(1, c, c)``.
        weights: Of the parts.
    """

    content: Mapping[str, Tensor] = field(default_factory=dict)
    style: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Weights = field(default_factory=Weights)


@dataclass(frozen=True)
class Painter:
    """A network that looks at images and a way to change them.

    Attributes:
        network: What looks.
        layers: Names of what it gives, in order.
        low: The value from which values are counted, and of which ``span`` is one unit.
        span: The range of values; steps and variation are in its unit.
        descent: How the sum is minimised.
        steps: Iterations.
    """

    network: FeatureNetwork
    layers: tuple[str, ...]
    low: float
    span: float
    descent: Descent = "lbfgs"
    steps: int = 50

    def see(self, image: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """From each layer to the features ``(b, c, h', w')`` of images ``(b, 1, h, w)`` inside a mask."""
        return dict(zip(self.layers, self.network(image, mask), strict=True))

    def style_of(self, images: Tensor, mask: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """From each of some layers to one Gram matrix ``(1, c, c)`` over all positions of all images."""
        areas = mask.flatten(1).sum(1)[:, None, None]
        found = _grams(self.see(images, mask), mask, layers)
        return {name: (areas * each).sum(0, keepdim=True) / areas.sum() for name, each in found.items()}

    def paint(self, start: Tensor, mask: Tensor, wanted: Wanted) -> Tensor:
        """The image ``(1, 1, h, w)`` float32 that minimises the sum, as far as the steps lead.

        Args:
            start: Where the descent begins, ``(1, 1, h, w)``.
            mask: ``(1, 1, h, w)``, 1 inside; outside the result has the network's outside value.
            wanted: What the network should see.
        """
        inside = mask != 0
        pixels = ((start - self.low) / self.span).masked_fill(~inside, 0.0).detach().clone().requires_grad_(True)
        optimiser = self._optimiser(pixels)

        def closure() -> Tensor:
            optimiser.zero_grad()
            total = self.distance(self.low + self.span * pixels, mask, wanted)
            total.backward()  # type: ignore[no-untyped-call]
            return total

        with torch.autocast(start.device.type, enabled=False):
            for _ in range(1 if self.descent == "lbfgs" else self.steps):
                optimiser.step(closure)  # type: ignore[arg-type]  # torch types what it returns as a float
        return (self.low + self.span * pixels.detach()).masked_fill(~inside, self.network.outside)

    def distance(self, image: Tensor, mask: Tensor, wanted: Wanted) -> Tensor:
        """The weighted sum that is minimised, a scalar."""
        weights, total = wanted.weights, image.new_zeros(())
        if wanted.content or wanted.style:
            seen = self.see(image, mask)
            for name, features in wanted.content.items():
                total = total + weights.content * content_distance(seen[name], features, coverage(mask, features))
            if wanted.style:
                total = total + weights.style * style_distance(_grams(seen, mask, list(wanted.style)), wanted.style)
        if weights.variation:
            total = total + weights.variation * total_variation((image - self.low) / self.span, mask)
        return total

    def _optimiser(self, pixels: Tensor) -> torch.optim.Optimizer:
        if self.descent == "adam":
            return torch.optim.Adam([pixels], lr=_ADAM_RATE)
        # Relative distances have small gradients per pixel: only the number of steps ends the descent.
        return torch.optim.LBFGS(
            [pixels], max_iter=self.steps, tolerance_grad=0, tolerance_change=0, line_search_fn="strong_wolfe"
        )


def _grams(seen: Mapping[str, Tensor], mask: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    return {name: gram(seen[name], coverage(mask, seen[name])) for name in layers}
