"""What a frozen network keeps of content and of style: images made of nothing else, from noise (Gatys et al., Fig. 1).

The content is reconstructed from one layer at a time: shallow layers keep every pixel, deep ones only what is where.
The style is reconstructed from growing sets of layers, shallow to deep: structures of the style appear at larger and
larger scales, and nowhere in particular.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxlate.methods.style_transfer.method import StyleTransfer, noise_like
from voxlate.methods.style_transfer.synthesis import Painter, Wanted, Weights

Picture = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """One image out of noise.

    Attributes:
        image: ``(h, w)`` in the target's normalised values.
        distance: What is left of the distance that was minimised: 0 for none, see ``voxlate.losses.style``.
    """

    image: Picture
    distance: float


@dataclass(frozen=True, eq=False)
class Reconstructions:
    """Of one exemplar's content and of the style of all.

    Attributes:
        content: ``(h, w)``, the exemplar's source in the range of the targets.
        style: ``(h, w)``, the exemplar's target.
        mask: ``(h, w)``, true inside the foreground.
        window: Lowest and highest value of the targets, but for the outermost percentiles.
        contents: From a layer to what it alone keeps of the content.
        styles: From the deepest layer of a growing set to what the set keeps of the style.
    """

    content: Picture
    style: Picture
    mask: NDArray[np.bool_]
    window: tuple[float, float]
    contents: Mapping[str, Reconstruction]
    styles: Mapping[str, Reconstruction]


def reconstruct(method: StyleTransfer, *, steps: int = 100) -> Reconstructions:
    """Reconstructs the middle exemplar's content and the exemplars' style with every layer that the method looks at.

    Args:
        method: With exemplars.
        steps: Iterations of each image.

    Raises:
        UsageError: If the method has no exemplars or no weights.
    """
    painter, middle = method.painter(steps=steps), len(method.exemplar_source) // 2
    one = slice(middle, middle + 1)
    mask, targets = method.exemplar_mask[one], method.exemplar_target
    content = method.content_of(method.exemplar_source[one])
    start = noise_like(content, painter, seed=method.task.seed)
    with torch.no_grad():
        features = painter.see(content, mask)
        grams = painter.style_of(targets, method.exemplar_mask, method.body.style)
    alone, together = Weights(content=1, style=0, variation=0), Weights(content=0, style=1, variation=0)
    contents = {
        name: _paint(painter, start, mask, Wanted(content={name: features[name]}, weights=alone))
        for name in method.body.layers
    }
    deep = [name for name in method.body.layers if name in grams]
    styles = {
        name: _paint(
            painter, start, mask, Wanted(style={each: grams[each] for each in deep[: place + 1]}, weights=together)
        )
        for place, name in enumerate(deep)
    }
    window = painter.low, painter.low + painter.span
    return Reconstructions(_picture(content), _picture(targets[one]), _picture(mask) > 0, window, contents, styles)


def _paint(painter: Painter, start: Tensor, mask: Tensor, wanted: Wanted) -> Reconstruction:
    image = painter.paint(start, mask, wanted)
    with torch.no_grad():
        return Reconstruction(_picture(image), float(painter.distance(image, mask, wanted)))


def _picture(image: Tensor) -> Picture:
    return image[0, 0].cpu().numpy().astype(np.float32)
