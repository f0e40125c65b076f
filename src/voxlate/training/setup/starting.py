"""Fine-tuning: a training whose weights are those of another model to begin with, and which has seen its cases too."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from voxlate.bundle.bundle import Bundle, read_bundle
from voxlate.config.recipe import Recipe
from voxlate.errors import BundleError, UsageError, some
from voxlate.io.atomic import write_text
from voxlate.methods.build import method_class
from voxlate.methods.interface import Trainable
from voxlate.strict import StrictModel
from voxlate.training.run import RunFolder

logger = logging.getLogger(__name__)
_FIELD = "training.start"


class StartedFrom(StrictModel):
    """The model that a run has started from: what is left to say of it when it lies there no more.

    Attributes:
        name: What its recipe is called.
        digest: SHA-256 of its manifest.
        seen: SHA-256 of the files that it has seen.
        voxels: Digests of the voxels of those images.
        sketches: Of those images, by which they are known when they were changed.
    """

    name: str
    digest: str
    seen: tuple[str, ...]
    voxels: tuple[str, ...]
    sketches: tuple[str, ...]

    @property
    def words(self) -> str:
        """Which model it is."""
        return f"{self.name}, digest {self.digest[:12]}"


def start_of(recipe: Recipe) -> Bundle | None:
    """The model that a recipe starts from.

    Raises:
        BundleError: If there is none at the place that it names, or it is refused.
        UsageError: If the recipe's method does not train step by step, or the model is of another.
    """
    if recipe.training.start is None:
        return None
    if method_class(recipe).learns != "steps":
        raise UsageError(
            "a method that learns step by step",
            came=recipe.method.name,
            where=_FIELD,
            remedy=f"Leave {_FIELD} out: it keeps exemplars of the training cases, and has no weights to start from.",
        )
    bundle = read_bundle(Path(recipe.training.start))
    if bundle.recipe.method.name != recipe.method.name:
        raise UsageError(
            f"a model of the method {recipe.method.name}",
            came=f"one of {bundle.recipe.method.name}",
            where=f"{_FIELD} {bundle.folder}",
            remedy="Name a model of this method, or train with its method.",
        )
    return bundle


def read_start(run: RunFolder) -> StartedFrom | None:
    """The model that a run has started from."""
    return StartedFrom.model_validate_json(run.start.read_text(encoding="utf-8")) if run.start.is_file() else None


def take_start(method: Trainable, recipe: Recipe, run: RunFolder) -> None:
    """Gives a method the weights that its training starts from, unless the run has learned something already.

    What translation does without, such as a discriminator, is drawn anew. What that model has seen, the run has seen.

    Raises:
        BundleError: If they do not fit, as ``start_of`` too.
    """
    bundle = None if run.has_learned else start_of(recipe)
    if bundle is None:
        return
    weights = bundle.weights()
    _check_fit(method.shipped_state(), weights, bundle)
    method.load_state_dict({**method.state_dict(), **weights})
    start = StartedFrom(
        name=bundle.recipe.name,
        digest=bundle.digest,
        seen=tuple(sorted(bundle.seen)),
        voxels=tuple(sorted(bundle.seen_voxels)),
        sketches=tuple(one.to_text() for one in bundle.sketches),
    )
    write_text(run.start, start.model_dump_json(indent=1) + "\n")
    logger.info("starts from %s", start.words)


def _check_fit(wanted: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], bundle: Bundle) -> None:
    shapes, there = ({name: tuple(one.shape) for name, one in state.items()} for state in (wanted, given))
    odd = sorted(name for name in {*shapes, *there} if shapes.get(name) != there.get(name))
    if odd:
        raise BundleError(
            f"weights of the network that is trained, {len(shapes)} tensors",
            came=f"{len(there)}, of which {len(odd)} are missing, too many or of another shape: {some(odd)}",
            where=f"{_FIELD} {bundle.folder}",
            remedy="Train the same network on as many sources and classes: take method, window and source from its "
            "recipe.yaml.",
        )
