"""Variants of segment-default at equal processor time, scored on the validation cases; the held-out cases stay unseen.

    python benchmarks/equal_minutes.py DATA --source mr --minutes 5 --variant before --variant new [--out table.md]

Time is that of this process alone, so that a machine with other work gives the same table. Prints and appends a row per
variant: steps, minutes and mean Dice.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from voxlate.config.recipe import load_recipe
from voxlate.methods.interface import Trainable
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import silent
from voxlate.training.loop.loop import _set_learning_rate, take_step
from voxlate.training.loop.state import RunState
from voxlate.training.setup.begin import build_trainable, prepare, set_up
from voxlate.training.setup.setup import Setup
from voxlate.training.train import make_job, validate_method

_AUGMENTATION = "training.augmentation"
_ONLY_NEW = ("rotation", "scaling", "blur", "brightness", "contrast", "low_resolution")
_BEFORE_AUGMENTATION = {f"{_AUGMENTATION}.{name}": 0.0 for name in _ONLY_NEW} | {
    f"{_AUGMENTATION}.bias": 0.2,
    f"{_AUGMENTATION}.noise": 0.15,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "before": {
        **_BEFORE_AUGMENTATION,
        "window.kind": "patches",
        "window.size": [32, 32, 32],
        "loss.dice": 1.0,
        "method.network.channels": [16, 32, 64, 128],
        "method.network.blocks": [1, 3, 4, 6],
    },
    "new": {},
    "less augmentation": _BEFORE_AUGMENTATION,
    "SGD": {"training.optimiser": "sgd", "training.learning_rate": 0.01, "training.schedule": "polynomial"},
    "three times the learning rate": {"training.learning_rate": 0.003},
    "whole volumes": {"window.kind": "patches", "window.size": [40, 56, 40]},
    "24 features": {"method.network.channels": [24, 48, 96, 192]},
    "nnU-Net's blocks": {"method.network.channels": [16, 32, 64, 128], "method.network.blocks": [1, 3, 4, 6]},
}


def train_for(setup: Setup, store: PreparedStore, method: Trainable) -> RunState:
    """The state after the recipe's minutes of this process."""
    state, job = RunState(method, setup.recipe.training), make_job(setup, store, setup.cases("train"), method=method)
    began = time.process_time()
    for batch in job.batches(0):
        _set_learning_rate(state, job)
        take_step(state, job.place(batch), job)
        state.average_weights()
        state.progress.step += 1
        state.progress.elapsed_s = time.process_time() - began
        if job.over(state.progress):
            break
    return state


def measure(data: Path, source: str, *, variant: str, minutes: float, folder: Path) -> str:
    """Trains one variant for so many minutes of this process and scores it."""
    values = {"source": [source], "training.epochs": None, "training.minutes": minutes, **VARIANTS[variant]}
    recipe = load_recipe("segment-default").with_overrides(values)
    setup = set_up(data, recipe, run=None, check=False, report=silent)
    method = build_trainable(setup)
    store = prepare(setup, [*setup.cases("train"), *setup.validation_cases], folder, report=silent)
    state = train_for(setup, store, method)
    found = validate_method(setup, store, setup.validation_cases, state.chosen).metrics
    spent = state.progress.elapsed_s / 60
    return f"| {variant} | {state.progress.step:,} | {spent:.1f} | {found['dice']:.4f} |"


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--source", required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--variant", action="append", choices=sorted(VARIANTS))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    print("| variant | steps | minutes of one core | validation Dice (higher is better) |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for variant in asked.variant or VARIANTS:
            place = Path(folder) / variant.replace(" ", "-")
            row = measure(asked.data, asked.source, variant=variant, minutes=asked.minutes, folder=place)
            print(row, flush=True)
            if asked.out:
                with asked.out.open("a", encoding="utf-8") as table:
                    table.write(row + "\n")


if __name__ == "__main__":
    main()
