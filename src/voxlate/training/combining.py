"""The combination of several views, learned after the views themselves, on what they predict.

Each view predicts some training cases and the validation cases once; from these volumes the combination learns by the
one training loop, with checkpoints of its own, in 3-D blocks. It begins as the mean of the views, and if no validation
finds it better than the mean, the mean is what is shipped.
"""

from __future__ import annotations

import io
import logging
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from voxlate.config.recipe import Recipe
from voxlate.config.training import Augmentation
from voxlate.config.window import WindowOptions
from voxlate.inference.predict import MultiViewPredictor, combiner, predictor
from voxlate.io import file_digest
from voxlate.io.atomic import write_bytes
from voxlate.methods.hardware import memory_format
from voxlate.methods.interface import Batch, NetworkMethod, Trainable
from voxlate.methods.multi_view import COMBINATION, MultiView
from voxlate.metrics import metrics_of
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import ProgressReport, telling
from voxlate.training.loop.batches import stream, training_samples
from voxlate.training.loop.checkpoints import BEST, State, load_checkpoint, load_latest
from voxlate.training.loop.loop import Job, Observer, fit
from voxlate.training.loop.state import RunState
from voxlate.training.loop.validation import Validation, validate, validation_metric
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import build_method
from voxlate.training.setup.setup import Setup

logger = logging.getLogger(__name__)
_MOST_CASES = 16
"""Training cases that a combination learns from; it has few parameters."""
_BLOCK, _BLOCKS, _VALIDATIONS, _PROBES = 32, 4, 4, 3
_RATES = {"weights": 0.02, "network": 0.002}


@dataclass(frozen=True)
class _ViewStore:
    """Prepared cases with what each view predicts of them, by the name of the view; float32 files in a folder.

    Attributes:
        store: The prepared cases.
        folder: Where the predictions lie, one file per case.
        views: Names of the views.
    """

    store: PreparedStore
    folder: Path
    views: tuple[str, ...]

    @property
    def plan(self) -> Plan:
        """The plan with the views as sources."""
        return self.store.plan.model_copy(update={"source": self.views})

    def __getitem__(self, case_id: str) -> PreparedCase:
        """The case; its predictions stay on disk until they are cut."""
        case, predicted = self.store[case_id], np.load(self._file(case_id), mmap_mode="r")
        arrays = {**case.arrays, **dict(zip(self.views, predicted, strict=True))}
        return replace(case, arrays=arrays)

    def fill(self, case_ids: Sequence[str], predict: MultiViewPredictor, report: ProgressReport) -> None:
        """Predicts the cases that are not there yet, or whose file is damaged."""
        sources = self.store.plan.source
        for case_id in telling(case_ids, partial(report, "views")):
            case = self.store[case_id]
            if not self._is_whole(case_id, shape=(len(self.views), *case.mask.shape)):
                found = predict.by_view([case.arrays[name] for name in sources], case.mask)
                self._write(case_id, np.stack([found[name] for name in self.views]))

    def _is_whole(self, case_id: str, *, shape: tuple[int, ...]) -> bool:
        try:
            return bool(np.load(self._file(case_id), mmap_mode="r").shape == shape)
        except (OSError, ValueError):
            return False

    def _write(self, case_id: str, predictions: NDArray[np.float32]) -> None:
        buffer = io.BytesIO()
        np.save(buffer, predictions)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_bytes(self._file(case_id), buffer.getvalue())

    def _file(self, case_id: str) -> Path:
        return self.folder / f"{case_id}.npy"


def combine_views(setup: Setup, store: PreparedStore, folder: Path, *, best: State, report: ProgressReport) -> State:
    """Fits the combination and returns the chosen weights with it, and with the scores that the whole then has.

    Args:
        setup: With a recipe of several views, whose combination learns.
        store: The prepared training and validation cases.
        folder: Gets the combination's checkpoints and log, and while it learns the views' predictions.
        best: The chosen weights of the views, with their scores when combined by the mean.
        report: Called with a stage and how much of it is done.

    Raises:
        TrainingError: If the loss stays non-finite.
        StoppedError: After a signal; the state is saved.
    """
    method = cast("MultiView", build_method(setup))
    method.load_state_dict(best["method"])
    found = predictor(setup.recipe, method.eval(), device=setup.device, precision=setup.precision)
    predict = cast("MultiViewPredictor", found)
    learning = [case.id for case in setup.cases("train")[:_MOST_CASES]]
    choosing = [case.id for case in setup.validation_cases]
    digest = file_digest(folder.parent / "checkpoints" / BEST)[:16]  # of other weights they are other volumes
    run = RunFolder(folder / digest)
    seen = _ViewStore(store, run.folder / "views", tuple(predict.views))
    recipe = _recipe(setup.recipe, seen.views)
    if not _is_over(run, recipe):
        seen.fill(list(dict.fromkeys([*learning, *choosing])), predict, report)
        job = _job(setup, seen, recipe, learning=learning, choosing=choosing, observers=(_Teller(report, recipe),))
        fit(RunState(method.combination.train(), recipe.training), run, job)
        shutil.rmtree(seen.folder, ignore_errors=True)
    return _better(recipe, best, load_checkpoint(run.checkpoints / BEST))


def forecast_combination(setup: Setup, method: Trainable, *, case_s: float) -> float:
    """Seconds that the combination of a recipe's views will take to learn, from some steps on noise.

    Args:
        setup: What is forecast.
        method: Freshly built; its combination is changed.
        case_s: What all views take for one case.
    """
    combination = method.combined_by
    if combination is None or setup.recipe.window.combine == "mean":
        return 0.0
    recipe = _recipe(setup.recipe, tuple(method.parts))
    cases = min(len(setup.cases("train")), _MOST_CASES) + len(setup.validation_cases)
    noise = torch.randn(_BLOCKS, len(method.parts), _BLOCK, _BLOCK, _BLOCK, device=setup.device)
    batch = Batch(source=noise, target=noise[:, :1], mask=torch.ones_like(noise[:, :1]))
    [optimiser] = combination.optimisers(recipe.training)
    seconds = []
    for _ in range(_PROBES):
        began = time.monotonic()
        for _, loss, _ in combination.training_losses(batch):
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        seconds.append(time.monotonic() - began)
    return cases * case_s + recipe.training.combination_steps * min(seconds)


def _is_over(run: RunFolder, recipe: Recipe) -> bool:
    state = load_latest(run.checkpoints)
    return state is not None and state["step"] >= (recipe.training.steps or 0)


def _recipe(recipe: Recipe, views: tuple[str, ...]) -> Recipe:
    """How the combination learns: from the views, in blocks, for so many steps."""
    training = recipe.training
    every = max(1, training.combination_steps // _VALIDATIONS)
    changed = training.model_copy(
        update={
            "epochs": None,
            "minutes": None,
            "steps": training.combination_steps,
            "batch_size": _BLOCKS,
            "samples_per_case": 1,
            "learning_rate": _RATES[recipe.window.combine],
            "schedule": "cosine",
            "warmup_steps": 0,
            "validate_every": every,
            "checkpoint_every": every,
            "patience": None,
            "workers": 0,
            "monitor": "mae" if training.monitor in metrics_of("task") else training.monitor,
            "augmentation": Augmentation(),
        }
    )
    window = WindowOptions(kind="patches", size=(_BLOCK, _BLOCK, _BLOCK))
    return recipe.model_copy(update={"source": views, "window": window, "training": changed})


@dataclass(frozen=True)
class _Teller:
    """An observer that reports how far the combination is."""

    report: ProgressReport
    recipe: Recipe

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        self.report("combine", step, self.recipe.training.combination_steps)

    def validated(self, step: int, validation: Validation) -> None:
        pass


def _job(
    setup: Setup,
    seen: _ViewStore,
    recipe: Recipe,
    *,
    learning: list[str],
    choosing: list[str],
    observers: tuple[Observer, ...] = (),
) -> Job:
    samples = training_samples(seen, learning, recipe, divisor=1)
    data_range = setup.plan.normalisers[setup.plan.target].data_range

    def score(method: Trainable) -> Validation:
        predict = combiner(cast("NetworkMethod", method), device=setup.device)
        return validate(predict, seen, choosing, data_range=data_range)

    return Job(
        training=recipe.training,
        steps_per_epoch=samples.steps_per_epoch,
        batches=lambda start: stream(samples, start=start),
        validate=score,
        lower_is_better=_lower_is_better(recipe),
        device=setup.device,
        memory_format=memory_format(3),
        precision="fp32",
        observers=observers,
    )


def _lower_is_better(recipe: Recipe) -> bool:
    return validation_metric(recipe.training.monitor).better == "lower"


def _better(recipe: Recipe, mean: State, learned: State | None) -> State:
    """The weights with the learned combination if it is better than the mean, else as they were."""
    monitor = recipe.training.monitor
    sign = 1 if _lower_is_better(recipe) else -1
    before = mean["metrics"].get(monitor, math.nan)
    after = math.nan if learned is None else learned["metrics"].get(monitor, math.nan)
    told = f"{monitor} {after:.4g} with the learned combination of views, {before:.4g} with their mean"
    if learned is None or not sign * after < sign * before:
        logger.warning("%s: the mean is kept", told)
        return mean
    logger.info("%s", told)
    weights = {COMBINATION + name: value for name, value in learned["method"].items()}
    return {**mean, "metrics": learned["metrics"], "method": {**mean["method"], **weights}}
