"""Reading an image of a case through the door: what is read for any use has been admitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voxlate.cohort.admission.door import admit, refuse, without_made_up
from voxlate.cohort.case import Case
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import CohortError
from voxlate.io import read_grid, read_volume
from voxlate.volume import Grid, Volume


def read_case_grid(case: Case, name: str, *, reading: Reading) -> Grid:
    """The grid of a case's image, by its canonical name, from the header alone.

    Raises:
        ReadError: If the header is refused.
    """
    held = case.held.get(name)
    return held.grid if held is not None else read_grid(case.paths[name], reading=reading)


def read_contrast(case: Case, name: str, *, reading: Reading) -> Volume:
    """The image of a contrast; negative labels, where they are accepted, are background.

    Args:
        case: The case.
        name: The contrast, or an alias of it.
        reading: What the reader may accept, and which findings.

    Raises:
        CohortError: If the case has none.
        ReadError: If the file cannot be read or trusted, or is not admitted.
    """
    contrast = get_contrast(name)
    if contrast.name not in case.paths:
        raise CohortError(
            f"an image of {contrast.title}",
            came=f"only {', '.join(case.paths) or 'none'}",
            where=f"case {case.id}",
            remedy="Add the file, name it by a known alias, or leave the case out.",
        )
    path = case.paths[contrast.name]
    held = case.held.get(contrast.name)
    volume = held if held is not None else read_volume(path, contrast=contrast, reading=reading)
    convention = case.attributes.get("label_convention", "")
    notes = refuse(admit(volume, case=case.id, path=path, convention=convention), accept=reading.accept)
    volume = replace(without_made_up(volume), notes=(*volume.notes, *notes))
    if contrast.kind == "label" and volume.array.min() < 0:
        volume = replace(volume, array=np.maximum(volume.array, 0)).with_note(
            "Negative labels were taken as background."
        )
    return volume
