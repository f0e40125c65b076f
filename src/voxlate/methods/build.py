"""Builds the method that a recipe and a plan describe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxlate.config.catalogue import build
from voxlate.config.recipe import Recipe
from voxlate.config.window import WindowOptions
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.preprocess.plan import Plan

if TYPE_CHECKING:
    from voxlate.methods.interface import Translator
    from voxlate.methods.multi_view import MultiView


def build_translator(recipe: Recipe, plan: Plan) -> Translator | MultiView:
    """The recipe's method for the channels that its contrasts and window give, with fresh weights; one per view.

    Raises:
        UsageError: If the method, network or loss, or an option of one, is unknown, or a method that does not train
            is to have several views.
    """
    from voxlate.methods import NetworkMethod
    from voxlate.methods.multi_view import MultiView, combination_of

    views = {name: _build(recipe, plan, window) for name, window in recipe.window.views.items()}
    if not views:
        return _build(recipe, plan, recipe.window)
    if get_contrast(recipe.target).kind == "label":
        raise UsageError(
            "one axis where the target is a label map",
            came=", ".join(views),
            where="window.axis",
            remedy="Labels of several views have no mean; segment with patches, which see all three at once.",
        )
    learning = {name: view for name, view in views.items() if isinstance(view, NetworkMethod)}
    if len(learning) < len(views):
        raise UsageError(
            "a method that trains a network, for several views",
            came=repr(recipe.method.name),
            where="window.axis",
            remedy="Give one axis.",
        )
    return MultiView(
        learning, combination=combination_of(recipe, data_range=plan.normalisers[recipe.target].data_range)
    )


def _build(recipe: Recipe, plan: Plan, options: WindowOptions) -> Translator:
    from voxlate.methods import METHODS, NetworkMethod
    from voxlate.methods.encoder import label_encoder
    from voxlate.windows import Window

    window, encoder = Window(options), label_encoder(recipe, options)
    method = build(
        METHODS,
        recipe.method,
        what="method",
        dims=window.dims,
        source_channels=encoder.channels if encoder else window.input_channels(len(recipe.source)),
        target_channels=1,
        loss=recipe.loss,
        data_range=plan.normalisers[recipe.target].data_range,
    )
    if encoder is not None:
        if not isinstance(method, NetworkMethod):
            raise UsageError(
                "a method that trains a network, for conditions",
                came=repr(recipe.method.name),
                where="conditions",
                remedy="Use regression or adversarial, or set conditions to null.",
            )
        method.conditions = encoder
    return method
