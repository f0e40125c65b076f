"""Images that are computed from a case's own, written as volumes: fat, water, fat fraction, electron density.

    <out>/<case>/<case>_<contrast>.nii.gz    and its sidecar: the files that it was computed from, and the formula
    <out>/manifest.csv                       a line per case and contrast

No model has a part in it. An image that is computed from a synthetic one is marked synthetic, by the same maker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.cohort import Case, Cohort
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.derivation import Derivation, compute, files_of, formulas, lacking
from voxlate.errors import GeometryError, UsageError
from voxlate.inference.cohort.derivatives import check_place, target_path, write_description, write_manifest
from voxlate.inference.cohort.outcome import Outcome, attempt, is_finished
from voxlate.io import (
    FileRecord,
    Provenance,
    check_writable,
    file_digest,
    hold,
    read_provenance,
    read_volume,
    remove_stale,
    write_volume,
)
from voxlate.io.reading import read_maker
from voxlate.progress import telling
from voxlate.volume import Array, Volume

_NOISE_SHARE, _BRIGHT = 0.05, 99.5
"""A quotient is 0 where the divisor is below this share of its bright values, this percentile: there is noise alone."""


def derive_cohort(
    derive: Mapping[str, Derivation],
    cohort: Cohort,
    folder: Path,
    *,
    wanted: Sequence[str] = (),
    overwrite: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Computes images of a data set's cases; a case's own file of a contrast is left alone.

    Args:
        derive: From a contrast to how it is computed.
        cohort: The data set, which is only read.
        folder: Where the images go.
        wanted: The contrasts; empty for all that a case's files allow.
        overwrite: Whether images that are there are made anew.
        report: Called with the number of finished images and of all.

    Returns:
        An outcome for each case and contrast, in the data set's order.

    Raises:
        UsageError: If nothing can be computed of any case, or the folder is the data set or in it.
        LockedError: If another process writes to the folder.
    """
    tasks = [(case, name) for case in cohort.cases for name in wanted or _possible(case, derive)]
    if not tasks:
        needs = sorted({" and ".join(files_of([name], derive)) for name in derive})
        had = ", ".join(sorted({name for case in cohort.cases for name in case.paths}))
        remedy = "Name the files' contrasts with --pattern, or say how to compute others in a recipe's plan.derive."
        raise UsageError(f"cases with {', or with '.join(needs)}", came=had, where=cohort.root, remedy=remedy)
    check_place(folder, cohort)
    check_writable(folder)
    outcomes: list[Outcome] = []
    with hold(folder, what="derivation"):
        remove_stale(folder)
        write_description(folder, cohort)
        for case, name in telling(tasks, report):
            outcomes.append(_outcome(case, name, derive, folder, overwrite=overwrite))
            write_manifest(outcomes, folder)
    return outcomes


def _possible(case: Case, derive: Mapping[str, Derivation]) -> list[str]:
    return [name for name in derive if name not in case.paths and not lacking([name], derive, case.paths)]


def _outcome(case: Case, name: str, derive: Mapping[str, Derivation], folder: Path, *, overwrite: bool) -> Outcome:
    missing = lacking([name], derive, case.paths)
    if name in case.paths:
        return Outcome(case.id, "present", target=name, has_target=True)
    if missing:
        return Outcome(case.id, "cannot", reason=f"no {', no '.join(missing)}", target=name)
    path = target_path(folder, case.id, name)
    outcome = Outcome(case.id, "done", target=name, sources=files_of([name], derive, case.paths), path=path)
    return attempt(partial(_made, outcome, case, derive, path=path, overwrite=overwrite), outcome)


def _made(outcome: Outcome, case: Case, derive: Mapping[str, Derivation], *, path: Path, overwrite: bool) -> Outcome:
    name = outcome.target
    wanted = _provenance(case, outcome, derive)
    if is_finished(path, wanted, overwrite=overwrite):
        return Outcome(case.id, "skipped", reason="the recorded hashes match", target=name, path=path)
    volumes = {
        one: read_volume(case.paths[one], contrast=get_contrast(one), reading=Reading()) for one in outcome.sources
    }
    first = _on_one_grid(volumes, case)
    images = {one: volume.array for one, volume in volumes.items()}
    array = compute(name, _guarded(derive, images), images)
    path.parent.mkdir(parents=True, exist_ok=True)
    volume = Volume(array, first.affine, get_contrast(name))
    write_volume(volume, path, provenance=wanted, overwrite=True)
    return outcome


def _on_one_grid(volumes: Mapping[str, Volume], case: Case) -> Volume:
    (named, first), *others = volumes.items()
    for name, volume in others:
        if not volume.grid.matches(first.grid):
            raise GeometryError(
                f"the grid of {named}, {first.shape} at {first.spacing_mm} mm",
                came=f"{volume.shape} at {volume.spacing_mm} mm, or another position",
                where=case.paths[name],
                remedy="Bring both to one grid first: echoes of one scan have one.",
            )
    return first


def _guarded(derive: Mapping[str, Derivation], images: Mapping[str, Array]) -> dict[str, Derivation]:
    """The derivations, quotients with a guard above the noise where their divisor is a scan and none was given."""
    found = dict(derive)
    for name, one in derive.items():
        if one.operation == "divide" and "guard" not in one.model_fields_set and one.of[1] in images:
            bright = float(np.percentile(np.abs(images[one.of[1]]), _BRIGHT))
            found[name] = one.model_copy(update={"guard": max(_NOISE_SHARE * bright, one.guard)})
    return found


def _provenance(case: Case, outcome: Outcome, derive: Mapping[str, Derivation]) -> Provenance:
    contrast = get_contrast(outcome.target)
    makers = {name: read_maker(case.paths[name]) for name in outcome.sources}
    told = [read_provenance(case.paths[name]) for name in outcome.sources]
    sources = tuple(
        FileRecord(
            contrast=name,
            name=case.paths[name].name,
            sha256=file_digest(case.paths[name]),
            imputed=makers[name] == "model",
        )
        for name in outcome.sources
    )
    return Provenance(
        synthetic=any(maker is not None for maker in makers.values()),
        sources=sources,
        model=next((one.model for one in told if one is not None and one.model is not None), None),
        target=contrast.name,
        unit=contrast.unit,
        notes=tuple(f"{name}: {formula}" for name, formula in formulas([outcome.target], derive).items()),
    )
