"""Tuning: a recipe's ranges searched by Optuna, each trial a run that can be resumed.

``space`` says what is searched and ``study`` where it is kept; ``trials`` are its records and its queue, ``trial_run``
trains one and ``pruning`` may end it early; ``search`` is the loop, ``results`` what it has found.
"""

from voxlate.training.tuning.search import Budget, tune_run
from voxlate.training.tuning.trials import grid_size

__all__ = ["Budget", "grid_size", "tune_run"]
