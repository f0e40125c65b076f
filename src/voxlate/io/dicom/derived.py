"""A series that is derived from another one: what a model made, for an archive or a planning system.

Classic MR or CT storage, a file per plane, on the planes of the source and in its study and frame of reference, so that
it lies upon the source in any viewer. MR that is not in whole numbers has a slope, which the standard has for CT alone
and permits to add (PS3.2, Standard Extended SOP Class). It cannot be taken for a scan: DERIVED and SECONDARY,
SyntheticData YES (PS3.3 C.12.1.1.1), a description that begins with SYNTHETIC, Voxlate as the equipment. What is copied
from the source is listed here; nothing else is, private attributes least of all.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voxlate.contrast import Contrast
from voxlate.errors import UsageError, WriteError
from voxlate.io.dicom.frames import Plane
from voxlate.io.dicom.header import parsing, read_header, text
from voxlate.io.dicom.sources import Source
from voxlate.io.dicom.stacks import NOWHERE, PlaneStack, nearest_planes
from voxlate.provenance import Provenance
from voxlate.volume import Array

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_STORAGE = {"mr": "1.2.840.10008.5.1.4.1.1.4", "ct": "1.2.840.10008.5.1.4.1.1.2"}
_KEPT = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID", "PositionReferenceIndicator",
    "BodyPartExamined", "PatientPosition", "Laterality",
)  # fmt: skip
"""What a series shares with its source: patient, study, frame of reference."""
_NEEDED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName", "PositionReferenceIndicator", "PatientPosition",
)  # fmt: skip
"""What has to be there, empty where it is not known (type 2)."""
_ADDED_NUMBER = 9000
_LARGEST = 32767
"""Of 16 bits with a sign."""
_CT_WINDOW = (40.0, 400.0)


def write_derived(
    array: Array,
    folder: Path,
    *,
    source: PlaneStack,
    contrast: Contrast,
    told: Provenance,
    beside: Sequence[PlaneStack] = (),
) -> None:
    """Writes a file for each plane of the source.

    Args:
        array: Physical values ``(column, row, plane)`` on the source's grid.
        folder: Where, an empty folder.
        source: What it was made from, or lies upon; ``made_up`` for an image that no series was made from.
        beside: What it was made from, too.
        contrast: What it shows, MR or CT.
        told: Who made it.

    Raises:
        UsageError: If the contrast is neither.
        WriteError: If a value does not fit, or the disk says no.
    """
    if contrast.kind not in _STORAGE:
        came = f"{contrast.title}, {contrast.kind}"
        remedy = "Name a file that ends in .nii.gz."
        raise UsageError("an MR or a CT for a series of DICOM", came=came, where=folder, remedy=remedy)
    stored, slope, intercept = _stored(array, contrast, where=folder)
    window, said = _window(array, contrast), (sha256(stored.tobytes()).hexdigest(), slope, intercept)
    for number, plane, _ in made_planes(source, contrast, told, beside=beside, window=window, values=said):
        if contrast.kind == "ct" or (slope, intercept) != ("1", "0"):
            plane.RescaleSlope, plane.RescaleIntercept = slope, intercept
            plane.RescaleType = "HU" if contrast.kind == "ct" else "US"
        plane.PixelRepresentation = int(stored.dtype.kind == "i")
        plane.PixelData = np.ascontiguousarray(stored[:, :, number].T, dtype=stored.dtype.newbyteorder("<")).tobytes()
        packed = BytesIO()
        plane.save_as(packed, enforce_file_format=True)
        (folder / f"IM{plane.InstanceNumber:04d}.dcm").write_bytes(packed.getvalue())


def made_planes(
    source: PlaneStack,
    contrast: Contrast,
    told: Provenance,
    *,
    beside: Sequence[PlaneStack] = (),
    window: tuple[float, float],
    values: tuple[object, ...],
) -> Iterator[tuple[int, Dataset, list[Dataset]]]:
    """The planes of a derived series, without pixels, in the order of the source.

    Args:
        source: What they lie upon.
        contrast: What they show, MR or CT.
        told: Who made them.
        beside: What they were made from, too.
        window: Centre and width of the grey window.
        values: What tells the pixels apart from others: the identifiers follow from it.

    Yields:
        The plane's place in the stack, its header, and the headers of the files that it was made from, the source's
        first; that is empty where there is none.
    """
    series = _series(source, contrast, told, window=window)
    upon = (source.frames[0].series, source.affine.tolist())
    series.SeriesInstanceUID = uid_of(*values, *upon, *_made_by(told))
    headers: dict[Source, Dataset] = {}
    for place, number in enumerate(_order(source.frames), 1):
        frame = source.frames[number]
        frames = [frame, *(one for stack in beside for one in nearest_planes(stack, frame))]
        for one in frames:
            if one.source not in headers:
                headers[one.source] = _header(one.source)
        read = [headers[one.source] for one in frames]
        with parsing(frame.source):
            plane = _plane(series, read[0], frame, source, number=place)
            _refer(plane, read, frames)
        yield number, plane, read


def _header(source: Source) -> Dataset:
    from pydicom.dataset import Dataset

    return read_header(source, whole=True) if source != NOWHERE else Dataset()


def _stored(array: Array, contrast: Contrast, *, where: Path) -> tuple[Array, str, str]:
    """What is stored in 16 bits, with slope and intercept: steps of 1 where all values are whole, or are HU.

    An MR has no intercept, which many readers apply to CT alone: values below 0 make it signed, so that what reads the
    slope or does not shows 0 as 0.
    """
    low, high = float(array.min()), float(array.max())
    if contrast.kind == "ct":
        intercept = min(-1024.0, np.floor(low))
        if np.rint(high) - intercept > 2 * _LARGEST + 1:
            came, remedy = f"values from {low:.6g} to {high:.6g}", "Look at the model: no CT has such numbers."
            raise WriteError("numbers of a CT that 16 bits hold", came=came, where=where, remedy=remedy)
        return np.rint(array.astype(np.float64) - intercept).astype(np.uint16), "1", f"{intercept:.0f}"
    kind, most = (np.int16, _LARGEST) if low < 0 else (np.uint16, 2 * _LARGEST + 1)
    reach = max(high, -low)
    if reach <= most and (array.dtype.kind in "iub" or np.array_equal(array, np.rint(array))):
        return array.astype(kind), "1", "0"
    slope = f"{reach / most * 1.000001:.9e}"
    return np.rint(array.astype(np.float64) / float(slope)).astype(kind), slope, "0"


def _window(array: Array, contrast: Contrast) -> tuple[float, float]:
    """Centre and width of the grey window: soft tissue of a CT, else what lies between the darkest and brightest."""
    if contrast.kind == "ct":
        return _CT_WINDOW
    low, high = np.percentile(array, (0.5, 99.5))
    return float(f"{(low + high) / 2:.6g}"), float(f"{max(high - low, 1.0):.6g}")


def _order(frames: tuple[Plane, ...]) -> list[int]:
    """The planes in the order of the source: by their numbers where each has one of its own."""
    numbers = [frame.instance for frame in frames]
    return (
        sorted(range(len(frames)), key=lambda n: numbers[n])
        if len(set(numbers)) == len(frames)
        else [*range(len(frames))]
    )


def _series(source: PlaneStack, contrast: Contrast, told: Provenance, *, window: tuple[float, float]) -> Dataset:
    """What all files of the series say alike."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    now = dt.datetime.now(dt.UTC).astimezone()
    said = Dataset()
    said.file_meta = FileMetaDataset()
    said.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    said.SOPClassUID, said.Modality = _STORAGE[contrast.kind], contrast.kind.upper()
    said.SyntheticData = "YES"
    said.ImageType = ["DERIVED", "SECONDARY", "AXIAL" if contrast.kind == "ct" else "OTHER"]
    said.SeriesDescription = f"SYNTHETIC {contrast.title}"[:64]
    said.SeriesDate = said.ContentDate = said.InstanceCreationDate = now.strftime("%Y%m%d")
    said.SeriesTime = said.ContentTime = said.InstanceCreationTime = now.strftime("%H%M%S")
    said.Manufacturer, said.ManufacturerModelName = "Voxlate", told.model.name[:64] if told.model else "Voxlate"
    said.DeviceSerialNumber, said.SoftwareVersions = "0", told.software_version
    said.BurnedInAnnotation, said.LossyImageCompression = "NO", "00"
    said.DerivationDescription = _derivation(contrast, told)[:1024]
    said.WindowCenter, said.WindowWidth = (f"{value:.10g}" for value in window)
    said.SamplesPerPixel, said.PhotometricInterpretation = 1, "MONOCHROME2"
    said.BitsAllocated, said.BitsStored, said.HighBit, said.PixelRepresentation = 16, 16, 15, 0  # may get a sign
    said.Columns, said.Rows = source.frames[0].shape
    if contrast.kind == "ct":
        said.KVP = said.AcquisitionNumber = None
    else:
        said.ScanningSequence, said.SequenceVariant = "RM", "NONE"
        said.ScanOptions = said.MRAcquisitionType = said.EchoTime = said.EchoTrainLength = said.RepetitionTime = None
    return said


def _derivation(contrast: Contrast, told: Provenance) -> str:
    made = f" with the model {told.model.name}, SHA-256 {told.model.digest}" if told.model else ""
    return f"Synthetic {contrast.title}, computed by Voxlate {told.software_version}{made}; {told.warning}."


def _plane(series: Dataset, header: Dataset, frame: Plane, stack: PlaneStack, *, number: int) -> Dataset:
    """The file of one plane, without pixels."""
    from pydicom.dataset import Dataset

    plane = Dataset()
    plane.file_meta = copy(series.file_meta)
    for name in _KEPT:
        if name in header:
            plane[name] = header[name]
    for name in _NEEDED:
        if name not in plane:
            setattr(plane, name, "")
    if "Laterality" not in plane and not plane.get("BodyPartExamined"):
        plane.Laterality = ""  # which is not known, of a body part that is not
    plane.update(series)
    for name in ("StudyInstanceUID", "FrameOfReferenceUID"):
        if not plane.get(name):
            setattr(plane, name, uid_of(series.SeriesInstanceUID, name))
    plane.SOPInstanceUID = uid_of(series.SeriesInstanceUID, number)
    plane.SeriesNumber = _ADDED_NUMBER + int(header.get("SeriesNumber") or 0) % 1000
    plane.InstanceNumber = number
    plane.ImagePositionPatient = [_decimal(value) for value in frame.position]
    plane.ImageOrientationPatient = [_decimal(value) for value in frame.directions]
    plane.PixelSpacing = [_decimal(frame.spacing[1]), _decimal(frame.spacing[0])]
    plane.SliceThickness = header.get("SliceThickness") or _decimal(stack.distance_mm)
    plane.ContributingEquipmentSequence = _equipment(header, series)
    return plane


def _refer(plane: Dataset, headers: Sequence[Dataset], frames: Sequence[Plane]) -> None:
    """Names the planes that a plane was made from, and the series that hold them."""
    known = [(header, frame) for header, frame in zip(headers, frames, strict=True) if is_named(header)]
    if known:
        plane.SourceImageSequence = [_reference(header, frame) for header, frame in known]
        name_series(plane, [header for header, _ in known])


def is_named(header: Dataset) -> bool:
    """Whether a file can be referred to: it has an identifier, and says what it is."""
    return bool(text(header, "SOPInstanceUID") and text(header, "SOPClassUID"))


def name_series(made: Dataset, headers: Iterable[Dataset]) -> None:
    """Names the series of files, those of other studies by their study (PS3.3 C.12.2)."""
    studies: dict[str, dict[str, dict[str, Dataset]]] = {}
    for header in headers:
        study = text(header, "StudyInstanceUID") or made.StudyInstanceUID
        files = studies.setdefault(study, {}).setdefault(text(header, "SeriesInstanceUID"), {})
        files[header.SOPInstanceUID] = header
    own = studies.pop(made.StudyInstanceUID, {})
    if own:
        made.ReferencedSeriesSequence = _series_items(own)
    if studies:
        made.StudiesContainingOtherReferencedInstancesSequence = [
            _item(StudyInstanceUID=study, ReferencedSeriesSequence=_series_items(series))
            for study, series in studies.items()
        ]


def _series_items(series: dict[str, dict[str, Dataset]]) -> list[Dataset]:
    return [
        _item(
            SeriesInstanceUID=uid,
            ReferencedInstanceSequence=[
                _item(ReferencedSOPClassUID=one.SOPClassUID, ReferencedSOPInstanceUID=one.SOPInstanceUID)
                for one in files.values()
            ],
        )
        for uid, files in series.items()
        if uid
    ]


def _item(**values: object) -> Dataset:
    from pydicom.dataset import Dataset

    made = Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def uid_of(*what: object) -> str:
    """The identifier of what these words tell: the same whenever it is made, so that an archive holds it once."""
    from pydicom.uid import generate_uid

    return str(generate_uid(entropy_srcs=["\0".join(map(str, what))]))


def _made_by(told: Provenance) -> tuple[object, ...]:
    """By what, and what; not from which files: a plane has other bytes on a disk than from an archive."""
    model = told.model.digest if told.model else ""
    return model, told.software_version, told.target


def _decimal(value: float) -> str:
    """A number in at most 16 characters, as DICOM has it."""
    from pydicom.valuerep import format_number_as_ds

    return str(format_number_as_ds(float(value)))


def _reference(header: Dataset, frame: Plane) -> Dataset:
    """A plane of a source."""
    item = _item(ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID)
    if int(header.get("NumberOfFrames") or 1) > 1:
        item.ReferencedFrameNumber = frame.number + 1
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    return item


def _equipment(header: Dataset, series: Dataset) -> list[Dataset]:
    """The scanner and the program."""
    from pydicom.dataset import Dataset

    scanner, program = Dataset(), Dataset()
    scanner.PurposeOfReferenceCodeSequence = [_code("109101", "Acquisition Equipment")]
    scanner.Manufacturer = header.get("Manufacturer") or "unknown"
    for name in ("ManufacturerModelName", "SoftwareVersions"):
        if header.get(name):
            scanner[name] = header[name]
    program.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    program.Manufacturer, program.ManufacturerModelName = series.Manufacturer, series.ManufacturerModelName
    program.SoftwareVersions = series.SoftwareVersions
    program.ContributionDateTime = series.ContentDate + series.ContentTime
    program.ContributionDescription = series.DerivationDescription
    return [*([scanner] if "SOPInstanceUID" in header else []), program]


def _code(value: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)
