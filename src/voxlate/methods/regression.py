"""Regression: one network, trained to give the target's values at every voxel (Avula et al., section IV).

``minimise sum_t w_t L_t(network(source), target)`` over the terms of the recipe's loss, with one optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.optim import Optimizer

from voxlate.config.catalogue import build
from voxlate.config.choice import Choice, LossTerms
from voxlate.config.training import Training
from voxlate.errors import UsageError
from voxlate.losses import WeightedLoss, of_images
from voxlate.methods.curve import GreyCurve
from voxlate.methods.interface import Batch, NetworkMethod, make_optimiser
from voxlate.networks import NETWORKS


def regression(
    *,
    dims: Literal[2, 3],
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    network: Choice = Choice(name="unet"),  # noqa: B008  (frozen)
    add_channel: Annotated[int, Field(ge=0)] | None = None,
    lookup_channel: Annotated[int, Field(ge=0)] | None = None,
) -> Regression:
    """A network with a weighted loss.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the source.
        target_channels: Channels of the target.
        loss: The recipe's loss section; see ``WeightedLoss``.
        data_range: Range of the normalised target values.
        network: An entry of ``NETWORKS`` with its options.
        add_channel: Source channel that the network's output is added to, so that it learns the difference; for
            contrasts that are alike in most places.
        lookup_channel: Source channel whose intensity lookup, fitted on training cases, the network's output is added
            to, so that it learns what the grey value alone does not tell.
    """
    method = Regression(
        build(NETWORKS, network, what="network", dims=dims, in_channels=source_channels, out_channels=target_channels),
        loss=of_images(loss, dims=dims, data_range=data_range),
    )
    if add_channel is not None and lookup_channel is not None:
        raise UsageError("one of add_channel and lookup_channel", came="both", where="method", remedy="Leave one out.")
    method.learn_difference(add_channel, channels=source_channels)
    method.learn_difference(lookup_channel, channels=source_channels, curve=GreyCurve())
    return method


class Regression(NetworkMethod):
    """A network with the loss it is trained with; see ``regression``."""

    def __init__(self, network: nn.Module, *, loss: WeightedLoss) -> None:
        super().__init__()
        self.network = network
        self.loss = loss
        self.divisor = int(network.divisor)  # type: ignore[arg-type]  # every network of the catalogue has an int
        self._optimiser: Optimizer | None = None

    def optimisers(self, training: Training) -> list[Optimizer]:
        """The one optimiser of the network."""
        self._optimiser = make_optimiser(self.network.parameters(), training)
        return [self._optimiser]

    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """The weighted loss of a batch.

        Raises:
            UsageError: If ``optimisers`` has not been called.
        """
        yield self._begun(), *self.compared(batch, self(batch.source))

    def _begun(self) -> Optimizer:
        """The optimiser, which must have been asked for."""
        if self._optimiser is None:
            raise UsageError("optimisers", came="none yet", remedy="Call optimisers(training) before the first step.")
        return self._optimiser
