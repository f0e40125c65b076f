"""The layout ``dicom``: series of DICOM in any tree; a case is a patient's folder, a contrast is what a header says.

    data/p1/0003/IM1 ...                     a folder per series, and a case per folder of such
    data/p1/MR/*.dcm   data/p1/CT/*.dcm      MR and CT of a patient
    data/p1/*.dcm                            several series in one folder
    data/p1/2019/T1/*.dcm                    what varies in the folders' names is the case
    data/T1/*.dcm      data/T2/*.dcm         the series of one study: a data set of one case

A case is called by its folders; nothing of the patient is read. A series is named by its first file, which stands for
it wherever an image is read. Of several series of one contrast none is taken: a table says which.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxlate.cohort.case import LeftOut
from voxlate.cohort.heads.csf import shown_by_csf
from voxlate.cohort.layouts.assembly import Found, RecognisedFile
from voxlate.cohort.layouts.protocol import guess_contrast
from voxlate.contrast import find_contrast
from voxlate.errors import ReadError, counted
from voxlate.io import dicom

_MODALITIES = {"mr", "mri", "ct", "pt", "pet"}
"""Names of folders that say what lies in them, and not whose it is."""


def place_series(root: Path, files: Sequence[Path]) -> list[Found]:
    """Where each series belongs, by its folder and its header."""
    found: list[Found] = []
    stacks: dict[Path, dicom.PlaneStack] = {}
    for path, stack in dicom.list_stacks(files):
        if isinstance(stack, ReadError):
            reason = f"makes no volume: expected {stack.expected}, got {stack.came}"
            found.append(LeftOut(path, reason, "dicom", remedy=stack.remedy))
        else:
            stacks[path] = stack
    drawn, refused = _segmentations(files)
    found += refused
    if not stacks and not found and not drawn:
        more = f" (nor are {len(files) - 1} more)" if len(files) > 1 else ""
        return [LeftOut(files[0], f"is a DICOM file, but no image{more}", "dicom")] if files else []
    cases = _cases_of(root, {**stacks, **{path: stack for path, (_, stack) in drawn.items()}})
    for path, stack in stacks.items():
        contrast, reason = contrast_of_series(path, stack)
        if contrast:
            reasons = {f"{contrast} by": reason}
            found.append(RecognisedFile(path, cases[path], contrast, attributes=reasons))
        else:
            found.append(LeftOut(path, f"shows no contrast that is known: {reason}", "dicom", cases[path]))
    for path, (one, _) in drawn.items():
        upon = (place for place, stack in stacks.items() if stack.frames[0].series.split(" ")[1] in one.series)
        reasons = {"labels by": f"segmentation: {counted(len(one.values), 'segment')}"}
        found.append(RecognisedFile(path, cases[next(upon, path)], "labels", attributes=reasons))
    return [*found, *_outlines(files, stacks, cases)]


def contrast_of_series(path: Path, stack: dicom.PlaneStack) -> tuple[str, str]:
    """The contrast that a series shows, empty if nothing tells it, and by what: its header, else its image.

    Args:
        path: What stands for it.
        stack: Its planes.
    """
    guess = guess_contrast(stack.frames[0].header)
    if guess.contrast or not guess.silent:
        return guess.contrast, f"{'header: ' * bool(guess.contrast)}{guess.reason}"
    contrast, reason = shown_by_csf(path)
    return contrast, f"image: {reason}" if contrast else f"{guess.reason}, and {reason}"


def _segmentations(
    files: Sequence[Path],
) -> tuple[dict[Path, tuple[dicom.Segments, dicom.PlaneStack]], list[LeftOut]]:
    """The label maps among files with their own planes, and why others are none."""
    found, refused = {}, []
    for path in files:
        try:
            one = dicom.find_segments(path)
            if one is not None:
                found[path] = one, one.alone()
        except ReadError as error:
            reason = f"is no label map: expected {error.expected}, got {error.came}"
            refused.append(LeftOut(path, reason, "dicom", remedy=error.remedy))
    return found, refused


def _outlines(files: Sequence[Path], stacks: Mapping[Path, dicom.PlaneStack], cases: Mapping[Path, str]) -> list[Found]:
    """The patients' outlines of structure sets, as masks of the cases whose series they were drawn on."""
    found: list[Found] = []
    for path in files:
        try:
            outline = dicom.find_outline(path)
        except ReadError as error:
            found.append(LeftOut(path, f"is no outline: expected {error.expected}, got {error.came}", "dicom"))
            continue
        if outline is None:
            continue
        drawn = [one for one, stack in stacks.items() if stack.frames[0].series.split(" ")[1] in outline.series]
        if not outline.name:
            found.append(LeftOut(path, "is a structure set without an outline of the patient", "dicom"))
        elif not drawn:
            found.append(LeftOut(path, "is a structure set of a series that is not here", "dicom"))
        else:
            reason = {"mask by": f"structure set: {outline.name}"}
            found.append(RecognisedFile(path, cases[drawn[0]], "mask", attributes=reason))
    return found


def _cases_of(root: Path, stacks: Mapping[Path, dicom.PlaneStack]) -> dict[Path, str]:
    """The case of each series, called by those names of its folders that vary."""
    folders = {path: path.relative_to(root).parts[:-1] for path in stacks}
    are_flat = max(map(len, folders.values()), default=0) <= 1
    if are_flat and len({stack.frames[0].study for stack in stacks.values()}) == 1:
        return dict.fromkeys(stacks, _name(root))
    series = {(folders[path], stack.frames[0].series) for path, stack in stacks.items()}
    held = Counter(folder for folder, _ in series)
    several = {folder for folder, count in held.items() if count > 1}
    cases = {path: folder if folder in several else _patient(folder) for path, folder in folders.items()}
    depth = max(map(len, cases.values()), default=0)
    columns = list(zip(*((*parts, *[""] * (depth - len(parts))) for parts in cases.values()), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if not varying:
        return dict.fromkeys(stacks, _name(root))
    return {path: "_".join(filter(None, parts)) for path, *parts in zip(cases, *varying, strict=True)}


def _patient(folder: tuple[str, ...]) -> tuple[str, ...]:
    """The folder that a series' folder lies in, further up where it is called by a modality or a contrast.

    One that lies in the root is a patient's, unless it is called so.
    """
    if len(folder) == 1 and not _is_kind(folder[0]):
        return folder
    above = folder[:-1]
    while above and _is_kind(above[-1]):
        above = above[:-1]
    return above


def _is_kind(name: str) -> bool:
    return name.casefold() in _MODALITIES or find_contrast(name) is not None


def _name(root: Path) -> str:
    return root.resolve().name if root.is_dir() else root.stem
