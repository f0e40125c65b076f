"""Cases that cannot be prepared: named and left out, so that one of many does not stop the others.

Several runs on one data set (folds, variants, trials) must learn and be chosen on the same cases. So the first of them
decides what is left out, and the others leave out the same and nothing more.

Only what makes a case unusable by itself leaves it out: a file that cannot be read, an image of one value, images that
share no place. What could make the results untrue (a copied target, one subject in two parts) stops the run as before.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from voxlate.cohort import Case, Cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.split_file import write_shares, write_split
from voxlate.errors import CohortError, VoxlateError, WriteError
from voxlate.io.atomic import write_text
from voxlate.preprocess.store import PreparedStore
from voxlate.progress import ProgressReport
from voxlate.progress.spreading import spread
from voxlate.training.run import RunFolder
from voxlate.training.setup.setup import Setup

logger = logging.getLogger(__name__)
_UNUSABLE = frozenset({"unreadable", "constant_image", "not_finite", "no_overlap", "empty_mask"})
"""Codes of findings that make a case unusable by itself."""
_MOST = 0.25
"""Share of the cases, or one case, that may be left out."""


def unusable(findings: Sequence[Finding]) -> dict[str, str]:
    """From a case to why it cannot be used; none if another error was found, which is for somebody to decide."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if any(finding.code not in _UNUSABLE or not finding.case for finding in errors):
        return {}
    return {finding.case: finding.message for finding in reversed(errors)}


def without(cohort: Cohort, split: Mapping[str, str], reasons: Mapping[str, str]) -> tuple[Cohort, dict[str, str]]:
    """The cohort and its split without some cases.

    Raises:
        CohortError: If they are more than a quarter of the cases, or all of a part of the split.
    """
    kept = {case: part for case, part in split.items() if case not in reasons}
    emptied = set(split.values()) - set(kept.values())
    if emptied or len(reasons) > max(1, _MOST * len(cohort)):
        case, reason = next(iter(reasons.items()))
        parts = " and ".join(sorted(emptied))
        raise CohortError(
            f"cases for {parts} that can be used" if emptied else "a data set of which most cases can be used",
            came=f"{len(reasons)} of {len(cohort)} cases that cannot be; {case}: {reason}",
            where=cohort.root,
            remedy="Repair or remove these cases, or choose another split; `voxlate check` lists everything.",
        )
    return replace(cohort, cases=tuple(case for case in cohort.cases if case.id not in reasons)), kept


def tell_left_out(reasons: Mapping[str, str]) -> None:
    """Says which cases are left out, once where they are found."""
    for case, reason in reasons.items():
        logger.warning("%s is left out of the training: %s", case, reason)


def note_left_out(run: RunFolder, reasons: Mapping[str, str]) -> None:
    """Keeps which cases are left out and why, beside those of before."""
    if reasons:
        write_text(run.left_out, json.dumps({**read_left_out(run), **reasons}, indent=1) + "\n")


def read_left_out(run: RunFolder) -> dict[str, str]:
    """From each case that was left out to the reason."""
    found: dict[str, str] = json.loads(run.left_out.read_text(encoding="utf-8")) if run.left_out.is_file() else {}
    return found


def prepare_usable(
    setup: Setup, store: PreparedStore, run: RunFolder, *, decided: bool, report: ProgressReport
) -> Setup:
    """Prepares the training and validation cases; the setup without those that could not be prepared.

    Args:
        setup: What is trained.
        store: Gets the cases.
        run: Where it is noted what is left out.
        decided: Whether that was decided in another run, so that nothing more may be left out.
        report: Called with the number of prepared cases.

    Raises:
        VoxlateError: If a case could not be, and no more may be left out.
        CohortError: If too many could not be.
        WriteError: If the store cannot be written.
    """
    cases = [*setup.cases("train"), *setup.cases("validation")]
    prepare = partial(prepare_or_tell, store=store, decided=decided)
    told = spread(prepare, cases, progress=partial(report, "prepare"))
    store.expect(cases)
    reasons = {case.id: why for case, why in zip(cases, told, strict=True) if why}
    if not reasons:
        return setup
    cohort, split = without(setup.cohort, setup.split, reasons)
    tell_left_out(reasons)
    note_left_out(run, reasons)
    write_split(split, cohort, run.split)
    write_shares(split, cohort, run.shares)
    return replace(setup, cohort=cohort, split=split)


def prepare_or_tell(case: Case, *, store: PreparedStore, decided: bool) -> str:
    """Prepares a case; why that could not be, where it may be left out; empty if it was.

    Args:
        case: Which one.
        store: Gets it.
        decided: Whether it may not be left out.

    Raises:
        VoxlateError: If it may not, or the store cannot be written.
    """
    try:
        store.prepare([case])
    except WriteError:
        raise
    except VoxlateError as error:
        if decided:
            raise
        return str(error)
    return ""
