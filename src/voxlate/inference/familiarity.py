"""Whether the sources of a case look like those that a model was trained on. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from voxlate.bundle.bundle import Bundle
from voxlate.cohort import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.recognition import is_sketched, shows_sketched
from voxlate.errors import UsageError
from voxlate.io import file_digest, voxel_digest
from voxlate.io.canonical import hash_voxels
from voxlate.preprocess.familiar import Familiar, appearance, check_familiar
from voxlate.preprocess.prepare import PreparedCase, prepare_case


def unfamiliar(case: Case, prepared: PreparedCase, familiar: Mapping[str, Familiar]) -> list[Finding]:
    """Warnings about sources unlike those of the training; none where a bundle is older than what tells it.

    Args:
        case: The case.
        prepared: As it enters the network.
        familiar: By source, what the training scans look like.
    """
    return [
        finding
        for name, known in familiar.items()
        if name in prepared.arrays
        for finding in check_familiar(
            appearance(np.asarray(prepared.arrays[name][:]), prepared.shown(name)),
            known,
            name=name,
            case=case.id,
            path=case.paths.get(name, Path(case.id)),
        )
    ]


def judge_file(path: Path, bundle: Bundle, *, name: str) -> list[Finding]:
    """Warnings about one file, taken for the source of a model.

    Args:
        path: A volume file.
        bundle: The model, of one source.
        name: For the messages.

    Raises:
        UsageError: If the model needs several sources, or does not know what its source looks like.
        VoxlateError: If the file is refused.
    """
    source, familiar = bundle.recipe.source, bundle.fingerprint.familiar
    if len(source) != 1 or source[0] not in familiar:
        came = f"one that needs {', '.join(source)}" if len(source) != 1 else "one that does not tell, as older ones do"
        raise UsageError(
            "a model of one source that knows what its training scans look like",
            came=came,
            where=bundle.folder,
            remedy="Translate with it: what it says of the sources stands in the output and the sidecar.",
        )
    case = Case(name, name, {source[0]: path})
    return unfamiliar(case, prepare_case(case, bundle.plan, contrasts=source), familiar)


def is_known(case: Case, bundle: Bundle) -> bool:
    """Whether a bundle was trained or chosen on a source image of a case, by file, by voxels, or by what it shows."""
    images = bundle.plan.files(case)
    files = [path for name, path in images.items() if name not in case.held]
    if any(file_digest(path) in bundle.seen for path in files):
        return True
    known, reading = bundle.seen_voxels, bundle.plan.reading
    held = [case.held[name] for name in images if name in case.held]
    if any(hash_voxels(volume) in known for volume in held):
        return True
    if known and any(voxel_digest(path, reading=reading) in known for path in files):
        return True
    return any(shows_sketched(volume, bundle.sketches) for volume in held) or any(
        is_sketched(path, bundle.sketches, reading=reading) for path in files
    )
