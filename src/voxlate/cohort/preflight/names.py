"""What names tell before any image is read: what matches nothing, whose scans cases are, what label values mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from voxlate.cohort.case import Case, Cohort, LeftOut
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.labelling import CONVENTIONS
from voxlate.cohort.layouts.attributes import fold
from voxlate.cohort.layouts.challenges.brats import names_labels_unclearly
from voxlate.cohort.subjects import likely_slices, likely_visits
from voxlate.errors import plural, readable, some
from voxlate.io import is_picture_path

_ONE_BY_ONE = {"duplicate_contrast", "missing_file", "unmatched_rows", "unknown_column", "unknown_channels", "dicom"}
_IMAGES = {
    "unmatched": ("matches no case", "match no case"),
    "contradictory": ("contradicts itself by name and folder", "contradict themselves by name and folder"),
    "other_run": ("is another one of its contrast", "are others of their contrast"),
    "other_type": ("shows no contrast that is known", "show no contrast that is known"),
    "no_pattern": ("matches no --pattern", "match no --pattern"),
    "test_image": ("is of the test", "are of the test"),
    "unclear_channel": ("is of a channel that nothing names", "are of channels that nothing names"),
    "archive": ("is an archive", "are archives"),
}
"""From a code to what is said of one such image, and of several: images that are left out are a warning, never less."""
_REMEDY = (
    " To use them, say where they belong: by --pattern, or in the table that `voxlate check DATA --manifest cases.csv` "
    "begins."
)
_BIDS = re.compile(r"sub-[^_\-\s]+[_\-]ses-", re.IGNORECASE)  # everybody's way to say it needs no telling
_GROUPS = 3


def check_names(cohort: Cohort) -> Iterator[Finding]:
    """The findings about a cohort that need no image."""
    yield from _check_left_out(cohort.left_out)
    yield from _check_subjects(cohort.cases)
    yield from _check_conventions(cohort.cases)


def _check_left_out(left_out: Sequence[LeftOut]) -> Iterator[Finding]:
    for item in left_out:
        if item.code in _ONE_BY_ONE:
            yield Finding("warning", item.code, "", readable(f"{item.path}: {item.reason}. {item.remedy}".rstrip()))
    unpaired = [item for item in left_out if item.code == "unpaired"]
    if unpaired:
        message = f"{len(unpaired)} files have no partner and were left out: {_names(unpaired)}."
        yield Finding("warning", "unpaired", "", message)
    for code, (one, many) in _IMAGES.items():
        items = [item for item in left_out if item.code == code]
        if items:
            what = (
                f"1 image or folder {one} and was"
                if len(items) == 1
                else f"{len(items)} images or folders {many} and were"
            )
            remedy = _REMEDY if code in {"unmatched", "contradictory"} else ""
            message = f"{what} left out: {_names(items)}. The first: {items[0].reason}.{remedy}"
            yield Finding("warning", code, "", readable(message))
    told = {*_ONE_BY_ONE, *_IMAGES, "unpaired", "ignored"}
    others = [item for item in left_out if item.code not in told]
    if others:
        what = plural(len(others), "1 file or folder belongs", f"{len(others)} files or folders belong")
        were = plural(len(others), "was", "were")
        message = f"{what} to no case and {were} left out: {_names(others)}."
        yield Finding("info", "left_out", "", message)


def _names(items: Sequence[LeftOut]) -> str:
    return readable(some(item.path.name for item in items))


def _check_subjects(cases: Sequence[Case]) -> Iterator[Finding]:
    """What ids say of the subjects that neither a table nor the layout names."""
    untold = [case for case in cases if not case.told]
    open_ids = [case.id for case in untold if fold(case.subject) == fold(case.id)]
    subjects = {fold(case.subject): case.subject for case in untold}  # visits that are held together are one already
    pictures = any(is_picture_path(path) for case in cases for path in case.paths.values())
    groups = likely_slices(open_ids) if pictures else likely_visits(subjects.values())
    if groups:
        what = "slices" if pictures else "visits"
        message = (
            f"ids that differ at their end alone, as {what} of one person do: {_listed(groups)}. Each counts as a "
            "subject of its own, and they may fall into different parts. If they are of one person, write cases.csv "
            "with the columns case and subject; if not, write each case's own id under subject."
        )
        yield Finding("warning", "visits", "", message)
    held: dict[str, list[str]] = {}
    for case in cases:
        if not case.told and not _BIDS.match(case.id):
            held.setdefault(fold(case.subject), []).append(case.id)
    several = [ids for ids in held.values() if len(ids) > 1]
    if several:
        message = (
            f"cases whose ids name one subject, so that they stay in one part: {_listed(several)}. If they are of "
            "different persons, write cases.csv with the columns case and subject."
        )
        yield Finding("info", "visits", "", message)


def _listed(groups: Sequence[Sequence[str]]) -> str:
    shown = ["; ".join(some(ids) for ids in groups[:_GROUPS])]
    more = [f"and {len(groups) - _GROUPS} more such groups"] if len(groups) > _GROUPS else []
    return "; ".join(shown + more)


def _check_conventions(cases: Sequence[Case]) -> Iterator[Finding]:
    labelled = [case for case in cases if "labels" in case.paths]
    unclear = [
        case.id for case in labelled if names_labels_unclearly(case.id) and "label_convention" not in case.attributes
    ]
    if unclear:
        message = (
            f"the label values of {unclear[0]} (and of {len(unclear)} cases in all) have no names: BraTS-PED changed "
            "them in 2024, from 1 core, 2 oedema, 3 enhancing tumour to 1 enhancing tumour, 2 tumour without "
            "enhancement, 3 cyst, 4 oedema, and other challenges have their own. A column label_convention in "
            "cases.csv decides: "
            f"{', '.join(CONVENTIONS)}."
        )
        yield Finding("warning", "label_convention", "", message)
    told = {case.attributes["label_convention"] for case in cases if "label_convention" in case.attributes}
    for name in sorted(told - set(CONVENTIONS)):
        message = (
            f"the label_convention {name!r} is not known, and the label values have no names. "
            f"Known are {', '.join(CONVENTIONS)}."
        )
        yield Finding("warning", "label_convention", "", message)
