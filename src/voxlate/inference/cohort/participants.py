"""The participants of a BIDS data set, each by itself: any number of processes may fill one derivative data set.

A process holds the case that it works on and nothing else; what became of a case is kept in ``.voxlate/<case>``, from
which the whole is told once all are done.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from voxlate.cohort import Case, Cohort
from voxlate.errors import LockedError, UsageError
from voxlate.inference.cohort.dataset import STATE, describe
from voxlate.inference.cohort.derivatives import MANIFEST, check_place, write_completed, write_manifest
from voxlate.inference.cohort.filing import Filing, labels_of
from voxlate.inference.cohort.imputation import decide
from voxlate.inference.cohort.outcome import Outcome, Status
from voxlate.inference.cohort.translate import make_images
from voxlate.inference.model import Model
from voxlate.io.atomic import check_writable, remove_stale
from voxlate.io.lock import hold

_STATUS: dict[str, Status] = {status: status for status in get_args(Status)}


def chosen(cohort: Cohort, *, participants: Sequence[str] = (), sessions: Sequence[str] = ()) -> Cohort:
    """The cases of these participants and sessions; of none that are named, all.

    Args:
        cohort: The data set.
        participants: Labels of subjects, with ``sub-`` or without.
        sessions: Labels of sessions, with ``ses-`` or without.

    Raises:
        UsageError: If the data set has no such label.
    """
    kept = list(cohort.cases)
    for place, prefix, wanted in ((0, "sub-", participants), (1, "ses-", sessions)):
        labels = [label.removeprefix(prefix) for label in wanted]
        there = {labels_of(case)[place] for case in kept}
        if missing := [label for label in labels if label not in there]:
            remedy = f"There are {', '.join(sorted(filter(None, there))[:8]) or 'none'}."
            came = ", ".join(f"{prefix}{label}" for label in missing)
            raise UsageError(f"labels of {prefix} in the data set", came=came, where=cohort.root, remedy=remedy)
        kept = [case for case in kept if not labels or labels_of(case)[place] in labels]
    return replace(cohort, cases=tuple(kept))


def translate_participants(
    models: Sequence[Model],
    cohort: Cohort,
    folder: Path,
    *,
    target: str | None = None,
    every: bool = False,
    overwrite: bool = False,
    finished: Callable[[Case, Outcome, Path], None] | None = None,
    report: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Outcome]:
    """Makes what participants lack, each as if it were alone in its data set.

    Args:
        models: At least one.
        cohort: The participants in question.
        folder: The derivative data set.
        target: The only contrast that is wanted; ``None`` for all that the models make.
        every: Whether participants that have the target get an image too.
        overwrite: Whether images that are there are made anew.
        finished: Called with each image that was made, and where its picture may lie.
        report: Called with the number of finished cases and of all.

    Returns:
        An outcome for each case and target; that another process works on a case makes it a failed one.

    Raises:
        UsageError: If the folder is the data set, or in it outside ``derivatives``.
    """
    check_place(folder, cohort)
    check_writable(folder)
    filing = Filing.of(cohort, folder, bids=True)
    describe(filing, cohort, models)
    outcomes: list[Outcome] = []
    for number, case in enumerate(cohort.cases):
        report(number, len(cohort))
        state = folder / STATE / case.id
        try:
            with hold(state, what="translation"):
                for name in ("anat", "pet", "ct"):
                    remove_stale(filing.home(case) / name)
                alone = replace(cohort, cases=(case,))
                decisions = decide(models, alone, place=filing.path, target=target, every=every, poor={})
                made = make_images(decisions, filing, root=cohort.root, table=state, overwrite=overwrite)
                for outcome in made:
                    if outcome.status == "done" and finished is not None:
                        finished(case, outcome, filing.picture(case, outcome.target))
        except LockedError as error:
            wanted = [target] if target else dict.fromkeys(name for model in models for name in model.targets)
            made = [Outcome(case.id, "failed", reason=str(error), target=name) for name in wanted]
        outcomes += made
    report(len(cohort), len(cohort))
    return outcomes


def gather_participants(cohort: Cohort, folder: Path) -> tuple[list[Outcome], Filing]:
    """What became of every participant so far, written as ``manifest.csv`` and ``completed.csv``.

    Raises:
        UsageError: If nothing was done in the folder.
    """
    check_place(folder, cohort)
    filing = Filing.of(cohort, folder, bids=True)
    outcomes = [outcome for case in cohort.cases for outcome in _outcomes(case, filing)]
    if not outcomes:
        remedy = "Run the level participant first."
        raise UsageError("a folder with participants that were processed", came="none", where=folder, remedy=remedy)
    write_manifest(outcomes, folder)
    write_completed(outcomes, cohort, folder, place=filing.path)
    return outcomes, filing


def _outcomes(case: Case, filing: Filing) -> list[Outcome]:
    path = filing.folder / STATE / case.id / MANIFEST
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_outcome(row, case, filing) for row in csv.DictReader(file) if row["status"] in _STATUS]


def _outcome(row: dict[str, str], case: Case, filing: Filing) -> Outcome:
    made = filing.path(case, row["target"]) if row["status"] in {"done", "skipped"} else None
    return Outcome(
        case.id,
        _STATUS[row["status"]],
        seconds=float(row["seconds"]),
        reason=row["reason"],
        target=row["target"],
        model=row["model"],
        sources=tuple(row["sources"].split()),
        has_target=row["target"] in case.paths,
        imputed=tuple(row["imputed"].split()),
        seen={"yes": True, "no": False}.get(row["seen"]),
        path=made,
        warnings=(row["warnings"],) if row["warnings"] else (),
    )
