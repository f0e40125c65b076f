"""The verb ``evaluate``: images beside their truth, sets of images, or the test of usefulness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from voxlate.errors import PartDoneError, UsageError
from voxlate.machines.shard import own_shard
from voxlate.plainyaml import listed, nearest
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, check_arguments, laid_out, telling_anew

if TYPE_CHECKING:
    from voxlate.workflows.result import Result

_SET_ASPECTS = ("distribution", "privacy")
"""Aspects of whole sets of images, not of an image beside its truth."""


class _OfScans(TypedDict, total=False):
    """What may stand for a scan.

    Attributes:
        use_imputed: Whether sources may be images that a model made; what a prediction is compared with never is.
        accept: What readers may accept that they refuse by default, fields of ``plan.reading``:
            ``{"on_nonfinite": "zero"}``, or ``{"accept": ["not_hounsfield"]}`` for codes of findings.
    """

    use_imputed: bool
    accept: Mapping[str, str | Sequence[str]]


class _OfImages(_OfScans, total=False):
    """What is asked image by image.

    Attributes:
        each_case: Whether every case gets a page of its own.
    """

    each_case: bool


class OfSets(_OfScans, total=False):
    """What the aspects of whole sets of images may be told, an evaluation image by image, and where the files lie.

    Attributes:
        pattern: Where the files of contrasts lie in the data set, in the place of a layout; by default as the model
            was trained, if files lie so.
        cases: Image by image, whether every case gets a page of its own, ``cases/<id>.html``.
        beside: Of a model of several targets, models of one question each that are scored beside it.
        features: The network whose features are compared: a run, a bundle or a file of weights.
        members: For ``privacy``, what tells the real images that the model has seen, if the synthetic set does not.
        contrast: Which images are meant if both sets have several.
        distance: For ``privacy``, the relative distance up to which an image is held back.
        decisions: For ``privacy``, what experts decided, a CSV file that was saved in its review page.
    """

    pattern: Pattern
    beside: Sequence[str | Path] | None
    features: str | Path | None
    members: str | Path | None
    contrast: str | None
    distance: float | None
    decisions: str | Path | None
    cases: bool


@telling_anew
def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path,
    split: str = "test",
    aspects: str | Sequence[str] = ("fidelity",),
    calibration: str | Path | None = None,
    task: str | Path | None = None,
    task_without: str | Path | None = None,
    report: ProgressReport = silent,
    **more: Unpack[OfSets],
) -> Result:
    """Scores a model, or translated images, against the truth and beside the baselines, and writes the report.

    Of a shard (``voxlate.machines.shard``) its own cases are scored and kept; a call for the whole finds them.
    With a task, what is scored is not the image but what a segmenter finds in it, see ``voxlate.evaluation.task.arms``.

    Args:
        model: A run, a bundle, or a folder of translated images; of the aspects of sets also a synthesised data set.
        data: A data set with the true target, or, for the aspects of sets, of real images.
        out: Where scores, figures and the page go.
        split: ``test`` for cases that the model has not seen, ``all`` for every case.
        aspects: What to look at: ``fidelity``, which is always scored, and for a CT ``dose``, which adds gamma pass
            rates and needs ``voxlate[gamma]``. Or one of the aspects of whole sets of images: ``distribution``, see
            ``voxlate.workflows.sets``, or ``privacy``, see ``voxlate.workflows.privacy``.
        calibration: For a CT, a CSV file ``hu,density`` with the scanner's relative electron densities, from which
            water-equivalent path lengths and doses are computed; by default those after Schneider et al. 2000.
        task: A segmenter (a run, a bundle, or the YAML file of a program) that is applied with the real, the
            synthetic and no target.
        task_without: A segmenter that was trained without the target, for the last of the three.
        report: Called with the number of finished cases.
        **more: ``pattern`` says where files lie, ``use_imputed`` lets sources be images that a model made, and
            ``accept`` what readers refuse by default, as for ``translate``, which the page tells; ``cases`` adds a
            page of its own for every case; ``beside`` names models of one question each that are scored beside a
            model of several targets, of which the page is a matrix; the others are for the aspects of sets, see
            ``OfSets``.

    Raises:
        UsageError: If an aspect or split is unknown, no case is left, a calibration or the dose is given for another
            target, or the dose without pymedphys; if a segmenter does not fit.
        ReadError: If the calibration cannot be used.
    """
    check_arguments("evaluate", more, OfSets)
    _check_aspects(listed(aspects))
    try:
        with laid_out(Path(data), more.pop("pattern", None), model=Path(model)):
            return _evaluate(
                (model, data, out),
                split=split,
                aspects=listed(aspects),
                calibration=calibration,
                task=task,
                task_without=task_without,
                report=report,
                **more,
            )
    except PartDoneError as part:
        return _part_done(part)


def _part_done(part: PartDoneError) -> Result:
    """What a shard's evaluation says: what is done, and what comes next."""
    from voxlate.workflows.result import Result

    sentence = f"{part.came[0].upper()}{part.came[1:]}. {part.remedy}"
    return Result(sentence, Path(part.where), (), [], part.failed)


def _evaluate(
    places: tuple[str | Path, str | Path, str | Path],
    *,
    split: str,
    aspects: Sequence[str],
    calibration: str | Path | None,
    task: str | Path | None,
    task_without: str | Path | None,
    report: ProgressReport,
    **more: Unpack[OfSets],
) -> Result:
    """What is asked for, by its aspect."""
    use_imputed, each_case = more.pop("use_imputed", False), more.pop("cases", False)
    accept = {field: value for field, value in more.pop("accept", {}).items() if value}
    scans: _OfScans = {"use_imputed": use_imputed, "accept": accept}
    beside = [Path(one) for one in more.pop("beside", None) or ()]
    if task is not None or task_without is not None:
        _refuse_given({"cases": each_case or None}, fitting="fidelity")
        alone = tuple(aspects) == ("fidelity",) and calibration is None
        return _evaluate_task(
            *places, task=task, without=task_without, split=split, alone=alone, scans=scans, report=report
        )
    if set(aspects) & set(_SET_ASPECTS):
        given = {"use-imputed": use_imputed or None, "accept": accept or None, "cases": each_case or None}
        _refuse_given(given, fitting="fidelity")
        return _evaluate_sets(
            *places, aspects=aspects, split=split, given=more, alone=calibration is None, report=report
        )
    _refuse_given(dict(more), fitting="distribution or privacy")
    asked: _OfImages = {**scans, "each_case": each_case}
    return _evaluate_images(
        *places, split=split, aspects=aspects, calibration=calibration, beside=beside, scans=asked, report=report
    )


def _evaluate_images(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    split: str,
    aspects: Sequence[str],
    calibration: str | Path | None,
    beside: Sequence[Path],
    scans: _OfImages,
    report: ProgressReport,
) -> Result:
    """Image by image, beside the truth."""
    from voxlate.bundle.ensemble import read_model
    from voxlate.evaluation.ct.density import read_calibration
    from voxlate.inference.model import is_model, load_model
    from voxlate.workflows.fidelity import FidelityOptions, evaluate_fidelity
    from voxlate.workflows.matrix import evaluate_matrix

    if is_model(Path(model)) and read_model(Path(model)).recipe.targets:
        _refuse_shard("of one question")
        several = load_model(Path(model)).accepting(scans.get("accept", {}))
        return evaluate_matrix(several, Path(data), Path(out), split=split, beside=beside, report=report)
    _refuse_given({"beside": beside or None}, fitting="a model of several targets")
    return evaluate_fidelity(
        Path(model),
        Path(data),
        Path(out),
        split=split,
        options=FidelityOptions(
            calibration=None if calibration is None else read_calibration(calibration),
            dose="dose" in aspects,
            **scans,
        ),
        report=report,
    )


def _evaluate_sets(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    aspects: Sequence[str],
    split: str,
    given: OfSets,
    alone: bool,
    report: ProgressReport,
) -> Result:
    """The aspect of whole sets of images that is asked for."""
    _refuse_shard("whose aspect is fidelity, dose or a task")
    if len(aspects) > 1 or not alone:
        raise UsageError(
            f"one of the aspects {' and '.join(_SET_ASPECTS)} alone",
            came=", ".join(aspects) if len(aspects) > 1 else "a calibration beside it",
            where="--aspect",
            remedy="Evaluate the others in a run, and a folder, of their own.",
        )
    places = Path(model), Path(data), Path(out)
    features, members = _path(given.get("features")), _path(given.get("members"))
    if aspects[0] == "distribution":
        from voxlate.workflows.sets import evaluate_distribution

        others = {"members": members, "distance": given.get("distance"), "decisions": given.get("decisions")}
        _refuse_given(others, fitting="privacy")
        return evaluate_distribution(
            *places, features=features, split=split, contrast=given.get("contrast"), report=report
        )
    from voxlate.workflows.privacy import evaluate_privacy

    return evaluate_privacy(
        *places,
        features=features,
        members=members,
        contrast=given.get("contrast"),
        distance=given.get("distance"),
        decided=_path(given.get("decisions")),
        report=report,
    )


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _refuse_shard(which: str) -> None:
    """Refuses a part of the cases where what is asked is not kept case by case."""
    if own_shard().name:
        raise UsageError(
            f"an evaluation {which} for --shard",
            came="another",
            where="--shard",
            remedy="Leave it out, or use --cluster.",
        )


def _refuse_given(options: Mapping[str, object], *, fitting: str) -> None:
    """Refuses options of another aspect, which would change nothing."""
    names = [f"--{name}" for name, value in options.items() if value is not None]
    if names:
        raise UsageError(
            f"the aspect {fitting} for {', '.join(names)}",
            came="another one",
            where="--aspect",
            remedy=f"Leave {', '.join(names)} out, or give --aspect {fitting}.",
        )


def _check_aspects(aspects: Sequence[str]) -> None:
    from voxlate.workflows.fidelity import ASPECTS

    unknown = sorted({*aspects} - {*ASPECTS, *_SET_ASPECTS})
    if unknown:
        raise UsageError(
            f"the aspects {' and '.join(ASPECTS)}, or one of {', '.join(_SET_ASPECTS)}",
            came=", ".join(unknown),
            where="--aspect",
            remedy=f"{nearest(unknown[0], (*ASPECTS, *_SET_ASPECTS))}Use one or both of the first, or another alone.",
        )


def _evaluate_task(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    task: str | Path | None,
    without: str | Path | None,
    split: str,
    alone: bool,
    scans: _OfScans,
    report: ProgressReport,
) -> Result:
    from voxlate.workflows.task import evaluate_task

    if task is None or not alone:
        raise UsageError(
            "a task alone",
            came="no --task" if task is None else "an aspect or a calibration beside it",
            where="--task",
            remedy="Give --task, and evaluate aspects of the image in a run of their own.",
        )
    return evaluate_task(
        Path(model),
        Path(data),
        Path(out),
        task=Path(task),
        without=None if without is None else Path(without),
        split=split,
        **scans,
        report=report,
    )
