"""The verb ``derive``: images that are computed from others, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, laid_out

if TYPE_CHECKING:
    from voxlate.derivation import Derivation
    from voxlate.inference.cohort.outcome import Outcome


def derive(
    data: str | Path,
    *,
    out: str | Path,
    contrasts: str | Sequence[str] | None = None,
    recipe: str | Path | Recipe | None = None,
    calibration: str | Path | None = None,
    pattern: Pattern = None,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> list[Outcome]:
    """Writes images that are computed from a data set's own: fat, water and fat fraction, electron density.

    Of a Dixon pair ``fat``, ``water`` and ``fat_fraction``, of a CT, real or made, ``electron_density``; and whatever
    the ``plan.derive`` of a recipe declares.

    Args:
        data: The data set, or the folder of a case.
        out: The folder for the images.
        contrasts: Which of them; ``None`` for all that a case's files allow.
        recipe: Whose derivations are known too, by name, file or value.
        calibration: A CSV file ``hu,density`` with the scanner's relative electron densities; by default those after
            Schneider et al. 2000, which serve to compare images and not to plan.
        pattern: Where the data set's files lie, in the place of a layout.
        overwrite: Make images that are there anew.
        report: Called with the number of finished images.

    Returns:
        An outcome for each case and contrast.

    Raises:
        UsageError: If a contrast is not known how to compute, or nothing can be.
        ReadError: If the calibration cannot be used.
    """
    from voxlate.cohort import index_cohort
    from voxlate.contrast import get_contrast
    from voxlate.inference.cohort.arithmetic import derive_cohort

    known = _known(recipe, calibration)
    asked: tuple[str, ...] = listed(contrasts or ())
    wanted = tuple(get_contrast(name).name for name in asked)
    for name in wanted:
        if name not in known:
            remedy = "Say how in the plan.derive of a recipe, and name it with --recipe."
            raise UsageError(f"one of {', '.join(known)}", came=name, where="contrasts", remedy=remedy)
    with laid_out(Path(data), pattern):
        cohort = index_cohort(Path(data))
    told = partial(report, "derive")
    return derive_cohort(known, cohort, Path(out), wanted=wanted, overwrite=overwrite, report=told)


def _known(recipe: str | Path | Recipe | None, calibration: str | Path | None) -> dict[str, Derivation]:
    from voxlate.derivation import DIXON
    from voxlate.verbs.train import resolve_recipe

    declared = {} if recipe is None else resolve_recipe(recipe).plan.derive
    return {**DIXON, "electron_density": density_by(calibration), **declared}


def density_by(calibration: str | Path | None) -> Derivation:
    """How the relative electron density follows from a CT.

    Raises:
        ReadError: If the calibration cannot be used.
    """
    from voxlate.derivation import Derivation
    from voxlate.evaluation.ct.density import ELECTRON_DENSITY, read_calibration

    curve = ELECTRON_DENSITY if calibration is None else read_calibration(calibration)
    points = tuple(zip(curve.hu, curve.density, strict=True))
    return Derivation(operation="curve", of=("ct",), points=points)
