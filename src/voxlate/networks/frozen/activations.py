"""What a network computes on its way: the outputs of chosen modules, for a loss that compares features.

Hooks catch the outputs, and the pass ends as soon as all are there: of a U-Net whose encoder is asked for, the decoder
never runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from voxlate.errors import UsageError
from voxlate.networks.blocks import Residual

_ENCODERS = ("encoder", "stages")
_RECTIFIERS = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SiLU)


def default_layers(network: nn.Module) -> tuple[str, ...]:
    """The levels of a network's way down, as dotted names of modules.

    Those are the levels of ``encoder`` (the U-Nets) or ``stages`` (the FCN); of a residual generator, the rectifiers
    before its blocks and the last block.

    Raises:
        UsageError: If the network has none of these.
    """
    for name in _ENCODERS:
        levels = getattr(network, name, None)
        if isinstance(levels, nn.ModuleList):
            return tuple(f"{name}.{level}" for level in range(len(levels)))
    modules = dict(network.named_modules())
    blocks = [name for name, module in modules.items() if isinstance(module, Residual)]
    if blocks:
        before = list(modules)[: list(modules).index(blocks[0])]
        return (*(name for name in before if isinstance(modules[name], _RECTIFIERS)), blocks[-1])
    raise UsageError(
        "a network with an encoder, stages or residual blocks",
        came=type(network).__name__,
        where="loss.features.layers",
        remedy="Name the modules yourself.",
    )


class Activations(nn.Module):
    """The outputs of chosen modules of a network.

    Args:
        network: Any module that maps a tensor to a tensor. Its rectifiers stop working in place, which would change
            an output after it was caught.
        layers: Dotted names of its modules, as ``named_modules`` gives them.

    Raises:
        UsageError: If it has no module of a name; the message lists those it has.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        names = [name for name, _ in network.named_modules() if name]
        unknown = [name for name in layers if name not in names]
        if unknown or not layers:
            raise UsageError(
                "names of the network's modules",
                came=", ".join(map(repr, unknown)) or "none",
                where="layers",
                remedy=f"It has {', '.join(names)}.",
            )
        self.network = network
        self.layers = tuple(layers)
        for module in network.modules():
            if hasattr(module, "inplace"):
                setattr(module, "inplace", False)  # noqa: B010  (torch types no such attribute of a module)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """``(b, c, *s)`` to the output ``(b, c', *s')`` of each layer, in the order asked for.

        Raises:
            UsageError: If a module is never called with a tensor to come out, as a list of modules is not.
        """
        found: dict[str, Tensor] = {}
        handles = [
            self.network.get_submodule(name).register_forward_hook(partial(self._keep, found, name))
            for name in self.layers
        ]
        try:
            self.network(images)
        except _AllThereError:
            pass
        finally:
            for handle in handles:
                handle.remove()
        lacking = [name for name in self.layers if name not in found]
        if lacking:
            raise UsageError(
                "modules that compute a tensor",
                came=", ".join(lacking),
                where="layers",
                remedy="Name modules inside of them.",
            )
        return {name: found[name] for name in self.layers}

    def _keep(self, found: dict[str, Tensor], name: str, *call: object) -> None:
        output = call[-1]
        if isinstance(output, Tensor):
            found[name] = output
        if len(found) == len(set(self.layers)):
            raise _AllThereError


class _AllThereError(Exception):
    """Ends a pass whose rest nobody needs."""
