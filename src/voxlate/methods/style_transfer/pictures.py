"""Style transfer on pictures, in colours: a photograph with its own content in the style of paintings (Gatys et al.).

The descent is that of slices (``voxlate.methods.style_transfer.synthesis``), of red, green and blue at once. The style
is the mean of the Gram matrices of all style pictures, which may have sizes of their own. What the pictures' values
mean is nothing but colour, so that no histogram is matched at last. A network that the exemplars teach learns to take
noise out of content and style.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from voxlate.errors import UsageError
from voxlate.methods.style_transfer.learning import teach
from voxlate.methods.style_transfer.method import StyleTransfer, noise_like
from voxlate.methods.style_transfer.synthesis import Painter, Wanted
from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures
from voxlate.networks.frozen.pretrained import IMAGENET

_TAUGHT = 96
"""Pixels along the edges of the pictures that a network learns from."""
_LUMINANCE = (0.2126, 0.7152, 0.0722)


def redraw_picture(method: StyleTransfer, content: Tensor, styles: Sequence[Tensor]) -> Tensor:
    """The content in the style of the styles.

    Args:
        method: Whose network sees pictures, its weights attached unless they are random or taught.
        content: ``(3, h, w)``, red, green and blue in [0, 1].
        styles: One or more ``(3, h', w')``.

    Returns:
        ``(3, h, w)`` in [0, 1].

    Raises:
        UsageError: If the network does not see pictures.
    """
    if not method.task.pictures:
        remedy = "Use vgg19 or vgg16 with a file, trained, or random."
        raise UsageError(
            "a network that sees pictures", came="that of a bundle", where="method.features", remedy=remedy
        )
    if method.task.features.kind == "trained":
        _teach(method, content, styles)
    painter, image = _painter(method, colours=True), content[None].float()
    with torch.no_grad():
        features = {method.body.content: painter.see(image, _everywhere(image))[method.body.content]}
        grams = [painter.style_of(one[None], _everywhere(one[None]), method.body.style) for one in styles]
    style = {name: torch.stack([one[name] for one in grams]).mean(0) for name in grams[0]}
    start = noise_like(image, painter, seed=method.task.seed) if method.task.start == "noise" else image
    drawn = painter.paint(start, _everywhere(image), Wanted(features, style, method.task.weights))
    return drawn[0].clamp(0, 1)


def _painter(method: StyleTransfer, *, colours: bool) -> Painter:
    pictures = Pictures(0.0, 1.0, *IMAGENET)
    network = FeatureNetwork(
        method.body, dims=2, outside=0.0, divisor=method.divisor, pictures=pictures, colours=colours
    )
    return Painter(network, method.body.layers, 0.0, 1.0, method.task.descent, method.task.steps)


def _everywhere(image: Tensor) -> Tensor:
    return torch.ones_like(image[:, :1])


def _teach(method: StyleTransfer, content: Tensor, styles: Sequence[Tensor]) -> None:
    """Teaches the network on the luminance of all pictures, brought to one size."""
    size = (_TAUGHT, _TAUGHT)
    grey = [(one * one.new_tensor(_LUMINANCE)[:, None, None]).sum(0)[None, None] for one in (content, *styles)]
    same = [functional.interpolate(one, size=size, mode="bilinear", antialias=True) for one in grey]
    pairs = torch.cat([one.expand(1, 2, *size) for one in same])
    features = method.task.features
    teach(
        _painter(method, colours=False),
        pairs,
        torch.ones_like(pairs[:, :1]),
        steps=features.steps,
        seed=method.task.seed,
    )
