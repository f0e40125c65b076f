"""Prediction by torch: a translator over one prepared case.

A method with several views predicts a volume in each, and a combination makes one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.inference.stitching import CasePredictor, WindowPredictor, fills_background, numbers_for
from voxlate.methods.hardware import Precision, computing_in, memory_format
from voxlate.methods.interface import Method, NetworkMethod, Translator
from voxlate.networks.combination import WeightedMean
from voxlate.question import Acquisitions, Query
from voxlate.roles import MODEL
from voxlate.windows import Sliceable

_COMBINED = WindowOptions(kind="patches", size=(96, 96, 96), overlap=0.25)
"""How the volumes of several views are cut for their combination, which sees no farther than a few voxels."""


@dataclass(frozen=True)
class Predictor(WindowPredictor):
    """A translator made ready for whole cases.

    Attributes:
        translator: Maps source windows to target windows, in normalised values; already on ``device``.
        window: How a case is cut and stitched.
        device: Where it computes.
        precision: In which precision.
        tile: The largest window in a sample's spatial axes; ``None`` for what the recipe says.
        fill: Whether the source's background is filled as in training, see ``fill_outside``.
    """

    translator: Translator
    window: WindowOptions
    device: torch.device
    precision: Precision = "fp32"
    tile: tuple[int, ...] | None = None
    fill: bool = False

    @property
    def divisor(self) -> int:
        """The translator's."""
        return self.translator.divisor

    @property
    def channels(self) -> int:
        """The translator's."""
        return self.translator.channels

    @property
    def sequential(self) -> bool:
        """The translator's."""
        return self.translator.sequential

    def begin_case(self) -> None:
        """Told on to the translator."""
        self.translator.begin_case()

    def asked(self, question: Query, recipe: Recipe, acquired: Acquisitions | None = None) -> Predictor:
        """The same for one question: its sources come in."""
        numbers = numbers_for(question, recipe, acquired)
        return replace(self, translator=self.translator.ask(torch.from_numpy(numbers)))

    def decode(self, stitched: NDArray[np.float32]) -> NDArray[np.float32]:
        """As the translator decodes."""
        return self.translator.decode(stitched)

    def compute(self, cuts: NDArray[np.float32]) -> NDArray[np.float32]:
        """By the translator, on its device."""
        batch = torch.from_numpy(cuts).to(self.device, memory_format=memory_format(cuts.ndim - 2))
        with torch.inference_mode(), computing_in(self.precision, self.device):
            return self.translator.predict(batch).float().cpu().numpy()


@dataclass(frozen=True)
class MultiViewPredictor(CasePredictor):
    """A predictor per view and what combines their volumes.

    Attributes:
        views: From the name of a view to its predictor.
        combination: From the views' predictions, as sources, to the one volume.
    """

    views: Mapping[str, Predictor]
    combination: Predictor

    def stitched(self, sources: Sequence[Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """The combination of all views."""
        return self.combine(self.by_view(sources, mask), mask)

    def predictions(self, sources: Sequence[Sliceable], mask: Sliceable) -> dict[str, NDArray[np.float32]]:
        """Each view's, and their combination."""
        views = self.by_view(sources, mask)
        return {**views, MODEL: self.combine(views, mask)[0]}

    @property
    def weights(self) -> dict[str, float]:
        """How much each view counts in a combination that weighs them; empty for one by a network."""
        networks = [combining.network for combining in self.combination.translator.networks.values()]
        found = [network.weights.detach().tolist() for network in networks if isinstance(network, WeightedMean)]
        return dict(zip(self.views, *found, strict=True)) if found else {}

    def by_view(self, sources: Sequence[Sliceable], mask: Sliceable) -> dict[str, NDArray[np.float32]]:
        """What each view predicts, ``(i, j, k)``."""
        return {name: view(sources, mask)[0] for name, view in self.views.items()}

    def combine(self, predictions: Mapping[str, Sliceable], mask: Sliceable) -> NDArray[np.float32]:
        """The one volume ``(1, i, j, k)`` of the views' predictions."""
        return self.combination([predictions[name] for name in self.views], mask)


def predictor(recipe: Recipe, method: Method, *, device: torch.device, precision: Precision) -> CasePredictor:
    """The predictor of a recipe's method."""
    fill, windows = fills_background(recipe), recipe.window.views or {"": recipe.window}
    views = {
        name: Predictor(part, windows[name], device, precision=precision, fill=fill)
        for name, part in method.parts.items()
    }
    if method.combined_by is not None:
        return MultiViewPredictor(views, combiner(method.combined_by, device=device))
    return views[""]


def combiner(combination: NetworkMethod, *, device: torch.device) -> Predictor:
    """The predictor of a combination of views; always in float32, since it costs little."""
    return Predictor(combination, _COMBINED, device)
