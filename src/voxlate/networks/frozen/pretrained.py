"""Weights of other networks from files that a user has: VGG-19, VGG-16 and ResNet-50. Nothing is ever downloaded.

A file is a state dict, written by ``torch.save`` or as safetensors, and is checked in this order: its SHA-256, where
the user gives it or its name does (torchvision's ``vgg19-dcbb9e9d.pth``); that it holds tensors and nothing else, read
without running any code of it; and every name and shape against the network.

Names are torchvision's: ``features.0.weight`` of VGG-19, ``conv1.weight`` and ``layer1.0.conv1.weight`` of ResNet-50.
RadImageNet (Mei et al. 2022, doi:10.1148/ryai.210315) has the same ResNet-50 as a sequence of its first nine children,
``backbone.0.weight`` and ``backbone.4.0.conv1.weight`` (``pytorch_example.ipynb`` in github.com/BMEII-AI/RadImageNet).
The names tell how pictures are normalised: by the colours of ImageNet, or, as in that notebook, to [-1, 1].
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from voxlate.errors import BundleError
from voxlate.networks.frozen.activations import Activations
from voxlate.networks.frozen.feature_network import Three
from voxlate.networks.frozen.resnet50 import ResNet50
from voxlate.networks.frozen.vgg import CONVOLUTIONS, VGG, Depth, layers_of
from voxlate.tensorfile import read_tensors

State = dict[str, Tensor]
IMAGENET: tuple[Three, Three] = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of red, green and blue in [0, 1] with which torchvision's weights were trained."""
CENTRED: tuple[Three, Three] = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
"""Those that bring [0, 1] to [-1, 1]."""
VGG_LAYERS = tuple(name for name in layers_of(16) if name.endswith("conv1"))
"""Of VGG-19 and VGG-16 alike."""
RESNET50_LAYERS = ("layer1", "layer2", "layer3", "layer4")

_REMEDY = "Get the file again from where it was published, and give its SHA-256 as sha256."
_LIMIT_BYTES = 4 * 2**30
_NAMED = re.compile(r"-([0-9a-f]{8,64})\.pth?$")
_BACKBONE = {0: "conv1", 1: "bn1", 4: "layer1", 5: "layer2", 6: "layer3", 7: "layer4"}
_SHOWN = 5
_FIRST_OF_16 = "features.17.weight"
"""A convolution of VGG-16; VGG-19, whose third block is longer, has a rectifier there."""


def read_state(path: Path, *, sha256: str | None = None) -> State:
    """The tensors of a file of weights by name.

    Args:
        path: ``.safetensors``, or anything else for what ``torch.save`` writes.
        sha256: The first digits, at least 8, of the SHA-256 that the file must have.

    Raises:
        BundleError: If the file is absent, has another hash, or holds anything but tensors.
    """
    if not path.is_file():
        came = "a folder" if path.is_dir() else "nothing"
        raise BundleError("a file of weights", came=came, where=path, remedy="Give its path.")
    _check_hash(path, [sha256, *_NAMED.findall(path.name)])
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state: Any = read_tensors(path, load_file, remedy=_REMEDY)
    else:
        state = _unpickle(path)
    if not isinstance(state, Mapping) or not state or not all(map(_is_weight, state.items())):
        raise BundleError("names with their tensors", came="something else", where=path, remedy=_REMEDY)
    return dict(state)


def recognise(state: State, *, where: object) -> Literal["vgg16", "vgg19", "resnet50"]:
    """The network that weights belong to, by their names.

    Raises:
        BundleError: If it is none that is known here.
    """
    if "features.0.weight" in state:
        return "vgg16" if _FIRST_OF_16 in state else "vgg19"
    if "conv1.weight" in state or is_radimagenet(state):
        return "resnet50"
    came = f"the names {', '.join(list(state)[:_SHOWN])}"
    raise BundleError("weights of VGG-19, VGG-16 or ResNet-50", came=came, where=where, remedy="Give another file.")


def is_radimagenet(state: State) -> bool:
    """Whether names are those of RadImageNet."""
    return "backbone.0.weight" in state


def load_vgg(state: State, layers: Sequence[str], *, where: object, width: int = 64, depth: Depth | None = None) -> VGG:
    """Activations of VGG-19 or VGG-16 with weights in torchvision's names; those of the classifier are not needed.

    Args:
        state: The weights.
        layers: As in ``VGG``.
        where: The file, for the refusal.
        width: As in ``VGG``.
        depth: The network that it must be; ``None`` for what the names say.

    Raises:
        BundleError: If a name or a shape is not the network's.
        UsageError: If there is no such layer.
    """
    depth = depth or (16 if _FIRST_OF_16 in state else 19)
    with torch.device("meta"):
        whole = VGG(layers_of(depth), width=width, depth=depth)
    wanted = {_torchvision(name, depth): tensor for name, tensor in whole.state_dict().items()}
    classifier = {f"classifier.{n}.{kind}" for n in (0, 3, 6) for kind in ("weight", "bias")}
    _check_fit(state, wanted, unused=classifier, where=where)
    network = VGG(layers, width=width, depth=depth)
    network.load_state_dict({name: state[_torchvision(name, depth)] for name in network.state_dict()})
    return network


def load_resnet50(state: State, layers: Sequence[str], *, where: object) -> Activations:
    """Activations of ResNet-50 with weights in torchvision's or RadImageNet's names; the classifier is not needed.

    Args:
        state: The weights.
        layers: ``layer1`` to ``layer4``, or modules inside of them.
        where: The file, for the refusal.

    Raises:
        BundleError: If a name or a shape is not ResNet-50's.
        UsageError: If there is no such layer.
    """
    network = ResNet50()
    named = {_from_radimagenet(name): tensor for name, tensor in state.items()} if is_radimagenet(state) else state
    # How many batches were seen is of no use here, and older files do not say it.
    counters = {name for name in network.state_dict() if name.endswith("num_batches_tracked")}
    wanted = {name: tensor for name, tensor in network.state_dict().items() if name not in counters}
    _check_fit(named, wanted, unused=counters | {"fc.weight", "fc.bias"}, where=where)
    network.load_state_dict({name: named[name] for name in wanted}, strict=False)
    return Activations(network, layers)


def _check_hash(path: Path, wanted: Sequence[str | None]) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    for digest in (digest.lower() for digest in wanted if digest is not None):
        if not found.startswith(digest):
            came = found[: len(digest)]
            remedy = "The file is damaged or another one; get it again, or correct sha256."
            raise BundleError(f"SHA-256 {digest}", came=came, where=path, remedy=remedy)


def _unpickle(path: Path) -> object:
    """What ``torch.save`` wrote, if it is tensors in plain containers; no code of the file is run."""
    size = path.stat().st_size
    if zipfile.is_zipfile(path):  # torch does not compress; a small file could otherwise grow without bound
        with zipfile.ZipFile(path) as archive:
            size = max(size, sum(member.file_size for member in archive.infolist()))
    if size > _LIMIT_BYTES:
        raise BundleError(f"at most {_LIMIT_BYTES} bytes", came=str(size), where=path, remedy=_REMEDY)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a hostile stream can make torch raise anything
        came = str(error).strip().split("\n")[0] or type(error).__name__
        raise BundleError("tensors and no code", came=came[:200], where=path, remedy=_REMEDY) from error


def _is_weight(item: tuple[object, object]) -> bool:
    name, tensor = item
    return (
        isinstance(name, str)
        and isinstance(tensor, Tensor)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
    )


def _check_fit(state: State, wanted: State, *, unused: Collection[str], where: object) -> None:
    """Refuses weights whose names or shapes are not the network's, and says what is different."""
    odd = [f"no {name}" for name in wanted if name not in state]
    odd += [f"an unknown {name}" for name in state if name not in wanted and name not in unused]
    for name in (name for name in wanted if name in state):
        tensor, shape = state[name], tuple(wanted[name].shape)
        if tuple(tensor.shape) != shape:
            odd.append(f"{name} of shape {tuple(tensor.shape)}, not {shape}")
        elif not bool(torch.isfinite(tensor).all()):
            odd.append(f"NaN or infinity in {name}")
    if odd:
        rest = f" and {len(odd) - _SHOWN} more" if len(odd) > _SHOWN else ""
        raise BundleError(
            "the weights of this network by name and shape",
            came="; ".join(odd[:_SHOWN]) + rest,
            where=where,
            remedy="Give the state dict of torchvision's vgg19, vgg16 or resnet50, or of RadImageNet's ResNet-50.",
        )


def _torchvision(name: str, depth: Depth = 19) -> str:
    """``convolutions.block2_conv1.weight`` as torchvision names it: it numbers rectifiers and poolings too."""
    _, layer, kind = name.split(".")
    block, place = (int(part) for part in cast("re.Match[str]", re.fullmatch(r"block(\d)_conv(\d)", layer)).groups())
    before = sum(2 * count + 1 for count in CONVOLUTIONS[depth][: block - 1])
    return f"features.{before + 2 * (place - 1)}.{kind}"


def _from_radimagenet(name: str) -> str:
    """``backbone.4.0.conv1.weight`` as torchvision names it, ``layer1.0.conv1.weight``."""
    found = re.fullmatch(r"backbone\.(\d+)\.(.+)", name)
    child = _BACKBONE.get(int(found[1])) if found else None
    return f"{child}.{found[2]}" if found and child else name
