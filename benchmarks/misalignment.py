"""Which loss keeps how much of its accuracy when training pairs are not aligned: one command, one table, one figure.

    python benchmarks/misalignment.py --out study [--cases 24] [--size 96] [--steps 2000] [--shifts 0 1 2 4]
        [--losses l2 l1 huber dead_zone_huber pooled_l1 pooled_dead_zone pooled_dead_zone_both] [--seeds 1]
        [--set FIELD=VALUE]

Phantoms of one seed are drawn once per shift: the same heads and the same noise, Dixon MR and CT, but the CT of each
case lies that many voxels away in a random direction, and no header tells. On each of them a 2-D U-Net is trained with
each loss, from the same weights on the same split, for the same number of steps, and not chosen by validations, which
would see the shift. All are scored on the aligned phantom, whose held-out cases none has seen; so is the lookup of each
shift's training cases.

Writes ``misalignment.csv`` and ``misalignment.png`` into the folder and prints the table and the sentence. A call that
was stopped is given again; what is trained and scored is kept. A loss is a name of ``TRIED``, or ``name=SECTION`` with
the section of a recipe: ``"pooled_4={pooled: {weight: 1, kernel: 4}}"``. With ``--set window.kind=patches --set
window.size=[32,32,32]`` everything is in 3-D: slices know nothing of the shift along the third axis.
"""

from __future__ import annotations

import argparse
import csv
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

from misalignment_report import draw_misalignment, misalignment_table, say_misalignment

from voxlate.config.catalogue import pick
from voxlate.config.recipe import Recipe, load_recipe
from voxlate.evaluation.study.runs import ScoredRun, held_out, score_variants
from voxlate.phantoms import PhantomOptions, make_cohort
from voxlate.phantoms.scans import image_grid
from voxlate.plainyaml import parse_setting
from voxlate.regions import FOREGROUND
from voxlate.reporting.drawing.canvas import to_png
from voxlate.roles import MODEL
from voxlate.training.studies.variants import Study, train_variants

TRIED: dict[str, dict[str, Any]] = {
    "l2": {"l2": 1.0},
    "l1": {"l1": 1.0},
    "huber": {"huber": 1.0},
    "dead_zone_huber": {"dead_zone_huber": 1.0},
    "pooled_l1": {"pooled": {"weight": 1.0, "of": "l1"}},
    "pooled_dead_zone": {"pooled": {"weight": 1.0, "of": "dead_zone_huber"}},  # the slides' final loss
    "pooled_dead_zone_both": {"pooled": {"weight": 1.0, "of": "dead_zone_huber", "extremes": "both"}},
}
UNIT, PHANTOM_SEED = "HU", 40
Row = tuple[str, float, int, str, float]


def make_recipe(steps: int, loss: Mapping[str, Any], settings: Mapping[str, Any]) -> Recipe:
    """Dixon MR to CT by a 2-D U-Net, with one validation, at the end."""
    changes = {
        "name": "misalignment",
        "source": ["in_phase", "out_phase"],
        "target": "ct",
        "plan.split.fractions": [0.7, 0.05, 0.25],
        "method": {"name": "regression", "network": {"name": "unet"}},
        "loss": dict(loss),
        "training.epochs": None,
        "training.steps": steps,
        **dict.fromkeys(("training.validate_every", "training.figure_every", "training.checkpoint_every"), steps),
    }
    return load_recipe("avula2020-t1-to-t2").with_overrides({**changes, **settings})


def draw_phantoms(out: Path, *, cases: int, size: int, shifts: Sequence[float]) -> dict[float, Path]:
    """A data set per shift; they differ in nothing else."""
    spacing = image_grid(size, anatomy="head", spacing_mm=None).spacing_mm[0]
    contrasts = ("in_phase", "out_phase", "ct")
    return {
        shift: make_cohort(
            out / f"phantom-{shift:g}",
            cases=cases,
            seed=PHANTOM_SEED,
            size=size,
            contrasts=contrasts,
            options=PhantomOptions(misalignment_mm={"ct": shift * spacing}),
        )
        for shift in shifts
    }


def rows_of(runs: Sequence[ScoredRun], shift: float) -> list[Row]:
    """The MAE in the foreground of every case, by every loss and once by the lookup."""
    rows: list[Row] = []
    for run in runs:
        wanted = {MODEL: run.variant, **({"lookup": "lookup"} if run.variant == runs[0].variant else {})}
        rows += [
            (wanted[score.method], shift, run.seed, score.case, score.value)
            for score in run.scores
            if (score.region, score.metric) == (FOREGROUND, "mae") and score.method in wanted
        ]
    return rows


def mean_errors(rows: Sequence[Row]) -> dict[str, dict[float, list[float]]]:
    """From a loss to the shift to the mean over the cases, one value per seed."""
    tables: dict[str, dict[float, dict[int, list[float]]]] = {}
    for loss, shift, seed, _, value in rows:
        tables.setdefault(loss, {}).setdefault(shift, {}).setdefault(seed, []).append(value)
    return {
        loss: {shift: [fmean(values) for _, values in sorted(by_seed.items())] for shift, by_seed in table.items()}
        for loss, table in tables.items()
    }


def tell(shift: float, stage: str, done: int, of: int) -> None:
    """Prints how many runs are finished or scored."""
    if stage in {"runs", "scored"}:
        print(f"shift {shift:g}: {done} of {of} {'trained' if stage == 'runs' else 'scored'}", flush=True)


def main() -> None:
    """Draws, trains, scores, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--shifts", type=float, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--losses", nargs="+", default=list(TRIED))
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    asked = parser.parse_args()
    logging.getLogger("voxlate").setLevel(logging.ERROR)  # the preflight would name every shift
    shifts = sorted({0.0, *asked.shifts})
    settings = dict(map(parse_setting, asked.set))
    losses = dict(
        parse_setting(text) if "=" in text else (text, pick(TRIED, text, what="loss of the study"))
        for text in asked.losses
    )
    recipes = {name: make_recipe(asked.steps, loss, settings) for name, loss in losses.items()}
    study = Study(recipes, tuple(range(asked.seeds)))
    phantoms = draw_phantoms(asked.out, cases=asked.cases, size=asked.size, shifts=shifts)
    rows: list[Row] = []
    cases = []
    for shift, data in phantoms.items():
        report = partial(tell, shift)
        runs = train_variants(data, study, asked.out / f"shift-{shift:g}", report=report)
        cases = held_out(phantoms[0.0], runs)
        scored, failed = score_variants(runs, cases, report=report)
        assert not failed, failed
        rows += rows_of(scored, shift)
    with (asked.out / "misalignment.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("loss", "shift_voxels", "seed", "case", "mae_hu"), *rows])
    errors = mean_errors(rows)
    figure = draw_misalignment(errors, unit=UNIT, cases=len(cases))
    (asked.out / "misalignment.png").write_bytes(to_png(figure))
    fields, lines = misalignment_table(errors, unit=UNIT)
    widths = [max(map(len, column)) for column in zip(fields, *lines, strict=True)]
    for line in (fields, *lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))
    print("In brackets: divided by its own at shift 0.")
    print(say_misalignment(errors, unit=UNIT))


if __name__ == "__main__":
    main()
