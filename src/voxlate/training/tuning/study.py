"""The study: where a search's trials lie, and the pruner that decides on them. All of it is Optuna's.

SQLite in the search's folder by default, or any database that SQLAlchemy knows, which several workers (processes on
one machine or many, each with a folder of its own) may share. There a running trial sends heartbeats, so that the
others know whether its worker lives (Akiba et al. 2019, arXiv:1907.10902; https://optuna.org).
"""

from __future__ import annotations

import logging
import secrets
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from voxlate.config.recipe import Recipe
from voxlate.errors import TrainingError, UsageError
from voxlate.io.atomic import write_text
from voxlate.training.tuning.sampling import STARTUP_TRIALS

logger = logging.getLogger(__name__)

_HEARTBEAT_S = 30
_GRACE_S = 180
"""A worker of a shared study that has sent no heartbeat for so long is taken for dead."""

PRUNE_FROM = 0.25
"""Part of its budget that every trial gets before the median may end it."""

_RETRY_S = 1.0
_DRIVERS = {"postgresql": "postgresql+psycopg"}  # the one that the extra installs
_REMEDIES = {"psycopg": "Run: pip install 'voxlate[postgresql]'"}


@dataclass(frozen=True)
class Place:
    """Where a study lies and who works on it.

    Attributes:
        url: Of the database; may hold a password, so it is never shown: see ``shown``.
        worker: Name of the folder's worker among those that share the study.
        shared: Whether others may work on it.
    """

    url: URL
    worker: str
    shared: bool

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self.url.render_as_string(hide_password=True)


def find_place(folder: Path, storage: str | None) -> Place:
    """The database in the folder, or the one that is named.

    Raises:
        UsageError: If the name is no URL of a database.
    """
    if storage is None:
        return Place(URL.create("sqlite", database=str(folder / "study.db")), worker="local", shared=False)
    try:
        url = make_url(storage)
        url.get_dialect()
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            "the URL of a database",
            came="something else, which is not shown since it may hold a password",
            where="--storage",
            remedy="Write sqlite:////absolute/path.db or postgresql://user:password@host/database.",
        ) from error
    return Place(url.set(drivername=_DRIVERS.get(url.drivername, url.drivername)), _worker(folder), shared=True)


def _worker(folder: Path) -> str:
    """A name that a folder keeps, drawn once: the machine's may be another after a restart."""
    path = folder / "worker.txt"
    if not path.is_file():
        write_text(path, secrets.token_hex(6) + "\n")
    return path.read_text(encoding="utf-8").strip()


@contextmanager
def open_study(
    place: Place, recipe: Recipe, *, on_stale: Callable[[optuna.Study, optuna.trial.FrozenTrial], None]
) -> Iterator[optuna.Study]:
    """The recipe's study, created if it is not there; its connections are closed when the block ends.

    Args:
        place: Where it lies.
        recipe: With its search complete.
        on_stale: Called with the study and a trial of a worker that has died.

    Raises:
        UsageError: If the database cannot be used.
        TrainingError: If it does not answer, now or while the block lasts.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what happens to a trial is logged here, and once
    with _opening(place):
        storage = _open_storage(place, on_stale)
        study = optuna.create_study(
            study_name=recipe.name,
            storage=storage,
            pruner=_make_pruner(recipe),
            direction="minimize" if recipe.search.direction == "minimise" else "maximize",
            load_if_exists=True,
        )
    try:
        with _answering(place):
            yield study
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _open_storage(
    place: Place, on_stale: Callable[[optuna.Study, optuna.trial.FrozenTrial], None], *, attempts: int = 3
) -> optuna.storages.RDBStorage:
    url = place.url.render_as_string(hide_password=False)
    heartbeat: dict[str, Any] = {
        "heartbeat_interval": _HEARTBEAT_S,
        "grace_period": _GRACE_S,
        "heartbeat_stale_trial_callback": on_stale,
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats; tested here
            return optuna.storages.RDBStorage(
                url.replace("{", "{{").replace("}", "}}"),  # Optuna fills in a template
                engine_kwargs=_engine_options(place),
                **heartbeat if place.shared else {},
            )
    except SQLAlchemyError:
        # Two workers that begin at once both create the tables, and one of them fails.
        if attempts == 1 or not place.shared:
            raise
        time.sleep(_RETRY_S)
        return _open_storage(place, on_stale, attempts=attempts - 1)


def _engine_options(place: Place) -> dict[str, object]:
    if place.url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 60}}
    return {"pool_pre_ping": True}  # a server may close a connection that idles through a long trial


@contextmanager
def _answering(place: Place) -> Iterator[None]:
    """Turns what a database raises into an error that says what to do, without the password.

    Raises:
        TrainingError: If the database does not answer.
    """
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise TrainingError(
            "a database that answers",
            came=_reason(error, place),
            where=place.shown,
            remedy="See that it runs and lets this user in, then start again: what is finished is kept.",
        ) from error


@contextmanager
def _opening(place: Place) -> Iterator[None]:
    """The same for what only the first use of a database raises.

    Raises:
        UsageError: If the driver is missing, or the database was made by another version of Optuna.
    """
    try:
        with _answering(place):
            yield
    except ImportError as error:
        driver = place.url.drivername.partition("+")[2] or place.url.drivername
        raise UsageError(
            f"a driver for {place.url.drivername}",
            came=f"none: {_reason(error, place)}",
            where="--storage",
            remedy=_REMEDIES.get(driver, f"Install the package {driver}."),
        ) from error
    except RuntimeError as error:  # Optuna's, about its tables
        raise UsageError(
            f"a database of Optuna {optuna.__version__}",
            came=_reason(error, place),
            where=place.shown,
            remedy="Use another database, or upgrade this one with Optuna's own command.",
        ) from error


def _reason(error: BaseException, place: Place) -> str:
    """The first line of the innermost error, without the password should a driver repeat it."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    line = str(getattr(error, "orig", None) or error).partition("\n")[0] or type(error).__name__
    return line.replace(place.url.password, "***") if place.url.password else line


def pruner_name(recipe: Recipe) -> str:
    """The pruner that ``auto`` stands for: the median, but none for a grid, of which every point is wanted."""
    if recipe.search.pruner != "auto":
        return recipe.search.pruner
    return "none" if recipe.search.sampler == "grid" else "median"


def _make_pruner(recipe: Recipe) -> optuna.pruners.BasePruner:
    """The recipe's pruner; it compares validations at the same step."""
    name, training = pruner_name(recipe), recipe.training
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
    if name == "hyperband":
        epochs = training.epochs * training.steps_per_epoch if training.epochs else None
        budgets = [steps for steps in (epochs, training.steps) if steps]
        longest = max(min(budgets), training.validate_every) if budgets else "auto"
        return optuna.pruners.HyperbandPruner(min_resource=training.validate_every, max_resource=longest)
    return optuna.pruners.NopPruner()
