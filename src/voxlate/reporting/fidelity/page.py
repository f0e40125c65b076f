"""An evaluation on disk: scores, summary, figures and the page, from a model or translated images and a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling, labelling_of
from voxlate.config.window import VIEWS
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError, UsageError
from voxlate.evaluation.candidates import Candidate, load_candidate
from voxlate.evaluation.cases import Failed, score_cases, score_every_slice, score_volumes
from voxlate.evaluation.ct.density import ELECTRON_DENSITY, Calibration
from voxlate.evaluation.ct.gamma import find_gamma
from voxlate.evaluation.ct.scores import score_ct, score_dose
from voxlate.evaluation.fidelity.comparison import NORMALISED, Comparison
from voxlate.evaluation.fidelity.structures import (
    StructureError,
    structure_errors,
    summarise_structures,
    write_structures,
)
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.scores import Score, extremes
from voxlate.evaluation.segmentation.cases import is_segmentation
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.verdict import judge
from voxlate.evaluation.words import metric_title, number
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold
from voxlate.metrics import slice_errors
from voxlate.preprocess.plan import Plan
from voxlate.progress import ProgressReport
from voxlate.regions import FOREGROUND, UNIONS, in_words
from voxlate.reporting.drawing.boxes import draw_box_plots
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, draw_cases, draw_translation, source_windows
from voxlate.reporting.fidelity.profiles import draw_slice_profile
from voxlate.reporting.fidelity.structures import structure_section
from voxlate.reporting.fidelity.views import compare_views, draw_views, say_views, view_names, view_section
from voxlate.reporting.page.caveats import seen_caveats
from voxlate.reporting.page.page import Illustration, Report, write_figures, write_report
from voxlate.reporting.segmentation.page import evaluate_segmentation
from voxlate.roles import MODEL
from voxlate.workflows.result import SHOWN, Evaluated, emptied, figures_of_training, terminal_table

ASPECTS = ("fidelity", "dose")
"""What an evaluation can look at; fidelity is always scored."""

_DOSE_IN_WORDS = "primary photons of eight parallel beams, without scatter: a stand-in, no dose engine"


def evaluate_fidelity(
    path: Path,
    data: Path,
    out: Path,
    *,
    split: str,
    report: ProgressReport,
    calibration: Calibration | None = None,
    dose: bool = False,
) -> Evaluated:
    """Scores every case, beside both baselines, and writes ``scores.csv``, ``summary.json``, figures and page.

    Where the target is a label map, it is judged as a segmentation, see ``voxlate.reporting.segmentation.page``.

    Args:
        path: A run, a bundle, or a folder of translated images.
        data: The data set with the true target.
        out: Where it is written.
        split: ``test`` or ``all``.
        report: Called with the number of scored cases.
        calibration: Electron density relative to water, for the path lengths of a CT; by default ``ELECTRON_DENSITY``.
        dose: Whether the gamma pass rates of a CT are computed too.

    Raises:
        UsageError: If the split is unknown, a calibration is given or the dose asked for where the target is no CT, or
            the dose is asked for without pymedphys.
        CohortError: If no case is left to score.
    """
    if split not in {"test", "all"}:
        raise UsageError("the split test or all", came=repr(split), where="--split", remedy="Use one of them.")
    candidate, cohort = load_candidate(path, data)
    _refuse_what_needs_ct(candidate.plan, calibration=calibration, dose=dose)
    cases = candidate.cases(cohort, split=split)
    if not cases:
        raise CohortError(
            "cases that the model has not seen",
            came=f"{len(cohort)} that it was trained or chosen on",
            where=data,
            remedy="Add cases, or look at all of them with --split all (which says nothing about new cases).",
        )
    if is_segmentation(candidate.plan):
        return evaluate_segmentation(candidate, cases, out, path=path, report=report)
    check_writable(out)
    with hold(out, what="evaluation"), emptied(out / ".panels") as panels:
        remove_stale(out)
        densities = calibration or ELECTRON_DENSITY
        labelling = labelling_of(cases)
        scores, structures, failed = _score(
            candidate, cases, panels, labelling=labelling, report=report, calibration=densities, dose=dose
        )
        illustrations = {**_illustrate(candidate, scores, panels), **figures_of_training(path)}
        facts = {"water paths": densities.name} if _is_ct(candidate.plan) else {}
        facts |= {"dose": _DOSE_IN_WORDS} if dose else {}
        _write_structures(structures, out / "structures.csv")
        told = (summarise_structures(structures), labelling.of_structures, facts)
        return _write(candidate, scores, illustrations, cases=cases, told=told, failed=failed, out=out)


def _refuse_what_needs_ct(plan: Plan, *, calibration: Calibration | None, dose: bool) -> None:
    if calibration is not None and not _is_ct(plan):
        raise UsageError(
            "no calibration", came=calibration.name, where="calibration", remedy="Give one where the target is CT."
        )
    if not dose:
        return
    if not _is_ct(plan):
        raise UsageError(
            "CT as the target", came=get_contrast(plan.target).title, where="aspect dose", remedy="Leave it out."
        )
    find_gamma()


def _score(
    candidate: Candidate,
    cases: Sequence[Case],
    panels: Path,
    *,
    labelling: Labelling,
    report: ProgressReport,
    calibration: Calibration,
    dose: bool,
) -> tuple[list[Score], list[StructureError], list[Failed]]:
    structures: list[StructureError] = []
    numbers = count(1)

    def score(comparison: Comparison) -> list[Score]:
        _keep(comparison, panels / f"{next(numbers)}.npz", labelled=labelling.union)
        structures.extend(structure_errors(comparison, labelling))
        of_ct = score_ct(comparison, calibration, union=labelling.union)
        of_dose = score_dose(comparison, calibration) if dose else []
        return [*score_volumes(comparison, labelling), *of_ct, *of_dose, *score_every_slice(comparison)]

    scores, failed = score_cases(candidate, cases, score=score, report=report)
    return scores, structures, failed


def _keep(comparison: Comparison, path: Path, *, labelled: str) -> None:
    """Puts what a panel needs on disk, so that a cohort of any size can be scored before the cases are chosen."""
    labels = np.zeros(comparison.mask.shape, np.uint8) if comparison.labels is None else comparison.labels
    beside = [name for name in (*VIEWS.values(), "identity") if name in comparison.methods]
    arrays: dict[str, Any] = {
        **{name: comparison.methods[name].astype(np.float32) for name in beside},
        "case": comparison.case_id,
        "source": comparison.source.astype(np.float16),
        "prediction": comparison.methods["model"].astype(np.float32),
        "lookup": comparison.methods["lookup"].astype(np.float32),
        "truth": comparison.truth.astype(np.float32),
        "mask": comparison.mask,
        "labels": labels,
        "labelled": labelled,
        "spacing_mm": comparison.spacing_mm,
        "unit": comparison.unit,
    }
    np.savez(path, **arrays)


def _write(
    candidate: Candidate,
    scores: list[Score],
    illustrations: Mapping[str, Illustration],
    *,
    cases: Sequence[Case],
    told: tuple[list[dict[str, Any]], bool, Mapping[str, str]],
    failed: list[tuple[str, str]],
    out: Path,
) -> Evaluated:
    summary, (structures, anatomical, facts) = summarise(scores), told
    refused = {case for case, _ in failed}
    scored = [case for case in cases if case.id not in refused]
    seen = candidate.seen(scored)
    what = candidate.what_cases(seen=seen, of=len(scored))
    sentence = judge(summary, cases=what).sentence
    views = compare_views(scores) if view_names(scores) else None
    if views is not None:
        sentence = f"{sentence} {say_views(views)}"
    write_scores(scores, out / "scores.csv")
    more = {"structures": structures, "views": views and views["rows"]}
    write_summary({**summary, **{name: rows for name, rows in more.items() if rows}}, out / "summary.json")
    for stale in (out / "figures").glob("boxes_*.png"):  # the regions of an earlier evaluation may be others
        stale.unlink()
    write_figures(illustrations, out)
    plan = candidate.plan
    title = f"{', '.join(get_contrast(name).title for name in plan.source)} to {get_contrast(plan.target).title}"
    page = write_report(
        out / "report.html",
        Report(
            title=f"{title}, {candidate.name}",
            verdict=sentence,
            summary=summary,
            illustrations=list(illustrations.values()),
            facts={
                **candidate.facts,
                "cases": f"{summary['n_cases']} {what}",
                "values": _values_in_words(plan),
                **facts,
                "software": f"voxlate {__version__}",
            },
            warnings=[
                *seen_caveats(seen, len(scored)),
                *(f"{case} could not be scored: {reason}" for case, reason in failed),
            ],
            sections=[
                *([] if views is None else [view_section(views)]),
                *([structure_section(structures, cases=len(scored), anatomical=anatomical)] if structures else []),
            ],
        ),
    )
    brief = {str(row["structure"]) for row in structures}
    return Evaluated(sentence, page, *terminal_table(summary, brief=brief), failed=failed)


def _write_structures(errors: Sequence[StructureError], path: Path) -> None:
    """Writes the errors of every structure, or removes those of an earlier evaluation if nothing has a name."""
    if errors:
        write_structures(errors, path)
    else:
        path.unlink(missing_ok=True)


def _is_ct(plan: Plan) -> bool:
    return get_contrast(plan.target).kind == "ct"


def _values_in_words(plan: Plan) -> str:
    if _is_ct(plan):
        return "HU"
    kind = plan.normalisers[plan.target].kind
    if kind == "suv":
        return "SUV"
    return f"normalised by {kind} inside the foreground: such values have no scale of their own"


def _illustrate(candidate: Candidate, scores: list[Score], panels: Path) -> dict[str, Illustration]:
    """The panel of the median case in three planes, worst to best, and the box plots."""
    chosen = extremes(scores)
    wanted = {"worst": chosen.worst, "median": chosen.median, "best": chosen.best}
    kept = {str(values["case"]): values for values in map(_load, sorted(panels.glob("*.npz")))}
    drawn = {label: _panel(candidate.plan, kept[case], scores) for label, case in wanted.items()}
    regions = list(dict.fromkeys(score.region for score in scores if score.metric == "mae"))
    figures = {
        "median": Illustration(
            "The median case",
            "Source, prediction and truth in one grey window, and the error. The slices were chosen by rule.",
            to_png(draw_translation(drawn["median"], planes=("axial", "coronal", "sagittal"))),
        )
    }
    if len(set(wanted.values())) > 1:
        figures["extremes"] = Illustration(
            "Worst, median and best case",
            "By the MAE in the foreground, on one error scale.",
            to_png(draw_cases(drawn)),
        )
    if view_names(scores):
        figures["views"] = _views(drawn["median"], kept[chosen.median], scores)
    errors = _slice_errors(kept[chosen.median])
    figures["slices"] = Illustration(
        "Error slice by slice",
        "The mean absolute error of every axial slice of the median case, inside the foreground.",
        to_png(draw_slice_profile(errors, unit=drawn["median"].unit, case=chosen.median)),
    )
    for region in (FOREGROUND, *(name for name in regions if name in UNIONS)):
        figures[f"boxes_{region}"] = Illustration(
            f"All cases: {in_words(region)}", "Every point is a case.", to_png(draw_box_plots(scores, region=region))
        )
    return figures


def _views(panel: Panel, values: Mapping[str, Any], scores: Sequence[Score]) -> Illustration:
    """The median case by every view and by their combination."""
    predictions = {name: values[name] for name in view_names(scores)} | {MODEL: values["prediction"]}
    found = {(s.method, s.metric): s for s in scores if s.case == panel.case and s.region == FOREGROUND}
    numbers = {
        name: ", ".join(
            f"{metric_title(metric)} {number(found[name, metric].value, metric=metric)}{_unit(found[name, metric])}"
            for metric in ("mae", "stitching")
        )
        for name in predictions
    }
    return Illustration(
        "Every view and their combination",
        "What is put together from slices shows its seams in the other two planes. The stitching score says how much "
        "more the error jumps along one axis than along the others.",
        to_png(draw_views(panel, predictions, numbers=numbers)),
    )


def _unit(score: Score) -> str:
    return "" if score.unit == NORMALISED else f" {score.unit}"


def _slice_errors(values: Mapping[str, Any]) -> dict[str, Any]:
    """MAE per axial slice, of the model and of the baselines."""
    return {
        method: slice_errors(values[key], values["truth"], mask=values["mask"])
        for method, key in (("identity", "identity"), ("lookup", "lookup"), ("model", "prediction"))
        if key in values
    }


def _load(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return dict(file)


def _panel(plan: Plan, values: dict[str, Any], scores: list[Score]) -> Panel:
    case, unit = str(values["case"]), str(values["unit"])
    i, j, k = (float(value) for value in values["spacing_mm"])
    title, source = get_contrast(plan.source[0]).title, values["source"].astype(np.float32)
    return Panel(
        case=case,
        sources={title: source},
        prediction=values["prediction"],
        truth=values["truth"],
        target=get_contrast(plan.target).title,
        unit="" if unit == NORMALISED else unit,
        spacing_mm=(i, j, k),
        mask=values["mask"],
        lesion=values["labels"] if values["labels"].any() else None,
        labelled=str(values["labelled"]),
        source_windows=source_windows(title, source, values["mask"], unit=unit),
        numbers=_numbers(case, scores),
    )


def _numbers(case: str, scores: list[Score]) -> tuple[str, ...]:
    """Under the pictures: the metrics of the model, and those of the lookup to compare with."""
    lines = []
    for method in ("model", "lookup"):
        values = [
            f"{score.metric.upper()} {number(score.value)}{_unit(score)}"
            for score in scores
            if (score.case, score.region, score.method) == (case, FOREGROUND, method) and score.metric in SHOWN
        ]
        lines.append(f"{method}, {FOREGROUND}: {', '.join(values)}")
    return tuple(lines)
