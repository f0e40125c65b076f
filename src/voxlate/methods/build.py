"""Builds the method that a recipe and a plan describe, and tells what it will be like with nothing built."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_type_hints

from voxlate.config.catalogue import build, pick
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.preprocess.plan import Plan

if TYPE_CHECKING:
    from voxlate.methods.exemplars import Exemplary
    from voxlate.methods.interface import Method, Trainable, Translator


def method_class(recipe: Recipe) -> type[Translator]:
    """What the recipe's method builds, one per view: the class that its function in the catalogue says to return.

    The class tells from what the method ``learns`` and whether it ``segments``.

    Raises:
        UsageError: If the method is unknown.
    """
    from voxlate.methods import METHODS

    made: type[Translator] = get_type_hints(pick(METHODS, recipe.method.name, what="method"))["return"]
    return made


def build_learner(recipe: Recipe, plan: Plan) -> Trainable | Exemplary:
    """The recipe's method for the channels that its contrasts and window give, with fresh weights; one per view.

    Raises:
        UsageError: If the method, network or loss, or an option of one, is unknown, the method is a baseline, which has
            nothing to save and to load, or one that does not train is to have several views.
    """
    return _learner(recipe, data_range=plan.normalisers[recipe.target].data_range)


def rehearse_learner(recipe: Recipe) -> Trainable | Exemplary:
    """As ``build_learner``, before there is a plan: the range of the target's values is taken to be 1.

    Raises:
        UsageError: As there.
    """
    return _learner(recipe, data_range=1.0)


def _learner(recipe: Recipe, *, data_range: float) -> Trainable | Exemplary:
    from voxlate.methods import Trainable
    from voxlate.methods.exemplars import Exemplary

    method = _build_method(recipe, data_range)
    if not isinstance(method, Trainable | Exemplary):
        raise UsageError(
            "a method that learns",
            came=repr(recipe.method.name),
            where="method.name",
            remedy="Use regression, say; the baselines are part of every evaluation.",
        )
    return method


def _build_method(recipe: Recipe, data_range: float) -> Method:
    """The method, baselines too."""
    from voxlate.methods.multi_view import MultiView, combination_of

    views = {name: _build(recipe, data_range, window) for name, window in recipe.window.views.items()}
    if not views:
        return _build(recipe, data_range, recipe.window)
    if get_contrast(recipe.target).kind == "label":
        raise UsageError(
            "one axis where the target is a label map",
            came=", ".join(views),
            where="window.axis",
            remedy="Labels of several views have no mean; segment with patches, which see all three at once.",
        )
    learning = {name: network for name, view in views.items() for network in view.networks.values()}
    if len(learning) < len(views):
        raise UsageError(
            "a method that trains a network, for several views",
            came=repr(recipe.method.name),
            where="window.axis",
            remedy="Give one axis.",
        )
    return MultiView(learning, combination=combination_of(recipe, data_range=data_range))


def _build(recipe: Recipe, data_range: float, options: WindowOptions) -> Translator:
    from voxlate.methods import METHODS
    from voxlate.methods.encoder import label_encoder
    from voxlate.windows import Window

    window, encoder = Window(options), label_encoder(recipe, options)
    method = build(
        METHODS,
        recipe.method,
        what="method",
        dims=window.dims,
        source_channels=encoder.channels if encoder else window.input_channels(len(recipe.source)),
        target_channels=len(recipe.wanted),
        loss=recipe.loss,
        data_range=data_range,
        **({"sources": len(recipe.source)} if recipe.targets and recipe.method.name == "unified" else {}),
    )
    if method.asked != bool(recipe.targets):
        raise UsageError(
            "several targets for the method unified, and one for any other",
            came=f"{len(recipe.wanted)} for {recipe.method.name}",
            where="target",
            remedy="Write target: any, or another method.",
        )
    if encoder is not None:
        if not method.networks:
            raise UsageError(
                "a method that trains a network, for conditions",
                came=repr(recipe.method.name),
                where="conditions",
                remedy="Use regression or adversarial, or set conditions to null.",
            )
        for network in method.networks.values():
            network.conditions = encoder
    return method
