"""A bundle's method with its weights, and what predicts by it in torch."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from voxlate.bundle.bundle import Bundle
from voxlate.inference.predict import predictor
from voxlate.inference.stitching import CasePredictor
from voxlate.methods.build import build_learner
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.hardware import Precision, channels_last, pick_device
from voxlate.methods.interface import Trainable

_Method = TypeVar("_Method", bound=nn.Module)


def load_method(bundle: Bundle) -> Trainable | Exemplary:
    """The method of a bundle with its weights or exemplars, in training mode, on the processor.

    Raises:
        BundleError: If they do not fit the recipe.
    """
    method = build_learner(bundle.recipe, bundle.plan)
    bundle.load_into(method)
    return method


def eager_predictor(bundle: Bundle, device: torch.device | None, *, precision: Precision = "fp32") -> CasePredictor:
    """What predicts by a bundle.

    Args:
        bundle: Whose.
        device: Where it computes; without one the CUDA device, where there is one, or the processor.
        precision: In which precision.

    Raises:
        BundleError: If the weights do not fit the recipe.
        UsageError: If there is no such device.
    """
    device = device or pick_device()
    method = channels_last(_folded(load_method(bundle).to(device).eval()))
    return predictor(bundle.recipe, method, device=device, precision=precision)


def _folded(method: _Method) -> _Method:
    """The method, in evaluation mode, with each batch normalisation in the weights of the convolution before it.

    The same function up to rounding, with a pass over the features less for each.
    """
    for chain in [part for part in method.modules() if isinstance(part, nn.Sequential)]:
        for number, (first, second) in enumerate(pairwise(list(chain))):
            if isinstance(first, nn.Conv2d | nn.Conv3d) and isinstance(second, nn.BatchNorm2d | nn.BatchNorm3d):
                chain[number], chain[number + 1] = fuse_conv_bn_eval(first, second), nn.Identity()
    return method
