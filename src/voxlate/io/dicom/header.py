"""What the header of a DICOM file says, by keyword: numbers that are numbers, and nothing that names the patient.

pydicom parses; what it would let pass or fail on is judged here: numbers that are none, a deflated file that unpacks
to more than it may. Macros of enhanced files stand in the frame's own functional groups or in the shared ones
(PS3.3 C.7.6.16).
"""

from __future__ import annotations

import logging
import math
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from voxlate.errors import ReadError
from voxlate.io.dicom.sources import Source
from voxlate.io.formats.stream import DAMAGED

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_ASKED = (
    "SamplesPerPixel", "PhotometricInterpretation", "ModalityLUTSequence", "Rows", "Columns", "NumberOfFrames",
    "BitsAllocated", "BitsStored", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit",
    "PixelSpacing", "RescaleSlope", "RescaleIntercept", "ImagePositionPatient", "ImageOrientationPatient",
    "SpacingBetweenSlices", "SliceThickness", "SOPClassUID", "SOPInstanceUID", "InstanceNumber",
    "SeriesInstanceUID", "StudyInstanceUID", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "Modality", "ImageType", "SeriesDescription", "ProtocolName", "ContrastBolusAgent",
    "ContrastBolusAgentSequence", "Manufacturer", "BodyPartExamined", "EchoTime", "RepetitionTime", "InversionTime",
    "FlipAngle", "DiffusionBValue", "DiffusionGradientOrientation", "TemporalPositionIdentifier", "TriggerTime",
    "HighBit", "FrameOfReferenceUID", "PatientID",
    "NominalPercentageOfCardiacPhase", "AcquisitionNumber", "AcquisitionTime", "SyntheticData",
)  # fmt: skip
"""All that is read of a header: how pixels are stored, where they lie, which contrast they show; of the patient the
number alone, which becomes a digest."""
_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNREADABLE = "It is damaged or of a rare kind: export it again, uncompressed if you can."
_INFLATED_LIMIT = 2**28
_PIECE = 2**20
_LENGTH = b"\x02\0\0\0UL\4\0"
_MOST_ELEMENTS = 20_000
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_META = 144
"""Where the meta information begins behind its length, which is 4 bytes."""


@contextmanager
def parsing(source: Source, *, packed: str = "") -> Iterator[None]:
    """Turns what pydicom and decoders raise, in many kinds, into a refusal that quotes nothing of the file.

    What it warns of and logs is judged here, and can hold values that name the patient.
    """
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (ReadError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  (pydicom and decoders raise many kinds)
        wanted = "pixels that can be decoded" if packed else "a DICOM file that can be read"
        came = f"{packed or 'one'} that cannot be ({type(error).__name__})"
        raise ReadError(wanted, came=came, where=source.place, remedy=_UNREADABLE) from None
    finally:
        logger.setLevel(level)


def read_header(source: Source, *, pixels: bool = False, whole: bool = False) -> Dataset:
    """The data set of a file: what is asked of headers alone, the whole header, or everything, its pixels too.

    Raises:
        ReadError: If it cannot be parsed, or is deflated and unpacks to more than 256 MiB.
    """
    from pydicom import dcmread
    from pydicom.filereader import read_partial
    from pydicom.tag import Tag

    with parsing(source), source.open() as file:
        _check_begin(file, source)
        _check_inflated(file, source)
        file.seek(0)
        if pixels:
            return _with_syntax(dcmread(file, force=True))
        asked = None if whole else [Tag(name) for name in _ASKED]
        return read_partial(file, _until_pixels(source), force=True, specific_tags=asked)  # type: ignore[arg-type]


def _with_syntax(dataset: Dataset) -> Dataset:
    """Names how a file without meta information is written, which is seen as it is parsed: unpacked."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        plain = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = plain
    return dataset


def _until_pixels(source: Source) -> Callable[[int, str | None, int], bool]:
    """Tells pydicom where to stop: at the pixels, and in what has no end, such as a file of zeros."""
    count = 0

    def stops(tag: int, _kind: str | None, _length: int) -> bool:
        nonlocal count
        count += 1
        if count > _MOST_ELEMENTS:
            came = f"more than {_MOST_ELEMENTS}"
            raise ReadError("the attributes of one image", came=came, where=source.place, remedy=DAMAGED)
        return tag in _PIXELS

    return stops


def _check_begin(file: BinaryIO, source: Source) -> None:
    """Refuses commands of a network (group 0), which a file has not: pydicom reads one of zeros to its end."""
    head = file.read(_META)
    if head[_META - 12 : _META - 4] == _LENGTH:
        file.seek(int.from_bytes(head[_META - 4 :], "little"), 1)
        group = file.read(2)
    else:
        group = head[132:134]
    file.seek(0)
    if group == bytes(2):
        raise ReadError("the attributes of an image", came="zeros", where=source.place, remedy=DAMAGED)


def _check_inflated(file: BinaryIO, source: Source) -> None:
    head = file.read(4096)
    if _DEFLATED.encode() not in head:
        return
    file.seek(_META + int.from_bytes(head[_META - 4 : _META], "little"))
    unpacker, unpacked = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while unpacked <= _INFLATED_LIMIT and (packed := unpacker.unconsumed_tail or file.read(_PIECE)):
        unpacked += len(unpacker.decompress(packed, _PIECE))
    if unpacked > _INFLATED_LIMIT:
        came = f"one that unpacks to more than {_INFLATED_LIMIT} bytes"
        raise ReadError("a deflated file of one image", came=came, where=source.place, remedy=DAMAGED)


def numbers(dataset: Dataset | None, keyword: str, *, source: Source) -> tuple[float, ...]:
    """The numbers of an attribute; empty where it is missing or has no value.

    Raises:
        ReadError: If one of them is no finite number.
    """
    try:
        value = None if dataset is None else dataset.get(keyword)
        if value is None or value == "":
            return ()
        parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        found = tuple(float(part) for part in parts)
    except (ValueError, TypeError, OverflowError, ArithmeticError) as error:
        raise _no_number(keyword, str(error), source) from error
    if not all(map(math.isfinite, found)):
        raise _no_number(keyword, str(found), source)
    return found


def _no_number(keyword: str, came: str, source: Source) -> ReadError:
    remedy = "Ask for the image anew, or repair this attribute."
    return ReadError(f"finite numbers in {keyword}", came=came[:120], where=source.place, remedy=remedy)


def text(dataset: Dataset | None, keyword: str) -> str:
    """The text of an attribute, several values joined; empty where it is missing."""
    try:
        value = None if dataset is None else dataset.get(keyword)
    except Exception:  # noqa: BLE001  (pydicom raises many kinds on a value that it cannot convert)
        return ""
    if value is None:
        return ""
    return "\\".join(map(str, value)) if not isinstance(value, str) and isinstance(value, Sequence) else str(value)


def macro(groups: Sequence[Dataset | None], keyword: str) -> Dataset | None:
    """The first item of a macro, from the first of these functional groups that has it."""
    for group in groups:
        items = None if group is None else group.get(keyword)
        if items:
            first: Dataset = items[0]
            return first
    return None
