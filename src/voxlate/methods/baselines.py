"""The two baselines that every table shows beside a model.

*Identity* takes the source for the target. *Intensity lookup* gives each source value the mean target value that the
training cases have there.

``prediction(x) = E[target | source = x]``, estimated over the foreground of the training cases in equal bins of the
source value and linear between their means. It is the best that can be done voxel by voxel without looking at the
neighbourhood (in the mean squared sense), so a network that does not beat it has learned nothing about anatomy.

Bins are gathered in one pass over the cases: when a value lies outside the range seen so far, the range is doubled and
bins are merged in pairs. At the end between 512 and 1,024 bins span the source values, so that some outliers, which
stretch the range, leave enough bins where the values are. A bin's place is the mean of the source values in it, which
makes the table exact for a linear relation; empty bins are bridged by their neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from voxlate.config.choice import LossTerms
from voxlate.errors import CohortError, UsageError
from voxlate.methods.interface import Translator
from voxlate.volume import Array
from voxlate.windows import Sliceable


def identity(
    *,
    dims: int,
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    channel: int = 0,
) -> Identity:
    """The source as its own translation; of the arguments only the numbers of channels matter.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the source.
        target_channels: Channels of the target; each is given the same source channel.
        loss: Not used.
        data_range: Not used.
        channel: Which channel of the source, counted from 0.

    Raises:
        UsageError: If the source has no such channel.
    """
    check_channel(channel, source_channels, where="method.identity.channel")
    return Identity(channel=channel, target_channels=target_channels)


def check_channel(channel: int, channels: int, *, where: str) -> None:
    """Refuses a channel that the source does not have."""
    if not 0 <= channel < channels:
        raise UsageError(
            f"a channel from 0 to {channels - 1}", came=str(channel), where=where, remedy="Name one of the source's."
        )


class Identity(Translator):
    """Gives back one channel of the source."""

    def __init__(self, *, channel: int = 0, target_channels: int = 1) -> None:
        self.channel = channel
        self.target_channels = target_channels

    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` float32 of a source ``(b, c, *s)``."""
        chosen = source[:, self.channel : self.channel + 1].float()
        return chosen.expand(-1, self.target_channels, *chosen.shape[2:]).clone()


_BINS = 1024
_Table = NDArray[np.float64]


def _empty() -> _Table:
    return np.zeros(0)


def lookup(
    *,
    dims: int,
    source_channels: int,
    target_channels: int,
    loss: LossTerms,
    data_range: float,
    channel: int = 0,
) -> Lookup:
    """A table that has not been fitted; of the arguments only the numbers of channels matter.

    Args:
        dims: Number of spatial axes of a sample.
        source_channels: Channels of the source.
        target_channels: Channels of the target; each is given the same prediction.
        loss: Not used.
        data_range: Not used.
        channel: Which channel of the source decides, counted from 0.

    Raises:
        UsageError: If the source has no such channel.
    """
    check_channel(channel, source_channels, where="method.lookup.channel")
    return Lookup(channel=channel, target_channels=target_channels)


@dataclass(frozen=True, eq=False)
class Lookup(Translator):
    """A table from source value to mean target value.

    Attributes:
        source_values: ``(n,)`` increasing, normalised; empty before fitting.
        target_values: ``(n,)`` the mean target value at each, normalised.
        counts: ``(n,)`` training voxels behind each; empty in tables of bundles that did not keep them.
        channel: Which channel of a batch decides.
        target_channels: Channels that ``predict`` gives.
    """

    source_values: _Table = field(default_factory=_empty)
    target_values: _Table = field(default_factory=_empty)
    channel: int = 0
    target_channels: int = 1
    counts: _Table = field(default_factory=_empty)

    @classmethod
    def fit(cls, pairs: Iterable[tuple[Sliceable, Sliceable, Sliceable]]) -> Self:
        """A table from training cases: (source, target, mask), arrays of one shape, each read once.

        Raises:
            CohortError: If no voxel lies inside a mask.
        """
        sums: _Sums | None = None
        for source, target, mask in pairs:
            inside = np.asarray(mask[:]) != 0
            if inside.any():
                values = np.asarray(source[:])[inside].astype(np.float64)
                sums = sums or _Sums.spanning(values)
                sums.add(values, np.asarray(target[:])[inside])
        if sums is None:
            raise CohortError("a foreground in the training cases", came="empty masks", remedy="Check the masks.")
        filled = sums.count > 0
        count = sums.count[filled]
        return cls(source_values=sums.source[filled] / count, target_values=sums.target[filled] / count, counts=count)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """The table that ``to_arrays`` gave."""
        source, target = (np.asarray(arrays[name], dtype=np.float64) for name in ("source_values", "target_values"))
        return cls(source_values=source, target_values=target, counts=np.asarray(arrays.get("counts", _empty())))

    def to_arrays(self) -> dict[str, _Table]:
        """The table as plain arrays, for a bundle."""
        table = {"source_values": self.source_values, "target_values": self.target_values}
        return {**table, "counts": self.counts} if self.counts.size else table

    def best_share(self) -> float:
        """Where the target is 1 in what is labelled and 0 elsewhere: above which share of labelled voxels to label.

        Labelling every intensity of which a larger share is labelled has, over all training voxels together, the
        highest Dice. 0.5 for a table without counts or labels.
        """
        labelled = self.counts * self.target_values if self.counts.size else self.counts
        if not labelled.sum() > 0:
            return 0.5
        order = np.argsort(-self.target_values, kind="stable")
        dice = 2 * np.cumsum(labelled[order]) / (np.cumsum(self.counts[order]) + labelled.sum())
        last = int(dice.argmax())
        shares = np.append(self.target_values[order], 0.0)
        return float((shares[last] + shares[last + 1]) / 2)

    def apply(self, source: Array) -> NDArray[np.float32]:
        """The prediction, float32 of the same shape, for source values of any shape.

        Raises:
            UsageError: If the table has not been fitted.
        """
        if self.source_values.size == 0:
            raise UsageError("a fitted lookup", came="an empty table", remedy="Use Lookup.fit on the training cases.")
        prediction: NDArray[np.float64] = np.interp(source, self.source_values, self.target_values)
        return prediction.astype(np.float32)

    def sampled(self, count: int) -> tuple[tuple[float, float], NDArray[np.float32]]:
        """The source values at both ends, and the predictions for so many from one to the other, evenly spaced."""
        low, high = float(self.source_values[0]), float(self.source_values[-1])
        return (low, high), self.apply(np.linspace(low, high, count))

    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` float32 of a source ``(b, c, *s)``."""
        values = self.apply(source[:, self.channel : self.channel + 1].detach().float().cpu().numpy())
        prediction = torch.from_numpy(values).to(source.device)
        return prediction.expand(-1, self.target_channels, *prediction.shape[2:]).clone()


@dataclass
class _Sums:
    """Counts and sums per bin over a range that grows.

    Bin ``i`` holds the values from ``(first + i) * width`` up to the next one. Borders are multiples of the width, and
    a width that grows is doubled, so that a value stays with its neighbours, exactly, however often that happens.
    """

    width: float
    low: float
    high: float
    first: int
    count: _Table
    source: _Table
    target: _Table

    @classmethod
    def spanning(cls, values: _Table) -> Self:
        low, high = float(values.min()), float(values.max())
        width = (high - low) / (_BINS - 2) or max(abs(low), 1.0) * 1e-6
        return cls(width, low, high, int(low // width), *(np.zeros(_BINS) for _ in range(3)))

    def add(self, values: _Table, targets: Array) -> None:
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        while self.high // self.width - self.low // self.width >= _BINS:
            self.width *= 2
            self._move((self.first + np.arange(_BINS)) // 2, self.first // 2)
        self._move(self.first + np.arange(_BINS), int(self.low // self.width))
        index = (values // self.width).astype(np.int64) - self.first
        self.count += np.bincount(index, minlength=_BINS)
        self.source += np.bincount(index, weights=values, minlength=_BINS)
        self.target += np.bincount(index, weights=targets, minlength=_BINS)

    def _move(self, numbers: NDArray[np.int64], first: int) -> None:
        """Puts the bins where these numbers say, which count from 0, and lets the table begin at another."""
        for name in ("count", "source", "target"):
            moved = np.bincount(numbers - first, weights=getattr(self, name), minlength=_BINS)
            setattr(self, name, moved[:_BINS])
        self.first = first
