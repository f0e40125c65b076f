"""A segmentation evaluation on disk: scores, summary, figures and the page of label maps beside the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.candidates import Candidate
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.scores import Score, extremes
from voxlate.evaluation.segmentation.cases import LOOKUP, Segmented, classes_of, segment_cases
from voxlate.evaluation.segmentation.scores import VOLUME, Classes, class_regions, whole
from voxlate.evaluation.segmentation.verdict import SEGMENTATION_RULE, judge_segmentation, nothing_found
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.words import interval_words, meaning, metric_title, number, short_title
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.metrics import metrics_of
from voxlate.progress import ProgressReport
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.page.caveats import caveats, seen_caveats
from voxlate.reporting.page.page import Illustration, embed, render_page, write_figures
from voxlate.reporting.page.tables import comparison_tables
from voxlate.reporting.run.gap import gap_of_run
from voxlate.reporting.segmentation.pictures import Finding, draw_finding, draw_findings
from voxlate.reporting.segmentation.plots import draw_classes, draw_volumes
from voxlate.reporting.segmentation.tables import class_sections
from voxlate.roles import MODEL
from voxlate.workflows.result import Evaluated, emptied, figures_of_training

Summary = Mapping[str, Any]
_IN_TERMINAL = (
    "dice",
    "iou",
    "precision",
    "recall",
    "accuracy",
    "hd95",
    "surface_dice",
    "volume_error",
    "detection_f1",
)
_OF_CLASSES = ("dice", "recall", "hd95")
_COMPARED = frozenset({"dice", "precision", "recall", "hd95", "volume_error", "detection_f1"})


@dataclass(frozen=True)
class _Subject:
    """What the page is about."""

    candidate: Candidate
    classes: Classes
    cases: Sequence[Case]
    path: Path

    @property
    def main(self) -> str:
        """The region that holds all labels."""
        return whole(self.classes)

    @property
    def seen(self) -> int:
        """Cases that the model was trained or chosen on."""
        return self.candidate.seen(self.cases)

    @property
    def what(self) -> str:
        """What the cases are, in a word."""
        return self.candidate.what_cases(seen=self.seen, of=len(self.cases))


def evaluate_segmentation(
    candidate: Candidate, cases: Sequence[Case], out: Path, *, path: Path, report: ProgressReport
) -> Evaluated:
    """Segments and scores every case, beside intensity alone, and writes scores, summary, figures and page.

    Args:
        candidate: Whose label maps are judged.
        cases: With sources and true label maps.
        out: Where it is written.
        path: The run, bundle or folder that the candidate was loaded from.
        report: Called with the number of scored cases.

    Raises:
        CohortError: If no case can be scored, or classes are unknown and the true maps have no label.
    """
    classes = classes_of(candidate, cases)
    check_writable(out)
    with hold(out, what="evaluation"), emptied(out / ".panels") as panels:
        remove_stale(out)
        scores, failed = segment_cases(
            candidate, cases, classes=classes, keep=lambda one: _keep(one, panels), report=report
        )
        refused = {case for case, _ in failed}
        subject = _Subject(candidate, classes, [case for case in cases if case.id not in refused], path)
        illustrations = {**_illustrate(subject, scores, panels), **figures_of_training(path, labels=True)}
        return _write(subject, scores, illustrations, failed=failed, out=out)


def summarise_segmentation(scores: Sequence[Score]) -> dict[str, Any]:
    """The summary of scores of segmentations, without volumes, which are better in no direction."""
    summary = summarise([score for score in scores if score.metric != VOLUME])
    return {**summary, "rule": SEGMENTATION_RULE}


def _keep(segmented: Segmented, folder: Path) -> None:
    """Puts what a picture needs on disk, so that a cohort of any size can be scored before the cases are chosen."""
    arrays: dict[str, Any] = {
        "image": segmented.image,
        "truth": segmented.truth,
        "found": segmented.found[MODEL],
        "spacing_mm": segmented.spacing_mm,
    }
    np.savez(folder / f"{len(list(folder.iterdir()))}.npz", case=segmented.case_id, **arrays)


def _write(
    subject: _Subject,
    scores: list[Score],
    illustrations: Mapping[str, Illustration],
    *,
    failed: list[Failed],
    out: Path,
) -> Evaluated:
    summary = summarise_segmentation(scores)
    sentence = judge_segmentation(summary, scores, subject.classes, cases=subject.what)
    silent = nothing_found(scores, subject.classes)
    summary = {
        "answer": sentence,
        "classes": {name: list(values) for name, values in subject.classes.items()},
        "nothing_found": list(silent),
        **summary,
    }
    write_scores(scores, out / "scores.csv")
    write_summary(summary, out / "summary.json")
    write_figures(illustrations, out)
    page = out / "report.html"
    write_text(page, _page(subject, summary, scores, figures=illustrations, failed=failed))
    return Evaluated(sentence, page, *_table(summary, subject.main), failed=failed)


def _page(
    subject: _Subject,
    summary: Summary,
    scores: Sequence[Score],
    *,
    figures: Mapping[str, Illustration],
    failed: Sequence[Failed],
) -> str:
    plan, candidate = subject.candidate.plan, subject.candidate
    sources = ", ".join(get_contrast(name).title for name in plan.source)
    title = f"{get_contrast(plan.target).title} in {sources}"
    of_dice = {**summary, "rows": [row for row in summary["rows"] if row["metric"] == "dice"]}
    against = [row for row in summary["rows"] if row["metric"] in _COMPARED and row["region"] == subject.main]
    gap = gap_of_run(subject.path)
    metrics = list(metrics_of("segmentation", "surface", "detection"))
    return render_page(
        "segmentation.html.j2",
        report={
            "title": f"{title[:1].upper()}{title[1:]}, {candidate.name}",
            "verdict": summary["answer"],
            "facts": {
                **candidate.facts,
                "cases": f"{summary['n_cases']} {subject.what}",
                "classes": "; ".join(f"{name}: {_values(values)}" for name, values in subject.classes.items()),
                "intensity lookup": f"{get_contrast(plan.source[0]).title}: labels an intensity of which more than "
                f"{100 * candidate.lookup.best_share():.3g} % are labelled in training",
                "software": f"voxlate {__version__}",
            },
        },
        warnings=[
            *nothing_found(scores, subject.classes).values(),
            *([gap] if gap else []),
            *seen_caveats(subject.seen, len(subject.cases)),
            *(f"{case} could not be scored: {reason}" for case, reason in failed),
            *caveats(of_dice),
        ],
        sections=class_sections(summary, scores, main=subject.main),
        comparison_tables=comparison_tables({**summary, "rows": against}),
        figures=[embed(illustration) for illustration in figures.values()],
        glossary=[
            *((metric_title(name), meaning(name)) for name in metrics if meaning(name)),
            ("intensity lookup", "labels what has the intensities that are labelled often in the training cases"),
            ("95 %", "bootstrap interval of the mean over cases"),
            ("beaten", "better in the mean with an interval that excludes no gain; of few cases, in every one"),
            ("n/a", "not available: the class is empty in the case; never averaged in"),
        ],
    )


def _values(values: Sequence[int]) -> str:
    return f"label {', '.join(map(str, values))}" if values else "every label"


def _illustrate(subject: _Subject, scores: Sequence[Score], panels: Path) -> dict[str, Illustration]:
    """The median case in three planes, worst to best, scores class by class, and volumes."""
    figures: dict[str, Illustration] = {}
    regions = list(class_regions(subject.classes))
    kept = {case: path for path in panels.glob("*.npz") for case in [_case_of(path)]}
    try:
        chosen = extremes(scores, metric="dice", region=subject.main)
    except UsageError:  # nothing is labelled in any case, neither truly nor by the model
        return {}
    wanted = {"worst": chosen.worst, "median": chosen.median, "best": chosen.best}
    findings = {label: _finding(kept[case], subject, scores) for label, case in wanted.items()}
    figures["median"] = Illustration(
        "The median case",
        f"By Dice in {subject.main}. Hit, missed and invented have a colour and a pattern each; slices by rule.",
        to_png(draw_finding(findings["median"], heading=f"median: {chosen.median}")),
    )
    if len(set(wanted.values())) > 1:
        figures["extremes"] = Illustration(
            "Worst, median and best case", f"By Dice in {subject.main}.", to_png(draw_findings(findings))
        )
    figures["classes"] = Illustration(
        "All cases, class by class", "Every point is a case.", to_png(draw_classes(scores, regions=regions))
    )
    figures["volumes"] = Illustration(
        "Volume found and true volume",
        "A point below the line is a case in which too little was found.",
        to_png(draw_volumes(scores, regions=regions)),
    )
    return figures


def _case_of(path: Path) -> str:
    with np.load(path) as file:
        return str(file["case"])


def _finding(path: Path, subject: _Subject, scores: Sequence[Score]) -> Finding:
    with np.load(path) as file:
        values = dict(file)
    i, j, k = (float(value) for value in values["spacing_mm"])
    case = str(values["case"])
    return Finding(
        case=case,
        image=values["image"],
        title=get_contrast(subject.candidate.plan.reference).title,
        truth=values["truth"],
        found=values["found"],
        classes=subject.classes,
        spacing_mm=(i, j, k),
        numbers=finding_numbers(scores, case),
    )


def finding_numbers(scores: Sequence[Score], case: str, *, method: str = MODEL) -> dict[str, str]:
    """From a region to what is written under its overlay: Dice and HD95 of the case."""
    values = {(s.region, s.metric): s for s in scores if s.case == case and s.method == method}
    return {
        region: ", ".join(
            f"{metric_title(name)} {number(values[region, name].value, metric=name)}"
            + (" mm" if name == "hd95" and np.isfinite(values[region, name].value) else "")
            for name in ("dice", "hd95")
            if (region, name) in values
        )
        for region in dict.fromkeys(region for region, _ in values)
    }


def _table(summary: Summary, main: str) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The summary's rows for a terminal, the region of all labels first; of the others what is asked for most."""
    rows: list[tuple[str, ...]] = []
    for row in sorted(summary["rows"], key=lambda row: bool(row["region"] != main)):
        metric = row["metric"]
        if metric in (_IN_TERMINAL if row["region"] == main else _OF_CLASSES):
            interval = interval_words(row["interval"], metric=metric) if row["interval"] else ""
            method = short_title(row["method"]) if row["method"] == LOOKUP else row["method"]
            mean = number(row["mean"], metric=metric)
            rows.append((row["region"], row["title"], method, mean, interval, row["unit"], str(row["n"])))
    return ("region", "metric", "method", "mean", "95 % interval", "unit", "n"), rows
