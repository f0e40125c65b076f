"""Methods made of exemplars: pairs of source and target that are kept, with nothing trained.

Neural style transfer and image analogies are such methods. ``voxlate train`` chooses the exemplars from the training
cases, the method keeps them as buffers, and the bundle holds them like the weights of a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.methods.interface import Batch, Translator

_KEPT = ("exemplar_source", "exemplar_target", "exemplar_mask")


class Exemplary(nn.Module, Translator):
    """A translator that keeps exemplars.

    Attributes:
        wanted: How many exemplar samples it asks for.
        exemplar_source: ``(n, c, *s)`` float32, normalised.
        exemplar_target: ``(n, t, *s)`` float32, normalised.
        exemplar_mask: ``(n, 1, *s)`` float32, 1 inside the foreground.
    """

    learns: ClassVar[Literal["exemplars"]] = "exemplars"
    sequential: ClassVar[bool] = True
    exemplar_source: Tensor
    exemplar_target: Tensor
    exemplar_mask: Tensor

    def __init__(self, *, wanted: int) -> None:
        super().__init__()
        self.wanted = wanted
        for name in _KEPT:
            self.register_buffer(name, torch.empty(0))

    def fit(self, exemplars: Batch) -> None:
        """Keeps the exemplars; a method that derives something from them does it here too.

        Args:
            exemplars: ``wanted`` samples, or fewer where the cohort has no more.
        """
        for name, value in zip(_KEPT, (exemplars.source, exemplars.target, exemplars.mask), strict=True):
            setattr(self, name, value.detach().clone().float().contiguous())

    def shipped_state(self) -> dict[str, Tensor]:
        """The part of the state that goes into the bundle: all of it, unless overridden."""
        return self.state_dict()

    def require_exemplars(self) -> None:
        """Refuses to go on without exemplars.

        Raises:
            UsageError: If none are kept.
        """
        if self.exemplar_source.numel() == 0:
            raise UsageError("exemplars", came="none", remedy="Call fit(exemplars) first.")

    def load_state_dict(self, state_dict: Mapping[str, object], strict: bool = True, assign: bool = False) -> object:
        """As torch's, with as many exemplars of any size as the state holds."""
        for name in _KEPT:
            if isinstance(kept := state_dict.get(name), Tensor):
                setattr(self, name, torch.empty_like(kept))
        return super().load_state_dict(state_dict, strict=strict, assign=assign)
