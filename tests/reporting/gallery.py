"""Every figure of the package, from one small head and from names of any length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tests.evaluation.study.test_paired import study
from tests.reporting.samples import LESION, MASK
from voxlate.evaluation.privacy.attack import Membership
from voxlate.evaluation.scores import Score
from voxlate.evaluation.sets.distances import FLOOR, SYNTHETIC, Sample
from voxlate.evaluation.sets.verdict import SetRow
from voxlate.evaluation.study.grid import COLUMNS, Setting
from voxlate.evaluation.study.paired import compare_variants, differences
from voxlate.evaluation.study.runs import ScoredRun, mean_over_seeds
from voxlate.evaluation.task.arms import Attempt
from voxlate.methods.style_transfer.reconstruction import Reconstruction, Reconstructions
from voxlate.metrics import metrics_of
from voxlate.reporting.drawing.boxes import draw_box_plots
from voxlate.reporting.drawing.panels import Panel, draw_cases, draw_translation
from voxlate.reporting.drawing.views import SliceChoice
from voxlate.reporting.fidelity.profiles import draw_slice_profile
from voxlate.reporting.fidelity.views import draw_views
from voxlate.reporting.privacy.pictures import LabelPair, LookAlike, draw_label_pair, draw_look_alike
from voxlate.reporting.privacy.plots import Attack, Strip, draw_attacks, draw_nearness
from voxlate.reporting.run.alignment import Aligned, draw_alignment
from voxlate.reporting.run.curves import draw_curves
from voxlate.reporting.run.game import draw_game
from voxlate.reporting.run.gap import draw_gap
from voxlate.reporting.run.moments import Moment, draw_moment, draw_moments
from voxlate.reporting.run.progression import Snapshot, draw_progression
from voxlate.reporting.run.reconstructions import draw_reconstructions
from voxlate.reporting.search.grid_plots import draw_grid
from voxlate.reporting.search.plots import draw_history, draw_importance, draw_parallel, draw_slices
from voxlate.reporting.segmentation.pictures import SegmentedCase, draw_finding, draw_findings
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes
from voxlate.reporting.sets.plots import draw_distances, draw_features
from voxlate.reporting.study.pictures import draw_contrasted
from voxlate.reporting.study.plots import PairedTest, draw_differences, draw_similarity
from voxlate.reporting.task.pictures import _take_slice, draw_attempts
from voxlate.reporting.task.plots import draw_slopes
from voxlate.training.tuning.results import Importance, Searched
from voxlate.training.tuning.space import own_values, resolve_search
from voxlate.training.tuning.trials import Trial
from voxlate.verbs import resolve_recipe

Array = NDArray[Any]
Say = Callable[[str], str]
"""From a short name to the one that is written."""
Figures = dict[str, Callable[[], Figure]]


@dataclass(frozen=True, eq=False)
class Head:
    """Arrays ``(i, j, k)`` of one shape; labels are 1 to 3, and the lesion is all of them."""

    source: Array
    truth: Array
    prediction: Array
    mask: Array
    labels: Array
    spacing_mm: tuple[float, float, float]


def ball_head() -> Head:
    truth = np.where(MASK, 500.0, 0.0) + np.where(LESION, 300.0, 0.0)
    labels = np.where(LESION, 1, 0)
    labels[14:, 15:, :] *= 2
    return Head(np.where(MASK, 500.0, 0.0), truth, np.where(MASK, 450.0, 0.0), MASK, labels, (2.0, 2.0, 3.0))


def gallery(head: Head, say: Say = str) -> Figures:
    """From a name to what draws the figure."""
    return {**_panels(head, say), **_labels(head, say), **_runs(head, say), **_plots(say), **_searches(say)}


def _panel(head: Head, say: Say, **changes: Any) -> Panel:
    plain = Panel(
        case=say("case_001"),
        sources={say("T1"): head.source},
        prediction=head.prediction,
        truth=head.truth,
        target=say("T2"),
        unit="HU",
        spacing_mm=head.spacing_mm,
        mask=head.mask,
        lesion=head.labels > 0,
        numbers=(
            "foreground: MAE 12.3 HU, PSNR 31.2 dB, SSIM 0.912",
            f"{say('lesion')}: MAE 32.1 HU, PSNR 22.4 dB, SSIM 0.701",
        ),
    )
    return replace(plain, **changes)


def _panels(head: Head, say: Say) -> Figures:
    panel = _panel(head, say)
    own = _panel(head, say, source_windows={say("T1"): (-1.25, 2000.0)}, unit="a.u.")
    many = _panel(head, say, sources={say(name): head.source for name in ("T1", "FLAIR", "CT")})
    worse = replace(panel, prediction=np.where(head.mask, head.prediction * 0.7, head.prediction))
    views = {"axial": worse.prediction, "sagittal": head.prediction, "coronal": worse.prediction}
    views["model"] = head.prediction
    aligned = Aligned(
        case=say("case_001"),
        reference=head.source,
        before=np.roll(head.truth, 4, axis=0),
        after=head.truth,
        titles=(say("T1"), say("CT")),
        spacing_mm=head.spacing_mm,
        mask=head.mask,
        notes=("ct: rigid registration, the foreground moved by 12.00 mm on average, at most 14.20 mm",),
    )
    return {
        "translation": lambda: draw_translation(panel, planes=("axial", "coronal", "sagittal")),
        "cases": lambda: draw_cases({"Worst": worse, "Median": own, "": panel}),
        "sources": lambda: draw_translation(many),
        "contrasted": lambda: draw_contrasted({say("without"): worse, say("with"): panel}),
        "views": lambda: draw_views(panel, views, numbers=dict.fromkeys(views, "MAE 12.3 HU in the foreground")),
        "alignment": lambda: draw_alignment(aligned),
        "look_alike": lambda: draw_look_alike(_look_alike(head, say)),
    }


def _look_alike(head: Head, say: Say) -> LookAlike:
    top = float(head.truth.max())
    ours, theirs = (np.asarray(image / top, dtype=np.float32) for image in (head.prediction, head.truth))
    note = f"{say('synthetic_1')} lies 0.81 of the median distance from {say('patient_7')}: held back"
    return LookAlike(say("synthetic_1"), say("patient_7"), ours, theirs, head.spacing_mm, note)


def _labels(head: Head, say: Say) -> Figures:
    found = np.roll(head.labels, 2, axis=0)
    classes = {say("whole tumour"): (1, 2, 3), say("core"): (2, 3), say("enhancing"): (3,), say("rest"): (1,)}
    finding = SegmentedCase(
        case=say("case_001"),
        image=head.source,
        title=say("FLAIR"),
        truth=head.labels,
        found=found,
        classes=classes,
        spacing_mm=head.spacing_mm,
        numbers=dict.fromkeys(classes, "Dice 0.712, HD95 12.3 mm, volume 12.3 of 14.1 ml"),
    )
    arms = ("real", "synthetic", "without")
    attempt = Attempt(
        case_id=say("case_001"),
        truth=head.labels,
        found=dict.fromkeys(arms, found),
        images={"real": head.truth, "synthetic": head.prediction, "without": head.source},
        shown={"real": "in_phase", "synthetic": "in_phase", "without": "out_phase"},
        spacing_mm=head.spacing_mm,
    )
    shown = _take_slice(attempt, true=head.labels > 0, found=dict.fromkeys(arms, found > 0))
    numbers = {attempt.case_id: dict.fromkeys(arms, "Dice 0.712, HD95 12.3 mm")}
    rows = {f"{attempt.case_id}: loses 0.123 of Dice by the synthetic image": shown, "Median": shown}
    pair = LabelPair(
        say("synthetic_1"),
        say("patient_7"),
        found,
        head.labels,
        head.spacing_mm,
        "Dice 0.912 over all structures",
        {1: say("left ventricle"), 2: say("aorta"), 3: say("myocardium")},
    )
    moments = [_moment(finding, step) for step in (1, 20, 400, 8000, 16000, 32000)]
    return {
        "finding": lambda: draw_finding(finding),
        "findings": lambda: draw_findings({"worst": finding, say("median"): finding}),
        "attempts": lambda: draw_attempts(rows, numbers=numbers),
        "label_pair": lambda: draw_label_pair(pair),
        "moment": lambda: draw_moment(moments[-1]),
        "moments": lambda: draw_moments(moments),
        "moments_few": lambda: draw_moments(moments[:1]),
    }


def _moment(finding: SegmentedCase, step: int) -> Moment:
    where = finding.choose().index
    cut = np.s_[:, :, where : where + 1]
    parts: dict[str, Any] = {name: getattr(finding, name)[cut] for name in ("image", "truth", "found")}
    return Moment(step, replace(finding, **parts), 0.712, "largest true area")


def _runs(head: Head, say: Say) -> Figures:
    truth = head.truth[:, :, head.truth.shape[2] // 2][..., None]
    mask = head.mask[:, :, head.mask.shape[2] // 2][..., None]
    frames = [Snapshot(step, truth * (1 - 1 / (1 + step)), 123.4 / (1 + step)) for step in (1, 10, 100, 1000, 10000)]
    strip: dict[str, Any] = {
        "truth": truth,
        "choice": SliceChoice("axial", 0, "median of the foreground"),
        "spacing_mm": head.spacing_mm,
        "unit": "HU",
        "target": say("T2"),
        "mask": mask,
        "case": say("case_001"),
    }
    flat = np.asarray(truth[..., 0] / truth.max(), dtype=np.float32)
    images = {
        f"block{n}_conv1": Reconstruction(np.asarray(flat / n, dtype=np.float32), 10.0 ** (-2 * n)) for n in range(1, 6)
    }
    found = Reconstructions(flat, flat[::-1], mask[..., 0] != 0, (0.0, 1.0), images, images)
    return {
        "progression": lambda: draw_progression(frames, **strip),
        "progression_few": lambda: draw_progression(frames[:2], **strip),
        "reconstructions": lambda: draw_reconstructions(found, titles=(say("in-phase"), say("CT"))),
        "curves": lambda: draw_curves(_log(), best_step=80, unit="HU"),
        "gap": lambda: draw_gap(_segmentation_log(), best_step=80),
        "game": lambda: draw_game(_game_log()),
    }


def _log() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for step in range(1, 101):
        loss = float(np.exp(-step / 20) * rng.uniform(0.7, 1.3))
        rows.append({"step": step, "loss": loss, "l1": loss / 2, "a_long_name_of_a_loss_term": loss / 3})
        if step % 10 == 0:
            rows.append({"step": step, "validation": {"mae": 100 * loss + 12, "psnr": 20 + step / 50, "ssim": 0.7}})
    return rows


def _segmentation_log() -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "validation": {
                **dict.fromkeys(("dice", "recall", "precision"), 0.4 + step / 400),
                **{f"train_{name}": 0.5 + step / 250 for name in ("dice", "recall", "precision")},
                "loss": 1 / step,
                "train_loss": 0.5 / step,
            },
        }
        for step in range(10, 110, 10)
    ]


def _game_log() -> list[dict[str, Any]]:
    fixed = {"generator": 11.4, "discriminator": 0.6, "adversarial": 0.8, "accuracy_real": 0.7, "accuracy_fake": 0.6}
    return [{"step": step, **fixed, "fooled": 0.4 + step / 300} for step in range(1, 41)]


def _scores(
    region: str, methods: dict[str, float], metric: str = "mae", *, cases: int = 7, unit: str = "HU"
) -> list[Score]:
    rng = np.random.default_rng(1)
    return [
        Score(f"case_{number}", region, method, metric, value * float(rng.uniform(0.8, 1.2)), unit)
        for method, value in methods.items()
        for number in range(cases)
    ]


def _plots(say: Say) -> Figures:
    methods = {"identity": 200.0, "lookup": 60.0, say("model"): 30.0, say("other model"): 35.0}
    scores = [
        *_scores("foreground", methods),
        *_scores("foreground", {name: 20 + 200 / value for name, value in methods.items()}, "psnr", unit="dB"),
        *_scores("foreground", {name: 0.7 - value / 400 for name, value in methods.items()}, "ssim", unit="1"),
    ]
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
    arms = {"real": "real in-phase", "synthetic": "synthetic in-phase", "without": "without in-phase"}
    dice = [
        score
        for region in regions[:3]
        for score in _scores(region, {"real": 0.8, "synthetic": 0.7, "without": 0.5}, "dice")
    ]
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
    profile = {
        "identity": np.linspace(90, 120, 40),
        "lookup": np.linspace(60, 50, 40),
        say("model"): np.linspace(40, 20, 40),
    }
    return {
        "boxes": lambda: draw_box_plots(scores),
        "boxes_few": lambda: draw_box_plots([score for score in scores if score.case < "case_3"], metrics=("mae",)),
        "classes": lambda: draw_classes(classes, regions=regions),
        "classes_many": lambda: draw_classes(
            [s for n in range(9) for s in _scores(say(f"structure {n}"), {"model": 0.9 - n / 20}, "dice")],
            regions=[say(f"structure {n}") for n in range(9)],
        ),
        "volumes": lambda: draw_volumes(classes, regions=regions),
        "volumes_one": lambda: draw_volumes(classes, regions=regions[:1]),
        "slopes": lambda: draw_slopes(dice, arms=arms, regions=regions),
        "slopes_one": lambda: draw_slopes(dice, arms=arms, regions=regions[:1]),
        "profile": lambda: draw_slice_profile(profile, unit="HU", case=say("case_001")),
        "nearness": lambda: draw_nearness(strips),
        "attacks": lambda: draw_attacks(attacks),
        **_sets(say),
        **_study(say),
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


SEEDS = (0, 1, 2)
NAMES = {"identity": "source", "without": "prediction,\nwithout", "with": "prediction,\nwith"}


def make_runs(cases: int = 6) -> list[ScoredRun]:
    """Lesion and foreground; ``with`` is better by 0.01 (MAE) or 0.05 (SSIM) and a little from seed to seed."""
    runs: list[ScoredRun] = []
    for region in ("foreground", "lesion"):
        for metric, level, step in (("mae", 0.07, -0.01), ("ssim", 0.8, 0.05)):
            theirs = level + np.linspace(0, 0.01, cases)[None] + np.zeros((3, 1))
            ours = theirs + step + np.array([[0.001], [0.0], [-0.001]])
            for place, run in enumerate(study(ours, theirs, metric=metric, region=region)):
                if len(runs) <= place:
                    runs.append(run)
                else:
                    runs[place] = ScoredRun(run.variant, run.seed, (*runs[place].scores, *run.scores))
    return runs


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
        "differences": lambda: draw_differences(scores, compared["mae", "lesion"], values, heading=heading),
    }


RATE, WEIGHT, BATCH, SCHEDULE = "training.learning_rate", "loss.l1", "training.batch_size", "training.schedule"
SPACE = {
    RATE: {"low": 1e-5, "high": 1e-1, "log": True},
    WEIGHT: {"low": 0.5, "high": 9.5},
    BATCH: {"low": 1, "high": 8, "integer": True, "log": True},
    SCHEDULE: {"values": ["constant", "cosine"]},
}


def _searched() -> Searched:
    overrides = {"search": {"sampler": "tpe", "metric": "ssim", "space": SPACE}}
    recipe = resolve_search(resolve_recipe("avula2020-t1-to-t2", overrides=overrides))
    own: dict[str, Any] = {RATE: 1e-3, WEIGHT: 1.0, BATCH: 8, SCHEDULE: "cosine"}
    trials = (
        Trial(0, "complete", 0.80, own),
        Trial(1, "complete", 0.70, {**own, RATE: 1e-4, WEIGHT: 9.0}),
        Trial(2, "complete", 0.91, {**own, RATE: 3e-3, SCHEDULE: "constant", BATCH: 2}),
        Trial(3, "pruned", 0.10, {**own, RATE: 1e-5}),
        Trial(4, "complete", 0.85, {**own, WEIGHT: 5.0}),
    )
    importance = Importance({RATE: 0.7, WEIGHT: 0.3}, {RATE: 0.4, WEIGHT: 0.5})
    return Searched(recipe, trials, own_values(recipe), importance, storage="study.db", pruner="median", seconds=600.0)


def _searches(say: Say) -> Figures:
    found = _searched()
    names = [say(f"focal, flair, rate {n}") for n in range(7)]
    epochs = tuple(float(n) for n in range(1, 7))
    settings = [
        Setting(
            name,
            epochs,
            tuple(
                {f"{part}{metric}": 0.1 + epoch / (10 + n) for part in ("", "train_") for metric in COLUMNS}
                for epoch in epochs
            ),
            5,
        )
        for n, name in enumerate(names)
    ]
    return {
        "slices": lambda: draw_slices(found),
        "history": lambda: draw_history(found),
        "importance": lambda: draw_importance(found),
        "parallel": lambda: draw_parallel(found),
        "grid": lambda: draw_grid(settings, varied=f"{say('loss')} and source"),
        "grid_few": lambda: draw_grid(settings[:2], varied="loss and source"),
    }
