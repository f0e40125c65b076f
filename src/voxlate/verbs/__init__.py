"""The verbs: what the command line does, as functions of the same names.

Each verb wires the layers together and prints nothing. ``report`` is called with a stage's name and how much of it
is done; ``observers`` watch training steps and validations.
"""

from __future__ import annotations

from voxlate.progress import ProgressReport
from voxlate.verbs.catalogues import recipes
from voxlate.verbs.compare import ablate, compare, pairs, switched_off
from voxlate.verbs.data import Checked, Deidentified, check, deidentify, phantom
from voxlate.verbs.demo import Demonstrated, demo
from voxlate.verbs.derive import Registered, derive, register
from voxlate.verbs.doors.bids import Completed, bids
from voxlate.verbs.evaluate import evaluate
from voxlate.verbs.info import info
from voxlate.verbs.network.listening import listen, listened
from voxlate.verbs.network.remote import Remote, remote_of
from voxlate.verbs.redraw import redraw
from voxlate.verbs.train import forecast, resolve_recipe, train
from voxlate.verbs.translate import synthesize, translate
from voxlate.verbs.tune import searched_with, tune

__all__ = [
    "Checked",
    "Completed",
    "Deidentified",
    "Demonstrated",
    "ProgressReport",
    "Registered",
    "Remote",
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
    "pairs",
    "phantom",
    "recipes",
    "redraw",
    "register",
    "remote_of",
    "resolve_recipe",
    "searched_with",
    "switched_off",
    "synthesize",
    "train",
    "translate",
    "tune",
]
