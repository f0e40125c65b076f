"""Voxlate turns the scans you have into the scans you lack.

Every command of the command line is a function here, with the same name: ``voxlate.train(...)``. Beside the verbs stand
the values that they take and give, and the errors that they raise. Importing the package loads nothing but itself; a
name loads what it needs when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from voxlate._places import keep_old_places
from voxlate._version import __version__

if TYPE_CHECKING:
    from voxlate.cohort.case import Case, Cohort
    from voxlate.config.recipe import Recipe, load_recipe
    from voxlate.contrast import Contrast
    from voxlate.errors import (
        BundleError,
        CohortError,
        GeometryError,
        LockedError,
        NetworkError,
        PartDoneError,
        ReadError,
        SegmenterError,
        StoppedError,
        TrainingError,
        UsageError,
        VoxlateError,
        WriteError,
    )
    from voxlate.inference.model import load_model
    from voxlate.io.reading import read_volume
    from voxlate.io.writing import write_volume
    from voxlate.plugins import load_plugin
    from voxlate.verbs.catalogues import recipes
    from voxlate.verbs.compare import ablate, compare, pairs
    from voxlate.verbs.data import check, deidentify, phantom
    from voxlate.verbs.demo import demo
    from voxlate.verbs.derive import derive, register
    from voxlate.verbs.doors.bids import bids
    from voxlate.verbs.evaluate import evaluate
    from voxlate.verbs.images import read, score
    from voxlate.verbs.info import info
    from voxlate.verbs.network.listening import listen, listened
    from voxlate.verbs.network.remote import Remote
    from voxlate.verbs.redraw import redraw
    from voxlate.verbs.train import forecast, resolve_recipe, train
    from voxlate.verbs.translate import synthesize, translate
    from voxlate.verbs.tune import tune
    from voxlate.volume import Volume
    from voxlate.web.client import Client
    from voxlate.workflows.result import Result, Scores, Tuning

__all__ = [
    "BundleError",
    "Case",
    "Client",
    "Cohort",
    "CohortError",
    "Contrast",
    "GeometryError",
    "LockedError",
    "NetworkError",
    "PartDoneError",
    "ReadError",
    "Recipe",
    "Remote",
    "Result",
    "Scores",
    "SegmenterError",
    "StoppedError",
    "TrainingError",
    "Tuning",
    "UsageError",
    "Volume",
    "VoxlateError",
    "WriteError",
    "__version__",
    "ablate",
    "bids",
    "check",
    "compare",
    "deidentify",
    "demo",
    "derive",
    "evaluate",
    "forecast",
    "info",
    "listen",
    "listened",
    "load_model",
    "load_plugin",
    "load_recipe",
    "pairs",
    "phantom",
    "read",
    "read_volume",
    "recipes",
    "redraw",
    "register",
    "resolve_recipe",
    "score",
    "synthesize",
    "train",
    "translate",
    "tune",
    "write_volume",
]

_HOMES = {
    "Case": "voxlate.cohort.case",
    "Client": "voxlate.web.client",
    "Cohort": "voxlate.cohort.case",
    "Contrast": "voxlate.contrast",
    "Recipe": "voxlate.config.recipe",
    "Result": "voxlate.workflows.result",
    "Scores": "voxlate.workflows.result",
    "Tuning": "voxlate.workflows.result",
    "Volume": "voxlate.volume",
    "load_model": "voxlate.inference.model",
    "load_plugin": "voxlate.plugins",
    "load_recipe": "voxlate.config.recipe",
    "read": "voxlate.verbs.images",
    "read_volume": "voxlate.io.reading",
    "score": "voxlate.verbs.images",
    "write_volume": "voxlate.io.writing",
}
"""Where a name is defined that is neither a verb nor an error."""


if not TYPE_CHECKING:  # a checker would take any name for one that is here

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'voxlate' has no attribute {name!r}")
        home = _HOMES.get(name, "voxlate.errors" if name.endswith("Error") else "voxlate.verbs")
        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)


keep_old_places()
