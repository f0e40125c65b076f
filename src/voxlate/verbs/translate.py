"""Verbs that apply a model: ``translate`` and ``synthesize``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError, readable
from voxlate.progress import ProgressReport, silent

if TYPE_CHECKING:
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.inference.model import Model


def translate(
    model: str | Path,
    scan: str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    accept: Mapping[str, str | Sequence[str]] | None = None,
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
            ``{"on_shear": "resample"}``, or ``{"accept": ["not_hounsfield"]}`` for codes of findings; what was accepted
            is recorded in the sidecar.
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


def _models(path: Path, *, target: str | None, accept: Mapping[str, str | Sequence[str]]) -> list[Model]:
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
    name = readable(volume_stem(path))
    return Case(id=name, subject=name, paths={wanted[0]: path}, attributes={})


def _single_output(out: Path, stem: str, target: str) -> Path:
    from voxlate.io import is_volume_path

    return out if is_volume_path(out) else out / f"{stem}_{target}.nii.gz"
