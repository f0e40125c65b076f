"""The verbs ``derive`` and ``register``: images that are computed from others, without a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError, WriteError, readable
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import Pattern, laid_out, taking_paths

if TYPE_CHECKING:
    from voxlate.derivation import Derivation
    from voxlate.inference.cohort.outcome import Outcome
    from voxlate.io import Provenance
    from voxlate.io.transforms import Transform
    from voxlate.preprocess.registration.registration import RegistrationKind
    from voxlate.volume import Volume

logger = logging.getLogger(__name__)
_LABELS = 32
"""So many values and fewer, all whole, are taken for labels; the least of a scan are some hundreds."""


@dataclass(frozen=True)
class Registered:
    """What ``register`` has written.

    Attributes:
        path: The registered volume.
        transform: The transform, a file of ITK's.
        figure: The picture; ``None`` if none was drawn.
        notes: What was done, one sentence each.
    """

    path: Path
    transform: Path
    figure: Path | None
    notes: tuple[str, ...]


@taking_paths
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


@taking_paths
def register(
    moving: str | Path,
    fixed: str | Path,
    *,
    out: str | Path,
    transform: RegistrationKind = "rigid",
    apply: str | Path | None = None,
    shows: str | None = None,
    picture: bool = True,
    overwrite: bool = False,
    report: ProgressReport = silent,
) -> Registered:
    """Brings a scan onto the grid of another, and writes it with its transform and a picture beside it.

    Args:
        moving: Which is brought: a volume file or DICOM; a label map only with ``apply``.
        fixed: Which stays, likewise.
        out: The file to write, or a folder to write it in.
        transform: How the scan may move: ``rigid``, ``affine`` or ``deformable``.
        apply: A transform that is there, in the place of a search: a ``.tfm`` file from the fixed scan's world to the
            moving one's.
        shows: What the moving one shows, where neither its name nor its header says so; ``labels`` for a label map.
        picture: Draw both in squares, before and after.
        overwrite: Replace files that are there.
        report: Told when it is done.

    Returns:
        Where what lies, and what was done.

    Raises:
        UsageError: If a label map is to be aligned, or ``out`` is named like no image.
        ReadError: If an image or a transform is refused.
        GeometryError: If the two have nothing to compare.
        WriteError: If a file is there already.
    """
    from voxlate.io import volume_stem, write_volume
    from voxlate.io.transforms import write_transform
    from voxlate.preprocess.registration.volumes import bring
    from voxlate.verbs.images import read
    from voxlate.verbs.single import single_output

    place = single_output(Path(out), readable(volume_stem(Path(moving))), "registered")
    written = place.with_name(f"{volume_stem(place)}.tfm")
    _check_free(place, written, kept=(Path(moving), Path(fixed)), overwrite=overwrite)
    report("register", 0, 1)
    one, other = _no_label_map(read(moving, contrast=shows), where=moving), read(fixed)
    used, notes = _transform(one, other, transform if apply is None else Path(apply), where=moving)
    volume = bring(one, other, used)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_transform(used, written)
    told = _told(one, moving=Path(moving), fixed=(other, Path(fixed)), notes=(*one.notes, *notes))
    write_volume(volume, place, provenance=told, overwrite=overwrite)
    figure = _drawn((one, other, volume), place, notes=notes) if picture else None
    report("register", 1, 1)
    return Registered(place, written, figure, notes)


def _transform(
    one: Volume, other: Volume, how: RegistrationKind | Path, *, where: object
) -> tuple[Transform, tuple[str, ...]]:
    """A transform that is searched for, or that a file holds, and what is to be said of it."""
    from voxlate.io.transforms import read_transform
    from voxlate.preprocess.registration.volumes import align

    if isinstance(how, Path):
        return read_transform(how), (f"brought to another grid by the transform {readable(how.name)}",)
    found = align(one, other, kind=how, where=where)
    for warning in found.warnings():
        logger.warning("%s: %s", where, warning)
    return found.transform, (*found.describe(), *found.warnings())


def _no_label_map(volume: Volume, *, where: object) -> Volume:
    """The volume, unless nothing says what it shows and its values look like labels, which are never mixed.

    Raises:
        UsageError: If they do.
    """
    import numpy as np

    if volume.contrast is None or volume.contrast.name == "mr":
        values = np.unique(volume.array)
        if len(values) <= _LABELS and np.array_equal(values, np.rint(values)):
            came = f"{len(values)} whole numbers, as of a label map"
            remedy = "Say what it is: --as labels, or --as t1 and so on."
            raise UsageError("an image, or a label map that is called one", came=came, where=where, remedy=remedy)
    return volume


def _check_free(place: Path, *beside: Path, kept: Sequence[Path], overwrite: bool) -> None:
    if any(path.exists() and place.exists() and place.samefile(path) for path in kept):
        raise UsageError("another file than the scans", came="one of them", where="--out", remedy="Name a new one.")
    for path in (place, *beside):
        if path.exists() and not overwrite:
            raise WriteError("a new file", came="one that is there", where=path, remedy="Add --overwrite.")


def _told(one: Volume, *, moving: Path, fixed: tuple[Volume, Path], notes: tuple[str, ...]) -> Provenance:
    """What the sidecar says; an image that a model made stays marked as such."""
    from voxlate.io import FileRecord, Provenance, file_digest

    def record(volume: Volume, path: Path) -> FileRecord:
        shown = volume.contrast.name if volume.contrast else "mr"
        made = volume.provenance is not None and volume.provenance.model is not None
        return FileRecord(contrast=shown, name=readable(path.name), sha256=file_digest(path), imputed=made)

    shown = one.contrast
    return Provenance(
        synthetic=one.is_synthetic,
        sources=(record(one, moving), record(*fixed)),
        model=one.provenance.model if one.provenance is not None else None,
        target=shown.name if shown else "mr",
        unit=shown.unit if shown else "a.u.",
        notes=notes,
    )


def _drawn(volumes: tuple[Volume, Volume, Volume], place: Path, *, notes: tuple[str, ...]) -> Path:
    """The picture of a moving, a fixed and a registered volume beside the file."""
    from voxlate.io import volume_stem
    from voxlate.io.atomic import write_bytes
    from voxlate.reporting.drawing.canvas import to_png
    from voxlate.workflows.pictures import draw_registered

    moving, fixed, registered = volumes
    path = place.with_name(f"{volume_stem(place)}.png")
    write_bytes(path, to_png(draw_registered(moving, fixed, registered, notes=notes[:1])))
    return path
