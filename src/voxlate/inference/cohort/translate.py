"""A bundle over a file, and models over a data set: outputs appear whole or not at all, finished ones are skipped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import voxlate.inference.sending  # noqa: F401  models are handed out
from voxlate.cohort import Case, Cohort
from voxlate.cohort.admission import told_of
from voxlate.cohort.poor import Poor, without_poor
from voxlate.contrast import get_contrast
from voxlate.inference.cohort.beside import Beside
from voxlate.inference.cohort.dataset import describe, fields_of
from voxlate.inference.cohort.derivatives import check_place, write_completed, write_description, write_manifest
from voxlate.inference.cohort.filing import Filing
from voxlate.inference.cohort.imputation import Decision, decide
from voxlate.inference.cohort.outcome import Outcome, attempt, is_finished
from voxlate.inference.model import Model
from voxlate.io import read_provenance, write_series, write_volume
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold
from voxlate.io.paths import volume_suffix
from voxlate.io.provenance import Provenance
from voxlate.machines.shard import own_shard
from voxlate.preprocess.prepare import PreparedCase
from voxlate.progress.spreading import each_done, helpers
from voxlate.volume import Volume

_RATHER = 20
"""How much longer cases are computed than told of, where there are many."""


def translate_file(
    model: Model,
    case: Case,
    path: Path,
    *,
    imputed: frozenset[str] = frozenset(),
    beside: Beside = Beside(),  # noqa: B008  (frozen)
    overwrite: bool = False,
) -> Outcome:
    """Translates one case into one file with its sidecar.

    Args:
        model: Who translates.
        case: What.
        path: Where to: the name of an image file, or of a folder for a series of DICOM.
        imputed: Sources that a model made, which is recorded.
        beside: What is written beside it.
        overwrite: Whether a file that is there is made anew.

    Raises:
        VoxlateError: If the case is refused or the file cannot be written.
    """
    began = time.monotonic()
    check_writable(path.parent, names=(path.name,) if volume_suffix(path) is not None else ())
    work = _Work(model, case, path, imputed, has_target=model.target in case.paths, beside=beside)
    read = work.read(overwrite=overwrite)
    if read.prepared is not None:
        work.write(read.provenance, read.prepared)
    return replace(work.outcome(read), seconds=time.monotonic() - began)


def translate_cohort(
    models: Sequence[Model],
    cohort: Cohort,
    folder: Path,
    *,
    target: str | None = None,
    every: bool = False,
    poor: Poor | None = None,
    overwrite: bool = False,
    bids: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Makes what a data set lacks, or translates all of it, into ``<case>/<case>_<target>.nii.gz``, or as in BIDS.

    What is made, and by which model, is told in ``voxlate.inference.cohort.imputation``; what else is written, in
    ``voxlate.inference.cohort.derivatives``. A case that fails is named with its reason and the others go on. The next
    case is read while one is computed. The data set is only read. Of a shard (``voxlate.machines.shard``) only its own
    cases are made; what all have made together is told by a call for the whole, which finds all of it done.

    Args:
        models: At least one.
        cohort: The data set.
        folder: Where the output goes.
        target: The only contrast that is wanted; ``None`` for all that the models make.
        every: Whether cases that have the target are translated although others lack it.
        poor: Scans that are counted as missing, so that they are made anew; their files stay. If given, even empty,
            only they and what is missing are made.
        overwrite: Whether images that are there are made anew.
        bids: Whether they are filed as a derivative data set, see ``voxlate.inference.cohort.filing``.
        report: Called with the number of finished images and of all.

    Raises:
        UsageError: If the folder is the data set or in it.
        LockedError: If another process writes to the folder.
    """
    part = own_shard()
    check_place(folder, cohort)
    check_writable(folder)
    with hold(folder, what="translation", part=part.name):
        remove_stale(folder)
        filing = Filing.of(cohort, folder, bids=bids)
        if bids:
            describe(filing, cohort, models)
        else:
            write_description(folder, cohort)
        cohort = without_poor(cohort, poor or {})
        decisions = decide(models, cohort, place=filing.path, target=target, every=every, poor=poor)
        mine = {case.id for case in part.of_all(cohort.cases)}
        decisions = [decision for decision in decisions if decision.case.id in mine]
        outcomes = make_images(decisions, filing, root=cohort.root, shard=part.name, overwrite=overwrite, report=report)
        if not part.name:
            write_completed(outcomes, cohort, folder, place=filing.path)
    return outcomes


def make_images(
    decisions: Sequence[Decision],
    filing: Filing,
    *,
    root: Path,
    table: Path | None = None,
    shard: str = "",
    overwrite: bool = False,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Makes images, and keeps the table of what became of them up to date.

    Args:
        decisions: What is made, and what is left alone.
        filing: Where the images lie.
        root: The data set.
        table: The folder of the table ``manifest.csv``; by default that of the images.
        shard: The name of the part of the cases that these are; empty for all.
        overwrite: As for ``translate_cohort``.
        report: As for ``translate_cohort``.
    """
    report(0, len(decisions))
    work = _work_of(decisions, filing, root=root)
    making = (_shared_out if helpers() else _read_ahead)(work, overwrite=overwrite)
    told = _Manifest(table or filing.folder, shard)
    found = {number: _untouched(one) for number, one in enumerate(decisions) if one.model is None}
    for number, outcome in making:
        found[number] = outcome
        told.keep(found)
        report(len(found), len(decisions))
    return told.keep(found, last=True)


@dataclass
class _Manifest:
    """The manifest of a folder, written anew now and then: of many cases it takes longer than a case does."""

    folder: Path
    shard: str
    written: float = -math.inf
    took: float = 0.0

    def keep(self, found: Mapping[int, Outcome], *, last: bool = False) -> list[Outcome]:
        """Writes the outcomes so far in their order, unless that would take much of the time; at last in any case."""
        began = time.monotonic()
        if not last and began - self.written < _RATHER * self.took:
            return []
        outcomes = [found[number] for number in sorted(found)]
        write_manifest(outcomes, self.folder, shard=self.shard)
        self.written = time.monotonic()
        self.took = self.written - began
        return outcomes


@dataclass(frozen=True)
class _Reading:
    """A case on its way: what it is made from, its arrays unless it is finished already, whether the model knows it."""

    provenance: Provenance
    prepared: PreparedCase | None
    seen: bool


@dataclass(frozen=True)
class _Work:
    """An image to be made; ``filed``: how, and of which data set, where BIDS wants to be told more."""

    model: Model
    case: Case
    path: Path
    imputed: frozenset[str] = frozenset()
    reason: str = ""
    waits: bool = False
    has_target: bool = False
    filed: tuple[Filing, Path] | None = None
    beside: Beside = field(default_factory=Beside)

    def read(self, *, overwrite: bool) -> _Reading:
        provenance = self.model.provenance(self.case, imputed=self.imputed)
        every = [(self.path, provenance), *self.beside.planned(self.path, provenance).values()]
        finished = [is_finished(path, told, overwrite=overwrite) for path, told in every]  # each is looked at
        prepared = None if all(finished) else self.model.prepare(self.case)
        return _Reading(provenance, prepared, self.model.has_seen(self.case))

    def write(self, provenance: Provenance, prepared: PreparedCase) -> None:
        volume, doubt = self.model.doubt(prepared) if self.beside.doubt else (self.model.translate(prepared), None)
        why = (self.reason,) if self.reason else ()
        notes, warned = (*provenance.notes, *why, *prepared.notes), told_of(self.case.id)
        complete = provenance.model_copy(update={"notes": notes, "warned": warned})
        if self.filed is not None:
            filing, root = self.filed
            complete = complete.model_copy(update={"bids": fields_of(self.case, self.model, filing, root=root)})
        planned = self.beside.planned(self.path, complete)
        for name, one in self.beside.made(volume, doubt):
            self._put(one, *planned[name])
        self._put(volume, self.path, complete)

    def _put(self, volume: Volume, path: Path, told: Provenance) -> None:
        if volume_suffix(path) is not None:
            write_volume(volume, path, provenance=told, overwrite=True)
            return
        plan, shown = self.model.bundle.plan.of(self.case), get_contrast(told.target)
        files = plan.files(self.case)
        like = files.pop(plan.reference)
        series = [one for one in (like, *files.values()) if volume_suffix(one) is None]
        upon, beside = (like, series[1:]) if like in series else (None, [])
        write_series(volume, path, like=upon, beside=beside, contrast=shown, provenance=told, overwrite=True)

    def outcome(self, read: _Reading | None = None) -> Outcome:
        finished = read is not None and read.prepared is None
        return Outcome(
            self.case.id,
            "skipped" if finished else "done",
            reason="the recorded hashes match" if finished else self.reason,
            target=self.model.target,
            model=self.model.name,
            sources=self.model.bundle.recipe.source,
            has_target=self.has_target,
            imputed=tuple(name for name in self.case.paths if name in self.imputed),
            seen=None if read is None else read.seen,
            path=None if read is None else self.path,
            warnings=_warned(self.path) if finished else told_of(self.case.id),
        )


def _warned(path: Path) -> tuple[str, ...]:
    """The warnings that were given when an image was made."""
    told = read_provenance(path)
    return told.warned if told is not None else ()


def _work_of(decisions: Sequence[Decision], filing: Filing, *, root: Path) -> dict[int, _Work]:
    """The images to be made, by the number of the decision."""
    return {
        number: _Work(
            decision.model,
            decision.case,
            filing.path(decision.case, decision.target),
            decision.imputed,
            decision.reason,
            decision.waits,
            decision.has_target,
            (filing, root) if filing.bids else None,
        )
        for number, decision in enumerate(decisions)
        if decision.model is not None
    }


def _read_ahead(work: Mapping[int, _Work], *, overwrite: bool) -> Iterator[tuple[int, Outcome]]:
    """What becomes of each image, by its number; one case is read ahead of the one that is computed.

    A case that waits for an image of this call is read when it is its turn.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:

        def submit(item: _Work) -> Future[_Reading]:
            return pool.submit(item.read, overwrite=overwrite)

        items = list(work.values())
        waiting = [submit(item) for item in items[:1]]
        for place, (number, item) in enumerate(work.items(), start=1):
            now = waiting.pop(0) if waiting else submit(item)
            waiting += [submit(later) for later in items[place : place + 1] if not later.waits]
            yield number, _one(item, now.result)


def _shared_out(work: Mapping[int, _Work], *, overwrite: bool) -> Iterator[tuple[int, Outcome]]:
    """The same by helpers, in the order in which they are done; what is made of one case, by one.

    A case that ends whoever works on it, again and again, has failed, and the others go on.
    """
    of_case: dict[str, list[int]] = {}
    for number, item in work.items():
        of_case.setdefault(item.case.id, []).append(number)
    numbers = list(of_case.values())
    tasks = [[work[number] for number in those] for those in numbers]
    for place, made in each_done(partial(_make_case, overwrite=overwrite), tasks):
        error = made.exception()
        failed = [] if error is None else [f"{type(error).__name__}: {error}"]
        for position, number in enumerate(numbers[place]):
            lost = replace(work[number].outcome(), status="failed", reason="".join(failed))
            yield number, lost if failed else made.result()[position]


def _make_case(items: Sequence[_Work], *, overwrite: bool) -> list[Outcome]:
    """Makes the images of a case, one after the other."""
    return [_one(item, partial(item.read, overwrite=overwrite)) for item in items]


def _untouched(decision: Decision) -> Outcome:
    return Outcome(
        decision.case.id,
        decision.status,
        reason=decision.reason,
        target=decision.target,
        has_target=decision.has_target,
    )


def _one(work: _Work, reading: Callable[[], _Reading]) -> Outcome:
    def make() -> Outcome:
        read = reading()
        if read.prepared is not None:
            work.path.parent.mkdir(parents=True, exist_ok=True)
            work.write(read.provenance, read.prepared)
        return work.outcome(read)

    return attempt(make, work.outcome())
