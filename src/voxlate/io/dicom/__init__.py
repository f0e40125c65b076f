"""DICOM series as volumes: a folder, any one file of a series, a zip archive or a DICOMDIR is read like an image file.

A series that a model made is written to lie upon the one that it was made from. No archive is unpacked to disk, and no
attribute that names a patient is read but to be written into a derived series.

Angles and places come from positions and orientations (PS3.3 C.7.6.2); DICOM's LPS becomes RAS+.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from voxlate.errors import GeometryError, ReadError, some
from voxlate.io.dicom.codes import DOUBT
from voxlate.io.dicom.deidentify import Deidentification
from voxlate.io.dicom.derived import write_derived
from voxlate.io.dicom.frames import Instance, read_instance
from voxlate.io.dicom.multiframe import check_installed, is_multiframe, write_multiframe
from voxlate.io.dicom.outline import BodyOutline, drawn_on, rasterise, read_outline
from voxlate.io.dicom.pixels import read_values, value_type
from voxlate.io.dicom.segments import Segments, read_segments
from voxlate.io.dicom.sources import Source, has_dicom, is_archive, nearby, sources_of, volume_in
from voxlate.io.dicom.stacks import PlaneStack, made_up, stacks_of
from voxlate.io.formats.foreign import is_dicom
from voxlate.io.formats.layout import HeaderGeometry, Layout
from voxlate.provenance import FOREIGN_MARK

__all__ = [
    "DOUBT",
    "Deidentification",
    "PlaneStack",
    "Segments",
    "check_installed",
    "files_in",
    "find_outline",
    "find_segments",
    "find_stack",
    "first_file",
    "has_dicom",
    "is_multiframe",
    "list_stacks",
    "made_by_models",
    "made_up",
    "parts_of",
    "read_layout",
    "read_values",
    "sources_of",
    "write_derived",
    "write_multiframe",
]
_MOST = 6
_LEAST_HU = -1024.0
_UNSTATED = (-32768.0, -32768.0)
"""What an MR is filled with by programs that do not say so; no signal is so low."""


def list_stacks(files: Iterable[Path]) -> list[tuple[Path, PlaneStack | ReadError]]:
    """The volumes of files, series by series and folder by folder, and why a series makes none.

    Args:
        files: DICOM files of any number of series, in archives too; each is read once.

    Returns:
        Each volume, or the refusal of its series, with the file that stands for it.
    """
    series: dict[tuple[Path, str], list[Instance]] = defaultdict(list)
    for one in filter(None, map(read_instance, map(Source.at, files))):
        series[one.source.place.parent, one.series].append(one)
    found: list[tuple[Path, PlaneStack | ReadError]] = []
    for instances in series.values():
        first = _first(instances).place
        try:
            stacks = stacks_of(instances, where=first)
            found += [(_place(one, stacks), one) for one in stacks]
        except ReadError as error:
            found.append((first, error))
    return found


def made_by_models(folder: Path) -> bool:
    """Whether all images below a folder say that they were computed."""
    frames = [frame for one in map(read_instance, sources_of(folder)) if one is not None for frame in one.frames]
    return bool(frames) and all(frame.is_synthetic for frame in frames)


def _place(stack: PlaneStack, stacks: list[PlaneStack]) -> Path:
    """The file that stands for a volume, and in it the volume's name where the file holds several."""
    source = stack.frames[0].source
    if sum(one.frames[0].source == source for one in stacks) == 1:
        return source.place
    if source.member:
        raise _several([(source.name, one.told_by) for one in stacks], "volumes in one file", source.path)
    return source.place / stack.name


def files_in(archive: Path) -> list[Path]:
    """The DICOM files of an archive, by paths that lead into it; none if it is no zip archive.

    Raises:
        ReadError: If it is damaged, or refused.
    """
    return [one.place for one in sources_of(archive)] if archive.is_file() and is_archive(archive) else []


def find_stack(path: Path) -> PlaneStack:
    """The one volume that a path stands for; a file stands for the volume of its series that it belongs to.

    Raises:
        ReadError: If there is none, or several.
        GeometryError: If its planes do not make a volume.
    """
    path, wanted = volume_in(path)
    series = _series(path)
    if not series:
        remedy = "Give the folder of a series; reports and structure sets are no images."
        raise ReadError("DICOM images", came="none", where=path, remedy=remedy)
    named = Source.at(path)
    single = any(named == one.source for ones in series.values() for one in ones)
    if single:
        series = {key: ones for key, ones in series.items() if any(one.source == named for one in ones)}
    if len(series) > 1:
        raise _several([(_first(ones).name, f"{len(ones)} files") for ones in series.values()], "series", path)
    ((_, instances),) = series.items()
    stacks = stacks_of(sorted(instances, key=lambda one: one.source != named), where=path)
    if single:
        stacks = [one for one in stacks if any(frame.source == named for frame in one.frames)]
    if wanted:
        return _named(wanted, stacks, path)
    if len(stacks) > 1:
        places = [_place(one, stacks) for one in stacks]
        told = [
            (place.relative_to(one.frames[0].source.place.parent).as_posix(), one.told_by)
            for place, one in zip(places, stacks, strict=True)
        ]
        raise _several(told, "volumes in one series", path)
    return stacks[0]


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files of a volume, or of a segmentation or a map, which is one file and need not be one volume.

    Raises:
        ReadError: As ``find_stack``, of several files.
    """
    if (segments := find_segments(path)) is not None:
        return (segments.source.path,)
    if find_outline(path) is not None:
        return (path,)
    sources = sources_of(path)
    return (sources[0].path,) if len(sources) == 1 else read_layout(path).parts


def _named(wanted: str, stacks: list[PlaneStack], path: Path) -> PlaneStack:
    for one in stacks:
        if one.name == wanted:
            return one
    names = some([one.name for one in stacks if one.name], most=_MOST) or "one volume alone"
    raise ReadError(names, came=wanted, where=path, remedy="Name one of its volumes behind the file.")


def read_layout(path: Path) -> Layout:
    """What the headers of a series say together.

    Raises:
        ReadError: As ``find_stack``.
    """
    if (outline := find_outline(path)) is not None:
        return _outlined(path, outline)
    if (segments := find_segments(path)) is not None:
        return _segmented(path, segments)
    stack = find_stack(path)
    first = stack.frames[0]
    notes = (*stack.notes, *((f"Of its series, the volume of {stack.told_by}.",) if stack.told_by else ()))
    return Layout(
        header=path,
        data=first.source.path,
        sizes=(*first.shape, len(stack.frames)),
        dtype=value_type(stack),
        encoding="decoded",
        placement=HeaderGeometry({"ImagePositionPatient": stack.affine}),
        notes=notes,
        comment=FOREIGN_MARK if any(frame.is_synthetic for frame in stack.frames) else "",
        decode=partial(read_values, stack),
        parts=tuple(sorted({frame.source.path for frame in stack.frames})),
        padding=_padding(stack),
    )


def find_outline(path: Path) -> BodyOutline | None:
    """The structure set that a file is; ``None`` if it is none, or no file.

    Raises:
        ReadError: If it is one that cannot be used.
    """
    source = _no_image(path)
    return None if source is None else read_outline(source)


def find_segments(path: Path) -> Segments | None:
    """The segmentation that a file is, or the only DICOM file of a folder; ``None`` if it is none.

    Raises:
        ReadError: If it is one that cannot be used.
    """
    alone = sources_of(path) if path.is_dir() else []
    source = _no_image(alone[0].place if len(alone) == 1 else path)
    return None if source is None else read_segments(source)


def first_file(path: Path) -> Path:
    """The file that stands for a series, a segmentation or an outline; of a volume of several in one, its name there.

    Raises:
        ReadError: As ``find_stack``.
    """
    if (segments := find_segments(path)) is not None:
        return segments.source.place
    if find_outline(path) is not None:
        return path
    first = find_stack(path).frames[0].source.path
    return path if first in path.parents else first


def _no_image(path: Path) -> Source | None:
    """A DICOM file that is no image, in an archive too."""
    source = Source.at(path)
    there = is_archive(source.path) if source.member else path.is_file() and is_dicom(path)
    return source if there and read_instance(source) is None else None


def _segmented(path: Path, segments: Segments) -> Layout:
    """The label map of a segmentation."""
    stack = next(filter(None, map(segments.upon, _nearby(segments.source))), None) or segments.alone()
    return Layout(
        header=path,
        data=segments.source.path,
        sizes=(*stack.frames[0].shape, len(stack.frames)),
        dtype=segments.dtype,
        encoding="decoded",
        placement=HeaderGeometry({"ImagePositionPatient": stack.affine}),
        notes=stack.notes,
        comment=FOREIGN_MARK if segments.is_synthetic else "",
        decode=partial(segments.read, stack),
        parts=(segments.source.path,),
    )


def _nearby(source: Source) -> Iterator[list[Instance]]:
    """The images that lie beside a file, then those in folders beside its own."""
    for sources in nearby(source):
        yield [one for one in map(read_instance, sources) if one is not None]


def _outlined(path: Path, outline: BodyOutline) -> Layout:
    """The outline of a structure set upon the series that it was drawn on, which lies nearby."""
    if not outline.name:
        came, remedy = "others, or none", "Give a mask as an image."
        raise ReadError("a structure of type EXTERNAL, or called BODY", came=came, where=path, remedy=remedy)
    stack = _drawn_on(outline, path)
    mask, notes = rasterise(outline, stack)
    return Layout(
        header=path,
        data=path,
        sizes=mask.shape,
        dtype=mask.dtype,
        encoding="decoded",
        placement=HeaderGeometry({"ImagePositionPatient": stack.affine}),
        notes=notes,
        decode=lambda: mask,
        parts=(path,),
    )


def _drawn_on(outline: BodyOutline, path: Path) -> PlaneStack:
    for images in _nearby(Source.at(path)):
        if series := drawn_on(outline, images):
            return stacks_of(series, where=path)[0]
    remedy = "Put it beside the series, or in a folder beside the series' folder."
    raise ReadError("the series that the structure set was drawn on", came="none nearby", where=path, remedy=remedy)


def _series(path: Path) -> dict[str, list[Instance]]:
    """The files of each series, those that cannot be parsed with the only one there is, or as one of their own."""
    found: dict[str, list[Instance]] = defaultdict(list)
    for source in sources_of(path):
        if (one := read_instance(source)) is not None:
            found[one.series].append(one)
    if len(found) == 2 and "" in found:
        broken = found.pop("")
        next(iter(found.values())).extend(broken)
    return found


def _first(instances: list[Instance]) -> Source:
    return min(one.source for one in instances)


def _padding(stack: PlaneStack) -> tuple[float, float] | None:
    """The values that stand for nothing, where a circle was cut from a square; what can be a true value stays."""
    first = stack.frames[0]
    stated = first.padding or (
        _UNSTATED if first.stored == (16, True) and first.header.get("Modality") == "MR" else None
    )
    if stated is None or len({one.scale for one in stack.frames}) > 1:
        return None
    low, high = (value * first.scale[0] + first.scale[1] for value in stated)
    return (low, high) if high < (_LEAST_HU if first.header.get("Modality") == "CT" else 0) else None


def _several(named: list[tuple[str, str]], what: str, path: Path) -> GeometryError:
    remedy = "Name one of these files: it stands for the volume that it belongs to."
    if all("/" in name for name, _ in named):
        remedy = "Name one of these volumes, behind the file."
    if len({name for name, _ in named}) == 1:
        remedy = "Take them apart first, with dcm2niix for instance."
    elif path.is_file() and not is_dicom(path):
        remedy = "Unpack it, and give the folder of a series or of the study."
    came = f"{len(named)} {what}: {some([f'{name} ({words})' for name, words in named], most=_MOST)}"
    return GeometryError("one volume", came=came, where=path, remedy=remedy)
