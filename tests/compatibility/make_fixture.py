"""Makes the fixture: a tiny run of either kind, a search and a prepared case, and what is expected of them.

    OMP_NUM_THREADS=1 python -m tests.compatibility.make_fixture

The files in git were made by version 0.1.0 before its modules were moved, commit 5830913. They stand for what users
have on their disks. Make them anew only when a format of a file on disk changes on purpose, which the change log then
says; a test that fails otherwise has found a model or a run that no longer works. What has come since (a metric, a
recipe field with a default) is left out of the comparison. Where a score changes on purpose, its lines in ``expected``
are corrected by the commit that changes it.

All of it is drawn and trained on phantom heads of 16 voxels a side, in about twenty seconds. The run ``translation``
decided on its window from a forecast of memory (``window.json``), the run ``segmentation`` settled its classes and its
patches (``settled.json``).
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

import voxlate
from tests.compatibility.setting import COHORTS, CONTINUED, SCANS, STEPS, TRIALS, draw_cohorts, longer, voxels_of
from tests.compatibility.stored import FIXTURE, digests, environment, in_lines, pack_run, pack_store, pack_study
from voxlate.verbs import resolve_recipe

TINY: dict[str, Any] = {
    "method.network": {"name": "unet", "channels": [1, 2]},
    "plan.split.fractions": [0.4, 0.2, 0.4],
    "training.epochs": None,
    "training.steps": STEPS,
    "training.batch_size": 1,
    "training.validate_every": 2,
    "training.figure_every": 2,
    "training.checkpoint_every": 2,
    "training.precision": "fp32",
}
TRANSLATION = {
    **TINY,
    "plan.spacing_mm": [20.0, 20.0, 20.0],
    "window": {"kind": "auto", "size": [16, 16, 16]},
    "loss": {"l1": 1.0},
}
SEGMENTATION = {
    **TINY,
    "source": ["t2"],
    "plan.spacing_mm": [15.0, 15.0, 15.0],
    "method.classes": "binary",
    "loss": {"bce": {"weight": 1.0, "positive_weight": 100.0}},
    "training.learning_rate": 0.1,
    "training.schedule": "constant",
    "training.ema": None,
    "training.augmentation": {"flip": 0.5},
}
SEARCH = {
    **TINY,
    "loss": {"l1": 1.0},
    "training.steps": 2,
    "search": {
        "sampler": "random",
        "metric": "mae",
        "space": {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}},
    },
}
RECIPES = {"translation": ("avula2020-t1-to-t2", TRANSLATION), "segmentation": ("segment-default", SEGMENTATION)}
EXPECTED = FIXTURE / "expected"


def main() -> None:
    """Writes the folder ``fixture`` anew."""
    torch.set_num_threads(1)
    shutil.rmtree(FIXTURE, ignore_errors=True)
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        draw_cohorts(Path())
        _write(FIXTURE / "cohort.csv", digests(Path("labelled")))
        _write(FIXTURE / "environment.json", json.dumps(environment(), indent=1) + "\n")
        for name in COHORTS:
            _make_run(name)
        _make_study()
        os.chdir(FIXTURE)


def _make_run(name: str) -> None:
    """A run as it was stopped, its scores, an image of its bundle, and what it logs when it goes on."""
    data, expected = Path(COHORTS[name]), EXPECTED / name
    base, overrides = RECIPES[name]
    run = voxlate.train(data, recipe=resolve_recipe(base, overrides=overrides), out=name)
    pack_run(run, FIXTURE / name)
    if name == "translation":
        case = min(run.glob("prepared/*/*"))
        pack_store(case, FIXTURE / "store" / case.relative_to(run / "prepared"))
    found = Path(f"{name}-evaluation")
    voxlate.evaluate(run, data, out=found)
    _write(expected / "scores.csv", _read(found / "scores.csv"))
    _write(expected / "summary.json", in_lines(json.loads(_read(found / "summary.json"))))
    image = Path(f"{name}-image.nii.gz")
    voxlate.translate(run / "bundle", Path("labelled") / SCANS[name], out=image)
    _write(expected / "image.csv", "".join(f"{value!r}\n" for value in voxels_of(image)))
    _write(expected / "image.json", _read(Path(f"{name}-image.json")))
    voxlate.train(data, recipe=longer(run / "recipe.yaml", Path(f"{name}.yaml")), out=run, resume=True)
    _write(expected / "log.jsonl", _read(run / "log.jsonl").removeprefix(_read(FIXTURE / name / "log.jsonl")))


def _make_study() -> None:
    """A search as it was ended, and what is found when it is asked for one trial more."""
    folder, recipe = Path("study"), resolve_recipe("avula2020-t1-to-t2", overrides=SEARCH)
    _write(FIXTURE / "study" / "recipe.yaml", recipe.to_yaml())
    voxlate.tune("scans", recipe=recipe, out=folder, trials=TRIALS)
    pack_study(folder / "study.db", FIXTURE / "study" / "study.sql")
    voxlate.tune("scans", recipe=recipe, out=folder, trials=CONTINUED)
    for name in ("trials.csv", "best.yaml"):
        _write(EXPECTED / "study" / name, _read(folder / name))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
