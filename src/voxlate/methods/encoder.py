"""Label maps as tensors: a map of zeros and ones per class, and the channels of a label map that is a source.

A source ``labels`` goes through the prepared store, augmentation and windows as the one image that it is; only what
the networks see has channels, one per structure (one-hot) or one for all (ordinal), see ``voxlate.config.conditions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.roles import LABELS


def class_maps(labels: Tensor, classes: Mapping[str, tuple[int, ...]]) -> Tensor:
    """Maps of 0 and 1 per class, ``(b, classes, *s)`` float32, of label maps ``(b, 1, *s)``.

    Args:
        labels: Label values; one between two values counts as the nearer.
        classes: From a name to label values; none stands for every one above 0.
    """
    rounded = labels.round()
    maps = [
        torch.isin(rounded, torch.tensor(values, dtype=rounded.dtype, device=rounded.device)) if values else rounded > 0
        for values in classes.values()
    ]
    return torch.cat(maps, dim=1).float()


@dataclass(frozen=True)
class LabelEncoder:
    """Turns those channels of a source that are label maps into what a network sees.

    Attributes:
        structures: From a name to its label values.
        encoding: ``onehot`` or ``ordinal``.
        are_labels: Of each channel of the source, whether it is a label map.
    """

    structures: Mapping[str, tuple[int, ...]]
    encoding: Literal["onehot", "ordinal"]
    are_labels: tuple[bool, ...]

    @property
    def channels(self) -> int:
        """Channels of what comes out."""
        each = len(self.structures) if self.encoding == "onehot" else 1
        return sum(each if is_labels else 1 for is_labels in self.are_labels)

    def __call__(self, source: Tensor) -> Tensor:
        """``(b, c, *s)`` label values and images to ``(b, channels, *s)`` float32, in the order of the source."""
        parts = zip(torch.split(source, 1, dim=1), self.are_labels, strict=True)
        encoded = torch.cat([self._encode(part) if is_labels else part.float() for part, is_labels in parts], dim=1)
        is_last = source.is_contiguous(memory_format=torch.channels_last) if source.ndim == 4 else False
        return encoded.contiguous(memory_format=torch.channels_last) if is_last else encoded

    def _encode(self, labels: Tensor) -> Tensor:
        maps = class_maps(labels, self.structures)
        if self.encoding == "onehot":
            return maps
        steps = torch.arange(1, maps.shape[1] + 1, dtype=maps.dtype, device=maps.device) / maps.shape[1]
        return (maps * steps.view(1, -1, *[1] * (maps.ndim - 2))).amax(dim=1, keepdim=True)


def label_encoder(recipe: Recipe, window: WindowOptions) -> LabelEncoder | None:
    """The encoder of a recipe for one of its windows; ``None`` where label values go in as they are."""
    conditions = recipe.conditions
    if LABELS not in recipe.source or conditions is None or not isinstance(conditions.structures, Mapping):
        return None
    each = 2 * window.neighbours + 1
    are_labels = tuple(name == LABELS for name in recipe.source for _ in range(each))
    return LabelEncoder(dict(conditions.structures), conditions.encoding, are_labels)
