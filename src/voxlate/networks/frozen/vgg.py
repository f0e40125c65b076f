"""The convolutional part of VGG-19 and VGG-16 (Simonyan & Zisserman 2015, arXiv:1409.1556), for its activations.

Five blocks of 2, 2, 4, 4 and 4 convolutions (configuration E; 2, 2, 3, 3 and 3 in configuration D, VGG-16) of 3 x 3
with padding 1, each followed by a rectifier, with the maximum of 2 x 2 pixels between the blocks; 64, 128, 256, 512 and
512 channels. An activation is named by its block and its convolution, ``block2_conv2``, and taken behind the rectifier;
``relu2_2``, the name that papers use, is accepted too.

Nothing behind the deepest activation that is asked for is built. Weights are drawn at random (He et al. 2015,
arXiv:1502.01852); ``voxlate.networks.frozen.pretrained`` reads those that a user has in a file. MONAI's
``PerceptualLoss`` builds on torchvision and downloads its weights, which is why this is here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from voxlate.errors import UsageError
from voxlate.networks.blocks import convolution, pool

Depth = Literal[16, 19]
CONVOLUTIONS: dict[Depth, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""How many each block has, by the depth that the network is called after."""
VGGS: dict[str, Depth] = {"vgg16": 16, "vgg19": 19}
"""From the name that a recipe has for the network to its depth."""
_WIDTHS = (1, 2, 4, 8, 8)


def layers_of(depth: Depth) -> tuple[str, ...]:
    """Every activation, in order."""
    return tuple(
        f"block{block}_conv{n}" for block, count in enumerate(CONVOLUTIONS[depth], 1) for n in range(1, count + 1)
    )


def layer_name(name: str, *, depth: Depth = 19) -> str:
    """The name in ``layers_of(depth)`` of an activation, whichever way it is written.

    Raises:
        UsageError: If the network has no such activation.

    Example:
        >>> layer_name("relu3_4")
        'block3_conv4'
    """
    written = re.fullmatch(r"relu(\d)_(\d)", name)
    found = f"block{written[1]}_conv{written[2]}" if written else name
    known = layers_of(depth)
    if found not in known:
        remedy = f"Use some of {', '.join(known)}."
        raise UsageError(f"an activation of VGG-{depth}", came=repr(name), where="layers", remedy=remedy)
    return found


class VGG(nn.Module):
    """Chosen activations of the convolutional part of VGG-19 or VGG-16.

    Args:
        layers: Activations, at least one.
        width: Channels of the first block, 64 in the paper; the others have 2, 4, 8 and 8 times as many.
        depth: 19, or 16.

    Attributes:
        layers: The activations that come back, in the order asked for.
        divisor: Where a size is no multiple of it, pooling leaves out the last rows.

    Raises:
        UsageError: If there is no activation of a name, or none is named.
    """

    def __init__(self, layers: Sequence[str], *, width: int = 64, depth: Depth = 19) -> None:
        super().__init__()
        self.layers = tuple(layer_name(name, depth=depth) for name in layers)
        if not self.layers:
            raise UsageError("at least one activation", came="none", where="layers", remedy="Name one.")
        known = layers_of(depth)
        built = known[: max(known.index(name) for name in self.layers) + 1]
        widths = [3, *(width * _WIDTHS[_block_of(name) - 1] for name in built)]
        self.convolutions = nn.ModuleDict(
            {name: convolution(2, a, b) for name, a, b in zip(built, widths[:-1], widths[1:], strict=True)}
        )
        self.divisor = int(2 ** (_block_of(built[-1]) - 1))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Images ``(b, 3, h, w)`` to an activation ``(b, c, h / 2^(block - 1), w / 2^(block - 1))`` per layer."""
        found: dict[str, Tensor] = {}
        features = images
        for name, convolve in self.convolutions.items():
            if name.endswith("conv1") and found:
                features = pool(features)
            features = found[name] = functional.relu(convolve(features))
        return {name: found[name] for name in self.layers}


def _block_of(name: str) -> int:
    """The block of an activation, counted from 1."""
    return int(name[len("block")])
