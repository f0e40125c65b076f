"""Volumes of DICOM planes: which planes belong together, in which order, and on what grid.

Order and spacing follow from the planes' positions alone, never from slice numbers, locations or thickness (PS3.3
C.7.6.2.1.1). A plane that is missing, is there twice, is turned, or lies beside the line of the others is refused with
the numbers. Several volumes in a series, such as echoes, phases or the parts of Dixon, are parted by what their headers
say. A gantry that was tilted leaves a sheared grid, which the geometry gate judges like any other.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import GeometryError, ReadError, counted
from voxlate.io.dicom.frames import TIMED, Instance, Plane
from voxlate.io.dicom.sources import Source
from voxlate.volume import Affine

_SAME_PLACE_MM = 0.01
_TURNED = 1e-3
"""Largest difference of two direction cosines that rounding explains."""
_UNEVEN, _UNEVEN_MM = 0.02, 0.02
"""How far a plane may lie from where even steps put it: a share of the step, or mm; positions are rounded."""
_ROUNDED_MM = 0.1
"""The coarsest rounding of positions that is told from uneven planes."""
_BESIDE = 0.1
"""Of the distance of voxels: how far a plane that was drawn on may lie from that which it is."""
_OTHER_ECHO = 0.1
"""A share of the echo time: some scanners state one of each plane, as it was."""
_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_REMEDY = "Export the series anew, whole and alone in its folder."


@dataclass(frozen=True)
class PlaneStack:
    """The planes of one volume, in order along their normal.

    Attributes:
        frames: At least one.
        affine: ``(4, 4)``, voxel index (column, row, plane) to RAS+ mm.
        told_by: What tells it from other volumes of its series, as words; empty if it is the only one.
        notes: What was assumed.
    """

    frames: tuple[Plane, ...]
    affine: Affine
    told_by: str = ""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tells it apart, as a name that a path can end with: ``echo-time-80.0``; empty if it is the only one."""
        return re.sub(r"[^A-Za-z0-9_.+-]+", "-", self.told_by.replace(", ", "_")).strip("-_.")

    @property
    def distance_mm(self) -> float:
        """Of neighbouring planes, along their normal."""
        return abs(float(_normal(self.frames[0]) @ (_TO_RAS @ self.affine)[:3, 2]))


NOWHERE = Source(Path())
"""Where the planes of a stack lie that was not read."""


def made_up(affine: Affine, shape: tuple[int, int, int]) -> PlaneStack:
    """The planes of a grid along its third axis, in a study of their own.

    Args:
        affine: ``(4, 4)``, to RAS+ mm, with right angles.
        shape: Voxels along i, j, k.
    """
    spacing, placed = np.linalg.norm(affine[:3, :3], axis=0), _TO_RAS @ affine
    turn = (placed[:3, :2] / spacing[:2]).T.ravel().tolist()
    frames = []
    for k in range(shape[2]):
        x, y, z = (placed @ [0, 0, k, 1])[:3].tolist()
        frames.append(
            Plane(
                source=NOWHERE,
                number=k,
                study="",
                series="",
                shape=shape[:2],
                position=(x, y, z),
                directions=tuple(turn),
                spacing=(float(spacing[0]), float(spacing[1])),
                gap=float(spacing[2]),
                scale=(1.0, 0.0),
                is_scaled=False,
                stored=(16, False),
                padding=None,
                kinds=(),
                is_synthetic=True,
                instance=k,
                header={},
            )
        )
    return PlaneStack(tuple(frames), affine)


def stacks_of(instances: Iterable[Instance], *, where: object) -> list[PlaneStack]:
    """The volumes of one series.

    Raises:
        ReadError: If a file of it is no image with a place.
        GeometryError: If the planes do not make whole volumes.
    """
    instances = list(instances)
    _check_read(instances)
    if (people := len({one.patient for one in instances})) > 1:
        came, remedy = f"{people} patients in one series", "Ask for the images anew: their identifiers are not unique."
        raise ReadError("one patient in a series", came=came, where=where, remedy=remedy)
    kept = _without_copies(instances)
    copies = counted(len(instances) - len(kept), "file") if len(kept) < len(instances) else ""
    notes = (f"{copies} left out as a copy of another, byte for byte.",) if copies else ()
    parts = _parted([frame for one in kept for frame in one.frames], where=where)
    return [_stack(part, told_by=words, notes=notes, where=where) for words, part in parts]


def _check_read(instances: Sequence[Instance]) -> None:
    """Refuses a series with a file that is no image with a place, and says how many others there are."""
    refused = [(one.source, one.refusal) for one in instances if one.refusal is not None]
    if not refused:
        return
    (source, first), count = refused[0], len(refused)
    if count == len(instances):
        raise first
    came = f"{first.came} in {count} of {len(instances)} files of the series"
    remedy = f"Export the series anew; if {source.name} is no slice of it, lay it into another folder."
    raise type(first)(first.expected, came=came, where=first.where, remedy=remedy) from first


def _without_copies(instances: Sequence[Instance]) -> list[Instance]:
    """The instances without those whose bytes were there before, as an export that was made twice leaves them."""
    by_uid: dict[str, list[Instance]] = defaultdict(list)
    for one in instances:
        by_uid[one.uid].append(one)
    kept = []
    for same in by_uid.values():
        digests = [_digest(one) if len(same) > 1 else "" for one in same]
        kept += [one for n, one in enumerate(same) if digests[n] not in digests[:n]]
    return kept


def _digest(instance: Instance) -> str:
    with instance.source.open() as file:
        return hashlib.sha256(file.read()).hexdigest()


def _parted(frames: Sequence[Plane], *, where: object) -> list[tuple[str, list[Plane]]]:
    """The frames of each volume, with what tells it apart."""
    _check_turned(frames, where=where)
    places = defaultdict(list)
    for frame in frames:
        places[frame.shape, tuple(np.round(np.array(frame.position) / _SAME_PLACE_MM).astype(int).tolist())].append(
            frame
        )
    if all(len(one) == 1 for one in places.values()):
        return [("", list(frames))]
    names: list[str] = []
    for name in dict.fromkeys(name for frame in frames for name, _ in frame.kinds):
        if any(len({dict(frame.kinds).get(name) for frame in one}) > 1 for one in places.values()):
            names.append(name)
            parts = _by(frames, names)
            whole = name not in TIMED or (len(places) > 1 and {len(part) for part in parts.values()} == {len(places)})
            if whole and all(_is_single(part) for part in parts.values()):
                return [(", ".join(f"{a} {b}" for a, b in key), part) for key, part in parts.items()]
    position, again = next((key[1], one) for key, one in places.items() if len(one) > 1)
    at = ", ".join(f"{value * _SAME_PLACE_MM:.2f}" for value in position)
    raise GeometryError(
        "one plane at each position",
        came=f"{len(again)} at ({at}) mm, which nothing in their headers tells apart: {_names(again)}",
        where=where,
        remedy=_REMEDY,
    )


def _by(frames: Sequence[Plane], names: Sequence[str]) -> dict[tuple[tuple[str, str], ...], list[Plane]]:
    parts: dict[tuple[tuple[str, str], ...], list[Plane]] = defaultdict(list)
    for frame in frames:
        said = dict(frame.kinds)
        parts[tuple((name, said.get(name, "none")) for name in names)].append(frame)
    return parts


def _is_single(frames: Sequence[Plane]) -> bool:
    places = {(frame.shape, tuple(np.round(np.array(frame.position) / _SAME_PLACE_MM))) for frame in frames}
    return len(places) == len(frames)


def _check_turned(frames: Sequence[Plane], *, where: object) -> None:
    first = frames[0]
    for frame in frames:
        if np.abs(np.subtract(frame.directions, first.directions)).max() > _TURNED:
            angle = np.degrees(np.arccos(np.clip(_normal(frame) @ _normal(first), -1, 1)))
            raise GeometryError(
                "one orientation",
                came=f"planes {angle:.1f} degrees apart: {_names([first, frame])}",
                where=where,
                remedy="A localiser is no volume; export each orientation as a series of its own.",
            )
        if frame.shape != first.shape or not np.allclose(frame.spacing, first.spacing, rtol=1e-3):
            sizes = " and ".join(
                f"{one.shape[0]} x {one.shape[1]} pixels of {one.spacing[0]:.4g} x {one.spacing[1]:.4g} mm"
                for one in (first, frame)
            )
            raise GeometryError("planes of one size", came=sizes, where=where, remedy=_REMEDY)


def _check_alike(frames: Sequence[Plane], *, where: object) -> None:
    """Refuses a plane of another volume in the place of one that is missing."""
    first = frames[0]
    for frame in frames:
        if frame.is_scaled != first.is_scaled:
            wanted, came = "a slope and an intercept of all planes or of none", "some without"
            raise GeometryError(wanted, came=f"{came}: {_names([first, frame])}", where=where, remedy=_REMEDY)
        usual, echo = (float(one.header.get("EchoTime") or 0) for one in (first, frame))
        if usual and echo and abs(echo - usual) > _OTHER_ECHO * usual:
            came = f"planes of {usual:g} and {echo:g} s: {_names([first, frame])}"
            raise GeometryError("one echo time", came=came, where=where, remedy=_REMEDY)


def _stack(frames: Sequence[Plane], *, told_by: str, notes: tuple[str, ...], where: object) -> PlaneStack:
    _check_alike(frames, where=where)
    normal = _normal(frames[0])
    ordered = sorted(frames, key=lambda frame: float(np.dot(frame.position, normal)))
    positions = np.array([frame.position for frame in ordered])
    step, assumed = _step(positions, normal, ordered, where=where)
    row, column = np.array(frames[0].directions[:3]), np.array(frames[0].directions[3:])
    if min(np.linalg.norm(row), np.linalg.norm(column)) < 0.5:
        raise GeometryError("directions of rows and columns", came="none", where=where, remedy=_REMEDY)
    affine = np.eye(4)
    affine[:3, 0] = row / np.linalg.norm(row) * frames[0].spacing[0]
    affine[:3, 1] = column / np.linalg.norm(column) * frames[0].spacing[1]
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return PlaneStack(tuple(ordered), _TO_RAS @ affine, told_by, (*notes, *assumed))


def _step(
    positions: NDArray[np.float64], normal: NDArray[np.float64], frames: Sequence[Plane], *, where: object
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """From each plane to the next, LPS in mm."""
    count = len(positions)
    if count == 1:
        if not frames[0].gap:
            raise GeometryError(
                "a thickness for a single slice",
                came="neither SpacingBetweenSlices nor SliceThickness",
                where=where,
                remedy="Give the whole series.",
            )
        return normal * frames[0].gap, (f"A single slice, taken to be {frames[0].gap:g} mm thick, as its header says.",)
    along = positions @ normal
    steps = np.diff(along)
    usual = float(np.median(steps))
    is_rounded = _is_rounded(positions, usual)
    least = _ROUNDED_MM + _SAME_PLACE_MM if is_rounded else _UNEVEN_MM
    slack = max(_UNEVEN * usual, least)
    for n, one in enumerate(steps):
        if abs(one - usual) > slack:
            came = f"{one:.2f} mm between those at {along[n]:.2f} and {along[n + 1]:.2f} mm along their normal"
            missing = f", where {counted(round(one / usual) - 1, 'plane')} may be missing" if one > 1.5 * usual else ""
            raise GeometryError(f"planes {usual:.2f} mm apart", came=came + missing, where=where, remedy=_REMEDY)
    step = np.polyfit(np.arange(count), positions, 1)[0] if is_rounded else (positions[-1] - positions[0]) / (count - 1)
    beside = positions - positions[0] - np.arange(count)[:, None] * step
    if (furthest := float(np.linalg.norm(beside, axis=1).max())) > slack:
        came = f"one that lies {furthest:.2f} mm beside it"
        raise GeometryError("planes along one line", came=came, where=where, remedy=_REMEDY)
    straight = normal * float(step @ normal)
    drift = float(np.linalg.norm(step - straight)) * (count - 1)
    return (straight if drift <= max(least, _UNEVEN * min(frames[0].spacing)) else step), ()


def _is_rounded(positions: NDArray[np.float64], usual: float) -> bool:
    """Whether positions are written with one decimal, and planes too far apart for one to be missed by that."""
    tenths = positions / _ROUNDED_MM
    return usual > 2 * _ROUNDED_MM and bool(np.abs(tenths - np.rint(tenths)).max() < 1e-6)


def planes_on(stack: PlaneStack, planes: Sequence[Plane]) -> list[int] | None:
    """Which plane of a stack each of some planes is; ``None`` if one of them is none."""
    first, inverse = stack.frames[0], np.linalg.inv(_TO_RAS @ stack.affine)
    for one in planes:
        turned = np.abs(np.subtract(one.directions, first.directions)).max() > _TURNED
        if one.shape != first.shape or turned or not np.allclose(one.spacing, first.spacing, rtol=1e-3):
            return None
    index = (inverse @ np.array([[*one.position, 1] for one in planes]).T)[:3].T
    places = np.rint(index)
    beside = np.abs(index - places).max(initial=0) > _BESIDE or np.abs(places[:, :2]).max(initial=0)
    if beside or places[:, 2].min(initial=0) < 0 or places[:, 2].max(initial=0) >= len(stack.frames):
        return None
    return [int(place) for place in places[:, 2]]


def spaced_stack(planes: Sequence[Plane], *, gap_mm: float, where: object) -> PlaneStack:
    """The stack that planes lie on of which several may be at one place, and none at others.

    Args:
        planes: At least one.
        gap_mm: Between neighbours, as a header states it; it is taken if the planes lie at multiples of it.
        where: What an error names.

    Raises:
        GeometryError: If they do not lie at even steps along one line.
    """
    _check_turned(planes, where=where)
    normal = _normal(planes[0])
    ordered = sorted(planes, key=lambda one: float(np.dot(one.position, normal)))
    along = np.array([np.dot(one.position, normal) for one in ordered])
    steps = np.diff(along)
    gap = float(min(steps[steps > _SAME_PLACE_MM], default=0.0))
    if gap_mm and abs(gap / gap_mm - round(gap / gap_mm)) < _BESIDE and gap > _BESIDE * gap_mm:
        gap = gap_mm
    first, last = np.array(ordered[0].position), np.array(ordered[-1].position)
    count = round(float(along[-1] - along[0]) / gap) + 1 if gap else 1
    places = [first + (last - first) * number / max(count - 1, 1) for number in range(count)]
    each = [
        replace(ordered[0], position=(float(x), float(y), float(z)), number=n) for n, (x, y, z) in enumerate(places)
    ]
    stack = _stack(each, told_by="", notes=(), where=where)
    if planes_on(stack, planes) is None:
        came = ", ".join(f"{one:.2f}" for one in np.unique(np.round(steps[steps > _SAME_PLACE_MM], 2))[:5])
        raise GeometryError("planes at even steps", came=f"steps of {came} mm", where=where, remedy=_REMEDY)
    return stack


def nearest_planes(stack: PlaneStack, frame: Plane) -> list[Plane]:
    """The plane of a stack that lies nearest to another plane; all of them where they are not parallel to it."""
    normal = _normal(frame)
    if abs(float(normal @ _normal(stack.frames[0]))) < 1 - _TURNED:
        return list(stack.frames)
    return [min(stack.frames, key=lambda one: abs(float(np.subtract(one.position, frame.position) @ normal)))]


def _normal(frame: Plane) -> NDArray[np.float64]:
    normal = np.cross(frame.directions[:3], frame.directions[3:])
    length = float(np.linalg.norm(normal))
    if length < 0.5:
        raise ReadError(
            "two directions at right angles",
            came=str(frame.directions),
            where=frame.source.path,
            remedy="Ask for the image anew, or repair ImageOrientationPatient.",
        )
    return np.asarray(normal / length)


def _names(frames: Sequence[Plane]) -> str:
    return " and ".join(
        f"{one.source.name}" + (f", frame {one.number + 1}" if one.number else "") for one in frames[:2]
    )
