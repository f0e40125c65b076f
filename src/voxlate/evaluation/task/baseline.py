"""The baseline of a task: an image that intensity lookup makes, in the place of the target, through a file like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.evaluation.candidates import Candidate
from voxlate.inference.cohort.derivatives import target_path
from voxlate.io import FileRecord, Provenance, file_digest, write_volume
from voxlate.preprocess.prepare import prepare_case, restore


def write_lookup(candidate: Candidate, folder: Path, case: Case) -> Path:
    """Writes what intensity lookup makes of a case's first source, on its grid, and returns the file.

    Args:
        candidate: Whose baseline it is.
        folder: Where; ``<case>/<case>_<target>`` in it.
        case: The case.

    Raises:
        VoxlateError: If the source is refused or the file cannot be written.
    """
    plan = candidate.plan.model_copy(update={"spacing_mm": None})
    source, contrast = plan.source[0], get_contrast(plan.target)
    prepared = prepare_case(case, plan, contrasts=(source,))
    values = candidate.lookup.apply(np.asarray(prepared.arrays[source]))
    image = restore(values, prepared, normaliser=plan.normalisers[plan.target], contrast=contrast)
    file = case.paths[source]
    record = FileRecord(contrast=source, name=file.name, sha256=file_digest(file))
    told = Provenance(
        synthetic=True, sources=(record,), target=plan.target, unit=contrast.unit, notes=("by intensity lookup",)
    )
    path = target_path(folder, case.id, plan.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_volume(image, path, provenance=told, overwrite=True)
