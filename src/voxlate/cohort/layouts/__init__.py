"""The catalogue of layouts, and which one a data set has.

An index function takes the path of a data set and gives its cohort; all are interchangeable. Without a name the first
that fits is taken, in this order: ``manifest`` (a CSV file, or a folder whose ``manifest.csv`` or ``cases.csv`` has a
column for a contrast), ``pairs`` (``images`` beside ``labels``), ``brats`` (a file named as the challenge names it),
``synthrad`` (a file that lies and is called as in the challenge), ``mmwhs`` (a file named as the challenge names it),
``contrasts`` (a folder per contrast), ``folders``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from voxlate.cohort.case import Cohort
from voxlate.cohort.layouts.brats import index_brats, is_brats_name
from voxlate.cohort.layouts.contrasts import has_contrast_folders, index_contrasts
from voxlate.cohort.layouts.folders import index_folders
from voxlate.cohort.layouts.listing import list_folder
from voxlate.cohort.layouts.manifest import find_manifest, index_manifest
from voxlate.cohort.layouts.mmwhs import index_mmwhs, is_mmwhs_name
from voxlate.cohort.layouts.pairs import has_pairs, index_pairs
from voxlate.cohort.layouts.synthrad import index_synthrad, is_synthrad_path
from voxlate.config.catalogue import pick
from voxlate.errors import UsageError
from voxlate.io import volume_stem

logger = logging.getLogger(__name__)

LAYOUTS: dict[str, Callable[[Path], Cohort]] = {
    "folders": index_folders,
    "brats": index_brats,
    "pairs": index_pairs,
    "manifest": index_manifest,
    "synthrad": index_synthrad,
    "mmwhs": index_mmwhs,
    "contrasts": index_contrasts,
}


def index_cohort(root: str | Path, *, layout: str | None = None) -> Cohort:
    """The cohort of a data set.

    Args:
        root: A folder, or a CSV manifest.
        layout: A name of ``LAYOUTS``; ``None`` to recognise it.

    Raises:
        UsageError: If the path does not exist or is no data set, or the layout is unknown.
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
    name = layout or recognise(place)
    cohort = pick(LAYOUTS, name, what="layout")(place)
    logger.info("%s: layout %s, %d cases, %d paths left out", place, name, len(cohort), len(cohort.left_out))
    return cohort


def recognise(root: Path) -> str:
    """The name of the layout that a data set has.

    Raises:
        UsageError: If the path is a file that is no CSV.
    """
    if find_manifest(root) is not None:
        return "manifest"
    if root.is_file():
        raise UsageError(
            "a folder or a CSV file", came="another file", where=root, remedy="Give the data set's folder."
        )
    if has_pairs(root):
        return "pairs"
    images = list_folder(root).images
    if any(is_brats_name(volume_stem(path)) for path in images):
        return "brats"
    if any(map(is_synthrad_path, images)):
        return "synthrad"
    if any(is_mmwhs_name(volume_stem(path)) for path in images):
        return "mmwhs"
    if has_contrast_folders(root, images):
        return "contrasts"
    return "folders"
