"""What neural style transfer compares (Gatys, Ecker & Bethge 2016, doi:10.1109/CVPR.2016.265).

With ``F_cp`` the feature of channel ``c`` at position ``p`` of a layer, and ``w_p`` in [0, 1] how much that counts::

    Gram       G_cd = sum_p w_p F_cp F_dp / sum_p w_p
    content    sum_cp w_p (F_cp - P_cp)^2 / sum_cp w_p P_cp^2
    style      mean over layers of sum_cd (G_cd - A_cd)^2 / sum_cd A_cd^2
    variation  mean over p of (dx_p^2 + dy_p^2)^1.25

A Gram matrix says which features occur together, and nothing of where. The paper's distances are sums of squares with
constants of their size; here they are relative, 0 for equal and 1 for nothing at all, so that a weight means the same
for every network. The variation is Mahendran & Vedaldi's (2015, arXiv:1412.0035, equation 6) with an exponent of 2.5.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

_LEAST = 1e-12
_EXPONENT = 1.25


def coverage(mask: Tensor, features: Tensor) -> Tensor:
    """How much of each position of some features lies inside a mask.

    Args:
        mask: ``(b, 1, h, w)``, 1 inside and 0 outside.
        features: ``(b, c, h / k, w / k)``.

    Returns:
        ``(b, 1, h / k, w / k)`` in [0, 1].
    """
    return functional.interpolate(mask.to(features.dtype), size=features.shape[2:], mode="area")


def gram(features: Tensor, weight: Tensor) -> Tensor:
    """The Gram matrices ``(b, c, c)`` of features ``(b, c, h, w)``, positions counting as ``weight`` (b, 1, h, w)."""
    flat, count = features.flatten(2), weight.flatten(2)
    return (flat * count) @ flat.transpose(1, 2) / count.sum(2, keepdim=True).clamp(min=_LEAST)


def content_distance(found: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """The squared difference of features ``(b, c, h, w)``, relative to those wanted, a scalar.

    Args:
        found: Of the image.
        wanted: Of the content.
        weight: ``(b, 1, h, w)``, how much each position counts.
    """
    return (weight * (found - wanted) ** 2).sum() / (weight * wanted**2).sum().clamp(min=_LEAST)


def style_distance(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> Tensor:
    """The squared difference of Gram matrices, relative to those wanted, mean over layers, a scalar.

    Args:
        found: From a layer to the matrix ``(b, c, c)`` of the image.
        wanted: From a layer to the matrix ``(1, c, c)`` of the style; its layers count.
    """
    distances = [
        ((found[name] - matrix) ** 2).sum() / (matrix**2).sum().clamp(min=_LEAST) for name, matrix in wanted.items()
    ]
    return torch.stack(distances).mean()


def total_variation(image: Tensor, mask: Tensor) -> Tensor:
    """How rough images ``(b, c, h, w)`` are between neighbours inside a mask ``(b, 1, h, w)``, a scalar."""
    across = (image[..., :-1, 1:] - image[..., :-1, :-1]) * mask[..., :-1, 1:]
    down = (image[..., 1:, :-1] - image[..., :-1, :-1]) * mask[..., 1:, :-1]
    here = mask[..., :-1, :-1]
    rough = (here * (across**2 + down**2)) ** _EXPONENT
    return rough.sum() / (here.sum() * image.shape[1]).clamp(min=1)
