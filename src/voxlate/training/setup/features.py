"""The frozen network of the feature loss: found, checked and attached before the first step.

A bundle is best made for it by training on the same cohort, a segmenter or a translator that starts from the target:
it then sees the target as it has learned to see its own source, down to what lies in the background. Weights of VGG-19
and ResNet-50 have learned from pictures, and get the target as a grey picture whose black is the lowest and whose white
the highest value of the cohort (the 0.5th and 99.5th percentile; -1024 and 3071 HU).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from voxlate.bundle.bundle import Bundle, build_translator, read_bundle
from voxlate.errors import BundleError, UsageError
from voxlate.inference.predict import fills_background
from voxlate.losses import WeightedLoss
from voxlate.losses.features import FeatureLoss, FeatureOptions
from voxlate.methods.hardware import channels_last
from voxlate.methods.interface import NetworkMethod
from voxlate.networks.frozen import pretrained
from voxlate.networks.frozen.activations import Activations, default_layers
from voxlate.networks.frozen.feature_network import FeatureNetwork, Pictures
from voxlate.preprocess.intensity import HOUNSFIELD_SCALE, OUTSIDE
from voxlate.windows import Window

if TYPE_CHECKING:
    from voxlate.training.setup.begin import Setup

_WHERE = "loss.features.network"
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


def _find(options: FeatureOptions, setup: Setup) -> FeatureNetwork:
    path = Path(options.network)
    if options.kind == "bundle" or (options.kind == "auto" and not path.is_file()):
        return features_of_bundle(options, setup)
    return _from_weights(path, options, setup)


def _from_weights(path: Path, options: FeatureOptions, setup: Setup) -> FeatureNetwork:
    state = pretrained.read_state(path, sha256=options.sha256)
    kind = pretrained.recognise(state, where=path) if options.kind == "auto" else options.kind
    body: torch.nn.Module
    divisor = 1
    if kind == "vgg19":
        body = vgg = pretrained.load_vgg19(state, options.layers or pretrained.VGG19_LAYERS, where=path)
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


def features_of_bundle(options: FeatureOptions, setup: Setup, *, where: str = _WHERE) -> FeatureNetwork:
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
    translator = build_translator(bundle.recipe, bundle.plan)
    if not isinstance(translator, NetworkMethod):
        raise UsageError(
            "a bundle with a trained network", came=f"the method {bundle.recipe.method.name}", where=where,
            remedy="Train a network that starts from the target.",
        )  # fmt: skip
    network = translator.network
    bundle.load_into(network, prefix="network.")
    return FeatureNetwork(
        Activations(network, options.layers or default_layers(network)),
        dims=Window(bundle.recipe.window).dims,
        outside=OUTSIDE if fills_background(bundle.recipe) else 0.0,
        divisor=translator.divisor,
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
