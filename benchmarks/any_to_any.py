"""One network for all pairs of contrasts against one network for each: error on held-out phantoms after equal steps.

    python benchmarks/any_to_any.py COHORT [--steps 400] [--times 2] [--normalise instance] [--pairs N]

A phantom cohort of t1, t1c, t2 and flair is made beforehand: `voxlate phantom COHORT --cases 18 --seed 7 --size 64`.
The unified network takes ``times`` as many steps as each of the dedicated ones; networks, window, losses and schedule
are the same. Prints the mean absolute error inside the foreground of each ordered pair, of both and of the lookup, and
that of each target from all others together.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from voxlate.config.recipe import Recipe, parse_recipe
from voxlate.inference.predict import predictor
from voxlate.inference.stitching import CasePredictor
from voxlate.methods.baselines import Lookup
from voxlate.preprocess.plan import Plan
from voxlate.preprocess.prepare import PreparedCase, prepare_case
from voxlate.progress import silent
from voxlate.question import Query, main_questions
from voxlate.training.loop.loop import fit
from voxlate.training.loop.state import RunState
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import build_trainable, set_up
from voxlate.training.setup.setup import Setup
from voxlate.training.train import make_job

NAMES = ("t1", "t1c", "t2", "flair")


class Kept:
    """Prepared cases in memory."""

    def __init__(self, plan: Plan, cases: dict[str, PreparedCase]) -> None:
        self.plan, self.cases = plan, cases

    def __getitem__(self, case_id: str) -> PreparedCase:
        return self.cases[case_id]


def recipe_of(source: list[str], target: str, *, steps: int, options: argparse.Namespace) -> Recipe:
    """The recipe of the unified network, or of a dedicated one."""
    several = target == "any"
    network = {"name": "unet", "channels": options.channels, "normalise": options.normalise}
    values = {
        "name": "any-to-any" if several else f"{source[0]}-to-{target}",
        "source": source,
        "target": target,
        "window": {"kind": "slices", "axis": 2},
        "method": {"name": "unified" if several else "regression", "network": network},
        "loss": {"l1": 1.0},
        "training": {
            "steps": steps,
            "batch_size": options.batch,
            "learning_rate": options.rate,
            "warmup_steps": 20,
            "validate_every": 10**6,
            "checkpoint_every": 10**6,
            "ema": 0.98,
            "precision": "fp32",
        },
    }
    return parse_recipe(values, where="benchmark")


def train(setup: Setup, kept: dict[str, PreparedCase]) -> Callable[[Query], CasePredictor]:
    """From a question to what answers it, after the recipe's steps."""
    method = build_trainable(setup)
    store = Kept(setup.plan, kept)
    with tempfile.TemporaryDirectory() as folder:
        state = RunState(method, setup.recipe.training)
        job = make_job(setup, store, setup.cases("train"), method=method)  # type: ignore[arg-type]
        fit(state, RunFolder(Path(folder)), job)
    predict = predictor(setup.recipe, state.chosen.eval(), device=setup.device, precision="fp32")
    return lambda question: predict.asked(question, setup.recipe) if setup.recipe.targets else predict


def error(predict: CasePredictor, case: PreparedCase, question: Query) -> float:
    """Mean absolute error of an answer inside the foreground, normalised."""
    mask = np.asarray(case.mask)
    found = predict([case.arrays[name] for name in question.sources], mask)[0]
    return float(np.abs(found - case.arrays[question.target])[mask].mean())


def main() -> None:
    """Trains, scores and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--times", type=float, default=2.0)
    parser.add_argument("--normalise", default="instance")
    parser.add_argument("--channels", type=int, nargs="+", default=[16, 32, 64, 96])
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--pairs", type=int, default=12, help="how many of the ordered pairs get a dedicated network")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    recipe = recipe_of(list(NAMES), "any", steps=int(options.times * options.steps), options=options)
    setup = set_up(options.cohort, recipe, run=None, check=False, report=silent)
    kept = {case.id: prepare_case(case, setup.plan, contrasts=NAMES) for case in setup.cohort.cases}
    print(f"prepared: {time.monotonic() - began:.0f} s", flush=True)
    answering = train(setup, kept)
    print(f"unified: {time.monotonic() - began:.0f} s", flush=True)
    test = [kept[case.id] for case in setup.cases("test")]
    training = [kept[case.id] for case in setup.cases("train")]
    rows = []
    for question in main_questions(NAMES, NAMES):
        pairs = ((case.arrays[question.sources[0]], case.arrays[question.target], case.mask) for case in training)
        table = Lookup.fit(pairs)
        looked = [np.abs(table.apply(case.arrays[question.sources[0]]) - case.arrays[question.target]) for case in test]
        looked = [difference[case.mask].mean() for difference, case in zip(looked, test, strict=True)]
        unified = np.mean([error(answering(question), case, question) for case in test])
        row: dict[str, Any] = {"question": question.key, "lookup": np.mean(looked), "unified": unified}
        rows.append(row)
    for row in rows:
        print(
            {key: value if isinstance(value, str) else round(float(value), 4) for key, value in row.items()}, flush=True
        )
    done = 0
    for row in rows:
        question = Query.of_key(row["question"])
        if len(question.sources) == 1 and done < options.pairs:
            done += 1
            recipe = recipe_of(list(question.sources), question.target, steps=options.steps, options=options)
            dedicated = train(replace(setup, recipe=recipe, plan=setup.plan.asked(question)), kept)
            row["dedicated"] = np.mean([error(dedicated(question), case, question) for case in test])
            ratio = row["unified"] / row["dedicated"]
            print(
                f"{row['question']}: {row['unified']:.4f} {row['dedicated']:.4f} ratio {ratio:.3f} "
                f"after {time.monotonic() - began:.0f} s",
                flush=True,
            )
    paired = [row for row in rows if "dedicated" in row]
    if paired:
        ratios = [row["unified"] / row["dedicated"] for row in paired]
        means = [float(np.mean([row[name] for row in paired])) for name in ("unified", "dedicated", "lookup")]
        print(f"mean error {means}, ratio of means {means[0] / means[1]:.3f}, mean ratio {np.mean(ratios):.3f}")


if __name__ == "__main__":
    main()
