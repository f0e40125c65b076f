"""What becomes of the parts that a recipe leaves open as a whole (``settle``): window, network, losses, and so on.

From the fingerprint (cases, voxels, size), the kind of target, the machine and the minutes. That a network begins at
intensity lookup, and takes many steps of few samples, was measured: docs/results.md has what was tried, and
``benchmarks/translate_default.py`` measures it again. The other rules are usual practice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from voxlate.config.settle import Part
from voxlate.config.window import VIEWS
from voxlate.contrast import get_contrast
from voxlate.errors import counted
from voxlate.training.setup.setup import Settled, Setup

_THICK = 2.5
"""Slices this many times as thick as a pixel is wide show too little of each other."""
_SMALL = 48
"""Voxels along the longest side of a foreground that is small enough to be learned as a whole."""
_SHORT, _LONG = 10.0, 60.0
"""Minutes below which a network must be small, and from which on a large one catches up."""
_FEATURES = {"short": 16, "middle": 24, "long": 32}
_COARSEST, _MOST_LEVELS = 8, 5
_FEW = 4
"""Cases up to which a network sees the same ones so often that they have to be varied."""
_STEP_VOXELS = 50_000
"""Voxels of a step that keep gradients steady; more of them buy fewer steps in the same minutes."""
_LOOKING = 10
"""A validation may take as long as a step, this many times fewer often."""
_EVERY = (100, 2000)
_MINUTES = (20.0, 240.0)
"""Of a budget that is settled: for one case, and at most; in between it grows with the root of the number of cases."""
_PATIENCE = 12


def settle_part(part: Part, setup: Setup) -> Settled:
    """What one part becomes.

    Args:
        part: Which.
        setup: Whose recipe leaves it open, and none of those before it in ``FIELDS``.
    """
    return replace(_RULES[part](setup), part=part)


def _window(setup: Setup) -> Settled:
    spacing, sides = _spacing(setup), _sides(setup)
    thickest = max(range(3), key=lambda axis: spacing[axis])
    ratio = spacing[thickest] / min(spacing)
    if ratio >= _THICK:
        told = f"{VIEWS[thickest]} slices are {ratio:.1f} times as thick as their pixels are wide: each by itself"  # type: ignore[index]
        return _slices(thickest, neighbours=0, reason=told)
    if max(sides) <= _SMALL:
        values = {"window.kind": "volume", "window.neighbours": 0, "window.size": None}
        return Settled(values, f"volumes of at most {' x '.join(map(str, sides))} voxels are seen whole")
    told = f"voxels are {ratio:.1f} times as long as wide: the slices beside it tell what a slice cuts through"
    return _slices(2, neighbours=1, reason=told)


def _slices(axis: int, *, neighbours: int, reason: str) -> Settled:
    values = {"window.kind": "slices", "window.axis": axis, "window.neighbours": neighbours, "window.size": None}
    return Settled(values, reason)


def _network(setup: Setup) -> Settled:
    minutes = _minutes(setup)
    length = "short" if minutes < _SHORT else "middle" if minutes < _LONG else "long"
    base = _FEATURES["long" if setup.device.type != "cpu" else length]
    window = setup.recipe.window
    sides = [side for axis, side in enumerate(_sides(setup)) if window.kind != "slices" or axis != window.axis]
    levels = max(2, min(_MOST_LEVELS, 1 + math.floor(math.log2(max(min(sides), 1) / _COARSEST))))
    network = {"name": "unet", "channels": [base * 2**level for level in range(levels)]}
    told = f"{levels} levels for sides of {min(sides)} voxels and more, {base} features for {minutes:g} minutes"
    values: dict[str, Any] = {"method.network": network}
    if setup.recipe.method.name == "regression" and get_contrast(setup.recipe.source[0]).kind != "label":
        values["method.lookup_channel"] = window.neighbours
        told = f"it begins at intensity lookup and learns the rest; {told}"
    return Settled(values, told)


def _loss(_: Setup) -> Settled:
    return Settled({"loss": {"l1": 1.0}}, "what is scored is the mean absolute error")


def _augmentation(setup: Setup) -> Settled:
    cases = len(setup.cases("train"))
    values: dict[str, float] = {"flip": 0.5}
    told = "left and right look alike in a head; elsewhere set training.augmentation.flip to 0"
    if cases <= _FEW:
        values |= {"elastic": 0.5, "elastic_sd_voxels": 8.0}
        told = f"{counted(cases, 'case')} to learn from, deformed, in their own greys, which tell tissues apart; {told}"
    return Settled({"training.augmentation": values}, told)


def _batch(setup: Setup) -> Settled:
    voxels = _sample_voxels(setup)
    batch = max(1, min(8, round(_STEP_VOXELS / voxels)))
    told = f"samples of {voxels:,} voxels; more steps of fewer samples come farther"
    return Settled({"training.batch_size": batch, "training.samples_per_case": 1}, told)


def _schedule(_setup: Setup) -> Settled:
    values = {
        "training.learning_rate": 0.002,
        "training.schedule": "cosine",
        "training.warmup_steps": 20,
        "training.ema": 0.99,
    }
    return Settled(values, "twice the usual rate, which falls to 0 with the budget, and averaged weights")


def _mirror(setup: Setup) -> Settled:
    flips = setup.recipe.training.augmentation.flip > 0
    told = "the mean over a sample and its mirror image errs less, and takes twice as long"
    return Settled({"window.mirror": flips}, told if flips else "no sample was mirrored in training")


def _budget(setup: Setup) -> Settled:
    cases = len(setup.cases("train"))
    values = {
        "training.epochs": None,
        "training.steps": None,
        "training.minutes": _minutes_for(cases),
        "training.patience": _PATIENCE,
    }
    told = f"{counted(cases, 'case')}; it ends earlier when {_PATIENCE} validations in a row are no better"
    return Settled(values, told)


def _minutes_for(cases: int) -> float:
    least, most = _MINUTES
    return float(round(min(most, least * math.sqrt(cases))))


def _validation(setup: Setup) -> Settled:
    """So often that validations take a tenth of the time: one reads each voxel once, a step three times."""
    volume = math.prod(_sides(setup)) * len(setup.validation_cases) * (1 + setup.recipe.window.mirror)
    step = 3 * _sample_voxels(setup) * setup.recipe.training.step_samples
    every = max(_EVERY[0], min(_EVERY[1], math.ceil(_LOOKING * volume / step)))
    values = {"training.validate_every": every, "training.checkpoint_every": every}
    aside = "" if setup.cases("validation") else "; no case is set aside, so that the last weights are as good as any"
    return Settled(values, f"validations take a tenth of the time{aside}")


def _folds(_setup: Setup) -> Settled:
    told = "one network has all the minutes; --folds 5 takes five times as long"
    return Settled({"plan.split.folds": None}, told)


def _spacing(setup: Setup) -> tuple[float, float, float]:
    return setup.plan.spacing_for(setup.fingerprint.shape, setup.fingerprint.spacing_mm)


def _sides(setup: Setup) -> list[int]:
    """Voxels along the sides of the largest foreground."""
    extent_mm = setup.fingerprint.foreground_mm or [
        n * mm for n, mm in zip(setup.fingerprint.shape, setup.fingerprint.spacing_mm, strict=True)
    ]
    return [math.ceil(mm / step) for mm, step in zip(extent_mm, _spacing(setup), strict=True)]


def _sample_voxels(setup: Setup) -> int:
    """Voxels of one sample of the window."""
    window, sides = setup.recipe.window, _sides(setup)
    if window.size is not None:
        return math.prod(window.size)
    if window.kind == "slices":
        axis = window.axis if isinstance(window.axis, int) else window.axis[0]
        sides = [side for number, side in enumerate(sides) if number != axis]
    return math.prod(sides)


def _minutes(setup: Setup) -> float:
    """The budget in minutes, or what it will be where nothing is said."""
    if "budget" in setup.recipe.settle:
        return _minutes_for(len(setup.cases("train")))
    return setup.recipe.training.minutes or _LONG


_RULES: Mapping[Part, Callable[[Setup], Settled]] = {
    "window": _window,
    "network": _network,
    "loss": _loss,
    "augmentation": _augmentation,
    "batch": _batch,
    "schedule": _schedule,
    "mirror": _mirror,
    "budget": _budget,
    "validation": _validation,
    "folds": _folds,
}
