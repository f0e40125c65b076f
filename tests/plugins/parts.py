"""A place for tests in which plugins leave nothing behind: catalogues, environment and the user's own folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from voxlate.losses import LOSSES
from voxlate.methods import METHODS
from voxlate.metrics import METRICS
from voxlate.networks import DISCRIMINATORS, NETWORKS
from voxlate.plugins import loading

NETWORK = """
from torch import nn


def tiny(*, dims: int, in_channels: int, out_channels: int, width: int = {width}) -> nn.Module:
    layer = nn.Conv2d if dims == 2 else nn.Conv3d
    network = nn.Sequential(layer(in_channels, width, 3, padding=1), layer(width, out_channels, 1))
    network.divisor = 1
    return network


NETWORKS = {{"{name}": tiny}}
"""


def write_plugin(path: Path, *, name: str = "tiny", width: int = 2) -> Path:
    """A plugin with one small network."""
    path.write_text(NETWORK.format(name=name, width=width), encoding="utf-8")
    return path


@contextmanager
def plugins_apart(home: Path) -> Iterator[None]:
    """Puts back what plugins change, and keeps what is noted of them in a folder."""
    catalogues: tuple[dict[str, object], ...] = (NETWORKS, DISCRIMINATORS, LOSSES, METHODS, METRICS)  # type: ignore[assignment]
    before, loaded = [dict(catalogue) for catalogue in catalogues], dict(loading._LOADED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home))
        patch.setenv(loading._NAMED, "")
        try:
            yield
        finally:
            for catalogue, kept in zip(catalogues, before, strict=True):
                catalogue.clear()
                catalogue.update(kept)
            loading._LOADED.clear()
            loading._LOADED.update(loaded)


def forget(*, started: bool = False) -> None:
    """As a new process has it: nothing is loaded; one that was started by this one has its environment."""
    os.environ[loading._NAMED] = os.environ[loading._NAMED] if started else ""
    for plugin in loading._LOADED.values():
        for part, names in plugin.adds.items():
            for name in names:
                loading._catalogues()[part].pop(name)
    loading._LOADED.clear()
