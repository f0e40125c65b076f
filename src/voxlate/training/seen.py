"""What a run sees: the files of its cases, by whose digests they are known wherever they are met again.

A file that changes after training has begun was seen all the same; images are known by their voxels in other files, and
by a sketch when they were changed.
"""

from __future__ import annotations

import json
from pathlib import Path

from voxlate.cohort import Case
from voxlate.cohort.recognition import file_sketch
from voxlate.errors import CohortError, counted, some
from voxlate.io import file_digest, voxel_digest
from voxlate.io.atomic import write_text
from voxlate.training.run import RunFolder
from voxlate.training.setup.setup import Setup


def refuse_changed(setup: Setup, run: RunFolder) -> None:
    """Refuses to go on with a run whose images are others now: what it has learned would be of neither.

    Raises:
        CohortError: If a file of a training or validation case is none that the run has seen.
    """
    seen = read_seen(run)
    if not (run.has_learned and seen):
        return
    cases = [case for part in ("train", "validation") for case in setup.cases(part)]
    changed = [(case.id, path) for case in cases for path in _files(setup, case) if file_digest(path) not in seen]
    if changed:
        named = some(list(dict.fromkeys(case for case, _ in changed)))
        raise CohortError(
            "the images that this run has trained on so far",
            came=f"{counted(len(changed), 'file')} changed since, of {named}; the first is {changed[0][1].name}",
            where=setup.cohort.root,
            remedy="Put them back as they were, or start another run in another folder.",
        )


def note_seen(setup: Setup, run: RunFolder) -> None:
    """Keeps what training is about to see, beside what it has seen."""
    cases = [case for part in ("train", "validation") for case in setup.cases(part)]
    digests = {file_digest(path) for case in cases for path in _files(setup, case)}
    write_text(run.seen, json.dumps(sorted(digests | read_seen(run)), indent=1) + "\n")


def read_seen(run: RunFolder) -> frozenset[str]:
    """SHA-256 of the files that a run has seen."""
    return frozenset(json.loads(run.seen.read_text(encoding="utf-8")) if run.seen.is_file() else ())


def _files(setup: Setup, case: Case) -> list[Path]:
    """What training has seen of a case: what its sources are made from, and the target."""
    if setup.recipe.targets:
        return list(setup.plan.files(case).values())
    return [*setup.plan.files(case).values(), case.paths[setup.plan.target]]


def voxels_of(setup: Setup, case: Case) -> tuple[str, ...]:
    """By what the same images are known in other files."""
    digests = (voxel_digest(path, reading=setup.plan.reading) for path in _files(setup, case))
    return tuple(sorted({digest for digest in digests if digest is not None}))


def sketches_of(setup: Setup, case: Case) -> tuple[str, ...]:
    """By what the same images are known when they were changed."""
    found = (file_sketch(path, reading=setup.plan.reading) for path in _files(setup, case))
    return tuple(sorted({sketch for sketch in found if sketch is not None}))
