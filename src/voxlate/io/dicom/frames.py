"""The planes of DICOM files: where each lies, how its values are scaled, and what tells it from its neighbours.

Classic files hold one plane, enhanced multi-frame files many; here both become ``Plane``. The rescale of an enhanced
file stands per frame (PS3.3 C.7.6.16.2.9), which pydicom does not apply (its issue 2353), so it is read here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from voxlate.errors import ReadError
from voxlate.io.dicom.header import macro, numbers, parsing, read_header, text
from voxlate.io.dicom.mosaic import mosaic_refused, read_mosaic
from voxlate.io.dicom.sources import Source
from voxlate.plainyaml import Json

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_KEPT = 4096
_MOST_BITS = 32
_SEGMENTED = "1.2.840.10008.5.1.4.1.1.66."
"""How the identifiers of storage begin of what was drawn upon images: segments, surfaces, fiducials."""
_IMAGES = "Convert it with the program that made it, or give the series of slices that it was made from."
_COUNTS = {"MONOCHROME1", "MONOCHROME2"}
_TIMES = ("EchoTime", "RepetitionTime", "InversionTime")
_WORDS = (
    "Modality",
    "SeriesDescription",
    "ProtocolName",
    "ContrastBolusAgent",
    "Manufacturer",
    "BodyPartExamined",
)


@dataclass(frozen=True)
class Plane:
    """One plane of an image.

    Attributes:
        source: The file.
        number: Which of the file's frames, from 0.
        study: The study's unique identifier.
        series: That of the series.
        shape: Columns and rows.
        position: Centre of the first pixel, LPS in mm.
        directions: Of a row, then of a column, as cosines in LPS.
        spacing: Distance of neighbours in a row, then in a column, in mm.
        gap: Distance to the next plane in mm, as the header states it, for an image of one plane; 0 if unknown.
        scale: Slope and intercept from stored values to physical ones.
        is_scaled: Whether the header states one of the two.
        stored: Bits of a stored value, and whether it has a sign.
        padding: The stored values, from and to, that stand for no value.
        kinds: What can differ between volumes of one series, by its name.
        is_synthetic: Whether it says that it was computed (SyntheticData, PS3.3 C.12.1.1.1).
        instance: Its number in the series, which says nothing of its place.
        header: What says which contrast it shows, by DICOM keyword; times in s.
        across: Tiles in a row of the picture that it is one of; 0 where it is a picture of its own.
    """

    source: Source
    number: int
    study: str
    series: str
    shape: tuple[int, int]
    position: tuple[float, float, float]
    directions: tuple[float, float, float, float, float, float]
    spacing: tuple[float, float]
    gap: float
    scale: tuple[float, float]
    is_scaled: bool
    stored: tuple[int, bool]
    padding: tuple[float, float] | None
    kinds: tuple[tuple[str, str], ...]
    is_synthetic: bool
    instance: float
    header: Json = field(compare=False, hash=False)
    across: int = 0


@dataclass(frozen=True)
class Instance:
    """A file of a series: its frames, or why it is no image with a place.

    Its series is told by study, series and frame of reference together: tools that take names out of files have been
    seen to give one identifier to the series of several people. Empty of a file that cannot be parsed. The patient is a
    digest, which tells people apart and names nobody.
    """

    source: Source
    series: str
    uid: str = ""
    frames: tuple[Plane, ...] = ()
    refusal: ReadError | None = None
    patient: str = ""


def read_instance(source: Source) -> Instance | None:
    """The frames of a file; ``None`` of one that is no image, such as a report, a structure set or a segmentation.

    A file that has not changed since is not read again.
    """
    stated = source.path.stat()
    return _read_instance(source, stated.st_mtime_ns, stated.st_size)


@lru_cache(maxsize=_KEPT)
def _read_instance(source: Source, _changed_ns: int, _size: int) -> Instance | None:
    try:
        dataset = read_header(source)
    except ReadError as error:
        return Instance(source, "", refusal=error)
    if not text(dataset, "Rows") or text(dataset, "SOPClassUID").startswith(_SEGMENTED):
        return None
    series = " ".join(text(dataset, f"{name}InstanceUID") for name in ("Study", "Series"))
    series += f" {text(dataset, 'FrameOfReferenceUID')}"
    uid = text(dataset, "SOPInstanceUID")
    try:
        with parsing(source):
            patient = hashlib.sha256(text(dataset, "PatientID").strip().encode()).hexdigest()
            return Instance(source, series, uid, tuple(read_planes(dataset, source, series)), patient=patient)
    except ReadError as error:
        return Instance(source, series, uid, refusal=error)


def read_planes(dataset: Dataset, source: Source, series: str) -> list[Plane]:
    """The planes of a file that is an image.

    Args:
        dataset: Its header.
        source: The file.
        series: What its series is told by.

    Raises:
        ReadError: If it is no grey image, or a frame has no place.
    """
    _check_pixels(dataset, source)
    count = numbers(dataset, "NumberOfFrames", source=source) or (1.0,)
    shared = macro([dataset], "SharedFunctionalGroupsSequence")
    each = dataset.get("PerFrameFunctionalGroupsSequence")
    if not each:
        if count[0] > 1:
            raise ReadError(
                "a place for each frame",
                came=f"{count[0]:.0f} frames in one file without functional groups",
                where=source.place,
                remedy=_IMAGES,
            )
        picture = _frame(dataset, [dataset], source, number=0, series=series)
        return _tiled(picture) if "MOSAIC" in text(dataset, "ImageType").split("\\") else [picture]
    if len(each) != count[0]:
        came = f"{len(each)} for {count[0]:.0f} frames"
        raise ReadError("functional groups for every frame", came=came, where=source.place, remedy=_IMAGES)
    planes = [_frame(dataset, [one, shared], source, number=n, series=series) for n, one in enumerate(each)]
    if any("MOSAIC" in kinds for one in planes for kinds in (one.header["ImageType"], text(dataset, "ImageType"))):
        raise mosaic_refused("in an enhanced file, as XA scanners write it", source)
    return planes


def _tiled(picture: Plane) -> list[Plane]:
    """The planes of a mosaic."""
    mosaic = read_mosaic(picture.source)
    shape = mosaic.shape(*picture.shape)
    first = mosaic.first(picture.position, picture.directions, picture.spacing, picture.shape)
    step = np.array(mosaic.normal) * picture.gap
    places = [(first + number * step).tolist() for number in range(mosaic.count)]
    return [
        replace(
            picture,
            number=number,
            shape=shape,
            position=(x, y, z),
            instance=picture.instance + number,
            across=mosaic.across,
        )
        for number, (x, y, z) in enumerate(places)
    ]


def _check_pixels(dataset: Dataset, source: Source) -> None:
    samples = numbers(dataset, "SamplesPerPixel", source=source) or (1.0,)
    kind = text(dataset, "PhotometricInterpretation") or "MONOCHROME2"
    if samples[0] != 1 or kind not in _COUNTS:
        remedy = "Give the series itself: this is a picture of it, such as a screenshot."
        raise ReadError("one grey value for each pixel", came=f"{kind} pixels", where=source.place, remedy=remedy)
    bits, high = (numbers(dataset, name, source=source) for name in ("BitsStored", "HighBit"))
    if bits and high and bits[0] <= _MOST_BITS and high[0] != bits[0] - 1:
        came = f"bit {high[0]:.0f} as the highest of {bits[0]:.0f}"
        raise ReadError("values in the lowest bits", came=came, where=source.place, remedy=_IMAGES)
    if dataset.get("ModalityLUTSequence"):
        came = "a table of values (Modality LUT)"
        raise ReadError("a slope and an intercept", came=came, where=source.place, remedy=_IMAGES)


def _frame(dataset: Dataset, groups: Sequence[Dataset | None], source: Source, *, number: int, series: str) -> Plane:
    classic = groups[0] is dataset
    place, turn, size, scale = (
        dataset if classic else macro(groups, f"{name}Sequence")
        for name in ("PlanePosition", "PlaneOrientation", "PixelMeasures", "PixelValueTransformation")
    )
    rows, columns = (int(_exactly(dataset, name, 1, source)[0]) for name in ("Rows", "Columns"))
    position = _exactly(place, "ImagePositionPatient", 3, source)
    directions = _exactly(turn, "ImageOrientationPatient", 6, source)
    between_rows, between_columns = _exactly(size, "PixelSpacing", 2, source)
    if min(between_rows, between_columns) <= 0:
        came = f"{between_rows:g} and {between_columns:g}"
        raise ReadError("two distances above 0 in PixelSpacing", came=came, where=source.place, remedy=_NO_PLACE)
    stated = [numbers(one, name, source=source) for one in (dataset, size) for name in _GAPS]
    if scale is None and not classic:
        scale = dataset  # where older converters leave it
    slope, intercept = (numbers(scale, f"Rescale{name}", source=source) for name in ("Slope", "Intercept"))
    padding = numbers(dataset, "PixelPaddingValue", source=source)
    limit = numbers(dataset, "PixelPaddingRangeLimit", source=source)
    bits = (numbers(dataset, "BitsStored", source=source) or _exactly(dataset, "BitsAllocated", 1, source))[0]
    if not 1 <= bits <= _MOST_BITS:
        wanted = f"1 to {_MOST_BITS} bits of a pixel"
        raise ReadError(wanted, came=f"{bits:g}", where=source.place, remedy=_IMAGES)
    is_signed = bool((numbers(dataset, "PixelRepresentation", source=source) or (0.0,))[0])
    padding, limit = (_with_sign(one, dataset, is_signed, source) for one in (padding, limit))
    return Plane(
        source=source,
        number=number,
        study=text(dataset, "StudyInstanceUID"),
        series=series,
        shape=(columns, rows),
        position=(position[0], position[1], position[2]),
        directions=(*directions[:3], *directions[3:]),  # type: ignore[arg-type]  # six
        spacing=(between_columns, between_rows),
        gap=next((abs(one[0]) for one in stated if one and one[0]), 0.0),
        is_scaled=bool(slope or intercept),
        scale=(slope[0] if slope else 1.0, intercept[0] if intercept else 0.0),
        stored=(int(bits), is_signed),
        padding=(min(padding + limit), max(padding + limit)) if padding else None,
        kinds=tuple(_kinds(dataset, groups, source)),
        is_synthetic=text(dataset, "SyntheticData") == "YES",
        instance=next(iter(_tolerant(dataset, "InstanceNumber", source)), 0.0) + number,
        header=_said(dataset, groups, source),
    )


def _with_sign(values: tuple[float, ...], dataset: Dataset, is_signed: bool, source: Source) -> tuple[float, ...]:
    """Stored values of signed pixels, which many programs write as unsigned ones (VR US for SS)."""
    end = 2.0 ** (numbers(dataset, "BitsAllocated", source=source) or (16.0,))[0]
    return tuple(value - end if is_signed and value >= end / 2 else value for value in values)


_GAPS = ("SpacingBetweenSlices", "SliceThickness")


def _exactly(dataset: Dataset | None, keyword: str, count: int, source: Source) -> tuple[float, ...]:
    found = numbers(dataset, keyword, source=source)
    if len(found) != count:
        came = f"{len(found)} of them" if found else "none"
        things = f"{count} {'number' if count == 1 else 'numbers'} in {keyword}"
        raise ReadError(things, came=came, where=source.place, remedy=_NO_PLACE)
    return found


_NO_PLACE = "Such an image has no place in the patient: export the series anew as slices, each with its position."
_KINDS: tuple[tuple[str, str, str], ...] = (
    ("echo time", "MREchoSequence", "EffectiveEchoTime"),
    ("b-value", "MRDiffusionSequence", "DiffusionBValue"),
    ("time point", "FrameContentSequence", "TemporalPositionIndex"),
    ("stack", "FrameContentSequence", "StackID"),
    ("kind", "MRImageFrameTypeSequence", "FrameType"),
    ("component", "MRImageFrameTypeSequence", "ComplexImageComponent"),
    ("kind", "CTImageFrameTypeSequence", "FrameType"),
    ("trigger time", "CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
)
"""Of enhanced files: what it is called, and the macro and attribute that state it."""
_CLASSIC = (
    ("kind", "ImageType"),
    ("echo time", "EchoTime"),
    ("inversion time", "InversionTime"),
    ("b-value", "DiffusionBValue"),
    ("gradient", "DiffusionGradientOrientation"),
    ("time point", "TemporalPositionIdentifier"),
    ("trigger time", "TriggerTime"),
    ("phase", "NominalPercentageOfCardiacPhase"),
    ("acquisition", "AcquisitionNumber"),
    ("acquisition time", "AcquisitionTime"),
)
"""Of classic files, what a volume is told by first, before what can change from slice to slice too."""
TIMED = ("trigger time", "acquisition", "acquisition time")
"""What can change from slice to slice: it tells volumes apart only if each of them is then whole."""


def _kinds(dataset: Dataset, groups: Sequence[Dataset | None], source: Source) -> list[tuple[str, str]]:
    if groups[0] is dataset:
        found = [(name, text(dataset, keyword)) for name, keyword in _CLASSIC]
    else:
        found = [(name, text(macro(groups, sequence), keyword)) for name, sequence, keyword in _KINDS]
        gradient = macro([macro(groups, "MRDiffusionSequence")], "DiffusionGradientDirectionSequence")
        direction = numbers(gradient, "DiffusionGradientOrientation", source=source)
        found.append(("gradient", " ".join(f"{value:.3f}" for value in direction)))
    return [(name, value) for name, value in found if value]


def _said(dataset: Dataset, groups: Sequence[Dataset | None], source: Source) -> Json:
    header: Json = {name: said for name in _WORDS if (said := text(dataset, name))}
    agent = macro([dataset], "ContrastBolusAgentSequence")
    if agent is not None and (said := text(agent, "CodeMeaning")):
        header.setdefault("ContrastBolusAgent", said)
    header["ImageType"] = (
        text(macro(groups, "MRImageFrameTypeSequence"), "FrameType") or text(dataset, "ImageType")
    ).split("\\")
    timing, echo = macro(groups, "MRTimingAndRelatedParametersSequence"), macro(groups, "MREchoSequence")
    inversion = macro(groups, "MRModifierSequence")
    for name, places in {
        "EchoTime": ((dataset, "EchoTime"), (echo, "EffectiveEchoTime")),
        "RepetitionTime": ((dataset, "RepetitionTime"), (timing, "RepetitionTime")),
        "InversionTime": ((dataset, "InversionTime"), (inversion, "InversionTimes")),
        "FlipAngle": ((dataset, "FlipAngle"), (timing, "FlipAngle")),
        "DiffusionBValue": ((dataset, "DiffusionBValue"), (macro(groups, "MRDiffusionSequence"), "DiffusionBValue")),
    }.items():
        values = next((one for place, keyword in places if (one := _tolerant(place, keyword, source))), ())
        if values and values[0] > 0:
            header[name] = values[0] / 1000 if name in _TIMES else values[0]
    return header


def _tolerant(dataset: Dataset | None, keyword: str, source: Source) -> tuple[float, ...]:
    """The numbers of what only helps to guess: one that is none says nothing."""
    try:
        return numbers(dataset, keyword, source=source)
    except ReadError:
        return ()
