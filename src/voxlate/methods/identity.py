"""The first baseline, identity: the target is taken to look like the source."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from voxlate.errors import UsageError


def identity(
    *,
    dims: int,
    source_channels: int,
    target_channels: int,
    loss: dict[str, float | dict[str, Any]],
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


class Identity:
    """Gives back one channel of the source."""

    def __init__(self, *, channel: int = 0, target_channels: int = 1) -> None:
        self.channel = channel
        self.target_channels = target_channels

    def predict(self, source: Tensor) -> Tensor:
        """The target ``(b, t, *s)`` float32 of a source ``(b, c, *s)``."""
        chosen = source[:, self.channel : self.channel + 1].float()
        return chosen.expand(-1, self.target_channels, *chosen.shape[2:]).clone()
