"""What ``translate`` takes as one case: a volume file, a DICOM series, or the several series of a study.

A DICOM series is its folder, any file of it, or an archive. What it shows is guessed from its header, and the guess is
told with its reason. The case is called by a folder or a file, never by the patient.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from voxlate.config.recipe import Recipe
from voxlate.errors import UsageError, counted, readable

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from voxlate.cohort import Case, Cohort
    from voxlate.contrast import Contrast

_TABLES = {".csv", ".tsv"}
_FILE_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}")
_IMAGE_SUFFIX = re.compile(r"\.(nii|hdr|img|mha|mhd|nrrd|nhdr)(?![A-Za-z0-9]).*", re.IGNORECASE)


def is_data_set(path: Path, *, shows: str | None = None) -> bool:
    """Whether a path is a folder, a table, or an archive of series; not DICOM of which is said what it shows."""
    from voxlate.io.dicom import files_in, list_stacks

    if path.is_dir():
        return shows is None or not is_series(path)
    if not path.is_file() or path.suffix.casefold() in _TABLES:
        return path.is_file()
    return shows is None and is_series(path) and len(list_stacks(files_in(path))) > 1


def is_series(path: Path) -> bool:
    """Whether a path is DICOM: a folder, a file or an archive that is not named like another image."""
    from voxlate.io.dicom import has_dicom
    from voxlate.io.paths import volume_suffix

    return volume_suffix(path) is None and has_dicom(path)


def study_of(cohort: Cohort, *, needed: bool = False) -> Case | None:
    """The one case of a folder of DICOM series, told with what each shows and why, and which are left out.

    Raises:
        UsageError: If it is ``needed``, and the data set is none such.
    """
    if cohort.layout != "dicom" or len(cohort) != 1:
        if needed:
            came, remedy = f"a data set of {len(cohort)}", "Leave it out, or translate the patients one by one."
            raise UsageError("one case of DICOM for --format dicom", came=came, where=cohort.root, remedy=remedy)
        return None
    (case,) = cohort.cases
    for name, path in case.paths.items():
        logger.info("%s: taken for %s, by its %s", path, name, case.attributes.get(f"{name} by", "name"))
    for item in cohort.left_out:
        logger.info("%s: left out: %s", item.path, item.reason)
    return case


def case_of(path: Path, recipe: Recipe, *, shows: str | None) -> Case:
    """The case of a single scan.

    Args:
        path: A volume file, or DICOM.
        recipe: That of the model, whose sources the scan must be of.
        shows: What it shows, if somebody says so.

    Raises:
        UsageError: If it is no such thing, the model needs other contrasts, or nothing tells what it shows.
        ReadError: If it is DICOM that is not one volume.
    """
    from voxlate.cohort import Case
    from voxlate.derivation import files_of
    from voxlate.io import is_picture_path, is_volume_path, volume_stem
    from voxlate.io.dicom import first_file

    series = is_series(path)
    if not path.is_file() and not series:
        raise UsageError("a volume file or a data set", came="nothing of that name", where=path, remedy="Check it.")
    if not series and not is_volume_path(path) and not is_picture_path(path):
        raise UsageError(
            "a NIfTI, MetaImage, NRRD or MGH file, DICOM, or a PNG or TIFF slice",
            came=f"a file named {path.name}",
            where=path,
            remedy="Convert it first.",
        )
    wanted = files_of(recipe.source, recipe.plan.derive)
    if recipe.targets or shows is not None:
        wanted = (_shown_by(path, wanted, shows=shows, series=series),)
    if len(wanted) != 1:
        raise UsageError(
            f"{len(wanted)} contrasts: {', '.join(wanted)}",
            came="one file",
            where=path,
            remedy="Give the folder of the case.",
        )
    name = readable(_series_name(path) if series else volume_stem(path))
    return Case(id=name, subject=name, paths={wanted[0]: first_file(path) if series else path}, attributes={})


def case_of_several(scans: Mapping[str, str | Path]) -> Case:
    """The case of several scans of one person, called like the first of them.

    Args:
        scans: From what each shows to a volume file, or to DICOM.

    Raises:
        UsageError: If there is none, one is not there, a contrast is unknown, or two are the same.
        ReadError: If one is DICOM that is not one volume.
    """
    from voxlate.cohort import Case
    from voxlate.contrast import get_contrast
    from voxlate.io import volume_stem
    from voxlate.io.dicom import first_file

    paths = {get_contrast(name).name: Path(path) for name, path in scans.items()}
    gone = next((path for path in paths.values() if not path.exists()), None)
    if len(paths) != len(scans) or not paths or gone is not None:
        came = f"{len(scans)} of {', '.join(paths) or 'nothing'}" if gone is None else "nothing of that name"
        raise UsageError("a scan for each contrast", came=came, where=gone, remedy="Name each once, with its file.")
    first = next(iter(paths.values()))
    name = readable(_series_name(first) if is_series(first) else volume_stem(first))
    found = {shown: first_file(path) if is_series(path) else path for shown, path in paths.items()}
    return Case(id=name, subject=name, paths=found, attributes={})


def _series_name(path: Path) -> str:
    """What a series is called: its folder, or the archive."""
    from voxlate.io.formats.foreign import is_dicom

    place = path.resolve()
    if is_dicom(place.parent):  # one volume of a file
        return f"{place.parent.stem}_{place.name}"
    return place.name if place.is_dir() else place.parent.name if is_dicom(place) else place.stem


def _shown_by(path: Path, sources: Sequence[str], *, shows: str | None, series: bool) -> str:
    """Which source of a model a file shows: as is said, or as its name or its DICOM header says.

    Raises:
        UsageError: If nothing says so, or it is no source.
    """
    from voxlate.cohort.layouts.naming import contrast_of_file
    from voxlate.contrast import get_contrast
    from voxlate.io import volume_stem

    why = "a file whose name ends with no contrast"
    found: Contrast | None
    if shows is not None:
        found = get_contrast(shows)
    elif series:
        found, reason = shown_in(path)
        why = f"a series that tells no contrast: {reason}"
        if found is not None:
            logger.info("%s: taken for %s, by its %s", path, found.name, reason)
    else:
        found = contrast_of_file(volume_stem(path))
    if found is not None and found.name in sources:
        return found.name
    remedy = f"--as {sources[0]}, say."
    if found is not None:
        why, remedy = f"one of {found.title}", f"Use a model that takes {found.title}; if it shows another: {remedy}"
    else:
        remedy = f"Say what it shows: {remedy}"
    raise UsageError(f"a scan of {', '.join(sources)}", came=why, where=path, remedy=remedy)


def shown_in(path: Path) -> tuple[Contrast | None, str]:
    """The contrast that DICOM shows by its header, else by its image, and by what, or why nothing tells it.

    Raises:
        ReadError: If it is not one volume.
    """
    from voxlate.cohort.layouts.series import contrast_of_series
    from voxlate.contrast import CONTRASTS, find_contrast
    from voxlate.io.dicom import find_outline, find_segments, find_stack

    if (segments := find_segments(path)) is not None:
        return CONTRASTS["labels"], f"header: a segmentation of {counted(len(segments.values), 'segment')}"
    if find_outline(path) is not None:
        return CONTRASTS["mask"], "header: a structure set"
    contrast, reason = contrast_of_series(path, find_stack(path))
    return find_contrast(contrast), reason


def single_output(out: Path, stem: str, target: str) -> Path:
    """The file to write: ``out`` itself, or one in it where it names a folder.

    Raises:
        UsageError: If it ends like a file that no image has; a folder of such a name is taken if it exists.
    """
    from voxlate.io.formats import WRITTEN
    from voxlate.io.paths import header_path, volume_suffix

    path = header_path(out)
    if out.is_dir():
        return out / f"{stem}_{target}.nii.gz"
    if volume_suffix(path) in WRITTEN and not path.name.startswith("."):
        return path
    if out.name.startswith(".") or out.name.endswith(".") or _FILE_SUFFIX.fullmatch(out.suffix):
        named = _IMAGE_SUFFIX.sub("", out.name).strip(".")
        free = named.removesuffix(out.suffix) or stem
        raise UsageError(
            f"a folder, or the name of an image file ({', '.join(WRITTEN)})",
            came=repr(out.name),
            where="--out",
            remedy=f"Write {free}.nii.gz, say; a folder whose name ends like this must exist before.",
        )
    return out / f"{stem}_{target}.nii.gz"
