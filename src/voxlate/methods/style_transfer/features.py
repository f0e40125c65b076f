"""The frozen network of style transfer: which one a recipe asks for, and how it is built without any file.

Training reads the file or bundle that a recipe names and hands the network over; its weights then travel in the
method's own bundle, and translation builds the same network around them. Of a VGG only what lies before the deepest
layer is built. Weights drawn at random follow from a seed and need not travel: networks that have learned nothing
describe textures nearly as well (He, Wang & Hopcroft 2016, arXiv:1606.04801).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice
from voxlate.errors import UsageError
from voxlate.networks import NETWORKS
from voxlate.networks.frozen.activations import Activations, default_layers
from voxlate.networks.frozen.vgg import VGG, VGGS, Depth, layer_name
from voxlate.strict import StrictModel, later

_CONTENT = "block2_conv2"
_STYLE = ("block1_conv1", "block2_conv1", "block3_conv1", "block4_conv1")


class StyleFeatures(StrictModel):
    """A frozen network: a VGG with random weights, taught by the exemplars, or of a file; or that of a bundle."""

    kind: Literal["random", "trained", "vgg19", "vgg16", "bundle"] = Field(
        "random", description="random weights, those that the exemplars teach, a file, or a bundle"
    )
    path: str | None = Field(None, description="the file of weights, the run or the bundle")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8,64}$")] | None = Field(
        None, description="the first 8 or more digits that it must have"
    )
    width: int = Field(64, ge=1, le=64, description="channels of VGG's first block")
    steps: Annotated[int, Field(ge=1)] = later(300, description="of teaching, for `trained`")
    network: Choice | None = Field(None, description="the bundle's network, filled in by training")

    @model_validator(mode="after")
    def _names_what_it_needs(self) -> Self:
        if (self.kind in {"random", "trained"}) != (self.path is None):
            raise ValueError("give a path for kind vgg19, vgg16 and bundle, and none for random and trained")
        return self

    @property
    def depth(self) -> Depth | None:
        """Of the VGG in a file; ``None`` for the other kinds."""
        return VGGS.get(self.kind)


class StyleLayers(StrictModel):
    """Whose outputs are compared; empty for those of the kind of network."""

    content: str | None = Field(None, description="one layer, `block2_conv2` of VGG or an encoder's second level")
    style: tuple[str, ...] = Field((), description="several, the first of VGG's blocks 1 to 4 or an encoder's levels")


class Body(nn.Module):
    """A network that gives the outputs of layers, and which of them are content and style.

    Attributes:
        network: From images to the output of each of ``layers``.
        layers: Those of content and style, from shallow to deep.
        content: The content's.
        style: The style's.
        divisor: Sizes of an image are multiples of it.
    """

    def __init__(self, network: VGG | Activations, *, content: str, style: tuple[str, ...], divisor: int) -> None:
        super().__init__()
        self.network = network
        self.layers = network.layers
        self.content = content
        self.style = style
        self.divisor = divisor
        self.requires_grad_(False)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """As the network's."""
        found: dict[str, Tensor] = self.network(images)
        return found


def build_body(features: StyleFeatures, layers: StyleLayers) -> Body:
    """The network, its weights still to be filled in.

    Raises:
        UsageError: If there is no layer of a name, or the network of a bundle is not known.
    """
    if features.kind == "bundle":
        return _around(features, layers)
    depth = features.depth or 19
    content = layer_name(layers.content or _CONTENT, depth=depth)
    style = tuple(layer_name(name, depth=depth) for name in layers.style or _STYLE)
    with torch.device("meta"):
        network = VGG(sorted({content, *style}), width=features.width, depth=depth)
    return Body(network.to_empty(device="cpu"), content=content, style=style, divisor=network.divisor)


def _around(features: StyleFeatures, layers: StyleLayers) -> Body:
    if features.network is None:
        raise UsageError(
            "the network of the bundle", came="none", where="method.features.network", remedy="Training fills it in."
        )
    with torch.random.fork_rng(devices=[]):
        network = build(NETWORKS, features.network, what="network", dims=2, in_channels=1, out_channels=1)
    levels = default_layers(network) if not layers.style or layers.content is None else ()
    style, content = layers.style or levels, layers.content or levels[min(1, len(levels) - 1)]
    order = {name: place for place, (name, _) in enumerate(network.named_modules())}
    names = sorted({content, *style}, key=lambda name: order.get(name, -1))
    return Body(Activations(network, names), content=content, style=style, divisor=int(network.divisor))  # type: ignore[arg-type]


def draw_weights(body: Body, *, seed: int) -> None:
    """Fills in random weights after He et al. 2015 (arXiv:1502.01852); biases are 0."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in body.parameters():
            if parameter.ndim == 1:
                parameter.zero_()
                continue
            sd = math.sqrt(2 / parameter[0].numel())
            parameter.copy_(torch.from_numpy(rng.standard_normal(parameter.shape, dtype=np.float32) * np.float32(sd)))
