"""Scores of a study: every run of every variant on the same held-out cases, kept beside the run.

A run that was scored is not scored again as long as its bundle, the images of the cases and this software are the same.
While a run is scored, each case is kept in its ``evidence/``; afterwards that holds what the picture of one case needs.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from voxlate._version import __version__
from voxlate.bundle.bundle import read_bundle
from voxlate.cohort import Case
from voxlate.cohort.labels.labelling import Labelling, labelling_of
from voxlate.cohort.split_file import read_split
from voxlate.cohort.splits import split_cohort
from voxlate.derivation import files_of
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.evaluation.candidates import ModelCandidate
from voxlate.evaluation.cases import Failed, score_cases, score_coverage, score_masked_images, score_volumes
from voxlate.evaluation.ct.scores import score_ct
from voxlate.evaluation.evidence import EVIDENCE, CaseEvidence, Evidence, question_of
from voxlate.evaluation.fidelity.comparison import Comparison
from voxlate.evaluation.files import read_scores, write_scores
from voxlate.evaluation.scores import Score, extremes
from voxlate.evaluation.segmentation.cases import classes_of, is_segmentation, segment_cases
from voxlate.evaluation.segmentation.scores import VOLUME
from voxlate.io import file_digest
from voxlate.progress import ProgressReport
from voxlate.regions import union_in
from voxlate.roles import BASELINES, MODEL, TRUTH
from voxlate.training.run import RunFolder
from voxlate.training.setup.begin import load_cohort
from voxlate.training.setup.leaving_out import read_left_out
from voxlate.training.studies.variants import VariantRun
from voxlate.volume import Array

logger = logging.getLogger(__name__)
Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class ScoredRun:
    """The scores of one run of a study on the held-out cases.

    Methods are ``identity``, ``lookup``, ``model``, and the views of a model that has several.
    """

    variant: str
    seed: int
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class ScoredStudy:
    """Variants on one split.

    Attributes:
        runs: The finished runs, seed by seed.
        scored: Their scores, in the same order.
        cases: The held-out cases.
        failed: Those that some run could not be scored on, each with its reason.
    """

    runs: Sequence[VariantRun]
    scored: Sequence[ScoredRun]
    cases: Sequence[Case]
    failed: Sequence[Failed] = ()

    @property
    def variants(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(run.variant for run in self.runs))

    @property
    def seeds(self) -> list[int]:
        """The training seeds, in order."""
        return list(dict.fromkeys(run.seed for run in self.runs))

    @property
    def shown(self) -> dict[str, VariantRun]:
        """From a variant to its run of the first seed, which pictures are made of."""
        return {run.variant: run for run in self.runs if run.seed == self.seeds[0]}

    def scores_of(self, variant: str) -> Sequence[Score]:
        """The scores of the run that is shown."""
        return next(run.scores for run in self.scored if (run.variant, run.seed) == (variant, self.seeds[0]))


def held_out(data: Path, runs: Sequence[VariantRun]) -> tuple[list[Case], list[Failed]]:
    """The cases that the study's split has set aside for testing, and those that training has left out of these.

    Raises:
        CohortError: If there is none.
    """
    run, options = RunFolder(runs[0].folder), runs[0].recipe.plan.split
    split = read_split(run.split)
    cohort = load_cohort(data, runs[0].recipe)
    cases = [case for case in cohort.cases if split.get(case.id) == "test"]
    if not cases:
        raise CohortError(
            "held-out cases", came="none in the split", where=data, remedy="Give plan.split.fractions a test share."
        )
    lost = read_left_out(run)
    whole = split_cohort(cohort, options, seed=options.seed or 0) if lost else {}
    return cases, [(case, reason) for case, reason in lost.items() if whole.get(case) == "test"]


def score_variants(
    runs: Sequence[VariantRun], cases: Sequence[Case], *, left_out: Sequence[Failed] = (), report: ProgressReport
) -> ScoredStudy:
    """Scores every run, or takes what is kept of an earlier call.

    Args:
        runs: Finished runs on one split.
        cases: The held-out cases.
        left_out: Held-out cases that training has left out, each with its reason.
        report: Called with a stage and how much of it is done.

    Raises:
        CohortError: If a model has seen a case, or no case can be scored.
        UsageError: If the runs were not scored on the same images.
    """
    labelling = labelling_of(cases, reading=runs[0].recipe.plan.reading)
    images = _digest_of(cases, runs[0], labelling)
    scored: list[ScoredRun] = []
    failed = dict(left_out)
    for number, run in enumerate(runs):
        report("scored", number, len(runs))
        scores, refused = _score_run(run, cases, labelling=labelling, images=images, report=report)
        scored.append(ScoredRun(run.variant, run.seed, tuple(scores)))
        failed.update(refused)
    report("scored", len(runs), len(runs))
    _check_baseline(scored)
    return ScoredStudy(runs, scored, cases, list(failed.items()))


def median_case(scores: Sequence[Score], *, metric: str, region: str, method: str) -> str:
    """The case that pictures show, chosen by rule; empty if the method has a value in no case."""
    try:
        return extremes(scores, metric=metric, region=region, method=method).median
    except UsageError:
        return ""


def picture_case(
    study: ScoredStudy, case_id: str, *, show: Callable[[ModelCandidate, Case], Arrays]
) -> dict[str, CaseEvidence]:
    """What the picture of a case needs of every variant: taken from disk, or predicted now and kept.

    Args:
        study: The study.
        case_id: One of its cases; empty for none.
        show: From a model and the case to the arrays of the picture.

    Raises:
        VoxlateError: If the case can no longer be predicted.
        WriteError: If what was predicted cannot be kept.
    """
    pictures: dict[str, CaseEvidence] = {}
    for case in [case for case in study.cases if case.id == case_id]:
        for variant, run in study.shown.items():
            labelled = union_in(score.region for score in study.scores_of(variant))
            asked = question_of("picture", read_bundle(run.folder).digest, labelled)
            evidence = Evidence(run.folder / EVIDENCE, asked)
            kept = evidence.load(case)
            if kept is None:
                kept = CaseEvidence([], show(ModelCandidate.load(run.folder), case))
                evidence.keep(case, kept)
            pictures[variant] = kept
    return pictures


def mean_over_seeds(runs: Sequence[ScoredRun], *, views: bool = False) -> list[Score]:
    """One score per case, region and metric: of each variant the mean over its seeds, of each baseline its own.

    A value that is not available in one run is not available at all, so that all means are over the same seeds.
    Baselines come first, with what is said of the truth itself, then the variants as their runs come.

    Args:
        runs: The scored runs.
        views: Whether the views of a variant that has several are methods of their own, ``<variant>, axial`` say.
    """
    alike = {*BASELINES, TRUTH}
    merged = [score for score in runs[0].scores if score.method in alike]
    for variant in dict.fromkeys(run.variant for run in runs):
        mine = [run for run in runs if run.variant == variant]
        others = [score.method for score in mine[0].scores if score.method not in {*alike, MODEL}]
        for method in dict.fromkeys([*(others if views else []), MODEL]):
            tables = [_of_method(run, method) for run in mine]
            name = variant if method == MODEL else f"{variant}, {method}"
            for key, score in tables[0].items():
                values = [table[key].value if key in table else math.nan for table in tables]
                merged.append(replace(score, method=name, value=float(np.mean(values))))
    return merged


def by_seed(runs: Sequence[ScoredRun]) -> dict[int, list[Score]]:
    """The scores of every run by its seed, the model called by its variant, the baselines once."""
    table: dict[int, list[Score]] = {}
    for run in runs:
        first = run.seed not in table
        table.setdefault(run.seed, []).extend(
            replace(score, method=run.variant) if score.method == MODEL else score
            for score in run.scores
            if score.method == MODEL or (first and score.method in BASELINES)
        )
    return table


def _of_method(run: ScoredRun, method: str) -> dict[tuple[str, str, str], Score]:
    return {(s.case, s.region, s.metric): s for s in run.scores if s.method == method}


def _score_run(
    run: VariantRun, cases: Sequence[Case], *, labelling: Labelling, images: str, report: ProgressReport
) -> tuple[list[Score], list[Failed]]:
    candidate = ModelCandidate.load(run.folder)
    if len(candidate.model.unseen(cases)) < len(cases):
        raise CohortError(
            "cases that no model has seen",
            came="one that was trained on",
            where=run.folder,
            remedy="The data set has changed since the run: use another folder.",
        )
    key = hashlib.sha256(f"{candidate.model.bundle.digest} {images} {__version__}".encode()).hexdigest()
    path = run.folder / f"held-out-{key[:16]}.csv"
    kept = _read_kept(path)
    if kept:
        return kept, []
    evidence = Evidence(run.folder / EVIDENCE, question_of("scores", key))
    if is_segmentation(candidate.plan):
        classes = classes_of(candidate, cases)
        scored = segment_cases(candidate, cases, classes=classes, report=report, evidence=evidence)
    else:
        measure = partial(_score, labelling=labelling)
        scored = score_cases(candidate, cases, score=measure, report=report, evidence=evidence)
    scores = [score for score in scored.scores if score.metric != VOLUME]  # which is better in no direction
    for old in run.folder.glob("held-out-*.csv"):
        old.unlink()
    if not scored.failed:
        write_scores(scores, path)
        evidence.drop_others([])
    return scores, list(scored.failed)


def _score(comparison: Comparison, *, labelling: Labelling) -> CaseEvidence:
    of_lesions = [] if labelling.of_structures else score_masked_images(comparison)
    of_ct = score_ct(comparison, union=labelling.union)
    return CaseEvidence([*score_volumes(comparison, labelling), *of_ct, *of_lesions, *score_coverage(comparison)])


def _read_kept(path: Path) -> list[Score]:
    """What an earlier call has scored; nothing if it is not there or damaged."""
    if not path.is_file():
        return []
    try:
        return read_scores(path)
    except ReadError as error:
        logger.warning("%s; scored again", error)
        return []


def _digest_of(cases: Sequence[Case], run: VariantRun, labelling: Labelling) -> str:
    """A digest of every image that the scores of the cases depend on, and of what the labels are called."""
    names, derive = (*run.recipe.source, run.recipe.target, "labels"), run.recipe.plan.derive
    wanted = [(case, name) for case in cases for name in files_of(names, derive, case.paths)]
    files = [file_digest(case.paths[name]) for case, name in wanted if name in case.paths]
    told = [labelling.union, *(f"{value}={name}" for value, name in labelling.names.items())]
    return hashlib.sha256(" ".join([*(case.id for case in cases), *files, *told]).encode()).hexdigest()


def _check_baseline(runs: Sequence[ScoredRun]) -> None:
    """Identity depends on nothing but the images: if it differs, the runs were scored on different ones.

    Label maps have no identity; what their runs must have in common is the classes.
    """
    regions = [{(s.region, s.metric) for s in run.scores if s.method == MODEL and s.metric == "dice"} for run in runs]
    for run, found in zip(runs, regions, strict=True):
        if found != regions[0]:
            raise UsageError(
                f"the classes {', '.join(sorted(region for region, _ in regions[0]))}",
                came=", ".join(sorted(region for region, _ in found)) or "none",
                where=f"{run.variant}, seed {run.seed}",
                remedy="Give every variant the same method.classes, with --set.",
            )
    tables = [{(s.case, s.region, s.metric): s.value for s in run.scores if s.method == "identity"} for run in runs]
    for run, table in zip(runs, tables, strict=True):
        shared = tables[0].keys() & table.keys()
        first, this = ([one[key] for key in sorted(shared)] for one in (tables[0], table))
        if not np.allclose(this, first, rtol=1e-9, atol=0, equal_nan=True):
            raise UsageError(
                "runs that are scored on the same images",
                came="another score of the source against the target",
                where=f"{run.variant}, seed {run.seed}",
                remedy="Change what concerns the target in every variant, with --set.",
            )
