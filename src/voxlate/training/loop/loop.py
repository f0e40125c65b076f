"""The one training loop: regression, adversarial pairs and segmentation all run through it.

It knows a method's networks, its optimisers and the (optimiser, loss) pairs of a step, and nothing else. Everything
random in a step follows from (seed, step), so that a run that was killed and resumed equals the unbroken one bit for
bit on a CPU. A step whose loss or gradient is not finite is skipped; too many in a row end the run, and a state that
is not finite is never saved.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

from voxlate.config.training import Training
from voxlate.errors import StoppedError, TrainingError
from voxlate.interruption import stop_requests
from voxlate.machines.launch import leads
from voxlate.machines.processes import add_gradients, largest, own_share, several, told_by_first, wait_for_all
from voxlate.methods.hardware import Precision, computing_in
from voxlate.methods.interface import Batch, Trainable
from voxlate.plainyaml import Json
from voxlate.training.loop.journal import append_log, rewind_log
from voxlate.training.loop.state import Progress, RunState
from voxlate.training.loop.validation import Validation
from voxlate.training.run import RunFolder

logger = logging.getLogger(__name__)
_SKIPS_IN_A_ROW = 10
_POWER = 0.9
"""Of the polynomial schedule, nnU-Net's (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z)."""
_JUMP = 2.0
"""Factor by which the learning rate may rise at a resumption without a word."""


class Observer(Protocol):
    """Somebody who watches a run: a progress bar, a figure drawer, TensorBoard."""

    def stepped(self, step: int, fraction: float, logs: dict[str, float]) -> None:
        """A step is done; ``fraction`` of the budget is spent."""

    def validated(self, step: int, validation: Validation) -> None:
        """A validation is done."""


@dataclass(frozen=True)
class Job:
    """What the loop needs to know.

    Attributes:
        training: Budget and optimisation.
        steps_per_epoch: Batches in an epoch.
        batches: From a step to the batches from there on.
        validate: From the networks to their validation.
        lower_is_better: Direction of the monitored metric.
        device: Where batches go.
        memory_format: How their source is laid out there.
        precision: Of the forward pass.
        observers: Who watches.
    """

    training: Training
    steps_per_epoch: int
    batches: Callable[[int], Iterator[Batch]]
    validate: Callable[[Trainable], Validation]
    lower_is_better: bool
    device: torch.device
    memory_format: torch.memory_format
    precision: Precision
    observers: tuple[Observer, ...] = ()

    def fraction(self, progress: Progress) -> float:
        """How much of the budget is spent, 0 to 1."""
        epochs = self.training.epochs * self.steps_per_epoch if self.training.epochs else math.inf
        steps = min(epochs, self.training.steps or math.inf)
        seconds = 60 * self.training.minutes if self.training.minutes else math.inf
        return min(1.0, max(progress.step / steps, progress.elapsed_s / seconds))

    def shows(self, before: float, after: float) -> bool:
        """Whether between two shares of the budget lies one at which a figure is to be drawn."""
        return any(before < share <= after for share in self.training.figure_at)

    def validates(self, progress: Progress, before: float) -> bool:
        """Whether a step that has begun at a share of the budget is followed by a validation."""
        shown = self.shows(before, self.fraction(progress))
        return shown or self.over(progress) or progress.step % self.training.validate_every == 0

    def place(self, batch: Batch) -> Batch:
        """The batch where and how the networks compute it."""
        return batch.to(self.device, memory_format=self.memory_format)

    def over(self, progress: Progress) -> bool:
        """Whether the budget is spent or nothing has improved for too long."""
        return self.fraction(progress) >= 1 or progress.stale >= (self.training.patience or math.inf)


def fit(state: RunState, run: RunFolder, job: Job) -> None:
    """Trains until the budget is spent, going on from the run's newest whole checkpoint.

    Raises:
        TrainingError: If the loss stays non-finite.
        StoppedError: After a signal; the state is saved.
    """
    state.restore(run.checkpoints)
    wait_for_all()  # before the first writes anything that the others would find
    progress = state.progress
    _rewind(run, progress)
    _tell_resumption(state, job)
    if job.over(progress):
        return
    began = loaded = time.monotonic()
    began -= progress.elapsed_s
    if progress.step == 0 and 0 in job.training.figure_at:
        _validate(state, run, job)
    with stop_requests(prompt=not several()) as request:
        for batch in job.batches(progress.step):
            waited = time.monotonic() - loaded
            torch.manual_seed(_step_seed(job.training.seed, progress.step))
            rate = _set_learning_rate(state, job)
            logs = take_step(state, job.place(batch), job)
            state.average_weights()
            before = job.fraction(progress)
            progress.step += 1
            progress.elapsed_s, signalled = largest([time.monotonic() - began, float(bool(request.name))])
            timing = {"data_s": waited, "step_s": time.monotonic() - loaded - waited}
            _log(run, {"step": progress.step, **logs, "learning_rate": rate, **timing})
            for observer in job.observers:
                observer.stepped(progress.step, job.fraction(progress), logs)
            if job.validates(progress, before):
                _validate(state, run, job)
            over = job.over(progress)
            ends = bool(signalled) or (request.prompt and bool(request.name))  # several end where all have agreed to
            if over or ends or progress.step % job.training.checkpoint_every == 0:
                _save(state, run)
            if over:
                return
            if ends:
                raise _interrupted(request.name or "a signal to another process", run, progress)
            loaded = time.monotonic()
        if request.name:  # the batches ended for it
            _save(state, run)
            raise _interrupted(request.name, run, progress)


def _rewind(run: RunFolder, progress: Progress) -> None:
    if leads():
        rewind_log(run.log, step=progress.step or -1)  # a run that begins anew has no log


def _save(state: RunState, run: RunFolder) -> None:
    if leads():  # what the others have is the same
        state.save(run.checkpoints)


def _log(run: RunFolder, entry: Json) -> None:
    if leads():
        append_log(run.log, entry)


def _tell_resumption(state: RunState, job: Job) -> None:
    """Says so if patience has ended the run, or the schedule, over a larger budget, goes on far above its end."""
    if state.progress.step and job.over(state.progress) and job.fraction(state.progress) < 1:
        logger.warning("nothing has improved for %d validations: training.patience ends it", state.progress.stale)
        return
    group = state.optimisers[0].param_groups[0]
    before, step = group["lr"] / group.get("base_lr", group["lr"]), state.progress.step
    after = _scale(state.progress, job)
    if step and after > _JUMP * before:
        logger.warning(
            "the learning rate goes from %.2g at step %d back up to %.2g: the %s schedule now spans the new budget, of "
            "which %.0f %% is spent; what was learned at the small rate may get worse before it gets better",
            job.training.learning_rate * before,
            step,
            job.training.learning_rate * after,
            job.training.schedule,
            100 * job.fraction(state.progress),
        )


def take_step(state: RunState, batch: Batch, job: Job) -> dict[str, float]:
    """One update of every optimiser of the method; returns what is logged."""
    progress, finite = state.progress, True
    logs: dict[str, float] = {"loss": 0.0}
    pairs = iter(state.method.training_losses(batch))
    while True:
        with computing_in(job.precision, job.device):
            pair = next(pairs, None)
        if pair is None:
            break
        optimiser, loss, parts = pair
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        add_gradients(parameters)
        norm = torch.nn.utils.clip_grad_norm_(parameters, job.training.gradient_clip or math.inf)
        logs |= {**parts, "loss": logs["loss"] + float(loss.detach()), "gradient_norm": float(norm)}
        if bool(torch.isfinite(norm)) and bool(torch.isfinite(loss)):
            optimiser.step()
        else:
            finite = False
    progress.skipped_in_a_row = 0 if finite else progress.skipped_in_a_row + 1
    progress.skipped += not finite
    if progress.skipped_in_a_row >= _SKIPS_IN_A_ROW:
        raise TrainingError(
            "a finite loss",
            came=f"{_SKIPS_IN_A_ROW} steps in a row without one",
            where=f"step {progress.step}",
            remedy="Lower training.learning_rate, or set training.precision to fp32.",
        )
    return logs


def _validate(state: RunState, run: RunFolder, job: Job) -> None:
    progress = state.progress
    validation = job.validate(state.chosen) if leads() else None
    metrics = {} if validation is None else validation.metrics
    value = told_by_first(metrics.get(job.training.monitor, math.nan))
    value = value if job.lower_is_better else -value
    first = math.isnan(value) and math.isinf(progress.best)  # so that what is learned is kept, whatever is monitored
    progress.stale += 1
    better = value < progress.best
    if better:
        progress.best, progress.best_step, progress.stale = value, progress.step, 0
    if validation is None:
        return
    append_log(run.log, {"step": progress.step, "validation": metrics})
    if first or better or job.training.keep == "last":
        state.save_best(run.checkpoints, metrics)
    for observer in job.observers:
        observer.validated(progress.step, validation)


def _set_learning_rate(state: RunState, job: Job) -> float:
    scale = _scale(state.progress, job)
    for optimiser in state.optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("base_lr", group["lr"]) * scale
    return job.training.learning_rate * scale


def _scale(progress: Progress, job: Job) -> float:
    """The learning rate of the next step over that of the recipe."""
    training, fraction = job.training, job.fraction(progress)
    factor: dict[str, float] = {
        "constant": 1.0,
        "linear": 1 - fraction,
        "cosine": 0.5 * (1 + math.cos(math.pi * fraction)),
        "polynomial": (1 - fraction) ** _POWER,
    }
    warm = min(1.0, (progress.step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
    return factor[training.schedule] * warm


def _step_seed(seed: int, step: int) -> int:
    """One seed per (seed, step) and process, for dropout and whatever else draws from torch's generator."""
    return (seed * 1_000_003 + step * 7_919 + 1 + own_share().rank * 104_729) % 2**63


def _interrupted(signal_name: str, run: RunFolder, progress: Progress) -> StoppedError:
    remedy = f"The state of step {progress.step} is saved; go on with --resume."
    return StoppedError("an unbroken run", came=signal_name, where=run.folder, remedy=remedy)
