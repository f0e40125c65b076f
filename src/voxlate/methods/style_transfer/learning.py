"""A frozen network that has learned from the exemplars, before it is frozen: for those who have no weights of VGG.

It sees a slice of the source or of the target, flipped at random and with Gaussian noise, and from the features of
each layer that is compared a 1 x 1 convolution predicts both slices, at that layer's resolution::

    minimise  sum over layers of mean over pixels of |readout(features(x + noise)) - (source, target)|

That is a denoising autoencoder (Vincent et al. 2010, jmlr.org/papers/v11/vincent10a.html) which also has to tell what
the place looks like in the other contrast. So its features describe what a slice shows and not only how it looks; they
are those of a few slices, and no more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from voxlate.methods.style_transfer.synthesis import Painter

_NOISE = 0.1  # of the range of values
_AT_ONCE = 4
_RATE = 1e-3


def teach(painter: Painter, pairs: Tensor, mask: Tensor, *, steps: int, seed: int) -> list[float]:
    """Teaches the network of a painter, which is frozen again afterwards.

    Args:
        painter: What looks at images, and their range.
        pairs: ``(n, 2, h, w)``, source and target in the range of the target.
        mask: ``(n, 1, h, w)``, 1 inside.
        steps: Of Adam, each with up to four pairs.
        seed: Decides order, flips and noise.

    Returns:
        The error of every step, in the range of values.
    """
    chance = torch.Generator().manual_seed(seed)
    readouts = nn.ModuleDict()
    errors: list[float] = []
    optimiser = torch.optim.Adam(painter.network.body.requires_grad_(True).parameters(), lr=_RATE)
    for _ in range(steps):
        chosen = torch.randint(len(pairs), (min(_AT_ONCE, len(pairs)),), generator=chance)
        flips = [axis for axis in (-1, -2) if torch.rand(1, generator=chance) < 0.5]
        wanted, inside = (values[chosen].flip(flips) for values in (pairs, mask))
        noise = torch.randn(wanted.shape, generator=chance).to(wanted.device)
        seen = painter.see(wanted + _NOISE * painter.span * noise, inside)
        if not readouts:
            readouts = nn.ModuleDict({name: _readout(features) for name, features in seen.items()})
            optimiser.add_param_group({"params": list(readouts.parameters())})
        goal = (wanted - painter.low) / painter.span
        divisor = painter.network.divisor
        parts = [_error(readouts[name](found), goal, inside, divisor=divisor) for name, found in seen.items()]
        error = torch.stack(parts).sum()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        errors.append(float(error.detach()) / len(seen))
    painter.network.body.requires_grad_(False)
    return errors


def _readout(features: Tensor) -> nn.Module:
    layer = nn.Conv2d(features.shape[1], 2, 1).to(features.device)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one
    return layer


def _error(found: Tensor, goal: Tensor, mask: Tensor, *, divisor: int) -> Tensor:
    """The mean absolute error of predictions ``(2 b, 2, h', w')`` inside the mask, each pair having been seen twice."""
    filled = [n for size in reversed(goal.shape[2:]) for n in (0, -size % divisor)]  # as the network does
    height, width = found.shape[2:]
    goal, inside = (
        functional.adaptive_avg_pool2d(functional.pad(values, filled), (height, width)).repeat_interleave(2, 0)
        for values in (goal * mask, mask)
    )
    return ((found - goal / inside.clamp(min=1e-6)).abs() * inside).sum() / (2 * inside.sum()).clamp(min=1)
