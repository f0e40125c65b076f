"""The catalogue of layouts, and which one a data set has.

An index function takes the path of a data set and gives its cohort; all are interchangeable. Without a name the first
that fits is taken, in this order: ``manifest`` (a CSV file, or a folder whose ``manifest.csv`` or ``cases.csv`` has a
column of images), ``bids`` (``sub-*/[ses-*/]anat/sub-*``), ``pairs`` (``images`` beside ``labels``, or nnU-Net's
``imagesTr``), ``brats``, ``synthrad``, ``mmwhs`` (files named as these challenges name them), ``contrasts`` (a folder
per contrast), ``flat`` (``<case>_<contrast>`` in one folder), ``folders``. Images that it leaves out are offered to the
others. A folder without such images, but with DICOM, is ``dicom``. Patterns, which somebody gives, come before all.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from voxlate.cohort.case import Cohort, LeftOut, natural_key
from voxlate.cohort.layouts.assembly import Found, RecognisedFile, assemble
from voxlate.cohort.layouts.attributes import read_tables
from voxlate.cohort.layouts.bids import is_bids, place_bids
from voxlate.cohort.layouts.challenges.brats import is_brats, place_brats
from voxlate.cohort.layouts.challenges.mmwhs import is_mmwhs, place_mmwhs
from voxlate.cohort.layouts.challenges.synthrad import is_synthrad, place_synthrad
from voxlate.cohort.layouts.contrasts import has_contrast_folders, place_contrasts
from voxlate.cohort.layouts.folders import has_flat_names, place_flat, place_folders, place_in_folders
from voxlate.cohort.layouts.listing import Listing, list_folder
from voxlate.cohort.layouts.manifest import find_manifest, index_manifest
from voxlate.cohort.layouts.pairs import has_pairs, place_pairs
from voxlate.cohort.layouts.patterns import Patterns, patterns_of, place_by_patterns
from voxlate.cohort.layouts.series import place_series
from voxlate.config.catalogue import pick
from voxlate.errors import UsageError
from voxlate.io.dicom import files_in

logger = logging.getLogger(__name__)

_Fits = Callable[[Path, Sequence[Path]], bool]
_Place = Callable[[Path, Sequence[Path]], list[Found]]

_FITTING: dict[str, _Fits] = {
    "bids": is_bids,
    "pairs": has_pairs,
    "brats": is_brats,
    "synthrad": is_synthrad,
    "mmwhs": is_mmwhs,
    "contrasts": has_contrast_folders,
    "flat": has_flat_names,
}
"""From a layout to whether a folder's images have it, the surest first; ``folders`` is what is left."""
_PLACING: dict[str, _Place] = {
    "bids": place_bids,
    "pairs": place_pairs,
    "brats": place_brats,
    "synthrad": place_synthrad,
    "mmwhs": place_mmwhs,
    "contrasts": place_contrasts,
    "flat": place_flat,
    "folders": place_folders,
    "dicom": place_series,
}
"""From a layout to the function that says where each image of a folder belongs."""
_OFFERED: dict[str, _Place] = {
    "brats": place_brats,
    "synthrad": place_synthrad,
    "mmwhs": place_mmwhs,
    "contrasts": place_contrasts,
    "folders": place_in_folders,
    "flat": place_flat,
}
"""Those that may place what another one left out, the surest first."""


def index_cohort(root: str | Path, *, layout: str | None = None, patterns: Patterns | None = None) -> Cohort:
    """The cohort of a data set.

    Args:
        root: A folder, or a CSV manifest.
        layout: A name of ``LAYOUTS``; ``None`` to recognise it.
        patterns: From a contrast to where its files lie, in the place of a layout; by default those that
            ``placed_by`` lets hold for this folder.

    Raises:
        UsageError: If the path does not exist or is no data set, the layout is unknown, or a pattern matches nothing.
        CohortError: If no case is found, or a table cannot be used.

    Example:
        >>> cohort = index_cohort("shared/data/open_ms")  # doctest: +SKIP
        >>> [case.id for case in cohort.cases]  # doctest: +SKIP
        ['patient19', 'patient26']
    """
    place = Path(root)
    try:
        exists = place.exists()
    except OSError:  # longer than any path may be
        exists = False
    if not exists:
        raise UsageError("a data set", came="a path that does not exist", where=place, remedy="Correct the path.")
    asked = patterns or (patterns_of(place) if layout is None else {})
    if asked:
        cohort = _by_patterns(place, asked)
    elif layout is not None:
        cohort = pick(LAYOUTS, layout, what="layout")(place)
    elif find_manifest(place) is not None:
        cohort = index_manifest(place)
    else:
        listing = _listing(place)
        cohort = _index(listing, _fitting(listing), mixed=True)
    logger.info("%s: layout %s, %d cases, %d paths left out", place, cohort.layout, len(cohort), len(cohort.left_out))
    return cohort


def recognise(root: Path) -> str:
    """The name of the layout that a data set has.

    Raises:
        UsageError: If the path is a file that is no CSV.
    """
    if find_manifest(root) is not None:
        return "manifest"
    return _fitting(_listing(root))


def _listing(root: Path) -> Listing:
    """What lies in a folder, or of DICOM in an archive."""
    if not root.is_file():
        return list_folder(root)
    if inside := files_in(root):
        return Listing(root, (), (), tuple(sorted(inside, key=lambda path: natural_key(str(path)))))
    wanted, remedy = "a folder, a CSV file, or a zip archive of DICOM", "Give the data set's folder."
    raise UsageError(wanted, came="another file", where=root, remedy=remedy)


def _fitting(listing: Listing) -> str:
    if listing.dicom and not listing.images:
        return "dicom"
    fitting = (name for name, fits in _FITTING.items() if fits(listing.root, listing.images))
    return next(fitting, "folders")


def _index_folder(root: Path, *, name: str) -> Cohort:
    return _index(_listing(root), name)


def _index(listing: Listing, name: str, *, mixed: bool = False) -> Cohort:
    """The cohort of one layout; ``mixed``: what it leaves out is offered to the others."""
    root = listing.root
    found = _PLACING[name](root, listing.dicom if name == "dicom" else listing.images)
    layouts = [name] if any(isinstance(item, RecognisedFile) for item in found) else []
    for other, place in _OFFERED.items() if mixed else ():
        rest = [item.path for item in found if isinstance(item, LeftOut) and item.code == "unmatched"]
        taken = _taken(place(root, rest), found) if rest and other != name else {}
        if any(isinstance(item, RecognisedFile) for item in taken.values()):
            layouts.append(other)
        found = [taken.get(item.path, item) for item in found]
    aside = listing.images if name == "dicom" else listing.dicom
    images = "DICOM" if name == "dicom" else "not DICOM"
    beside = Counter(one.parent for one in aside)
    for path in {one.parent: one for one in reversed(aside)}.values():
        more = f" (nor are {count} more beside it)" if (count := beside[path.parent] - 1) else ""
        reason = f"is not used{more}: the data set's images are {images}; a CSV table can list both"
        found.append(LeftOut(path, reason, "dicom"))
    tables = read_tables(root)
    return assemble(root, layout=" + ".join(layouts or [name]), found=[*listing.left_out, *found], tables=tables)


def _taken(offered: Sequence[Found], found: Sequence[Found]) -> dict[Path, Found]:
    """What another layout makes of files that one left out; a contrast that a case has already stays as it is."""
    there = {(item.case, item.contrast) for item in found if isinstance(item, RecognisedFile)}
    taken: dict[Path, Found] = {}
    for item in offered:
        if isinstance(item, RecognisedFile) and (item.case, item.contrast) in there:
            reason = f"case {item.case} has another file for {item.contrast}"
            taken[item.path] = LeftOut(item.path, reason, "duplicate_contrast", item.case, item.contrast)
        elif isinstance(item, RecognisedFile):
            taken[item.path] = item
    return taken


def _by_patterns(root: Path, patterns: Patterns) -> Cohort:
    if not root.is_dir():
        remedy = "Give the folder that the paths begin in."
        raise UsageError("a folder for --pattern", came="a file", where=root, remedy=remedy)
    listing = list_folder(root)
    found = [*listing.left_out, *place_by_patterns(root, listing.images, patterns)]
    return assemble(root, layout="pattern", found=found, tables=read_tables(root))


LAYOUTS: dict[str, Callable[[Path], Cohort]] = {
    "manifest": index_manifest,
    **{name: partial(_index_folder, name=name) for name in _PLACING},
}
"""From the name of a layout to the function that indexes a data set by it."""
