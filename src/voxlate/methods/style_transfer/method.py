"""Neural style transfer: a slice is redrawn with its own content and the exemplars' style.

Gatys, Ecker & Bethge 2016, doi:10.1109/CVPR.2016.265. Pixels are changed until the features of one layer are those of
the slice and the Gram matrices of several layers those of the exemplar targets
(``voxlate.methods.style_transfer.synthesis``). Nothing is trained but, if asked for, what sees these features. The
descent starts from the slice itself or, within a volume, from the slice plus what the descent changed in the slice
before, ``content + (previous result - previous content)``: neighbours then end in the same of the many minima, and the
volume does not flicker.

Intensities: the content is the source, its range in the exemplars brought linearly to that of the targets; at last the
result gets the histogram of the exemplar targets by rank (``voxlate.methods.style_transfer.histogram``). So every value
is one that targets have, and the overall distribution is right. But what is bright in the source stays bright: nothing
here knows that bone is dark in MR and bright in CT, and the histogram does not know how much bone a slice has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from voxlate.config.choice import LossTerms
from voxlate.errors import UsageError
from voxlate.methods.baselines import check_channel
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.interface import Batch
from voxlate.methods.style_transfer.features import Body, StyleFeatures, StyleLayers, build_body, draw_weights
from voxlate.methods.style_transfer.histogram import match_histogram
from voxlate.methods.style_transfer.learning import teach
from voxlate.methods.style_transfer.synthesis import Descent, Painter, Wanted, Weights
from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures
from voxlate.networks.frozen.pretrained import IMAGENET
from voxlate.preprocess.intensity import OUTSIDE

Start = Literal["neighbour", "content", "noise"]
_LOW, _HIGH = 0.005, 0.995
_BODY = "body."


def style_transfer(  # noqa: PLR0913  (the choices of a recipe)
    *,
    dims: int,
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    layers: StyleLayers = StyleLayers(),  # noqa: B008  (frozen)
    weights: Weights = Weights(),  # noqa: B008  (frozen)
    steps: Annotated[int, Field(ge=1)] = 50,
    optimiser: Descent = "lbfgs",
    start: Start = "neighbour",
    exemplars: Annotated[int, Field(ge=1)] = 8,
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0,
    features: StyleFeatures = StyleFeatures(),  # noqa: B008  (frozen)
    channel: int = 0,
) -> StyleTransfer:
    """A slice's content in the style of exemplar targets, by gradient descent on its pixels; nothing is trained.

    Args:
        dims: Number of spatial axes of a sample; 2.
        source_channels: Channels of the source.
        target_channels: Channels of the target; each is given the same prediction.
        loss: Not used.
        data_range: Not used.
        layers: Whose outputs are compared.
        weights: Of content, style and total variation, which are relative and need no other scale.
        steps: Iterations per slice.
        optimiser: L-BFGS, or Adam.
        start: Where the descent of a slice begins: from the slice with what changed in its neighbour, from the slice
            alone, or from noise.
        exemplars: Slices of the training cases that are kept.
        seed: Decides random weights and noise.
        features: The frozen network.
        channel: Which channel of the source is the content, counted from 0.

    Raises:
        UsageError: If samples are not slices, or there is no such channel or layer.
    """
    if dims != 2:
        raise UsageError("slices", came="volumes", where="window.kind", remedy="Set window.kind to slices.")
    check_channel(channel, source_channels, where="method.style_transfer.channel")
    body = build_body(features, layers)
    if features.path is None:
        draw_weights(body, seed=seed)
    task = Stylisation(features, weights, optimiser, steps, start, seed)
    return StyleTransfer(body, task=task, wanted=exemplars, channel=channel, target_channels=target_channels)


@dataclass(frozen=True)
class Stylisation:
    """How slices are redrawn; see ``style_transfer``.

    Attributes:
        features: The frozen network.
        weights: Of content, style and variation.
        descent: The optimiser.
        steps: Iterations per slice.
        start: Where they begin.
        seed: Of the noise.
    """

    features: StyleFeatures
    weights: Weights
    descent: Descent
    steps: int
    start: Start
    seed: int

    @property
    def random(self) -> bool:
        """Whether the network's weights follow from the seed."""
        return self.features.kind == "random"

    @property
    def pictures(self) -> bool:
        """Whether the network sees pictures in three colours, as VGG does."""
        return self.features.kind != "bundle"


@dataclass
class _Case:
    """What is known while the slices of a case come: the style, and the slice before."""

    painter: Painter
    style: Mapping[str, Tensor]
    follows: bool
    content: Tensor | None = None
    result: Tensor | None = None
    mask: Tensor | None = None


class StyleTransfer(Exemplary):
    """The method of ``style_transfer``.

    Attributes:
        body: The frozen network.
        task: How slices are redrawn.
    """

    def __init__(self, body: Body, *, task: Stylisation, wanted: int, channel: int, target_channels: int) -> None:
        super().__init__(wanted=wanted)
        self.body = body
        self.divisor = body.divisor
        self.task = task
        self._channel = channel
        self._target_channels = target_channels
        self._seeing = task.features.path is None
        self._case: _Case | None = None

    def attach(self, weights: Mapping[str, Tensor]) -> None:
        """Fills in the frozen network's weights.

        Args:
            weights: By their names in ``body.network``.

        Raises:
            RuntimeError: If names or shapes are not the network's.
        """
        self.body.network.load_state_dict(weights)
        self._seeing = True

    def fit(self, exemplars: Batch) -> None:
        """As ``Exemplary.fit``; teaches the frozen network, if it is to be taught."""
        super().fit(exemplars)
        self._case = None
        if self.task.features.kind == "trained":
            pairs = torch.cat([self.content_of(self.exemplar_source), self.exemplar_target[:, :1]], 1)
            with torch.inference_mode(False), torch.enable_grad():
                teach(self.painter(), pairs, self.exemplar_mask, steps=self.task.features.steps, seed=self.task.seed)

    def shipped_state(self) -> dict[str, Tensor]:
        """Exemplars, and the network unless its weights follow from the seed."""
        state = self.state_dict()
        return {name: value for name, value in state.items() if not (self.task.random and name.startswith(_BODY))}

    def load_state_dict(self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False) -> object:
        """As torch's, from ``shipped_state`` too."""
        if self.task.random:
            state_dict = {f"{_BODY}{name}": value for name, value in self.body.state_dict().items()} | dict(state_dict)
        result = super().load_state_dict(state_dict, strict=strict, assign=assign)
        self._seeing, self._case = True, None
        return result

    def begin_case(self) -> None:
        """The slices that come belong to one volume, in order: each may start from the one before."""
        self._case = self._prepare(follows=self.task.start == "neighbour")

    def predict(self, source: Tensor) -> Tensor:
        """As ``Translator.predict``; samples outside of a case are redrawn each by itself.

        Raises:
            UsageError: If no exemplars are kept, or the frozen network has no weights.
        """
        case = self._case or self._prepare(follows=False)
        with torch.inference_mode(False), torch.enable_grad():
            drawn = torch.cat([self._redraw(sample.clone(), case) for sample in source.detach().float()[:, None]])
        return drawn.expand(-1, self._target_channels, *drawn.shape[2:]).clone()

    def painter(self, *, steps: int | None = None) -> Painter:
        """What redraws slices, its scale taken from the exemplars.

        Args:
            steps: Others than the recipe's.

        Raises:
            UsageError: If no exemplars are kept, or the frozen network has no weights.
        """
        self.require_exemplars()
        if not self._seeing:
            raise UsageError(
                "weights of the frozen network", came="none", where="method.features", remedy="Call attach first."
            )
        low, span = _range(self.exemplar_target, self.exemplar_mask)
        pictures = Pictures(low, span, *IMAGENET) if self.task.pictures else None
        outside = low if self.task.pictures else OUTSIDE
        network = FeatureNetwork(self.body, dims=2, outside=outside, divisor=self.divisor, pictures=pictures)
        return Painter(network, self.body.layers, low, span, self.task.descent, steps or self.task.steps)

    def content_of(self, source: Tensor) -> Tensor:
        """The content ``(b, 1, h, w)`` of sources ``(b, c, h, w)``: one channel in the range of the targets."""
        low, span = _range(self.exemplar_source[:, self._channel : self._channel + 1], self.exemplar_mask)
        to_low, to_span = _range(self.exemplar_target, self.exemplar_mask)
        return to_low + to_span * (source[:, self._channel : self._channel + 1] - low) / span

    def _prepare(self, *, follows: bool) -> _Case:
        with torch.inference_mode(False), torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            painter = self.painter()
            style = painter.style_of(self.exemplar_target, self.exemplar_mask, self.body.style)
        return _Case(painter, style, follows)

    @property
    def _device(self) -> torch.device:
        return self.exemplar_target.device

    def _redraw(self, source: Tensor, case: _Case) -> Tensor:
        mask = (source != OUTSIDE).any(1, keepdim=True).float()
        if not mask.any():
            return torch.full_like(mask, case.painter.network.outside)
        content = self.content_of(source)
        with torch.no_grad(), torch.autocast(self._device.type, enabled=False):
            features = {self.body.content: case.painter.see(content, mask)[self.body.content]}
        wanted = Wanted(features, case.style, self.task.weights)
        result = case.painter.paint(self._start(content, mask, case), mask, wanted)
        if case.follows:
            case.content, case.result, case.mask = content, result, mask
        return self._finish(result, mask)

    def _start(self, content: Tensor, mask: Tensor, case: _Case) -> Tensor:
        if self.task.start == "noise":
            return noise_like(content, case.painter, seed=self.task.seed)
        if case.content is None or case.result is None or case.mask is None or case.mask.shape != mask.shape:
            return content
        return content + (case.result - case.content) * case.mask

    def _finish(self, result: Tensor, mask: Tensor) -> Tensor:
        """The result with the histogram of the exemplar targets inside the mask."""
        reference = self.exemplar_target[self.exemplar_mask != 0].sort().values
        inside = mask != 0
        finished = result.clone()
        finished[inside] = match_histogram(result[inside], reference)
        return finished


def noise_like(image: Tensor, painter: Painter, *, seed: int) -> Tensor:
    """Uniform noise over the range of the targets, which a seed decides."""
    drawn = torch.rand(image.shape, generator=torch.Generator().manual_seed(seed))
    return painter.low + painter.span * drawn.to(image.device)


def _range(values: Tensor, mask: Tensor) -> tuple[float, float]:
    """The 0.5th percentile inside a mask, and how far the 99.5th is from it."""
    inside = values[mask != 0].float()
    if inside.numel() == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in _quantiles(inside))
    return low, max(high - low, 1e-6)


def _quantiles(values: Tensor) -> Tensor:
    ordered = values.sort().values
    places = torch.tensor([_LOW, _HIGH], device=values.device) * (len(ordered) - 1)
    return ordered[places.round().long()]
