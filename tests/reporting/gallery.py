"""Every figure of the package, from one small head and from names of any length."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.reporting.plots import Figures, Say, plots, searches
from tests.reporting.samples import LESION, MASK
from voxlate.evaluation.task.arms import Attempt
from voxlate.methods.style_transfer.reconstruction import Reconstruction, Reconstructions
from voxlate.reporting.drawing.mosaic import MosaicCase, draw_mosaic
from voxlate.reporting.drawing.panels import Panel, draw_cases, draw_translation
from voxlate.reporting.drawing.planes import Planes, draw_planes, draw_rows
from voxlate.reporting.drawing.views import SliceChoice
from voxlate.reporting.fidelity.views import draw_views
from voxlate.reporting.privacy.pictures import LabelPair, LookAlike, draw_label_pair, draw_look_alike
from voxlate.reporting.run.alignment import Aligned, draw_alignment
from voxlate.reporting.run.curves import draw_curves
from voxlate.reporting.run.game import draw_game
from voxlate.reporting.run.gap import draw_gap
from voxlate.reporting.run.moments import Moment, draw_moment, draw_moments
from voxlate.reporting.run.progression import Snapshot, draw_progression
from voxlate.reporting.run.reconstructions import draw_reconstructions
from voxlate.reporting.segmentation.pictures import SegmentedCase, draw_finding, draw_findings
from voxlate.reporting.study.pictures import draw_contrasted
from voxlate.reporting.task.pictures import _take_slice, draw_attempts
from voxlate.training.loop.journal import Entry

Array = NDArray[Any]
ROOT = Path(__file__).parents[2]


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
    return {**_panels(head, say), **_labels(head, say), **_runs(head, say), **plots(say), **searches(say)}


def figure_kinds() -> set[str]:
    """The functions of package and benchmarks that draw a figure, told by what they say that they return."""
    found = set()
    for path in (*(ROOT / "src/voxlate/reporting").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            draws = isinstance(node, ast.FunctionDef) and node.name.startswith("draw_")
            if draws and isinstance(node.returns, ast.Name) and node.returns.id == "Figure":
                found.add(node.name)
    return found - {"draw_sheet"}  # the scaffold of the others


def drawn_kinds(figures: Figures) -> set[str]:
    """The functions that draw these figures, told by the names in what calls them."""
    return {name for draw in figures.values() for name in draw.__code__.co_names if name.startswith("draw_")}


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
    own = _panel(head, say, source_windows={say("T1"): (-1.25, 2000.0)}, window=(-1000.0, 3000.0), unit="a.u.")
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
        "planes": lambda: draw_planes(
            head.truth, spacing_mm=head.spacing_mm, title=say("T2 of case_001"), unit="HU", notes=["Synthetic."]
        ),
        "rows": lambda: draw_rows(
            [Planes(head.source, f"Source: {say('T1')}", "a.u."), Planes(head.truth, f"Prediction: {say('T2')}", "HU")],
            spacing_mm=head.spacing_mm,
        ),
        "translation": lambda: draw_translation(panel, planes=("axial", "coronal", "sagittal")),
        "cases": lambda: draw_cases({"Worst": worse, "Median": own, "": panel}),
        "sources": lambda: draw_translation(many),
        "contrasted": lambda: draw_contrasted({say("without"): worse, say("with"): panel}),
        "views": lambda: draw_views(panel, views, numbers=dict.fromkeys(views, "MAE 12.3 HU in the foreground")),
        "alignment": lambda: draw_alignment(aligned),
        "mosaic": lambda: draw_mosaic(
            [
                MosaicCase(
                    say("case_001"),
                    {say("T1"): head.source, say("T2"): head.truth},
                    head.labels,
                    (2, 2, 3),
                    say("lesion"),
                ),
                MosaicCase(say("case_002"), {say("T1"): head.source}, None, (2, 2, 3), say("lesion")),
            ],
            heading="2 of 9 cases",
        ),
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


def _log() -> list[Entry]:
    rng = np.random.default_rng(0)
    rows: list[Entry] = []
    for step in range(1, 101):
        loss = float(np.exp(-step / 20) * rng.uniform(0.7, 1.3))
        rows.append(Entry(step, {"loss": loss, "l1": loss / 2, "a_long_name_of_a_loss_term": loss / 3}))
        if step % 10 == 0:
            rows.append(Entry(step, validation={"mae": 100 * loss + 12, "psnr": 20 + step / 50, "ssim": 0.7}))
    return rows


def _segmentation_log() -> list[Entry]:
    return [
        Entry(
            step,
            validation={
                **dict.fromkeys(("dice", "recall", "precision"), 0.4 + step / 400),
                **{f"train_{name}": 0.5 + step / 250 for name in ("dice", "recall", "precision")},
                "loss": 1 / step,
                "train_loss": 0.5 / step,
            },
        )
        for step in range(10, 110, 10)
    ]


def _game_log() -> list[Entry]:
    fixed = {"generator": 11.4, "discriminator": 0.6, "adversarial": 0.8, "accuracy_real": 0.7, "accuracy_fake": 0.6}
    return [Entry(step, {**fixed, "fooled": 0.4 + step / 300}) for step in range(1, 41)]
