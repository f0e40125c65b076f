"""Segmentation: one network with a map per class, trained to tell which voxels belong to it.

The target is a label map and the classes are sets of its values. Each class has a channel of its own with a sigmoid, so
that classes may lie in one another, as the regions of the BraTS challenges do. The loss compares logits with maps of 0
and 1; a network with coarser last layers is supervised at every resolution, with half the weight at each coarser one
(deep supervision, Lee et al. 2015, arXiv:1409.5185; the weights are those of nnU-Net, Isensee et al. 2021,
doi:10.1038/s41592-020-01008-z). Where the network adds up its maps itself, the sum alone is supervised.

A label map is made of the stitched probabilities, class by class in the order of the recipe: a voxel with more than 0.5
gets the class's own value, that is the first that no later class inside it has. A class inside another paints over it;
of two that exclude one another the more probable stays.

The last layers begin with a bias that gives each class a probability of 1 % everywhere: what is rare would otherwise be
drowned by what is not (Lin et al. 2017, arXiv:1708.02002, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from voxlate.cohort.labels.classes import ANY_LABEL
from voxlate.cohort.labels.painting import WHERE, own_values, paint
from voxlate.config.catalogue import build
from voxlate.config.choice import Choice, LossTerms
from voxlate.errors import UsageError
from voxlate.losses import WeightedLoss, segmenting
from voxlate.machines.processes import gathered
from voxlate.methods.encoder import class_maps
from voxlate.methods.interface import Batch
from voxlate.methods.regression import Regression
from voxlate.networks import NETWORKS
from voxlate.networks.blocks import Head
from voxlate.networks.encoder_decoder import EncoderDecoder

Classes = dict[str, tuple[NonNegativeInt, ...]]
_PRIOR = 0.01
"""Probability of a class before anything is learned."""


def segmentation(
    *,
    dims: Literal[2, 3],
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    classes: Literal["binary", "each", "regions"] | Classes = "binary",
    network: Choice = Choice(name="residual_encoder_unet"),  # noqa: B008  (frozen)
) -> Segmentation:
    """A network with a map per class.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the source.
        target_channels: Channels of the target: 1, the label map.
        loss: The recipe's loss section, of losses that compare segmentations.
        data_range: Range of the label values; not used.
        classes: Names with their label values, in the order in which they are painted; no value stands for every one
            above 0. Or a word that a run replaces by these when it looks at its data set: `binary` (everything above
            0), `each` (a class per label value) or `regions` (whole tumour, tumour core and enhancing tumour of
            BraTS).
        network: An entry of ``NETWORKS`` with its options.

    Raises:
        UsageError: If a word has not been replaced, the classes cannot be told apart in one label map, or a loss is
            none of segmentations.
    """
    if classes in ("each", "regions"):
        raise UsageError("names with their label values", came=repr(classes), where=WHERE, remedy="Train it first.")
    named: Classes = {ANY_LABEL: ()} if isinstance(classes, str) else classes
    own_values(named)
    weighted = WeightedLoss(loss, dims=dims, data_range=1.0)
    if not weighted.segmenting:
        raise UsageError(
            f"losses of segmentations ({', '.join(sorted(segmenting()))})",
            came=", ".join(weighted.weights),
            where="loss",
            remedy="Set loss to {bce: 1, dice: 1}, say.",
        )
    return Segmentation(
        build(NETWORKS, network, what="network", dims=dims, in_channels=source_channels, out_channels=len(named)),
        classes=named,
        loss=weighted,
    )


class Segmentation(Regression):
    """A network with a map per class; see ``segmentation``."""

    segments: ClassVar[bool] = True

    def __init__(self, network: nn.Module, *, classes: Classes, loss: WeightedLoss) -> None:
        super().__init__(network, loss=loss)
        self.classes = dict(classes)
        own_values(classes)
        self.channels = len(classes)
        summands = list(network.coarser) if isinstance(network, EncoderDecoder) and network.summed else []
        for head in [part for part in network.modules() if isinstance(part, Head)]:
            bias = cast("Tensor", head.linear.bias)
            bias.data.fill_(0.0 if head in summands else -math.log((1 - _PRIOR) / _PRIOR))

    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """The weighted loss of a batch, over all resolutions that the network has a map of.

        Raises:
            UsageError: If ``optimisers`` has not been called.
        """
        optimiser = self._begun()
        maps = [gathered(one) for one in self._maps(batch.source)]
        batch = batch.of_all()
        truth, mask = class_maps(batch.target, self.classes), batch.mask
        weights = [2.0**-level for level in range(len(maps))]
        totals: list[Tensor] = []
        parts: dict[str, Tensor] = {}
        for level, (logits, weight) in enumerate(zip(maps, weights, strict=True)):
            if level:
                truth, mask = (functional.interpolate(x, size=logits.shape[2:], mode="nearest") for x in (truth, mask))
            total, found = self.loss(logits, truth, mask)
            totals.append(weight / sum(weights) * total)
            parts = parts or found
        yield optimiser, torch.stack(totals).sum(), {name: float(value) for name, value in parts.items()}

    @torch.no_grad()
    def predict(self, source: Tensor) -> Tensor:
        """Probabilities ``(b, classes, *s)`` float32 of a source ``(b, c, *s)``, sizes multiples of ``divisor``."""
        return torch.sigmoid(super().predict(source))

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """The label map ``(1, i, j, k)`` of probabilities ``(classes, i, j, k)``; whole numbers as float32."""
        return paint(stitched, self.classes)

    def _maps(self, source: Tensor) -> list[Tensor]:
        network = self.network
        if isinstance(network, EncoderDecoder) and len(network.coarser) and not network.summed:
            return network.maps(self.seen(source))
        return [self(source)]
