"""What derived contrasts of a case tell before they are used: constant ones, and ones that give the target away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from voxlate.cohort.case import Case
from voxlate.cohort.preflight.finding import Finding
from voxlate.cohort.preflight.pairwise import copy_of
from voxlate.cohort.preflight.sampling import onto_grid, overlaps
from voxlate.contrast import get_contrast
from voxlate.derivation import Derivation, compute, files_of
from voxlate.errors import VoxlateError
from voxlate.volume import Volume


def check_derived(
    case: Case,
    volumes: Mapping[str, Volume],
    derive: Mapping[str, Derivation],
    *,
    source: Sequence[str],
    target: str | None,
) -> Iterator[Finding]:
    """The findings about the sources of a case that are computed.

    Args:
        case: The case, for names.
        volumes: What could be read of it, by contrast.
        derive: How contrasts are computed.
        source: Contrasts that go in.
        target: The contrast that comes out.
    """
    for name in source:
        files = files_of([name], derive, case.paths)
        if name in files or not set(files) <= set(volumes):
            continue
        try:
            volume = _compute(name, [(file, volumes[file]) for file in files], derive)
        except VoxlateError as error:
            yield Finding("error", "not_finite", case.id, str(error))
            continue
        formula = derive[name].formula()
        if volume.array.min() == volume.array.max():
            message = f"{name}, computed as {formula}, is {volume.array.flat[0]:g} everywhere. Correct plan.derive."
            yield Finding("error", "constant_image", case.id, message)
        elif target and target in volumes and overlaps(volume.grid, volumes[target].grid):
            copy = copy_of(volume, volumes[target])
            if copy is not None:
                message = (
                    f"{case.paths[target]} is {copy.describe()} of {name}, which is computed as {formula}: the target "
                    f"stands in the sources. Leave {name} out, or replace the target by the true image."
                )
                yield Finding("error", "target_is_source", case.id, message)


def _compute(name: str, volumes: Sequence[tuple[str, Volume]], derive: Mapping[str, Derivation]) -> Volume:
    """A derived contrast on the grid of its first file, by the nearest voxel: for comparison only."""
    first = volumes[0][1]
    images = {file: onto_grid(volume, first.grid, outside=float(volume.array.min())) for file, volume in volumes}
    return Volume(compute(name, derive, images), first.affine, get_contrast(name))
