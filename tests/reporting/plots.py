"""Plots of every module of reporting, from values made by hand, with names as long as they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import nan
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from misalignment_report import draw_misalignment

from tests.reporting.study.variants import NAMES, SEEDS, make_runs
from voxlate.evaluation.privacy.attack import Membership
from voxlate.evaluation.scores import Score
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample
from voxlate.evaluation.sets.verdict import SetRow
from voxlate.evaluation.study.grid import _OF_LABELS, Setting
from voxlate.evaluation.study.paired import compare_variants, differences
from voxlate.evaluation.study.runs import mean_over_seeds
from voxlate.methods.outline import Outline, OutlinedLayer
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing.boxes import draw_box_plots
from voxlate.reporting.fidelity.profiles import draw_slice_profile
from voxlate.reporting.privacy.plots import Attack, Strip, draw_attacks, draw_nearness
from voxlate.reporting.run.networks import draw_networks
from voxlate.reporting.search.grid_plots import draw_grid
from voxlate.reporting.search.plots import draw_history, draw_importance, draw_parallel, draw_slices
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes
from voxlate.reporting.sets.plots import draw_distances, draw_features
from voxlate.reporting.study.plots import PairedTest, draw_differences, draw_similarity, draw_tasks
from voxlate.reporting.task.plots import draw_slopes
from voxlate.training.tuning.results import Importance, Searched
from voxlate.training.tuning.space import own_values, resolve_search
from voxlate.training.tuning.trials import Trial
from voxlate.verbs import resolve_recipe

Say = Callable[[str], str]
"""From a short name to the one that is written."""


Figures = dict[str, Callable[[], Figure]]


def _scores(
    region: str, methods: dict[str, float], metric: str = "mae", *, cases: int = 7, unit: str = "HU"
) -> list[Score]:
    rng = np.random.default_rng(1)
    return [
        Score(f"case_{number}", region, method, metric, value * float(rng.uniform(0.8, 1.2)), unit)
        for method, value in methods.items()
        for number in range(cases)
    ]


def plots(say: Say) -> Figures:
    return {
        **_methods(say),
        **_classes(say),
        **_arms(say),
        **_profiles(say),
        **_copies(),
        **_sets(say),
        **_study(say),
        **_networks(say),
    }


def _methods(say: Say) -> Figures:
    methods = {"identity": 200.0, "lookup": 60.0, say("model"): 30.0, say("other model"): 35.0}
    scores = [
        *_scores("foreground", methods),
        *_scores("foreground", {name: 20 + 200 / value for name, value in methods.items()}, "psnr", unit="dB"),
        *_scores("foreground", {name: 0.7 - value / 400 for name, value in methods.items()}, "ssim", unit="1"),
    ]
    return {
        "boxes": lambda: draw_box_plots(scores),
        "boxes_many": lambda: draw_box_plots(
            _scores("foreground", {"identity": 200.0, **{say(f"model {n}"): 20.0 + n for n in range(9)}})
        ),
        "boxes_few": lambda: draw_box_plots([score for score in scores if score.case < "case_3"], metrics=("mae",)),
        "misalignment": lambda: draw_misalignment(
            {
                name: {0: [60.0 + n, 61.0 + n], 1: [63.0 + n, 66.0], 4: [90.0, 80.0 + n]}
                for n, name in enumerate(("identity", "lookup", *(say(f"loss {n}") for n in range(7))))
            },
            unit="HU",
            cases=6,
        ),
    }


def _classes(say: Say) -> Figures:
    regions = [say(name) for name in ("whole tumour", "tumour core", "enhancing tumour", "oedema")]
    classes = [
        score
        for place, region in enumerate(regions)
        for score in (
            *_scores(region, {"model": 0.8 - place / 10}, "dice", unit="1"),
            *_scores(region, {"model": 3.0 + 100 * place}, "hd95", unit="mm"),
            *_scores(region, {"model": 12.0, "truth": 14.0}, "volume", unit="ml"),
        )
    ]
    return {
        "classes": lambda: draw_classes(classes, regions=regions),
        "classes_many": lambda: draw_classes(
            [s for n in range(9) for s in _scores(say(f"structure {n}"), {"model": 0.9 - n / 20}, "dice")],
            regions=[say(f"structure {n}") for n in range(9)],
        ),
        "classes_very_many": lambda: draw_classes(
            [
                s
                for n in range(24)
                for metric, value in (("dice", 0.9 - n / 60), ("hd95", 2.0 + n))
                for s in _scores(say(f"structure {n}"), {"model": value}, metric, cases=2)
            ],
            regions=[say(f"structure {n}") for n in range(24)],
        ),
        "volumes": lambda: draw_volumes(classes, regions=regions),
        "volumes_many": lambda: draw_volumes(
            [
                s
                for n in range(6)
                for s in _scores(say(f"structure {n}"), {"model": 12.0, "truth": 14.0}, "volume", unit="ml")
            ],
            regions=[say(f"structure {n}") for n in range(6)],
        ),
        "volumes_one": lambda: draw_volumes(classes, regions=regions[:1]),
    }


def _arms(say: Say) -> Figures:
    regions = [say(name) for name in ("whole tumour", "tumour core", "enhancing tumour", "oedema")]
    arms = {"real": "real in-phase", "synthetic": "synthetic in-phase", "without": "without in-phase"}
    dice = [
        score
        for region in regions[:3]
        for score in _scores(region, {"real": 0.8, "synthetic": 0.7, "without": 0.5}, "dice")
    ]
    return {
        "slopes": lambda: draw_slopes(dice, arms=arms, regions=regions),
        "slopes_many": lambda: draw_slopes(
            [
                s
                for n in range(7)
                for s in _scores(say(f"structure {n}"), {"real": 0.8, "synthetic": 0.7, "without": 0.5}, "dice")
            ],
            arms=arms,
            regions=[say(f"structure {n}") for n in range(7)],
        ),
        "slopes_one": lambda: draw_slopes(dice, arms=arms, regions=regions[:1]),
    }


def _profiles(say: Say) -> Figures:
    profile = {
        "identity": np.linspace(90, 120, 40),
        "lookup": np.linspace(60, 50, 40),
        say("model"): np.linspace(40, 20, 40),
    }
    return {
        "profile_many": lambda: draw_slice_profile(
            {**profile, **{say(f"model {n}"): np.linspace(40, 20 + n, 40) for n in range(9)}}, unit="HU"
        ),
        "profile": lambda: draw_slice_profile(profile, unit="HU", case=say("case_001")),
    }


def _copies() -> Figures:
    rng = np.random.default_rng(2)
    roles = {
        "synthetic": rng.uniform(0.5, 1.9, 60),
        "held-out": rng.uniform(0.8, 2.2, 20),
        "member": rng.uniform(0.7, 2, 40),
    }
    strips = [Strip(name, {r: list(v) for r, v in roles.items()}, 0.82, what) for name, what in SPACES]
    attacks = [
        Attack(name, rng.normal(0.2, 1, 40), rng.normal(0, 1, 20), Membership(0.55, (0.41, 0.68), 40, 20))
        for name, _ in SPACES
    ]
    return {
        "nearness": lambda: draw_nearness(strips),
        "attacks": lambda: draw_attacks(attacks),
    }


SPACES = (("Images", "image"), ("Features of a network", "image"), ("Label maps", "label map"))


def _sets(say: Say) -> Figures:
    rng = np.random.default_rng(3)
    names = tuple(f"case_{n}" for n in range(50))
    views = ("axial", "coronal", "sagittal")
    real = {view: Sample(rng.normal(size=(50, 6)), names, names) for view in views}
    made = {view: Sample(rng.normal(0.7, 1, size=(50, 6)), names, names) for view in views}
    features = say("segmenter")
    rows = [
        SetRow(
            region=view,
            method=method,
            metric=name,
            title=metric.title,
            better=metric.better,
            value=value,
            sd=0.1 if name == "kid" else None,
            p=None,
            note="",
            samples=(50, 50),
            cases=(50, 50),
            features=features,
        )
        for view in views
        for method, value in ((FLOOR, 0.2), (SYNTHETIC, 0.7))
        for name, metric in metrics_of("set").items()
    ]
    missing = [replace(row, value=nan) if row.metric == "fid" else row for row in rows]
    return {
        "features": lambda: draw_features(made, real, target=say("CT"), features=features),
        "features_one": lambda: draw_features({"axial": made["axial"]}, real, target=say("CT"), features=features),
        "distances": lambda: draw_distances(rows, features=features),
        "distances_missing": lambda: draw_distances(missing, features=features),
    }


def _study(say: Say) -> Figures:
    runs = make_runs()
    scores = mean_over_seeds(runs[::-1])
    compared = {(row.metric, row.region): row for row in compare_variants(runs, "with", "without")}
    tests = {
        region: [
            PairedTest("with \N{MINUS SIGN} source", compared["ssim", region].pair),
            PairedTest(
                "with \N{MINUS SIGN} without", compared["ssim", region].pair, compared["ssim", region].crossed_interval
            ),
        ]
        for region in ("foreground", "lesion")
    }
    by_case = differences(runs, "with", "without", region="lesion", metric="mae")
    values = {f"seed {seed}": by_case[seed] for seed in SEEDS} | {"all seeds": by_case[1]}
    heading = f"With: the recipe as it stands. Without: {say('loss.lesion_mask')}=0. Seeds: 0, 1, 2."
    return {
        "similarity": lambda: draw_similarity(scores, tests, names=NAMES, heading=heading),
        "tasks": lambda: draw_tasks(
            {say("T1c to T1"): scores, say("T2 to FLAIR"): scores}, names=NAMES, heading=heading
        ),
        "differences": lambda: draw_differences(scores, compared["mae", "lesion"], values, heading=heading),
    }


RATE, WEIGHT, BATCH, SCHEDULE = "training.learning_rate", "loss.l1", "training.batch_size", "training.schedule"
SPACE = {
    RATE: {"low": 1e-5, "high": 1e-1, "log": True},
    WEIGHT: {"low": 0.5, "high": 9.5},
    BATCH: {"low": 1, "high": 8, "integer": True, "log": True},
    SCHEDULE: {"values": ["constant", "cosine"]},
}


def _searched(metric: str = "ssim", *, scale: float = 1.0) -> Searched:
    overrides = {"search": {"sampler": "tpe", "metric": metric, "space": SPACE}}
    recipe = resolve_search(resolve_recipe("avula2020-t1-to-t2", overrides=overrides))
    own: dict[str, Any] = {RATE: 1e-3, WEIGHT: 1.0, BATCH: 8, SCHEDULE: "cosine"}
    trials = (
        Trial(0, "complete", 0.80 * scale, own),
        Trial(1, "complete", 0.70, {**own, RATE: 1e-4, WEIGHT: 9.0}),
        Trial(2, "complete", 0.91 / scale, {**own, RATE: 3e-3, SCHEDULE: "constant", BATCH: 2}),
        Trial(3, "pruned", 0.10, {**own, RATE: 1e-5}),
        Trial(4, "complete", 0.85, {**own, WEIGHT: 5.0}),
    )
    importance = Importance({RATE: 0.7, WEIGHT: 0.3}, {RATE: 0.4, WEIGHT: 0.5})
    return Searched(recipe, trials, own_values(recipe), importance, storage="study.db", pruner="median", seconds=600.0)


def _networks(say: Say) -> Figures:
    wide = [OutlinedLayer(f"convolution {n} x {n}", n, 8, 8 * n, (256 // n, 256 // n), 800) for n in range(1, 8)]
    outline = Outline((256, 256), tuple(wide), 123_456_789)
    return {"networks": lambda: draw_networks({say("generator"): outline, "judge": outline}, name=say("a recipe"))}


def searches(say: Say) -> Figures:
    found = _searched()
    names = [say(f"focal, flair, rate {n}") for n in range(7)]
    epochs = tuple(float(n) for n in range(1, 7))
    settings = [
        Setting(
            name,
            epochs,
            tuple(
                {f"{part}{metric}": 0.1 + epoch / (10 + n) for part in ("", "train_") for metric in _OF_LABELS}
                for epoch in epochs
            ),
            5,
        )
        for n, name in enumerate(names)
    ]
    return {
        "slices": lambda: draw_slices(found),
        "slices_over_decades": lambda: draw_slices(_searched("mae", scale=7.0)),
        "history_over_decades": lambda: draw_history(_searched("mae", scale=7.0)),
        "history": lambda: draw_history(found),
        "importance": lambda: draw_importance(found),
        "parallel": lambda: draw_parallel(found),
        "grid": lambda: draw_grid(settings, varied=f"{say('loss')} and source", chosen_by="f1"),
        "grid_few": lambda: draw_grid(settings[:2], varied="loss and source", chosen_by="f1"),
    }
