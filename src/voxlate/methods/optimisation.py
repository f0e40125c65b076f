"""The optimisers that a recipe can name: Adam (Kingma & Ba 2015, arXiv:1412.6980) and AdamW (arXiv:1711.05101)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from voxlate.config.recipe import Training


def make_optimiser(
    parameters: Iterable[nn.Parameter], training: Training, *, betas: tuple[float, float] = (0.9, 0.999)
) -> Optimizer:
    """The recipe's optimiser over some parameters, in the fused form, which steps all of them in one pass.

    Args:
        parameters: What is optimised.
        training: Kind, learning rate and weight decay.
        betas: Decay of the first and second moment; adversarial methods lower the first.
    """
    kind = torch.optim.AdamW if training.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=training.learning_rate, weight_decay=training.weight_decay, betas=betas, fused=True)
