"""Verbs that apply a model: ``translate``, ``synthesize`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.progress import ProgressReport, silent

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.inference.model import Model
    from voxlate.workflows.result import Evaluated


SET_ASPECTS = ("distribution", "privacy")
"""Aspects of whole sets of images, not of an image beside its truth."""


class OfSets(TypedDict, total=False):
    """What the aspects of whole sets of images may be told.

    Attributes:
        features: The network whose features are compared: a run, a bundle or a file of weights.
        members: For ``privacy``, what tells the real images that the model has seen, if the synthetic set does not.
        contrast: Which images are meant if both sets have several.
        distance: For ``privacy``, the relative distance up to which an image is held back.
    """

    features: str | Path | None
    members: str | Path | None
    contrast: str | None
    distance: float | None


def translate(
    model: str | Path,
    scan: str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    accept: Mapping[str, str] | None = None,
    every: bool = False,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Translates a volume file, or fills the gaps of a data set.

    If some case of a data set lacks the target, those that have it are left alone; if none does, all are translated.

    Args:
        model: A run or a bundle; for a data set also a folder of several.
        scan: A volume file, or a data set.
        out: The file to write (or a folder to write it in), or the folder for a data set.
        target: The wanted contrast; of several models only those that make it are used.
        accept: What readers may accept that they refuse by default, fields of ``plan.reading``:
            ``{"on_shear": "resample"}``; what was accepted is recorded in the sidecar.
        every: Translate every case of the data set, also those that have the target.
        overwrite: Replace files that are there.
        report: Called with the number of finished images.

    Returns:
        An outcome for the file, or for each case and target in the data set's order.

    Raises:
        UsageError: If the model cannot do what is asked, or the output would lie among the originals.
        VoxlateError: If the single input is refused.
    """
    from voxlate.inference.cohort.translate import translate_cohort, translate_file

    models = _models(Path(model), target=target, accept=accept or {})
    if _is_data_set(Path(scan)):
        from voxlate.cohort import index_cohort

        return translate_cohort(
            models,
            index_cohort(Path(scan)),
            Path(out),
            every=every,
            overwrite=overwrite,
            report=partial(report, "translate"),
        )
    single = _only(models, where=Path(model))
    recipe = single.bundle.recipe
    case = _single_case(Path(scan), recipe)
    return [translate_file(single, case, _single_output(Path(out), case.id, recipe.target), overwrite=overwrite)]


def synthesize(
    model: str | Path,
    *,
    cases: int,
    seed: int = 0,
    out: str | Path,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Writes whole new annotated cases: label maps that the model's bundle draws, and the images that it makes of them.

    Args:
        model: A run or a bundle whose recipe has ``shapes``.
        cases: How many; the first of them are the same however many are asked for.
        seed: Draws them; cases of several seeds may lie in one folder.
        out: A new folder, or one with earlier cases, which are left alone if they are finished.
        overwrite: Make also those anew.
        report: Called with the number of finished cases.

    Returns:
        An outcome for each case.

    Raises:
        UsageError: If the recipe has no ``shapes``, or the folder holds anything else.
        BundleError: If the bundle is refused.
    """
    from voxlate.inference.cohort.synthesis import synthesise_cases
    from voxlate.inference.model import load_model

    return synthesise_cases(
        load_model(Path(model)),
        Path(out),
        cases=cases,
        seed=seed,
        overwrite=overwrite,
        report=partial(report, "synthesize"),
    )


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path,
    split: str = "test",
    aspects: Sequence[str] = ("fidelity",),
    calibration: str | Path | None = None,
    task: str | Path | None = None,
    task_without: str | Path | None = None,
    report: ProgressReport = silent,
    **of_sets: Unpack[OfSets],
) -> Evaluated:
    """Scores a model, or translated images, against the truth and beside the baselines, and writes the report.

    With a task, what is scored is not the image but what a segmenter finds in it, see ``voxlate.evaluation.task.arms``.

    Args:
        model: A run, a bundle, or a folder of translated images; of the aspects of sets also a synthesised data set.
        data: A data set with the true target, or, for the aspects of sets, of real images.
        out: Where scores, figures and the page go.
        split: ``test`` for cases that the model has not seen, ``all`` for every case.
        aspects: What to look at: ``fidelity``, which is always scored, and for a CT ``dose``, which adds gamma pass
            rates and needs ``voxlate[gamma]``. Or one of the aspects of whole sets of images: ``distribution``, see
            ``voxlate.reporting.sets.page``, or ``privacy``, see ``voxlate.reporting.privacy.page``.
        calibration: For a CT, a CSV file ``hu,density`` with the scanner's relative electron densities, from which
            water-equivalent path lengths and doses are computed; by default those after Schneider et al. 2000.
        task: A segmenter (a run, a bundle, or the YAML file of a program) that is applied with the real, the
            synthetic and no target.
        task_without: A segmenter that was trained without the target, for the last of the three.
        report: Called with the number of finished cases.
        **of_sets: For the aspects of sets, see ``OfSets``.

    Raises:
        UsageError: If an aspect or split is unknown, no case is left, a calibration or the dose is given for another
            target, or the dose without pymedphys; if a segmenter does not fit.
        ReadError: If the calibration cannot be used.
    """
    if task is not None or task_without is not None:
        alone = tuple(aspects) == ("fidelity",) and calibration is None
        return _evaluate_task(
            model, data, out, task=task, without=task_without, split=split, alone=alone, report=report
        )
    if set(aspects) & set(SET_ASPECTS):
        return _evaluate_sets(
            model,
            data,
            out,
            aspects=aspects,
            split=split,
            given=dict(of_sets),
            alone=calibration is None,
            report=report,
        )
    _refuse_given(dict(of_sets), fitting="distribution or privacy")
    return _evaluate_images(model, data, out, split=split, aspects=aspects, calibration=calibration, report=report)


def _evaluate_images(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    split: str,
    aspects: Sequence[str],
    calibration: str | Path | None,
    report: ProgressReport,
) -> Evaluated:
    """Image by image, beside the truth."""
    from voxlate.evaluation.ct.density import read_calibration
    from voxlate.reporting.fidelity.page import evaluate_fidelity

    _check_aspects(aspects)
    return evaluate_fidelity(
        Path(model),
        Path(data),
        Path(out),
        split=split,
        report=report,
        calibration=None if calibration is None else read_calibration(calibration),
        dose="dose" in aspects,
    )


def _evaluate_sets(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    aspects: Sequence[str],
    split: str,
    given: Mapping[str, Any],
    alone: bool,
    report: ProgressReport,
) -> Evaluated:
    """The aspect of whole sets of images that is asked for."""
    if len(aspects) > 1 or not alone:
        raise UsageError(
            f"one of the aspects {' and '.join(SET_ASPECTS)} alone",
            came=", ".join(aspects) if len(aspects) > 1 else "a calibration beside it",
            where="--aspect",
            remedy="Evaluate the others in a run, and a folder, of their own.",
        )
    places = Path(model), Path(data), Path(out)
    features, members = (_path(given.get(name)) for name in ("features", "members"))
    if aspects[0] == "distribution":
        from voxlate.reporting.sets.page import evaluate_distribution

        _refuse_given({name: given.get(name) for name in ("members", "distance")}, fitting="privacy")
        return evaluate_distribution(
            *places, features=features, split=split, contrast=given.get("contrast"), report=report
        )
    from voxlate.reporting.privacy.page import evaluate_privacy

    return evaluate_privacy(
        *places,
        features=features,
        members=members,
        contrast=given.get("contrast"),
        distance=given.get("distance"),
        report=report,
    )


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else Path(value)


def _refuse_given(options: Mapping[str, Any], *, fitting: str) -> None:
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
    from voxlate.reporting.fidelity.page import ASPECTS

    unknown = set(aspects) - set(ASPECTS)
    if unknown:
        raise UsageError(
            f"the aspects {' and '.join(ASPECTS)}, or one of {', '.join(SET_ASPECTS)}",
            came=", ".join(sorted(unknown)),
            where="--aspect",
            remedy="Use one or both of the first, or one of the others alone.",
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
    report: ProgressReport,
) -> Evaluated:
    from voxlate.reporting.task.page import evaluate_task

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
        report=report,
    )


def _models(path: Path, *, target: str | None, accept: Mapping[str, str]) -> list[Model]:
    from voxlate.contrast import get_contrast
    from voxlate.inference.model import load_models

    models = load_models(path)
    wanted = get_contrast(target).name if target else None
    fitting = [model.accepting(accept) for model in models if wanted in {None, model.target}]
    if not fitting:
        targets = " or ".join(sorted({model.target for model in models}))
        raise UsageError(f"the target {targets}", came=repr(target), where=path, remedy="Use a model trained for it.")
    return fitting


def _only(models: Sequence[Model], *, where: Path) -> Model:
    if len(models) > 1:
        raise UsageError(
            "one model for one file",
            came=f"{len(models)}: {', '.join(model.name for model in models)}",
            where=where,
            remedy="Name one of them.",
        )
    return models[0]


def _is_data_set(path: Path) -> bool:
    return path.is_dir() or (path.is_file() and path.suffix.casefold() in {".csv", ".tsv"})


def _single_case(path: Path, recipe: Recipe) -> Any:  # noqa: ANN401
    from voxlate.cohort import Case
    from voxlate.derivation import files_of
    from voxlate.io import is_volume_path, volume_stem

    if not path.is_file():
        raise UsageError("a volume file or a data set", came="nothing of that name", where=path, remedy="Check it.")
    if not is_volume_path(path):
        raise UsageError(
            "a NIfTI, MetaImage or NRRD file",
            came=f"a file named {path.name}",
            where=path,
            remedy="Convert it first; dcm2niix makes NIfTI of DICOM.",
        )
    wanted = files_of(recipe.source, recipe.plan.derive)
    if len(wanted) != 1:
        raise UsageError(
            f"{len(wanted)} contrasts: {', '.join(wanted)}",
            came="one file",
            where=path,
            remedy="Give the folder of the case.",
        )
    return Case(id=volume_stem(path), subject=volume_stem(path), paths={wanted[0]: path}, attributes={})


def _single_output(out: Path, stem: str, target: str) -> Path:
    from voxlate.io import is_volume_path

    return out if is_volume_path(out) else out / f"{stem}_{target}.nii.gz"
