"""What translates best for equal minutes of one core: `translate-default`, the named recipes that fit, and two others.

    python benchmarks/translate_default.py OPEN_MS [--phantom COHORT] [--minutes 2] [--entry NAME] [--out table.csv]

Two patients of the open MS data, trained on one and scored on the other, both ways, T1 to T2 and T1 to FLAIR; of a
phantom cohort, made by `voxlate phantom COHORT --cases 6 --seed 7 --size 64`, the first four cases train and the others
are scored. The others are MONAI's BasicUNet on axial slices with L1 and Adam, and pix2pix as published. Time is that of
steps in this process alone, so that a machine with other work gives the same table; no weights are chosen. What is in
the table already is not measured again.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from equal_minutes import train_for
from torch import Tensor, nn

from voxlate.cohort import index_cohort
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.io.atomic import write_rows
from voxlate.methods.baselines import Lookup
from voxlate.methods.interface import Trainable
from voxlate.methods.regression import Regression
from voxlate.progress import silent
from voxlate.training.baseline import score_lookup, training_pairs
from voxlate.training.setup.begin import build_trainable, prepare, set_up
from voxlate.training.setup.setup import Setup
from voxlate.training.train import validate_method

PLAIN = {
    "window.kind": "slices",
    "window.neighbours": 0,
    "window.size": None,
    "window.mirror": False,
    "method": {"name": "regression", "network": "unet"},
    "loss": {"l1": 1.0},
    "training.optimiser": "adam",
    "training.learning_rate": 0.001,
    "training.schedule": "constant",
    "training.warmup_steps": 0,
    "training.gradient_clip": None,
    "training.ema": None,
    "training.batch_size": 8,
    "training.augmentation": {"flip": 0.0},
}
PIX2PIX = PLAIN | {
    "method": {"name": "adversarial", "network": "pix2pix_unet", "discriminator": "patchgan", "objective": "vanilla"},
    "loss": {"l1": 100.0},
    "training.learning_rate": 0.0002,
    "training.batch_size": 1,
    "training.augmentation": {"flip": 0.5},
}
ENTRIES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "translate-default": ("translate-default", {}),
    "t1-to-t2-fcn": ("avula2020-t1-to-t2", {}),
    "dixon-to-ct-unet-2d": ("zhao-unet-2d", {}),
    "dixon-to-ct-unet-25d": ("zhao-unet-25d", {"window.combine": "mean"}),
    "dixon-to-ct-unet-3d": ("zhao-unet-3d", {"window.kind": "patches"}),
    "ct-to-pet": ("ct-to-pet", {}),
    "t2-to-flair-gan": ("genc2022-t2-to-flair-without-mask", {}),
    "BasicUNet, L1, Adam": ("avula2020-t1-to-t2", PLAIN),
    "pix2pix": ("avula2020-t1-to-t2", PIX2PIX),
}


@dataclass(frozen=True)
class Task:
    """What is learned from which cases, and on which it is scored."""

    name: str
    data: Path
    source: str
    target: str
    train: tuple[str, ...]
    test: tuple[str, ...]


def tasks(open_ms: Path, phantom: Path | None) -> Iterator[Task]:
    """The tasks, those of the phantom first, which are short."""
    if phantom is not None:
        cases = [case.id for case in index_cohort(phantom).cases]
        for target in ("t2", "flair"):
            yield Task(f"phantom to {target}", phantom, "t1", target, tuple(cases[:4]), tuple(cases[4:]))
    for target in ("t2", "flair"):
        for train, test in (("patient26", "patient19"), ("patient19", "patient26")):
            yield Task(f"{train} to {target}", open_ms, "t1", target, (train,), (test,))


def recipe_for(task: Task, base: str, changes: Mapping[str, Any], *, minutes: float) -> Recipe:
    """An entry's recipe for a task."""
    contrasts = {"source": [task.source], "target": task.target, "plan.derive": {}}
    split = {"plan.split.stratify": (), "plan.split.train": task.train, "plan.split.test": task.test}
    budget = {"training.epochs": None, "training.steps": None, "training.minutes": minutes}
    return load_recipe(base).with_overrides({**contrasts, **split, **budget, **changes})


class Plain(nn.Module):
    """MONAI's BasicUNet with what every network of the catalogue tells of itself."""

    def __init__(self) -> None:
        from monai.networks.nets import BasicUNet

        super().__init__()
        self.divisor, self.network = 16, BasicUNet(spatial_dims=2, in_channels=1, out_channels=1)

    def forward(self, source: Tensor) -> Tensor:
        """``(b, 1, i, j)`` to the same."""
        return self.network(source)


def method_for(setup: Setup, entry: str) -> Trainable:
    """An entry's method with fresh weights."""
    method = build_trainable(setup)
    if entry.startswith("BasicUNet"):
        torch.manual_seed(setup.recipe.training.seed)
        method = Regression(Plain(), loss=method.loss)
    return method


def measure(task: Task, entry: str, recipe: Recipe, *, folder: Path) -> dict[str, Any]:
    """A row: steps and scores of an entry on the cases that it has not seen."""
    setup = set_up(task.data, recipe, run=None, check=False, report=silent)
    test = setup.cases("test")
    store = prepare(
        setup, [*setup.cases("train"), *test], folder / task.name / ",".join(setup.plan.source), report=silent
    )
    method = method_for(setup, entry)
    state = train_for(setup, store, method)
    found = validate_method(setup, store, test, state.chosen).metrics
    pairs = training_pairs(store, task.train, source=task.source, target=task.target)
    lookup = score_lookup(store, Lookup.fit(pairs), task.test)
    row = {"task": task.name, "entry": entry, "steps": state.progress.step, "minutes": recipe.training.minutes}
    return row | {name: f"{found[name]:.4f}" for name in ("mae", "ssim")} | {"lookup": f"{lookup['mae']:.4f}"}


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("open_ms", type=Path)
    parser.add_argument("--phantom", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--entry", action="append", choices=sorted(ENTRIES))
    parser.add_argument("--out", type=Path, default=Path("translate_default.csv"))
    asked = parser.parse_args()
    done = list(csv.DictReader(asked.out.open(encoding="utf-8"))) if asked.out.is_file() else []
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks(asked.open_ms, asked.phantom):
            for entry in asked.entry or ENTRIES:
                if any((row["task"], row["entry"]) == (task.name, entry) for row in done):
                    continue
                recipe = recipe_for(task, *ENTRIES[entry], minutes=asked.minutes)
                row = measure(task, entry, recipe, folder=Path(folder) / entry)
                print(row, flush=True)
                done.append({name: str(value) for name, value in row.items()})
                write_rows(asked.out, [list(row), *(list(one.values()) for one in done)])


if __name__ == "__main__":
    main()
