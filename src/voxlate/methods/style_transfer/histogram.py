"""Histogram matching by rank: values get the distribution of others and keep their order.

Of ``n`` values, the one of rank ``r`` (from 0) becomes the reference's quantile at ``(r + 1/2) / n``. Where there are
as many of both, the result is the reference's values in another order, each exactly once. Equal values are ranked by
their place. The map is monotone: it cannot make bright what is darker than its surroundings.
"""

from __future__ import annotations

import torch
from torch import Tensor


def match_histogram(values: Tensor, reference: Tensor) -> Tensor:
    """``values`` with the distribution of ``reference``.

    Args:
        values: ``(n,)``.
        reference: ``(m,)``, increasing, m > 0.

    Returns:
        ``(n,)`` in the type of the reference.

    Example:
        >>> match_histogram(torch.tensor([0.9, 0.1, 0.5]), torch.tensor([10.0, 20.0, 60.0])).tolist()
        [60.0, 10.0, 20.0]
    """
    count, last = len(values), len(reference) - 1
    ranks = torch.empty(count, dtype=torch.float64, device=values.device)
    ranks[values.argsort(stable=True)] = torch.arange(count, dtype=torch.float64, device=values.device)
    place = ((ranks + 0.5) / max(count, 1) * len(reference) - 0.5).clamp(0, last)
    below = place.floor().long()
    above = (below + 1).clamp(max=last)
    share = (place - below).to(reference.dtype)
    return torch.lerp(reference[below], reference[above], share)
