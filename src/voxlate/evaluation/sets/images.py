"""The images of both sets: synthetic ones, made now if a model is given, and real ones of the same contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from voxlate.cohort import Case, Cohort, index_cohort
from voxlate.cohort.synthetic import scans_only
from voxlate.contrast import find_contrast, get_contrast
from voxlate.errors import CohortError, UsageError, VoxlateError
from voxlate.evaluation.candidates import Candidate, load_candidate
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.sets.embedding import Embedder, load_embedder
from voxlate.inference.model import is_model
from voxlate.progress import ProgressReport, telling


@dataclass(frozen=True)
class Sets:
    """The images that are compared.

    Attributes:
        contrast: What they show.
        synthetic: Cases with the image of the model alone.
        real: Cases with the image to compare with alone.
        embedder: The network whose features they are compared by.
        facts: Where the synthetic ones come from, for the page.
        failed: Cases that could not be translated, each with its reason.
        seen: How many of the translated cases the model was trained or chosen on.
    """

    contrast: str
    synthetic: tuple[Case, ...]
    real: tuple[Case, ...]
    embedder: Embedder
    facts: Mapping[str, str]
    failed: tuple[Failed, ...] = ()
    seen: int = 0


@dataclass(frozen=True)
class Request:
    """What is to be compared.

    Attributes:
        synthetic: A run or bundle, which translates cases of the real data set; or a folder of images that a model
            made, whose cases need not be those of the real data set.
        real: The data set.
        features: A run, a bundle or a file of weights, see ``voxlate.evaluation.sets.embedding``.
        split: Of a model: ``test`` for the cases that it has not seen, ``all`` for every one.
        contrast: Which images of a folder are meant; ``None``: those of the only contrast that both have.
    """

    synthetic: Path
    real: Path
    features: Path
    split: str
    contrast: str | None = None


def find_sets(request: Request, folder: Path, *, report: ProgressReport) -> Sets:
    """The synthetic images, made now if a model is given, the real ones of the same contrast, and the network.

    Args:
        request: What is to be compared.
        folder: Where a model's images are written; those that are there from the same model are left alone.
        report: Called with the number of translated cases.

    Raises:
        UsageError: If there are images of no contrast, or of several, that the real data set has too, or the network
            cannot take them.
        BundleError: If a model or the network is refused.
        CohortError: If there is no image on either side, or every translation failed.
    """
    if is_model(request.synthetic):
        return _translated(request, folder, report=report)
    if not request.synthetic.is_dir():
        raise UsageError("a model or a folder of images", came=str(request.synthetic), remedy="Give one that exists.")
    made, scans = index_cohort(request.synthetic), scans_only(index_cohort(request.real))
    there = [{name for case in cohort.cases for name in case.paths} for cohort in (made, scans)]
    wanted = None if request.contrast is None else get_contrast(request.contrast).name
    shared = sorted(name for name in there[0] & there[1] if _is_image(name) and wanted in (None, name))
    if len(shared) != 1:
        raise UsageError(
            f"synthetic images of {'one contrast' if wanted is None else wanted} that the real data set has too",
            came=f"{', '.join(sorted(there[0])) or 'none'} beside real {', '.join(sorted(there[1])) or 'none'}",
            where=request.synthetic,
            remedy="Give a folder that `voxlate translate` or `voxlate synthesize` wrote, with one target.",
        )
    [contrast] = shared
    synthetic, real = (_images(cohort.cases, contrast) for cohort in (made, scans))
    embedder = load_embedder(request.features, contrast)
    return Sets(contrast, synthetic, real, embedder, {"synthetic images": request.synthetic.name})


def _is_image(name: str) -> bool:
    contrast = find_contrast(name)
    return contrast is None or contrast.kind != "label"


def _images(cases: Sequence[Case], contrast: str) -> tuple[Case, ...]:
    return tuple(_image(case, case.paths[contrast], contrast) for case in cases if contrast in case.paths)


def _image(case: Case, path: Path, contrast: str) -> Case:
    """A case that has one image."""
    return Case(case.id, case.subject, {contrast: path})


def _translated(request: Request, folder: Path, *, report: ProgressReport) -> Sets:
    candidate, cohort = load_candidate(request.synthetic, request.real)
    target = candidate.plan.target
    if get_contrast(target).kind == "label":
        raise UsageError(
            "a model that makes images",
            came=f"one that makes {get_contrast(target).title}",
            where=request.synthetic,
            remedy="Evaluate a segmentation without this aspect.",
        )
    embedder = load_embedder(request.features, target)
    cases = _chosen(candidate, cohort, split=request.split)
    made: list[Case] = []
    failed: list[Failed] = []
    for case in telling(cases, partial(report, "translate")):
        try:
            made.append(_image(case, candidate.image(case, folder), target))
        except VoxlateError as error:
            failed.append((case.id, str(error)))
    if not made:
        raise CohortError(
            "at least one case that can be translated",
            came=failed[0][1],
            where=failed[0][0],
            remedy="Repair the data set.",
        )
    seen = candidate.seen([case for case in cases if case.id not in dict(failed)])
    facts = {**candidate.facts, "translated": f"{len(made)} {candidate.what_cases(seen=seen, of=len(made))} cases"}
    return Sets(target, tuple(made), _images(cohort.cases, target), embedder, facts, tuple(failed), seen)


def _chosen(candidate: Candidate, cohort: Cohort, *, split: str) -> list[Case]:
    cases = candidate.cases(cohort, split=split)
    if not cases:
        raise CohortError(
            "cases that the model has not seen",
            came=f"{len(cohort)} that it was trained or chosen on",
            where=cohort.root,
            remedy="Add cases, or look at all of them with --split all (which says nothing about new cases).",
        )
    return cases
