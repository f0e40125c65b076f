"""The search: trials one after the other until as many as wanted have ended or the time is spent.

Where the command has helpers (``voxlate.progress.spreading``) there are as many trials at once as helpers.

What a kill interrupts is tried again, its run from its checkpoint on. All trials of a folder share one prepared store,
and after each of them the table, the best recipe and the report are written anew, so that a search that is killed has
them too.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from voxlate.config.recipe import Recipe
from voxlate.errors import StoppedError, TrainingError, UsageError
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold
from voxlate.plugins import record
from voxlate.progress import ProgressReport, silent
from voxlate.progress.spreading import each_done, helpers
from voxlate.training.loop.loop import Observer
from voxlate.training.tuning.elsewhere import TOO_MUCH, Elsewhere, Ending
from voxlate.training.tuning.identity import check_cohort, check_identity, load_candidates
from voxlate.training.tuning.results import Searched, summarise, write_results
from voxlate.training.tuning.sampling import is_exhausted, make_sampler
from voxlate.training.tuning.space import Value, resolve_search
from voxlate.training.tuning.study import Place, find_place, open_study
from voxlate.training.tuning.trial_run import TrialRun
from voxlate.training.tuning.trials import (
    any_complete,
    close_killed,
    count_ended,
    count_waiting,
    is_superfluous,
    queue_first,
    requeue,
    running,
    suggest,
)

logger = logging.getLogger(__name__)

_FAILURES_IN_A_ROW = 3
"""So many end a search that draws its values; in a grid neighbours fail together, and the rest is wanted still."""
_POLL_S = 5.0


@dataclass(frozen=True)
class Budget:
    """When a search ends: at the first of the two that is reached.

    Attributes:
        trials: Ended trials wanted in all, complete or pruned, those of earlier calls and other workers counted in.
        minutes: Time of this folder's worker, over all its calls. The trial that is running then is finished.

    Raises:
        UsageError: If neither is given, or one is not positive.
    """

    trials: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.trials, self.minutes) if value is not None]
        if not given or min(given) <= 0:
            raise UsageError(
                "a number of trials or of minutes above 0",
                came=", ".join(map(str, given)) or "neither",
                where="--trials, --minutes",
                remedy="Give one of them, or both: the first that is reached ends the search.",
            )

    @property
    def wanted(self) -> float:
        """Number of trials, or infinity."""
        return math.inf if self.trials is None else self.trials


def tune_run(
    data: Path,
    recipe: Recipe,
    folder: Path,
    *,
    budget: Budget,
    storage: str | None = None,
    observers: tuple[Observer, ...] = (),
    found: Callable[[Searched], None] = lambda _searched: None,
    report: ProgressReport = silent,
) -> Searched:
    """Tries recipes until the budget is spent; after each writes ``trials.csv`` and the best as ``best.yaml``.

    Args:
        data: The data set.
        recipe: What to train; one without a search space gets the default one.
        folder: Holds the study, the runs and the results.
        budget: When it ends.
        storage: Database URL; several workers, each with a folder of its own, may share one.
        observers: Who watches each trial's steps.
        found: Told what was found so far, after every trial.
        report: Called with a stage and how much of it is done.

    Raises:
        UsageError: If the search, the storage or the data set does not fit.
        TrainingError: If no trial was completed.
        StoppedError: After a signal; the same call goes on.
    """
    recipe = resolve_search(recipe)
    cohort = load_candidates(data, recipe)
    check_cohort(cohort, recipe)
    check_writable(folder)
    with hold(folder, what="tuning"):
        remove_stale(folder)
        place = find_place(folder, storage)
        with open_study(place, recipe, on_stale=requeue) as study:
            digest = check_identity(study, recipe, cohort, where=place.shown)
            close_killed(study, worker=place.worker, shared=place.shared)
            queue_first(study, recipe)
            runs = TrialRun(data, recipe, folder, data_digest=digest, observers=observers, report=report)
            elsewhere = Elsewhere(data, recipe, folder, digest, place)
            search = _Search(study, recipe, place, runs, elsewhere, folder, budget, found, report)
            return search.run()


@dataclass
class _Search:
    """The loop over trials of one worker."""

    study: optuna.Study
    recipe: Recipe
    place: Place
    runs: TrialRun
    elsewhere: Elsewhere
    folder: Path
    budget: Budget
    found: Callable[[Searched], None]
    report: ProgressReport
    failures: list[str] = field(default_factory=list)
    written: Searched | None = None

    def run(self) -> Searched:
        self.clock = _Clock(self.study, self.place.worker)
        while not self._over():
            self._report_progress()
            if self._others_are_at_the_rest():
                self._wait()
            elif helpers():
                self._try_several()
            else:
                self._try_one()
        self._report_progress()
        return self._write() if self.written is None or self.place.shared else self.written

    def _over(self) -> bool:
        if self.budget.minutes is not None and self.clock.seconds >= 60 * self.budget.minutes:
            return True
        if count_ended(self.study) >= self.budget.wanted:
            return True
        return self._all_begun() and not running(self.study)

    def _all_begun(self) -> bool:
        """Whether there is no further point, of a grid or of other values that can be counted."""
        if self.recipe.search.sampler == "grid":
            return not count_waiting(self.study)
        return is_exhausted(self.study, self.recipe.search)

    def _others_are_at_the_rest(self) -> bool:
        """Whether nothing is left to begin unless another worker dies."""
        busy = len(running(self.study))
        return busy > 0 and (self._all_begun() or count_ended(self.study) + busy >= self.budget.wanted)

    def _wait(self) -> None:
        time.sleep(_POLL_S)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna.storages.fail_stale_trials(self.study)

    def _take_sampler(self) -> None:
        number = len(self.study.get_trials(deepcopy=False))
        self.study.sampler = make_sampler(self.recipe, self.study, number=number, worker=self.place.worker)

    def _try_several(self) -> None:
        record(self.folder, self.recipe)
        begun: list[optuna.Trial] = []
        try:
            for number, made in each_done(self.elsewhere, self._drawn(begun), ahead=helpers):
                error = made.exception()
                self._close(begun[number], made.result() if error is None else Ending.failed(error))
        except (StoppedError, KeyboardInterrupt) as error:
            raise self._stopped(error) from error

    def _drawn(self, begun: list[optuna.Trial]) -> Iterator[tuple[int, Mapping[str, Value]]]:
        """The trials to be made, each drawn when a helper is free; they are kept too."""
        while not self._over() and not self._others_are_at_the_rest():
            self._take_sampler()
            trial = self.study.ask()
            trial.set_user_attr("worker", self.place.worker)
            values = suggest(trial, self.recipe.search)
            if self.place.shared and is_superfluous(self.study, trial.number, wanted=self.budget.wanted):
                trial.set_user_attr("withdrawn", True)
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            begun.append(trial)
            yield trial.number, values

    def _close(self, trial: optuna.Trial, ending: Ending) -> None:
        if ending.reason:
            trial.set_user_attr("reason", ending.reason)
        ended = self.study.tell(trial, ending.value, state=ending.state, skip_if_finished=True)
        self.clock.save()
        if any_complete(self.study):
            self._write()
        self._report_progress()
        self._ended(self.study, ended)

    def _try_one(self) -> None:
        self._take_sampler()
        try:
            self.study.optimize(
                self._objective,
                n_trials=1,
                catch=(*TOO_MUCH, _SuperfluousError),
                callbacks=[self._ended],
            )
        except optuna.exceptions.UpdateFinishedTrialError:
            logger.warning("a trial took so long to answer that another worker has taken it for dead and tries it anew")
        finally:
            self.clock.save()
            if any_complete(self.study):
                self._write()

    def _objective(self, trial: optuna.Trial) -> float:
        trial.set_user_attr("worker", self.place.worker)
        values = suggest(trial, self.recipe.search)
        if self.place.shared and is_superfluous(self.study, trial.number, wanted=self.budget.wanted):
            trial.set_user_attr("withdrawn", True)
            raise _SuperfluousError
        try:
            return self.runs.value(trial, values, tick=self.clock.tick)
        except TOO_MUCH as error:
            trial.set_user_attr("reason", Ending.failed(error).reason)
            raise
        except (StoppedError, KeyboardInterrupt) as error:
            requeue(self.study, self.study.get_trials(deepcopy=False)[trial.number])
            raise self._stopped(error) from error

    def _stopped(self, error: BaseException) -> StoppedError:
        return StoppedError(
            "an uninterrupted search",
            came=getattr(error, "came", str(error) or "Ctrl-C"),
            where=self.folder,
            remedy="The trial's state is saved; the same command goes on.",
        )

    def _ended(self, _study: optuna.Study, trial: FrozenTrial) -> None:
        """Counts failures, and gives up when one follows the other, but not on a grid."""
        if trial.state != TrialState.FAIL:
            self.failures.clear()
        elif not trial.user_attrs.get("withdrawn"):
            self.failures.append(str(trial.user_attrs.get("reason", "killed")))
            logger.warning("trial %d failed: %s", trial.number, self.failures[-1])
        if len(self.failures) >= _FAILURES_IN_A_ROW and self.recipe.search.sampler != "grid":
            raise TrainingError(
                "trials that can be completed",
                came=f"{len(self.failures)} failures in a row, the last: {self.failures[-1]}",
                where=self.folder,
                remedy="Correct the recipe, or narrow search.space; what is complete is kept.",
            )

    def _report_progress(self) -> None:
        if self.budget.trials is not None:
            self.report("tune", min(count_ended(self.study), self.budget.trials), self.budget.trials)
        elif self.budget.minutes is not None:
            total = round(60 * self.budget.minutes)
            self.report("search time", min(round(self.clock.seconds), total), total)

    def _write(self) -> Searched:
        self.written = summarise(self.study, self.recipe, self.place, seconds=self.clock.seconds)
        write_results(self.written, self.folder)
        self.found(self.written)
        return self.written


class _SuperfluousError(Exception):
    """Other workers have begun what was left."""


class _Clock:
    """Seconds that a worker has spent on a study, over all its calls; kept in the study."""

    def __init__(self, study: optuna.Study, worker: str, *, save_every_s: float = 10.0) -> None:
        self._study = study
        self._key = f"seconds {worker}"
        self._before = float(study.user_attrs.get(self._key, 0.0))
        self._began = self._saved = time.monotonic()
        self._save_every_s = save_every_s

    @property
    def seconds(self) -> float:
        """So far."""
        return self._before + time.monotonic() - self._began

    def tick(self) -> None:
        """Saves now and then, so that a kill loses little of it."""
        if time.monotonic() - self._saved >= self._save_every_s:
            self.save()

    def save(self) -> None:
        """Writes the seconds to the study."""
        self._study.set_user_attr(self._key, round(self.seconds, 1))
        self._saved = time.monotonic()
