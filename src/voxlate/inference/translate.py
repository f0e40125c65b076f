"""A bundle over a file and over a data set: outputs appear whole or not at all, finished cases are skipped."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voxlate.cohort import Case, Cohort
from voxlate.errors import UsageError, VoxlateError, WriteError
from voxlate.inference.model import Model
from voxlate.io import file_digest, write_volume
from voxlate.io.atomic import check_writable, remove_stale, write_text
from voxlate.io.lock import hold
from voxlate.io.provenance import FileRecord, ModelRecord, Provenance, read_provenance
from voxlate.preprocess.prepare import PreparedCase

logger = logging.getLogger(__name__)
MANIFEST_FIELDS = ("case", "status", "seconds", "reason")


@dataclass(frozen=True)
class Outcome:
    """What became of one case: a line of ``manifest.csv``."""

    case: str
    status: Literal["done", "skipped", "failed"]
    seconds: float
    reason: str = ""


def translate_file(model: Model, case: Case, path: Path, *, overwrite: bool = False) -> Outcome:
    """Translates one case into one file with its sidecar.

    Raises:
        VoxlateError: If the case is refused or the file cannot be written.
    """
    began = time.monotonic()
    check_writable(path.parent, names=(path.name,))
    provenance = _provenance(model, case)
    if _is_finished(path, provenance, overwrite=overwrite):
        return Outcome(case.id, "skipped", time.monotonic() - began, "the recorded hashes match")
    _write(model, model.prepare(case), provenance, path)
    return Outcome(case.id, "done", time.monotonic() - began)


def translate_cohort(
    model: Model,
    cohort: Cohort,
    folder: Path,
    *,
    overwrite: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Translates every case of a data set to ``<case>/<case>_<target>.nii.gz`` and keeps ``manifest.csv``.

    A case that fails is named with its reason and the others go on. The next case is read while one is computed.

    Raises:
        LockedError: If another process writes to the folder.
    """
    outcomes: list[Outcome] = []
    check_writable(folder)
    with hold(folder, what="translation"):
        remove_stale(folder)
        for case, reading in _read_ahead(model, cohort.cases, folder, overwrite=overwrite):
            outcomes.append(_one(model, case, reading, folder))
            _write_manifest(outcomes, folder / "manifest.csv")
            report(len(outcomes), len(cohort.cases))
    return outcomes


def target_path(folder: Path, case_id: str, target: str) -> Path:
    """Where a data set's translated case lies."""
    return folder / case_id / f"{case_id}_{target}.nii.gz"


@dataclass(frozen=True)
class _Reading:
    """A case on its way: what it is made from, and its arrays unless it is finished already."""

    provenance: Provenance
    prepared: PreparedCase | None


def _read_ahead(
    model: Model, cases: Sequence[Case], folder: Path, *, overwrite: bool
) -> Iterator[tuple[Case, Future[_Reading]]]:
    """Each case with its reading, one case ahead of the one that is computed."""

    def read(case: Case) -> _Reading:
        path = target_path(folder, case.id, model.bundle.recipe.target)
        provenance = _provenance(model, case)
        finished = _is_finished(path, provenance, overwrite=overwrite)
        return _Reading(provenance, None if finished else model.prepare(case))

    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = [pool.submit(read, case) for case in cases[:1]]
        for number, case in enumerate(cases):
            waiting += [pool.submit(read, after) for after in cases[number + 1 : number + 2]]
            yield case, waiting.pop(0)


def _one(model: Model, case: Case, reading: Future[_Reading], folder: Path) -> Outcome:
    began = time.monotonic()
    try:
        read = reading.result()
        if read.prepared is None:
            return Outcome(case.id, "skipped", time.monotonic() - began, "the recorded hashes match")
        path = target_path(folder, case.id, model.bundle.recipe.target)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(model, read.prepared, read.provenance, path)
    except VoxlateError as error:
        return Outcome(case.id, "failed", time.monotonic() - began, str(error))
    except Exception as error:  # one case never affects another, whatever its file makes a library do
        logger.warning("case %s failed unexpectedly", case.id, exc_info=True)
        return Outcome(case.id, "failed", time.monotonic() - began, f"{type(error).__name__}: {error}")
    return Outcome(case.id, "done", time.monotonic() - began)


def _write(model: Model, prepared: PreparedCase, provenance: Provenance, path: Path) -> None:
    volume = model.translate(prepared)
    complete = provenance.model_copy(update={"notes": (*provenance.notes, *prepared.notes)})
    write_volume(volume, path, provenance=complete, overwrite=True)


def _provenance(model: Model, case: Case) -> Provenance:
    recipe, plan = model.bundle.recipe, model.bundle.plan
    missing = [name for name in recipe.source if name not in case.paths]
    if missing:
        raise UsageError(
            f"the contrasts {', '.join(recipe.source)}",
            came=f"none of {', '.join(missing)}",
            where=case.id,
            remedy="Add the missing scans, or use a model that does without them.",
        )
    normaliser = plan.normalisers[recipe.target]
    return Provenance(
        synthetic=True,
        sources=tuple(
            FileRecord(contrast=name, name=case.paths[name].name, sha256=file_digest(case.paths[name]))
            for name in recipe.source
        ),
        model=ModelRecord(name=recipe.name, digest=model.bundle.digest),
        target=recipe.target,
        unit=normaliser.unit,
        scaling=normaliser.inverse.model_dump(),
    )


def _is_finished(path: Path, provenance: Provenance, *, overwrite: bool) -> bool:
    """Whether the file is there, whole, and made from the same images by the same model.

    Raises:
        WriteError: If a file is there that this did not write, and ``overwrite`` is not given.
    """
    if overwrite or not path.exists():
        return False
    old = read_provenance(path)
    if old is None or old.model is None:
        raise WriteError(
            "a free name, or an earlier translation",
            came="another file",
            where=path,
            remedy="Choose another --out, or add --overwrite.",
        )
    same = (old.sources, old.model, old.target) == (provenance.sources, provenance.model, provenance.target)
    return same and old.output_sha256 == file_digest(path)


def _write_manifest(outcomes: Sequence[Outcome], path: Path) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(MANIFEST_FIELDS)
    writer.writerows((o.case, o.status, f"{o.seconds:.3f}", o.reason) for o in outcomes)
    write_text(path, buffer.getvalue())
