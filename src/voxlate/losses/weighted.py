"""The weighted sum of losses that a recipe's section ``loss`` describes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from voxlate.config.catalogue import build, pick
from voxlate.config.choice import Choice, LossTerms
from voxlate.errors import UsageError
from voxlate.losses.catalogue import LABELLED, LOSSES, segmenting
from voxlate.losses.pixelwise import Loss
from voxlate.losses.pooled import PooledLoss


class WeightedLoss:
    """Calls every term of a loss section and adds them up.

    Args:
        section: From the name of a term to its weight, or to its options with a ``weight`` among them. A weight of 0
            switches a term off.
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.

    Raises:
        UsageError: If a term or an option is unknown, a weight is missing or negative, no term has a weight, or some
            terms compare images and others segmentations.

    Example:
        >>> loss = WeightedLoss({"l1": 1.0, "ssim": {"weight": 0.5, "window": 7}}, dims=2, data_range=1.0)
        >>> sorted(loss.weights)
        ['l1', 'ssim']
    """

    def __init__(self, section: LossTerms, *, dims: int, data_range: float) -> None:
        parsed = {name: _parse(name, value) for name, value in section.items()}
        terms = {
            name: build(LOSSES, choice, what="loss", dims=dims, data_range=data_range)
            for name, (weight, choice) in parsed.items()
            if weight > 0 or choice.options
        }
        for name in parsed.keys() - terms.keys():  # switched off by a plain 0, perhaps without options that it needs
            pick(LOSSES, name, what="loss")
        self.weights = {name: weight for name, (weight, _) in parsed.items() if weight > 0}
        self.terms = {name: terms[name] for name in self.weights}
        if not self.weights:
            raise UsageError(
                "a loss with at least one weight above 0",
                came=str(dict(section)),
                where="loss",
                remedy=f"Give weights to some of {', '.join(LOSSES)}.",
            )
        if self.segmenting and not segmenting().issuperset(self.weights):
            raise UsageError(
                "losses of one kind, of images or of segmentations",
                came=", ".join(self.weights),
                where="loss",
                remedy=f"Of segmentations are {', '.join(sorted(segmenting()))}; keep these or the others.",
            )

    @property
    def segmenting(self) -> bool:
        """Whether the terms compare logits with maps of 0 and 1, and not images."""
        return not segmenting().isdisjoint(self.weights)

    @property
    def uses_labels(self) -> bool:
        """Whether a term needs label maps."""
        return any(name in LABELLED for name, _ in self.applied)

    @property
    def applied(self) -> list[tuple[str, Loss]]:
        """The loss of each term with its name; of a term that pools, the one that it applies."""
        return [(t.name, t.of) if isinstance(t, PooledLoss) else (name, t) for name, t in self.terms.items()]

    def __call__(
        self, prediction: Tensor, target: Tensor, mask: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The total, a scalar, and each term before its weight (detached).

        Args:
            prediction: ``(b, t, *s)``.
            target: ``(b, t, *s)``.
            mask: ``(b, 1, *s)``, 1 where the loss counts, 0 elsewhere.
            labels: ``(b, 1, *s)``, the label map of each sample, -1 everywhere where there is none.
        """
        # Autocast would compute the sums in bfloat16, of which 256 ones are more than it can count.
        with torch.autocast(prediction.device.type, enabled=False):
            values = {name: term(prediction, target, mask, labels=labels) for name, term in self.terms.items()}
            total = torch.stack([self.weights[name] * value for name, value in values.items()]).sum()
        return total, {name: value.detach() for name, value in values.items()}


def of_images(section: LossTerms, *, dims: int, data_range: float) -> WeightedLoss:
    """The weighted loss of a method that predicts images.

    Args:
        section: As of ``WeightedLoss``.
        dims: Number of spatial axes.
        data_range: Range of the normalised target values.

    Raises:
        UsageError: If a term compares segmentations, or as ``WeightedLoss``.
    """
    loss = WeightedLoss(section, dims=dims, data_range=data_range)
    if loss.segmenting:
        raise UsageError(
            "losses of images",
            came=", ".join(loss.weights),
            where="loss",
            remedy="These compare segmentations: use others, say l1, or the method segmentation.",
        )
    return loss


def _parse(name: str, value: float | dict[str, object]) -> tuple[float, Choice]:
    options = dict(value) if isinstance(value, Mapping) else {"weight": value}
    weight = options.pop("weight", None)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < float("inf"):
        raise UsageError(
            "a weight of at least 0",
            came=repr(weight),
            where=f"loss.{name}",
            remedy="Give a number, or the term's options with a weight among them.",
        )
    return float(weight), Choice.model_validate({**options, "name": name})
