"""The frozen network of style transfer, read from where the recipe says and handed to the method, which keeps it.

A bundle's network is named in the recipe too, so that translation can build it without that bundle.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.bundle.bundle import read_bundle
from voxlate.config.catalogue import pick
from voxlate.config.recipe import Choice, Recipe
from voxlate.errors import BundleError, UsageError
from voxlate.losses.features import FeatureOptions
from voxlate.methods import METHODS
from voxlate.methods.exemplars import Exemplary
from voxlate.methods.style_transfer.method import StyleTransfer
from voxlate.networks.frozen import pretrained
from voxlate.training.setup.features import features_of_bundle

if TYPE_CHECKING:
    from voxlate.training.setup.begin import Setup

_WHERE = "method.features.path"


def name_networks(recipe: Recipe) -> Recipe:
    """The recipe; where it names a bundle for the features of style transfer, with the network that the bundle holds.

    Raises:
        BundleError: If the bundle is refused.
        UsageError: If it holds no network.
    """
    features: Any = recipe.method.options.get("features")
    if recipe.method.name != "style_transfer" or not isinstance(features, dict) or features.get("kind") != "bundle":
        return recipe
    method = read_bundle(Path(str(features.get("path")))).recipe.method
    network = method.options.get("network", _default_network(method))
    if network is None:
        raise UsageError(
            "a bundle with a network",
            came=f"the method {method.name}",
            where=_WHERE,
            remedy="Train a network that starts from the target.",
        )
    return recipe.with_overrides({"method.features": {**features, "network": network}})


def attach_style(method: Exemplary, setup: Setup) -> None:
    """Gives a method of style transfer the weights that its recipe names; others need none.

    Raises:
        BundleError: If the file or bundle is refused.
        UsageError: If a bundle's network cannot take the target, or has no such layer.
    """
    if not isinstance(method, StyleTransfer) or method.task.features.path is None:
        return
    features, layers = method.task.features, method.body.layers
    path = str(features.path)
    if features.kind == "vgg19":
        state = pretrained.read_state(Path(path), sha256=features.sha256)
        network = pretrained.load_vgg19(state, layers, where=path, width=features.width)
        method.attach(network.state_dict())
        return
    options = FeatureOptions(path, "bundle", layers, features.sha256)
    found = features_of_bundle(options, setup, where=_WHERE)
    try:
        method.attach(found.body.state_dict())
    except RuntimeError as error:
        raise BundleError(
            "the network that the bundle's recipe names",
            came=" ".join(str(error).split())[:200],
            where=path,
            remedy="Get the bundle again from where it was made.",
        ) from error


def _default_network(method: Choice) -> dict[str, Any] | None:
    """The network of a method whose recipe names none; ``None`` if it has no networks."""
    found = inspect.signature(pick(METHODS, method.name, what="method")).parameters.get("network")
    default = None if found is None else found.default
    return default.model_dump() if isinstance(default, Choice) else None
