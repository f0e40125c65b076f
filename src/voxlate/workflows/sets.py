"""A comparison of two sets of images, in three steps: embed and compare, summarise, draw.

The features of every image are kept in ``evidence/`` as soon as they are computed, and a model's images in
``synthetic/``, so that a comparison that was killed goes on where it was, and a page is drawn again without a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort import Case
from voxlate.errors import UsageError
from voxlate.evaluation.cases import Failed
from voxlate.evaluation.evidence import EVIDENCE, Evidence, question_of
from voxlate.evaluation.files import write_scores, write_summary
from voxlate.evaluation.sets.distances import Sample, SetComparison, compare_samples, embed_set, set_scores
from voxlate.evaluation.sets.images import Request, Sets, find_sets
from voxlate.evaluation.sets.verdict import SetResult, SetSummary, set_caveats, summarise_sets
from voxlate.progress import ProgressReport
from voxlate.reporting.sets.page import FIELDS, set_page, set_rows
from voxlate.workflows.result import Result
from voxlate.workflows.workspace import check_split, publish, workspace


@dataclass(frozen=True)
class ComparedSets:
    """What the first step found.

    Attributes:
        synthetic: Features of the synthetic images, by view.
        real: Features of the real ones, by view.
        comparisons: Of every view, the floor first.
        failed: Cases that could not be used, each with its reason.
    """

    synthetic: Mapping[str, Sample]
    real: Mapping[str, Sample]
    comparisons: list[SetComparison]
    failed: list[Failed]


def evaluate_distribution(
    synthetic: Path,
    real: Path,
    out: Path,
    *,
    features: Path | None,
    split: str,
    report: ProgressReport,
    contrast: str | None = None,
) -> Result:
    """Compares a set of synthetic with a set of real images, and writes scores, summary, figures and page.

    Args:
        synthetic: A run or bundle, which translates cases of the real data set; or a folder of images that a model
            made, whose cases need not be those of the real data set.
        real: The data set.
        out: Where it is written; a model's images go into its folder ``synthetic``.
        features: The network: a run, a bundle or a file of weights, see ``voxlate.evaluation.sets.embedding``.
        split: Of a model: ``test`` for the cases that it has not seen, ``all`` for every one.
        report: Called with the number of finished cases.
        contrast: Which images of a folder are meant, if there are several.

    Raises:
        UsageError: If no network is given, it cannot take the images, the split is unknown, or the two sides have no
            contrast in common.
        CohortError: If there is no image on either side, or there are too few for any metric.
        BundleError: If a model or the network is refused.
    """
    if features is None:
        raise UsageError(
            "a network whose features are compared",
            came="none",
            where="--features",
            remedy="Give a run or bundle whose one source is what the images show, such as a segmenter, or a file of "
            "VGG-19's, VGG-16's or ResNet-50's weights. There is no default: the values depend on it.",
        )
    check_split(split)
    with workspace(out, what="evaluation"):
        request = Request(synthetic, real, features, split, contrast)
        sets = find_sets(request, out / "synthetic", report=report)
        compared = compare(sets, out, report=report)
        summary = summarise(compared, sets, out)
        return draw(summary, compared, sets, out)


def compare(sets: Sets, out: Path, *, report: ProgressReport) -> ComparedSets:
    """The first step: the features of every image that has none yet, and the distances; writes ``scores.csv``.

    Args:
        sets: What is compared.
        out: The evaluation's folder.
        report: Called with the number of finished images.

    Raises:
        CohortError: If every image of a side was refused, or there are too few for any metric.
        WriteError: If a file could not be written.
    """
    asked = question_of("sets", sets.embedder.name, sets.contrast)
    of = len(sets.synthetic) + len(sets.real)

    def embed(side: str, images: tuple[Case, ...], *, before: int) -> tuple[dict[str, Sample], list[Failed]]:
        evidence = Evidence(out / EVIDENCE / side, asked)
        evidence.drop_others(images)
        return embed_set(
            images, sets.embedder, report=lambda done: report("features", before + done, of), evidence=evidence
        )

    synthetic, lost = embed("synthetic", sets.synthetic, before=0)
    real, gone = embed("real", sets.real, before=len(sets.synthetic))
    comparisons = compare_samples(synthetic, real)
    write_scores(set_scores(comparisons), out / "scores.csv")
    failed = [*sets.failed, *lost, *((f"{case} (real)", reason) for case, reason in gone)]
    return ComparedSets(synthetic, real, comparisons, failed)


def summarise(compared: ComparedSets, sets: Sets, out: Path) -> SetSummary:
    """The second step: what the distances say together; writes ``summary.json``.

    Raises:
        WriteError: If the file could not be written.
    """
    summary = summarise_sets(compared.comparisons, sets)
    write_summary(summary.to_json(), out / "summary.json")
    return summary


def draw(summary: SetSummary, compared: ComparedSets, sets: Sets, out: Path) -> Result:
    """The third step: figures and page.

    Args:
        summary: Of the second step.
        compared: Of the first step.
        sets: What was compared.
        out: The evaluation's folder.

    Raises:
        WriteError: If a file could not be written.
    """
    images = len(sets.synthetic), len(sets.real)
    result = SetResult(
        summary=summary,
        synthetic=compared.synthetic,
        real=compared.real,
        images=images,
        seen=sets.seen,
        caveats=set_caveats(summary, images=images),
        failed=compared.failed,
    )
    page = set_page(result)
    return Result(summary.answer, publish(page, out), FIELDS, set_rows(summary), compared.failed)
