"""Embedding: an image file to features of its slices, or of the whole volume, by a network that the user names.

Distances between sets of images (``voxlate.metrics.distribution``), and between an image and its nearest neighbours,
are distances between such features. They depend on the network, so none is taken by default, nothing is downloaded, and
``Embedder.name`` (network, layer and the first 12 digits of the SHA-256) stands beside every value.

- A bundle (a run, a segmenter or a translator) whose one source is the contrast. Each image is prepared by the
  bundle's own plan, at the spacing of its training cases. A 2-D network gives features of the view or views that it has
  learned from, a 3-D network those of the volume. The layer is the deepest of its way down.
- A file of weights, VGG-19, VGG-16 or ResNet-50. Each image is brought to RAS+ and to 1 mm, its values to [0, 1]
  (``_WINDOWS`` for CT and PET, which have units; the 0.5th and 99.5th percentile inside the foreground for MR) and
  clipped. Axial, coronal and sagittal slices are grey pictures.

In both, the background is one value, features are the mean over the foreground, weighted by how much of it lies under a
place of the feature map, and slices with less foreground than ``_SLIVER`` of the fullest one are left out. Of more than
``_MOST_SLICES`` slices in a view every ``step``-th is taken, ``step = ceil(slices / MOST_SLICES)``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.bundle.ensemble import is_ensemble
from voxlate.cohort import Case
from voxlate.cohort.foreground import constant_background
from voxlate.config.window import VIEWS
from voxlate.contrast import Contrast, get_contrast
from voxlate.derivation import files_of
from voxlate.errors import UsageError
from voxlate.inference.eager import load_method
from voxlate.inference.model import is_model
from voxlate.inference.stitching import fills_background
from voxlate.io import read_volume
from voxlate.methods.hardware import pick_device
from voxlate.methods.interface import NetworkMethod
from voxlate.networks.frozen import pretrained
from voxlate.networks.frozen.activations import Activations, default_layers
from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures
from voxlate.preprocess.images import BACKGROUND
from voxlate.preprocess.intensity import Scaling, fill_outside, scaling_of, take_statistics
from voxlate.preprocess.masking import check_foreground, find_foreground, image_rule
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import prepare_case
from voxlate.preprocess.resampling import resample, spacing_grid
from voxlate.windows import Box, Window, bounding_box

Features = dict[str, NDArray[np.float64]]
_Mask = NDArray[np.bool_]
VOLUME_VIEW = "3-D"
"""The name of the view of a 3-D network, which sees the volume at once."""
_WINDOWS: dict[str, tuple[float, float]] = {"ct": (-1000.0, 1000.0), "pet": (0.0, 10.0)}
"""Black and white in HU and SUV, by the kind of contrast, for networks that have learned from pictures."""
_SPACING_MM = (1.0, 1.0, 1.0)
_MOST_SLICES = 32
_SLIVER = 0.05
_DIGITS = 12
_DIVISORS = {"vgg19": 16, "vgg16": 16, "resnet50": 32}
_DEEPEST = {"vgg19": "block5_conv4", "vgg16": "block5_conv3", "resnet50": "layer4"}
_WHERE = "--features"


class Embedder(Protocol):
    """Whatever turns an image file into features."""

    @property
    def name(self) -> str:
        """Network, layer and digest; stands beside every value that is computed from the features."""

    @property
    def dims(self) -> Literal[2, 3]:
        """Spatial axes that the network sees: slices, or the volume."""

    def embed(self, path: Path, *, mirrored: bool = False) -> Features:
        """From a view (``axial``, ``coronal``, ``sagittal``, or ``3-D``) to features ``(n, c)``, n slices or 1.

        Args:
            path: The image.
            mirrored: Exchange left and right.

        Raises:
            VoxlateError: If the image is refused, or has no foreground.
        """


@dataclass(frozen=True)
class _ViewEncoder:
    """What a bundle does in one view.

    Attributes:
        window: How a case is cut.
        network: Up to one layer.
        divisor: Spatial sizes of a cut are multiples of it.
    """

    window: Window
    network: Activations
    divisor: int


@dataclass(frozen=True)
class _BundleEmbedder:
    """The network of a bundle, up to one layer.

    Attributes:
        name: See ``Embedder``.
        dims: See ``Embedder``.
        contrast: What it has learned from.
        plan: How an image is prepared.
        parts: From a view to what is done in it.
        fill: Whether the background is filled as in training.
        device: Where it computes.
    """

    name: str
    dims: Literal[2, 3]
    contrast: str
    plan: Plan
    parts: Mapping[str, _ViewEncoder]
    fill: bool
    device: torch.device

    def embed(self, path: Path, *, mirrored: bool = False) -> Features:
        """Prepares the image as a case with that one file, and pools the features of every view."""
        case = Case(path.name, path.name, {self.contrast: path})
        prepared = prepare_case(case, self.plan, contrasts=[self.contrast])
        image, mask = np.asarray(prepared.arrays[self.contrast]), prepared.shown(self.contrast)
        check_foreground(mask, where=path)
        if mirrored:
            image, mask = np.flip(image, axis=-3).copy(), np.flip(mask, axis=-3).copy()
        return {view: self._view(image, mask, part) for view, part in self.parts.items()}

    def _view(self, image: NDArray[np.float32], mask: _Mask, part: _ViewEncoder) -> NDArray[np.float64]:
        boxes = part.window.cover(mask.shape, within=bounding_box(mask), divisor=part.divisor)
        axis = part.window.axis
        if axis is None:  # windows of one volume: the mean over the foreground of all of them
            found = [self._box(image, mask, box, part=part) for box in boxes]
            inside = [float(part.window.cut_centre(mask, box).sum()) for box in boxes]
            return np.asarray(np.average(found, axis=0, weights=inside))[None]
        wanted = _slices_of(mask, axis)
        return np.stack([self._box(image, mask, box, part=part) for box in boxes if box.start[axis] in wanted])

    def _box(self, image: NDArray[np.float32], mask: _Mask, box: Box, *, part: _ViewEncoder) -> NDArray[np.float64]:
        """The mean features of one window, 0 where it holds no foreground."""
        inside = part.window.cut_centre(mask, box)
        cut = part.window.cut(image, box)
        batch = torch.from_numpy(fill_outside(cut, inside) if self.fill else cut)[None].to(self.device)
        with torch.inference_mode():
            found = part.network(batch.float())[part.network.layers[0]]
        values, _ = _pooled(found, torch.from_numpy(inside)[None].to(self.device))
        return np.asarray(values[0])


@dataclass(frozen=True)
class _PictureEmbedder:
    """A network that has learned from pictures, with weights from a file.

    Attributes:
        name: See ``Embedder``.
        contrast: What the images show, which decides how values become grey.
        network: Up to one layer.
        device: Where it computes.
        dims: See ``Embedder``.
    """

    name: str
    contrast: Contrast
    network: FeatureNetwork
    device: torch.device
    dims: Literal[2, 3] = 2

    def embed(self, path: Path, *, mirrored: bool = False) -> Features:
        """Brings the image to 1 mm and to grey values, and pools the features of the slices of all three views."""
        image, mask = self._grey(path)
        if mirrored:
            image, mask = np.flip(image, axis=0).copy(), np.flip(mask, axis=0).copy()
        return {VIEWS[axis]: self._view(image, mask, axis) for axis in (2, 1, 0)}

    def _grey(self, path: Path) -> tuple[NDArray[np.float32], _Mask]:
        volume = read_volume(path, contrast=self.contrast)
        own = ras_grid(volume.grid)
        grid = own if np.allclose(own.spacing_mm, _SPACING_MM, rtol=0, atol=1e-3) else spacing_grid(own, _SPACING_MM)
        array = resample(volume.array, volume.grid, own)
        stripped = constant_background(array) is not None
        mask = find_foreground(array, image_rule(self.contrast, stripped=stripped), spacing_mm=own.spacing_mm)
        image = resample(array, own, grid, fill=BACKGROUND[self.contrast.kind])
        mask = resample(mask, own, grid, nearest=True)
        check_foreground(mask, where=path)
        if self.contrast.kind in _WINDOWS:
            black, white = _WINDOWS[self.contrast.kind]
            scaling = Scaling(offset=black, scale=white - black)
        else:
            scaling = scaling_of(take_statistics(image[mask]), "percentile", where=path)
        return np.clip(scaling.apply(image), 0, 1), mask

    def _view(self, image: NDArray[np.float32], mask: _Mask, axis: int) -> NDArray[np.float64]:
        box = bounding_box(mask)
        start, stop = cast("Box", box).start, cast("Box", box).stop
        place = [slice(a, b) for a, b in zip(start, stop, strict=True)]
        rows = []
        for index in _slices_of(mask, axis):
            place[axis] = slice(index, index + 1)
            cut, inside = (
                torch.from_numpy(np.ascontiguousarray(np.moveaxis(array[tuple(place)], axis, 0)))[None].to(self.device)
                for array in (image, mask)
            )
            with torch.inference_mode():
                [found] = self.network(cut, inside)
            missing = [(0, -size % self.network.divisor) for size in reversed(inside.shape[2:])]
            values, _ = _pooled(found, functional.pad(inside, [n for pair in missing for n in pair]))
            rows.append(values[0])
        return np.stack(rows)


def load_embedder(path: Path, contrast: str, *, layer: str | None = None) -> Embedder:
    """The network of a run, a bundle or a file of weights, made ready to turn images of a contrast into features.

    Args:
        path: A run or bundle whose one source is the contrast, or a file of VGG-19's, VGG-16's or ResNet-50's weights.
        contrast: What the images show.
        layer: Its module whose output is taken; by default the deepest of its way down.

    Raises:
        UsageError: If there is nothing at the path, the contrast is a label map or none that the network has learned
            from, or the network has no such layer.
        BundleError: If the bundle or the file of weights is refused.
    """
    wanted = get_contrast(contrast)
    if wanted.kind == "label":
        raise UsageError(
            "images whose values are intensities",
            came=f"the contrast {wanted.name}",
            where=_WHERE,
            remedy="Compare label maps by their volumes and shapes; features of networks are for images.",
        )
    if is_ensemble(path):
        remedy = "Name the folder of one of its members."
        raise UsageError("one network", came="an ensemble", where=f"{_WHERE} {path}", remedy=remedy)
    with torch.random.fork_rng(devices=[]):  # building draws random numbers
        if is_model(path):
            return _of_bundle(read_bundle(path), wanted, layer)
        if path.is_file():
            return _of_weights(path, wanted, layer)
    raise UsageError(
        "a run, a bundle or a file of weights of VGG-19, VGG-16 or ResNet-50",
        came="a folder without a model" if path.is_dir() else "nothing",
        where=f"{_WHERE} {path}",
        remedy=f"Train a network with source {wanted.name}, or give a file of weights that you have.",
    )


def _slices_of(mask: _Mask, axis: int) -> list[int]:
    """The slices of a view that are embedded: with foreground enough, thinned by a step, lowest first.

    Args:
        mask: ``(i, j, k)``, the foreground.
        axis: That the slices are stacked along.
    """
    area = mask.sum(axis=tuple(other for other in range(3) if other != axis))
    full = np.flatnonzero((area > 0) & (area >= _SLIVER * area.max()))
    step = -(-len(full) // _MOST_SLICES)
    return [int(index) for index in full[(step - 1) // 2 :: max(1, step)]]


def _pooled(features: Tensor, inside: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean of features over the foreground, and how much foreground there is.

    Args:
        features: ``(b, c, *s')``.
        inside: ``(b, 1, *s)``, the foreground on the image's grid; each place of the feature map counts by the share of
            foreground under it.

    Returns:
        ``(b, c)``, 0 where there is no foreground, and the sum of shares ``(b,)``; float64.
    """
    shrink: type[nn.Module] = nn.AdaptiveAvgPool2d if features.ndim == 4 else nn.AdaptiveAvgPool3d
    weights: Tensor = shrink(tuple(features.shape[2:]))(inside.double()).flatten(2)
    total = weights.sum(dim=2)
    values = (features.double().flatten(2) * weights).sum(dim=2) / total.clamp_min(1e-12)
    return values.cpu().numpy(), total[:, 0].cpu().numpy()


def _of_bundle(bundle: Bundle, contrast: Contrast, layer: str | None) -> _BundleEmbedder:
    plan = bundle.plan
    needed = set(files_of((*plan.source, plan.reference), plan.derive))
    if needed != {contrast.name} or tuple(bundle.recipe.source) != (contrast.name,):
        raise UsageError(
            f"a network whose only source is {contrast.name}",
            came=f"the sources {', '.join(bundle.recipe.source)}",
            where=f"{_WHERE} {bundle.folder}",
            remedy=f"Train one with source {contrast.name}, or give a file of weights of VGG-19, VGG-16 or ResNet-50.",
        )
    if plan.mask.kind == "file" and plan.mask.otherwise is None:
        raise UsageError(
            "a network that finds the foreground in the image itself",
            came="one that needs a mask file",
            where=f"{_WHERE} {bundle.folder}",
            remedy="Train it with another plan.mask.",
        )
    if plan.spacing_mm is None:
        plan = plan.model_copy(update={"spacing_mm": bundle.fingerprint.spacing_mm})
    device = pick_device()
    networks = _networks(bundle)
    windows = {axis_name: Window(options) for axis_name, options in bundle.recipe.window.views.items()}
    parts: dict[str, _ViewEncoder] = {}
    for name, method in networks.items():
        window = windows[name] if name in windows else Window(bundle.recipe.window)
        view = VOLUME_VIEW if window.axis is None else VIEWS[cast("Literal[0, 1, 2]", window.axis)]
        activations = Activations(method.network, [layer or _deepest(method.network, bundle)]).to(device).eval()
        parts[view] = _ViewEncoder(window, activations.requires_grad_(False), method.divisor)
    first = next(iter(parts.values()))
    return _BundleEmbedder(
        name=f"{bundle.recipe.name} {first.network.layers[0]} {bundle.digest[:_DIGITS]}",
        dims=first.window.dims,
        contrast=contrast.name,
        plan=plan,
        parts=parts,
        fill=fills_background(bundle.recipe),
        device=device,
    )


def _networks(bundle: Bundle) -> Mapping[str, NetworkMethod]:
    """The trained networks of a bundle by view; the only one of most bundles under an empty name."""
    networks = load_method(bundle).networks
    if not networks:
        raise UsageError(
            "a bundle with a trained network",
            came=f"the method {bundle.recipe.method.name}",
            where=f"{_WHERE} {bundle.folder}",
            remedy="Give one that learns, such as a segmentation.",
        )
    return networks


def _deepest(network: nn.Module, bundle: Bundle) -> str:
    try:
        return default_layers(network)[-1]
    except UsageError as error:
        raise UsageError(
            error.expected,
            came=error.came,
            where=f"{_WHERE} {bundle.folder}",
            remedy="Give a U-Net, a residual generator or an FCN.",
        ) from error


def _of_weights(path: Path, contrast: Contrast, layer: str | None) -> _PictureEmbedder:
    state = pretrained.read_state(path)
    kind = pretrained.recognise(state, where=path)
    layers: Sequence[str] = [layer or _DEEPEST[kind]]
    load = pretrained.load_resnet50 if kind == "resnet50" else pretrained.load_vgg
    body: nn.Module = load(state, layers, where=path)
    mean, sd = pretrained.CENTRED if pretrained.is_radimagenet(state) else pretrained.IMAGENET
    device = pick_device()
    network = FeatureNetwork(
        body, dims=2, outside=0.0, divisor=_DIVISORS[kind], pictures=Pictures(0.0, 1.0, mean, sd)
    ).to(device)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _PictureEmbedder(f"{kind} {layers[0]} {digest[:_DIGITS]}", contrast, network, device)
