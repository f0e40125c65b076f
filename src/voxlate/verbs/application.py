"""Verbs that apply a model: ``translate`` and ``evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voxlate.config import Recipe
from voxlate.errors import UsageError
from voxlate.verbs.learning import resolve_recipe
from voxlate.verbs.progress import ProgressReport, silent

if TYPE_CHECKING:
    from voxlate.inference.translate import Outcome
    from voxlate.reporting.evaluation import Evaluated


def translate(
    model: str | Path,
    scan: str | Path,
    *,
    out: str | Path,
    target: str | None = None,
    accept: Mapping[str, str] | None = None,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Translates a volume file or a data set.

    Args:
        model: A run or a bundle.
        scan: A volume file, or a data set.
        out: The file to write (or a folder to write it in), or the folder for a data set.
        target: The wanted contrast, which must be the model's.
        accept: What readers may accept that they refuse by default, fields of ``plan.reading``:
            ``{"on_shear": "resample"}``; what was accepted is recorded in the sidecar.
        overwrite: Replace files that are there.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If the model cannot do what is asked.
        VoxlateError: If the single input is refused.
    """
    from voxlate.cohort import index_cohort
    from voxlate.inference.model import load_model
    from voxlate.inference.translate import translate_cohort, translate_file

    loaded = load_model(Path(model)).accepting(accept or {})
    recipe = loaded.bundle.recipe
    if target is not None and resolve_recipe(recipe, target=target).target != recipe.target:
        raise UsageError(
            f"the target {recipe.target}", came=repr(target), where=model, remedy="Use a model trained for it."
        )
    if Path(scan).is_dir():
        cohort = index_cohort(Path(scan))
        return translate_cohort(loaded, cohort, Path(out), overwrite=overwrite, report=partial(report, "translate"))
    case = _single_case(Path(scan), recipe)
    return [translate_file(loaded, case, _single_output(Path(out), case.id, recipe.target), overwrite=overwrite)]


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    out: str | Path,
    split: str = "test",
    aspects: Sequence[str] = ("fidelity",),
    report: ProgressReport = silent,
) -> Evaluated:
    """Scores a model, or translated images, against the truth and beside the baselines, and writes the report.

    Args:
        model: A run, a bundle, or a folder of translated images.
        data: A data set with the true target.
        out: Where scores, figures and the page go.
        split: ``test`` for cases that the model has not seen, ``all`` for every case.
        aspects: What to look at; ``fidelity`` is known.
        report: Called with the number of finished cases.

    Raises:
        UsageError: If an aspect or split is unknown, or no case is left.
    """
    from voxlate.reporting.evaluation import evaluate_fidelity

    unknown = set(aspects) - {"fidelity"}
    if unknown:
        raise UsageError("the aspect fidelity", came=", ".join(sorted(unknown)), where="--aspect", remedy="Use it.")
    return evaluate_fidelity(Path(model), Path(data), Path(out), split=split, report=report)


def _single_case(path: Path, recipe: Recipe) -> Any:  # noqa: ANN401
    from voxlate.cohort import Case
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
    if len(recipe.source) != 1:
        raise UsageError(
            f"{len(recipe.source)} contrasts: {', '.join(recipe.source)}",
            came="one file",
            where=path,
            remedy="Give the folder of the case.",
        )
    return Case(id=volume_stem(path), subject=volume_stem(path), paths={recipe.source[0]: path}, attributes={})


def _single_output(out: Path, stem: str, target: str) -> Path:
    from voxlate.io import is_volume_path

    return out if is_volume_path(out) else out / f"{stem}_{target}.nii.gz"
