"""Several views: one network per slice axis, of any method that trains, and the combination of what they predict.

Zhao's slides call it 2.5-D: networks for axial, sagittal and coronal slices see the same volume from three sides, each
without the memory that a 3-D network needs, and their predictions become one volume. Step ``n`` of the training loop
trains view ``n mod V``, so that all learn side by side in one run; the combination is fitted afterwards, on what they
predict (``voxlate.training.combining``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import cast

from torch import Tensor, nn
from torch.optim import Optimizer

from voxlate.config.recipe import Recipe
from voxlate.config.training import Training
from voxlate.losses import WeightedLoss
from voxlate.methods.interface import Batch, NetworkMethod, Trainable
from voxlate.methods.regression import Regression
from voxlate.networks.combination import combination

COMBINATION = "combination."
"""What the names of the combination's weights begin with."""
_OF_SLICES = {"features", "lesion_mask"}  # losses that need a 2-D network, or label maps


def combination_of(recipe: Recipe, *, data_range: float) -> Regression:
    """What combines the views of a recipe; it learns with the recipe's loss, as far as that compares volumes.

    Args:
        recipe: With several views.
        data_range: Range of the normalised target values.
    """
    network = combination(recipe.window.combine, views=len(recipe.window.views))
    terms = {name: term for name, term in recipe.loss.items() if name not in _OF_SLICES and term != 0}
    return Regression(network, loss=WeightedLoss(terms or {"l1": 1.0}, dims=3, data_range=data_range))


class MultiView(Trainable):
    """A method per view and their combination.

    Args:
        views: From the name of a view to what learns in it, in the order of the recipe's axes.
        combination: From the views' predictions ``(b, views, i, j, k)`` to one volume ``(b, 1, i, j, k)``.
    """

    def __init__(self, views: Mapping[str, NetworkMethod], *, combination: Regression) -> None:
        super().__init__()
        self.views = nn.ModuleDict(dict(views))
        self.combination = combination
        self.loss = next(iter(views.values())).loss
        self.divisor = math.lcm(*(view.divisor for view in views.values()))

    @property
    def parts(self) -> dict[str, NetworkMethod]:
        """From the name of a view to what learns in it."""
        return {name: cast("NetworkMethod", part) for name, part in self.views.items()}

    @property
    def networks(self) -> dict[str, NetworkMethod]:
        """The parts, each of which is a network that learns."""
        return self.parts

    @property
    def combined_by(self) -> Regression:
        """The combination."""
        return self.combination

    def optimisers(self, training: Training) -> list[Optimizer]:
        """Those of every view, one after the other."""
        return [optimiser for view in self.parts.values() for optimiser in view.optimisers(training)]

    def training_losses(self, batch: Batch) -> Iterator[tuple[Optimizer, Tensor, dict[str, float]]]:
        """Those of the view that the batch is cut in."""
        yield from list(self.parts.values())[batch.view].training_losses(batch)

    def shipped_state(self) -> dict[str, Tensor]:
        """What each view ships, and the combination."""
        shipped = {COMBINATION + key: value for key, value in self.combination.state_dict().items()}
        for name, view in self.parts.items():
            shipped |= {f"views.{name}.{key}": value for key, value in view.shipped_state().items()}
        return shipped

    def describe(self) -> dict[str, str]:
        """The parts of every view."""
        return {f"{name} {part}": size for name, view in self.parts.items() for part, size in view.describe().items()}

    def trained_networks(self) -> dict[str, nn.Module]:
        """The parts of every view."""
        views = {name: view.trained_networks() for name, view in self.parts.items()}
        return {f"{name} {part}": network for name, parts in views.items() for part, network in parts.items()}
