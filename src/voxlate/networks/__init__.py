"""The catalogue of networks: from a name to a function that builds one.

Each takes ``dims`` (2 or 3), ``in_channels`` and ``out_channels``, then options of its own, by keyword, and returns a
module from ``(b, in_channels, *s)`` to ``(b, out_channels, *s)`` with an attribute ``divisor``, of which every spatial
size must be a multiple. To add a network, write a file like the others and list its function here: the contract suite
of the tests runs over this dictionary.

Discriminators have a catalogue of their own: they take ``dims`` and ``in_channels``, and map
``(b, in_channels, *s)`` to logits ``(b, 1, *s')``.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from voxlate.networks.dilated_unet3d import dilated_unet3d
from voxlate.networks.fc_densenet import fc_densenet
from voxlate.networks.fcn import fcn
from voxlate.networks.patchgan import PatchGAN, patchgan
from voxlate.networks.pix2pix_unet import pix2pix_unet
from voxlate.networks.residual_encoder_unet import residual_encoder_unet
from voxlate.networks.residual_unet3d import residual_unet3d
from voxlate.networks.resnet import resnet
from voxlate.networks.simple_unet3d import simple_unet3d
from voxlate.networks.spade import spade
from voxlate.networks.unet import unet
from voxlate.networks.vnet import vnet

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "fcn": fcn,
    "fc_densenet": fc_densenet,
    "unet": unet,
    "resnet": resnet,
    "pix2pix_unet": pix2pix_unet,
    "vnet": vnet,
    "residual_encoder_unet": residual_encoder_unet,
    "simple_unet3d": simple_unet3d,
    "residual_unet3d": residual_unet3d,
    "dilated_unet3d": dilated_unet3d,
    "spade": spade,
}
DISCRIMINATORS: dict[str, Callable[..., PatchGAN]] = {"patchgan": patchgan}
