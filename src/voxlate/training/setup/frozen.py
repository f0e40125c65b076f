"""Frozen networks, found, checked and attached before the first step: of the feature loss, and of style transfer.

A bundle for the feature loss is best made by training on the same cohort, a segmenter or a translator that starts from
the target: it then sees the target as it has learned to see its own source, down to what lies in the background.
Weights of VGG-19, VGG-16 and ResNet-50 have learned from pictures, and get the target as a grey picture whose black is
the lowest and whose white the highest value of the cohort (the 0.5th and 99.5th percentile; -1024 and 3071 HU).

The network of style transfer is handed to the method, which keeps it. A bundle's network is named in the recipe too, so
that translation can build it without that bundle.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import torch

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.config.catalogue import pick
from voxlate.config.choice import Choice
from voxlate.config.frozen_networks import FrozenNetwork, frozen_networks
from voxlate.config.recipe import Recipe
from voxlate.errors import BundleError, UsageError
from voxlate.inference.eager import load_method
from voxlate.inference.stitching import fills_background
from voxlate.io import file_digest
from voxlate.losses import WeightedLoss
from voxlate.losses.features import FeatureLoss, FeatureOptions
from voxlate.methods import METHODS
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.hardware import channels_last
from voxlate.methods.style_transfer.method import StyleTransfer
from voxlate.networks.frozen import pretrained
from voxlate.networks.frozen.activations import Activations, default_layers
from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures
from voxlate.networks.frozen.vgg import VGGS
from voxlate.preprocess.intensity import HOUNSFIELD_SCALE, OUTSIDE
from voxlate.training.setup.setup import Settled, Setup
from voxlate.windows import Window

_FEATURE_NETWORK = "loss.features.network"
_LOWEST_HU = -1024.0


def attach_features(loss: WeightedLoss, setup: Setup) -> None:
    """Gives the feature term of a loss, pooled or not, its network, on the device and in the precision of training.

    The random numbers that building draws are put back, so that a run starts as it would without the term.

    Raises:
        BundleError: If the network's file or bundle is refused.
        UsageError: If the network cannot take the target, or has no such layer.
    """
    for _, term in loss.applied:
        if isinstance(term, FeatureLoss):
            with torch.random.fork_rng(devices=[]):
                network = _find(term.options, setup).to(setup.device)
            channels_last(network)
            term.attach(network, autocast=torch.bfloat16 if setup.precision == "bf16" else None)


def check_networks(recipe: Recipe) -> None:
    """Refuses a recipe that names a frozen network which is not there, or is another one.

    Raises:
        BundleError: If one is not, or has another digest than the recipe says.
    """
    for network in frozen_networks(recipe):
        found = network_digest(network)
        if network.sha256 is not None and not found.startswith(network.sha256.lower()):
            raise BundleError(
                f"SHA-256 {network.sha256.lower()}",
                came=found[: len(network.sha256)],
                where=f"{network.field} {network.path}",
                remedy="It is another network; name the one that was meant, or correct sha256.",
            )


def network_digest(network: FrozenNetwork) -> str:
    """SHA-256 of a file of weights, or of a bundle's manifest.

    Raises:
        BundleError: If nothing is there, or the bundle is refused.
    """
    path = Path(network.path)
    if not path.exists():
        remedy = f"Give the place where it lies now with --set {network.field}=PATH."
        where = f"{network.field} {path}"
        raise BundleError("a file of weights, a run or a bundle", came="nothing", where=where, remedy=remedy)
    return file_digest(path) if path.is_file() else read_bundle(path).digest


def _find(options: FeatureOptions, setup: Setup) -> FeatureNetwork:
    path = Path(options.network)
    if options.kind == "bundle" or (options.kind == "auto" and not path.is_file()):
        return _features_of_bundle(options, setup)
    return _from_weights(path, options, setup)


def _from_weights(path: Path, options: FeatureOptions, setup: Setup) -> FeatureNetwork:
    state = pretrained.read_state(path, sha256=options.sha256)
    kind = pretrained.recognise(state, where=path) if options.kind == "auto" else options.kind
    body: torch.nn.Module
    divisor = 1
    depth = VGGS.get(kind)
    if depth is not None:
        body = vgg = pretrained.load_vgg(state, options.layers or pretrained.VGG_LAYERS, where=path, depth=depth)
        divisor = vgg.divisor
    else:
        body = pretrained.load_resnet50(state, options.layers or pretrained.RESNET50_LAYERS, where=path)
    mean, sd = pretrained.CENTRED if pretrained.is_radimagenet(state) else pretrained.IMAGENET
    lowest, data_range = _lowest(setup), setup.plan.normalisers[setup.plan.target].data_range
    pictures = Pictures(lowest, data_range, mean, sd)
    return FeatureNetwork(body, dims=2, outside=lowest, divisor=divisor, pictures=pictures)


def _lowest(setup: Setup) -> float:
    """The normalised value of the target that becomes black."""
    kind = setup.plan.normalisers[setup.plan.target].kind
    seen = setup.fingerprint.contrasts[setup.plan.target]
    if kind == "hounsfield":
        return _LOWEST_HU / HOUNSFIELD_SCALE
    if kind == "zscore":
        return (seen.percentile.offset - seen.zscore.offset) / seen.zscore.scale
    return seen.minimum if kind == "none" else 0.0


def _features_of_bundle(options: FeatureOptions, setup: Setup, *, where: str = _FEATURE_NETWORK) -> FeatureNetwork:
    """The network of a bundle, with its weights, which must have learned from what the recipe's target looks like.

    Args:
        options: The bundle as ``network``, whose layers, and its digest.
        setup: What it is for.
        where: The recipe field that names it, for refusals.

    Raises:
        BundleError: If the bundle is refused.
        UsageError: If the network cannot take the target, or has no such layer.
    """
    bundle = read_bundle(Path(options.network))
    if options.sha256 is not None and not bundle.digest.startswith(options.sha256.lower()):
        raise BundleError(
            f"SHA-256 {options.sha256.lower()} of the manifest",
            came=bundle.digest[: len(options.sha256)],
            where=bundle.folder,
            remedy="It is another model; name the one that was meant, or correct sha256.",
        )
    _check_takes_target(bundle, setup, where=where)
    method = load_method(bundle).networks.get("")  # of several views none could stand for the others
    if method is None:
        raise UsageError(
            "a bundle with a trained network", came=f"the method {bundle.recipe.method.name}", where=where,
            remedy="Train a network that starts from the target.",
        )  # fmt: skip
    return FeatureNetwork(
        Activations(method.network, options.layers or default_layers(method.network)),
        dims=Window(bundle.recipe.window).dims,
        outside=OUTSIDE if fills_background(bundle.recipe) else 0.0,
        divisor=method.divisor,
    )


def _check_takes_target(bundle: Bundle, setup: Setup, *, where: str) -> None:
    """Refuses a network that has not learned from what this recipe's target will look like."""
    target = setup.plan.target
    theirs, ours = bundle.recipe.window, setup.recipe.window
    slices = theirs.kind == "slices"
    kind = setup.plan.normalisers[target].kind
    checks = [
        ("source contrast", ", ".join(bundle.recipe.source), target),
        ("spatial axes", str(Window(theirs).dims), str(Window(ours).dims)),
        ("slices of axis", str(theirs.axis if slices else ours.axis), str(ours.axis)),
        ("neighbouring slices", str(theirs.neighbours), "0"),
    ]
    found = bundle.plan.normalisers.get(target)
    if found is not None:
        checks.append((f"normalisation of {target}", found.kind, kind))
    for what, came, wanted in checks:
        if came != wanted:
            raise UsageError(
                f"a bundle with {what} {wanted}",
                came=came,
                where=f"{where} {bundle.folder}",
                remedy=f"Train a network for it with source {target} and the window and normalisation of this recipe.",
            )


_STYLE_PATH = "method.features.path"


def name_network(recipe: Recipe) -> Settled | None:
    """The network of the bundle that a recipe names for the features of style transfer; ``None`` if it names none.

    Raises:
        BundleError: If the bundle is refused.
        UsageError: If it holds no network.
    """
    features: object = recipe.method.options.get("features")
    if recipe.method.name != "style_transfer" or not isinstance(features, dict) or features.get("kind") != "bundle":
        return None
    path = str(features.get("path"))
    method = read_bundle(Path(path)).recipe.method
    network = method.options.get("network", _default_network(method))
    if network is None:
        raise UsageError(
            "a bundle with a network",
            came=f"the method {method.name}",
            where=_STYLE_PATH,
            remedy="Train a network that starts from the target.",
        )
    return Settled({"method.features": {**features, "network": network}}, f"the network of {path}")


def attach_style(method: Exemplary, setup: Setup) -> None:
    """Gives a method of style transfer the weights that its recipe names; others need none.

    Raises:
        BundleError: If the file or bundle is refused.
        UsageError: If a bundle's network cannot take the target, or has no such layer.
    """
    if not isinstance(method, StyleTransfer) or method.task.features.path is None:
        return
    if method.task.features.depth is not None:
        attach_vgg(method)
        return
    features, path = method.task.features, str(method.task.features.path)
    options = FeatureOptions(path, "bundle", method.body.layers, features.sha256)
    found = _features_of_bundle(options, setup, where=_STYLE_PATH)
    try:
        method.attach(found.body.state_dict())
    except RuntimeError as error:
        raise BundleError(
            "the network that the bundle's recipe names",
            came=" ".join(str(error).split())[:200],
            where=path,
            remedy="Get the bundle again from where it was made.",
        ) from error


def attach_vgg(method: StyleTransfer) -> None:
    """Gives a method of style transfer the weights of the VGG that its recipe names, if it names one.

    Raises:
        BundleError: If the file is refused.
    """
    features, path = method.task.features, method.task.features.path
    if features.depth is None or path is None:
        return
    state = pretrained.read_state(Path(path), sha256=features.sha256)
    layers = method.body.layers
    network = pretrained.load_vgg(state, layers, where=path, width=features.width, depth=features.depth)
    method.attach(network.state_dict())


def _default_network(method: Choice) -> dict[str, object] | None:
    """The network of a method whose recipe names none; ``None`` if it has no networks."""
    found = inspect.signature(pick(METHODS, method.name, what="method")).parameters.get("network")
    default = None if found is None else found.default
    return default.model_dump() if isinstance(default, Choice) else None
