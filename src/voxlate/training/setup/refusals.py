"""What would end a run later, refused before its first step: options, the monitored metric, labels to learn from.

``check_recipe`` looks at the recipe alone, before a data set is read and a folder is made;
the others look at prepared cases.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from voxlate.cohort import Case
from voxlate.cohort.labels.classes import members
from voxlate.config.recipe import Recipe
from voxlate.errors import CohortError, UsageError
from voxlate.machines.launch import own_launch
from voxlate.methods.build import method_class, rehearse_learner
from voxlate.methods.encoder import class_maps
from voxlate.methods.interface import Trainable
from voxlate.metrics import metrics_of
from voxlate.preprocess.prepare import PreparedCase
from voxlate.preprocess.store import PreparedStore
from voxlate.training.loop.validation import LESION_PREFIX, metrics_given, validation_metric
from voxlate.training.setup.frozen import check_networks, name_network
from voxlate.training.setup.settling import without_words
from voxlate.training.setup.setup import Setup
from voxlate.training.setup.starting import start_of

logger = logging.getLogger(__name__)
_SIDE = 8
"""Voxels along each axis of the sample on which a loss is tried."""


def check_recipe(recipe: Recipe, *, begun: bool = False) -> None:
    """Refuses what no data set could make right: names, options, class weights, the monitored metric, frozen networks.

    Args:
        recipe: What is to be trained.
        begun: Whether it has learned something already, so that the model to start from is not needed again.

    Raises:
        UsageError: If the method, network or loss, or an option of one, or the metric is unknown or does not fit.
        BundleError: If a frozen network that the recipe names, or the model to start from, is not there or is refused.
    """
    _check_metric(recipe)
    _check_questions(recipe)
    check_networks(recipe)
    if not begun:
        start_of(recipe)
    named = name_network(recipe)
    candidate = without_words(recipe if named is None else recipe.with_overrides(named.values))
    method = _rehearsed(candidate)
    if candidate.method.options.get("classes") == recipe.method.options.get("classes"):
        try_loss(method, dims=recipe.window.dims)


def try_loss(method: object, *, dims: int) -> None:
    """Refuses a loss of a segmentation that does not fit its classes.

    Raises:
        UsageError: If there are not as many class weights as classes.
    """
    if not isinstance(method, Trainable) or not method.segments:
        return
    labels = torch.zeros(1, 1, *(_SIDE,) * dims)
    maps = class_maps(labels, method.classes)
    with torch.inference_mode():
        method.loss(torch.zeros_like(maps), maps, torch.ones_like(labels))


def check_monitor(setup: Setup, store: PreparedStore) -> None:
    """Refuses a metric that no validation case can give, because nothing is labelled there.

    Raises:
        UsageError: If none can.
    """
    name, cases = setup.recipe.training.monitor, setup.validation_cases
    if any(_is_available(setup, name, store[case.id]) for case in cases):
        return
    raise UsageError(
        "a validation case in which something is labelled",
        came=f"none: {', '.join(case.id for case in cases)}",
        where=f"training.monitor {name}",
        remedy="Monitor a metric of the foreground, such as mae, or name cases with labels in plan.split.validation.",
    )


def check_labelled(setup: Setup, store: PreparedStore, method: object) -> None:
    """Refuses to learn from labels where no training case has any.

    Raises:
        CohortError: If none has.
    """
    if not isinstance(method, Trainable) or not (method.segments or method.loss.uses_labels):
        return
    name, classes = (setup.plan.target, method.classes) if method.segments else ("labels", {"": ()})
    having = [case for case in setup.cases("train") if name in case.paths]  # that none has a map at all, is told later
    if not having or any(_has_labels(store[case.id], name, classes) for case in having):
        return
    raise CohortError(
        "a training case in which something is labelled",
        came=f"none of {len(setup.cases('train'))}",
        where=name,
        remedy="Look at the label maps with `voxlate check`: inside the foreground they are empty, or differ.",
    )


def count_labelled(cases: Sequence[Case]) -> None:
    """Says how many cases the lesion-mask loss learns from.

    Raises:
        UsageError: If none has a label map.
    """
    having = sum("labels" in case.paths for case in cases)
    if having == 0:
        raise UsageError(
            "label maps of training cases for loss.lesion_mask",
            came=f"none among {len(cases)} cases",
            remedy="Add label maps (seg, labels, ...), or switch the term off with --set loss.lesion_mask=0.",
        )
    if having < len(cases):
        logger.warning(
            "%d of %d training cases have no label map: they add nothing to loss.lesion_mask",
            len(cases) - having,
            len(cases),
        )


def check_label_maps(setup: Setup) -> None:
    """Refuses a metric of labels where no validation case has a label map.

    Raises:
        UsageError: If none has.
    """
    name = setup.recipe.training.monitor
    of_labels = name in metrics_of("task") or name.startswith(LESION_PREFIX)
    if of_labels and not any("labels" in case.paths for case in setup.validation_cases):
        raise UsageError(
            "validation cases with a label map",
            came=f"none among {len(setup.validation_cases)}",
            where=f"training.monitor {name}",
            remedy="Monitor a metric of the foreground, such as mae, or add label maps.",
        )


class _Unfilled(TorchFunctionMode):
    """Draws no normal numbers for tensors without values: torch would load its compiler for that, a second's work."""

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        named = kwargs or {}
        if func is torch.Tensor.normal_ or func is torch.nn.init.normal_:
            tensor = named["tensor"] if "tensor" in named else args[0]
            if isinstance(tensor, torch.Tensor) and tensor.is_meta:
                return tensor
        return func(*args, **named)


def _rehearsed(recipe: Recipe) -> object:
    """The recipe's method, without values where it can be built so, which takes no time."""
    try:
        with torch.device("meta"), _Unfilled():
            return rehearse_learner(recipe)
    except RuntimeError:  # spectral normalisation looks at values
        with torch.random.fork_rng(devices=[]):
            return rehearse_learner(recipe)


def _check_metric(recipe: Recipe) -> None:
    """Refuses a metric of something else than the recipe's method gives."""
    name = recipe.training.monitor
    validation_metric(name)
    if (name in metrics_of("segmentation")) != method_class(recipe).segments:
        known = metrics_given(recipe)
        raise UsageError(
            f"a metric of what the method {recipe.method.name} gives: {', '.join(known)}",
            came=name,
            where="training.monitor",
            remedy=f"Set it to {next(iter(known))}.",
        )
    if name in metrics_of("task") and recipe.search.task is None:
        raise UsageError(
            "a task for the metric of a task",
            came="none",
            where=f"training.monitor {name}",
            remedy="Name a model from the target to labels as search.task.",
        )


def _check_questions(recipe: Recipe) -> None:
    """Refuses what needs one target where there are several."""
    if recipe.targets and recipe.search.task is not None:
        raise UsageError(
            "one target for a downstream task",
            came=", ".join(recipe.wanted),
            where="search.task",
            remedy="Train with --target, or without the task.",
        )


def _is_available(setup: Setup, name: str, case: PreparedCase) -> bool:
    """Whether a validation case has a value of a metric, whatever is predicted."""
    if name.startswith(LESION_PREFIX) or name in metrics_of("task"):
        return _has_labels(case, "labels", {"": ()})
    if name not in metrics_of("segmentation"):
        return True
    truth, mask = np.asarray(case.arrays[setup.plan.target][:]), np.asarray(case.mask[:])
    metric = metrics_of("segmentation")[name]
    for values in (setup.recipe.classes or {"": ()}).values():
        inside = members(truth, values) & mask
        if not math.isnan(metric(inside, inside, mask=mask, data_range=1.0)):
            return True
    return False


def _has_labels(case: PreparedCase, name: str, classes: Mapping[str, tuple[int, ...]]) -> bool:
    if name not in case.arrays:
        return False
    labels, mask = np.asarray(case.arrays[name][:]), np.asarray(case.mask[:])
    return any(bool((members(labels, values) & mask).any()) for values in classes.values())


def check_shares(recipe: Recipe, *, alone: bool) -> None:
    """Refuses what the processes of a launcher cannot share.

    Args:
        recipe: What is trained.
        alone: Whether it is the only training, and not one of several.

    Raises:
        UsageError: If the samples of a step cannot be shared out evenly, or it is one training of several, or one that
            keeps exemplars.
    """
    count, samples = own_launch().processes, recipe.training.step_samples
    if count == 1:
        return
    if not alone or method_class(recipe).learns != "steps":
        raise UsageError(
            "one training that learns step by step",
            came=f"the method {recipe.method.name}" if alone else "one of several (folds, trials, variants)",
            where="torchrun",
            remedy="Start it without torchrun; several trainings run side by side as commands of their own.",
        )
    if samples % count:
        raise UsageError(
            f"a batch that {count} processes share evenly",
            came=f"{samples} samples (training.batch_size times training.samples_per_case)",
            where="torchrun",
            remedy=f"Set training.batch_size to a multiple of {count}: it is that of all processes together.",
        )
