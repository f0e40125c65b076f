"""What computes a network in torch's place: how each such package takes one over, and whether it is there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.progress.spreading import cores

if TYPE_CHECKING:
    from torch import Tensor, nn

    from voxlate.methods.hardware import Precision


class Graph(Protocol):
    """A network as a runtime reads it from a file."""

    def asking(self, question: NDArray[np.float32]) -> Graph:
        """The same network with what it is told beside the images, ``(numbers,)``."""

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The network's output for images ``(b, c, *s)``, in float32."""


@dataclass(frozen=True)
class Runtime:
    """A package that computes networks.

    Attributes:
        name: By which a user asks for it.
        title: What it calls itself.
        packages: That must be there; what it writes depends on the version of the first.
        extra: Of Voxlate, which installs them.
        suffix: Of the file that it reads.
        write: Writes a network, traced by samples as it takes them, to a file.
        open: Reads the file, to be computed in a precision.
        precisions: Which it has.
        always: Whether it is used wherever it is there and agrees; else only where it was faster than torch.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    extra: str
    suffix: str
    write: Callable[[nn.Module, tuple[Tensor, ...], Path], None]
    open: Callable[[Path, Precision], Graph]
    precisions: tuple[Precision, ...]
    always: bool

    def is_installed(self) -> bool:
        """Whether its packages are there."""
        return all(find_spec(name) is not None for name in self.packages)


def threads() -> int:
    """How many threads a runtime may compute with."""
    named = os.environ.get("OMP_NUM_THREADS", "")
    return int(named) if named.isdigit() and int(named) > 0 else cores()
