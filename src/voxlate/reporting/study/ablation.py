"""An ablation on disk: scores, summary, figures and the page, of variants that were trained with several seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.cases import Failed, compare_case
from voxlate.evaluation.fidelity.comparison import NORMALISED
from voxlate.evaluation.files import write_scores, write_scores_by_seed, write_summary
from voxlate.evaluation.scores import Score, extremes
from voxlate.evaluation.statistics import summarise
from voxlate.evaluation.study.paired import WORDS, compare_variants, differences
from voxlate.evaluation.study.runs import ScoredRun, by_seed, mean_over_seeds
from voxlate.evaluation.study.verdict import AblationVerdict, is_removal, judge_ablation, words_of
from voxlate.evaluation.verdict import find_row
from voxlate.evaluation.words import MINUS, after_value, metric_title, number
from voxlate.regions import FOREGROUND, LESION, UNIONS, in_words, union_in
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.panels import Panel, source_windows
from voxlate.reporting.page.page import Illustration, Report, write_figures, write_report
from voxlate.reporting.study.pictures import draw_contrasted
from voxlate.reporting.study.plots import PairedTest, draw_differences, draw_similarity
from voxlate.reporting.study.tables import FIELDS, difference_rows, difference_sections
from voxlate.roles import MODEL
from voxlate.training.studies.variants import WITH, WITHOUT, VariantRun

SHOWN = ("mae", "ssim", "psnr")
Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Ablated:
    """What an ablation found.

    Attributes:
        sentence: The answer in words.
        answer: ``lower`` or ``higher``: the error with what was taken away; ``none`` if no difference could be shown.
        page: The report.
        fields: Column names of ``rows``.
        rows: Per region and metric both means, their difference and its interval.
        failed: Cases that could not be scored, each with its reason.
    """

    sentence: str
    answer: str
    page: Path
    fields: tuple[str, ...]
    rows: list[tuple[str, ...]]
    failed: list[Failed]


@dataclass(frozen=True)
class Ablation:
    """Everything that an ablation's report is made from.

    Attributes:
        changes: What was changed in ``without``.
        runs: The finished runs.
        scored: Their scores.
        cases: The held-out cases.
        failed: Those that could not be scored, each with its reason.
    """

    changes: Mapping[str, Any]
    runs: Sequence[VariantRun]
    scored: Sequence[ScoredRun]
    cases: Sequence[Case]
    failed: Sequence[Failed] = ()


def write_ablation(ablation: Ablation, out: Path) -> Ablated:
    """Writes ``scores.csv`` (means over the seeds), ``runs.csv``, ``summary.json``, figures and page.

    Args:
        ablation: The runs and their scores.
        out: Where it is written.

    Raises:
        WriteError: If a file could not be written.
    """
    scores = mean_over_seeds(ablation.scored[::-1])  # what was taken away reads before what stands
    summary = summarise(scores)
    comparisons = compare_variants(ablation.scored, WITH, WITHOUT)
    verdict = judge_ablation(comparisons, summary, changes=ablation.changes)
    told = {
        "verdict": verdict.sentence,
        "answer": verdict.answer,
        "question": {"metric": "mae", "region": verdict.region},
        "changes": dict(ablation.changes),
        "seeds": list(dict.fromkeys(run.seed for run in ablation.runs)),
        **summary,
        "comparisons_in_words": WORDS,
        "comparisons": comparisons,
    }
    write_scores(scores, out / "scores.csv")
    write_scores_by_seed(by_seed(ablation.scored), out / "runs.csv")
    write_summary(told, out / "summary.json")
    illustrations = _illustrate(ablation, scores, told, verdict)
    write_figures(illustrations, out)
    page = write_report(out / "report.html", _report(ablation, told, list(illustrations.values())))
    failed = list(ablation.failed)
    return Ablated(verdict.sentence, verdict.answer, page, FIELDS, difference_rows(comparisons), failed=failed)


def _report(ablation: Ablation, told: Summary, illustrations: Sequence[Illustration]) -> Report:
    recipe = ablation.runs[0].recipe
    title = f"{', '.join(get_contrast(name).title for name in recipe.source)} to {get_contrast(recipe.target).title}"
    warnings = [f"{case} could not be scored: {reason}" for case, reason in ablation.failed]
    if recipe.training.minutes is not None:
        warnings.append("The budget is a time: the variants may have been trained for different numbers of steps.")
    seeds = ", ".join(map(str, told["seeds"]))
    return Report(
        title=f"{title}, {recipe.name}: {_topic(ablation.changes)}",
        verdict=told["verdict"],
        summary=told,
        illustrations=illustrations,
        sections=difference_sections(told),
        facts={
            "recipe": recipe.name,
            "paper": recipe.paper or "none",
            "with": "the recipe as it stands",
            "without": words_of(ablation.changes),
            "seeds": seeds,
            "split": f"one for all runs, seed {recipe.plan.split.seed}",
            "cases": f"{told['n_cases']} held-out",
            "software": f"voxlate {__version__}",
        },
        warnings=warnings,
        terms={
            "seeds and cases": "the interval holds for other seeds and other cases of the same kind: "
            + WORDS["crossed_interval"],
            "cases alone": "the interval holds for these networks on other cases, and is blind to the luck of training",
            "with, without": "in the tables of scores each case has the mean over the seeds",
        },
    )


def _topic(changes: Mapping[str, Any]) -> str:
    """What is asked, for a title."""
    if is_removal(changes):
        return f"with and without {' and '.join(changes)}"
    return f"as it stands and with {words_of(changes)}"


def _illustrate(
    ablation: Ablation, scores: list[Score], told: Summary, verdict: AblationVerdict
) -> dict[str, Illustration]:
    region, seeds = verdict.region, told["seeds"]
    heading = (
        f"With: the recipe as it stands. Without: {words_of(ablation.changes)}. Seeds: {', '.join(map(str, seeds))}."
    )
    source = "source, and " if any(score.method == "identity" for score in scores) else ""  # label maps have none
    similarity = draw_similarity(
        scores,
        {place: list(_tests(told, place)) for place in (FOREGROUND, *UNIONS)},
        names={"identity": "source", WITHOUT: "prediction,\nwithout", WITH: "prediction,\nwith"},
        heading=heading,
    )
    figures = {
        "similarity": Illustration(
            f"Similarity with the target: {source}prediction without and with",
            "Figure 5 of Genc et al. 2022, paired by case; predictions are means over the seeds. SSIM in a region is "
            "the mean of the SSIM map there.",
            to_png(similarity),
        )
    }
    row = next((row for row in told["comparisons"] if (row["metric"], row["region"]) == ("mae", region)), None)
    if row is None or not row["n"]:
        return figures
    by_case = differences(ablation.scored, WITH, WITHOUT, region=region, metric="mae")
    means = {case: float(np.mean([by_case[seed][case] for seed in seeds])) for case in _everywhere(by_case)}
    drawn = draw_differences(
        scores, row, {**{f"seed {seed}": by_case[seed] for seed in seeds}, "all seeds": means}, heading=heading
    )
    figures["differences"] = Illustration(
        f"The error in the {in_words(region)}, and the difference that each seed gives",
        "Every point is a case.",
        to_png(drawn),
    )
    chosen = extremes(scores, metric="mae", region=region, method=WITH).median
    figures["case"] = Illustration(
        f"The median case: {chosen}",
        f"By the MAE in the {in_words(region)} with, of the runs of seed {seeds[0]}; without and with on one error "
        "scale.",
        to_png(draw_contrasted(dict(_panels(ablation, chosen, seeds[0])))),
    )
    return figures


def _everywhere(by_case: Mapping[int, Mapping[str, float]]) -> list[str]:
    """The cases that every seed has a difference for."""
    return sorted(set.intersection(*(set(cases) for cases in by_case.values())))


def _tests(told: Summary, region: str) -> Iterator[PairedTest]:
    """The lines under a plot of SSIM: with and without against the source, and with against without."""
    for variant in (WITHOUT, WITH):
        row = find_row(told, method=variant, metric="ssim", region=region)
        if row is not None and "identity" in row["against"]:
            yield PairedTest(f"{variant} {MINUS} source", row["against"]["identity"])
    for compared in told["comparisons"]:
        if (compared["metric"], compared["region"]) == ("ssim", region):
            key = "crossed_interval" if compared["crossed_interval"] else "interval"
            yield PairedTest(f"with {MINUS} without", compared, key)


def _panels(ablation: Ablation, case_id: str, seed: int) -> Iterator[tuple[str, Panel]]:
    """One case as both variants of one seed predict it."""
    case = next(case for case in ablation.cases if case.id == case_id)
    scores = {(run.variant, run.seed): run.scores for run in ablation.scored}
    for variant in (WITHOUT, WITH):
        run = next(run for run in ablation.runs if (run.variant, run.seed) == (variant, seed))
        title = get_contrast(run.recipe.source[0]).title
        compared, run_scores = compare_case(ModelCandidate.load(run.folder), case), scores[variant, seed]
        yield (
            variant,
            Panel(
                case=case_id,
                sources={title: compared.source},
                source_windows=source_windows(title, compared.source, compared.mask, unit=compared.unit),
                prediction=compared.methods[MODEL],
                truth=compared.truth,
                target=get_contrast(run.recipe.target).title,
                unit="" if compared.unit == NORMALISED else compared.unit,
                spacing_mm=compared.spacing_mm,
                mask=compared.mask,
                lesion=compared.labels if compared.labels is not None and compared.labels.any() else None,
                labelled=union_in(score.region for score in run_scores) or LESION,
                numbers=(_numbers(case_id, run_scores),),
            ),
        )


def _numbers(case: str, scores: Sequence[Score]) -> str:
    """Under the pictures: the metrics of the model in the foreground and in what is labelled."""
    parts = []
    for region in (FOREGROUND, *UNIONS):
        values = [
            f"{metric_title(s.metric)} {number(s.value, metric=s.metric)}{after_value(s.unit)}"
            for s in scores
            if (s.case, s.region, s.method) == (case, region, MODEL) and s.metric in SHOWN
        ]
        if values:
            parts.append(f"{in_words(region)}: {', '.join(values)}")
    return "; ".join(parts)
