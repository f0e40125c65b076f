"""De-identification of DICOM files by the basic profile of PS3.15 (annex E), whose table dicom-anonymizer carries.

Of dicom-anonymizer are the table of 2026c, the dummies that it writes and the new identifiers, which stay the same for
the same old one as long as the program runs. The walk through a file is our own, for its own looks at the top level
alone: names stand in sequences and in the functional groups of enhanced files, too. What the profile leaves to choose:

- ``Z``, ``X/Z``: emptied; ``D`` and what may be one: a dummy, dates ``19000101``; ``X``: removed
- ``U``, ``X/Z/U``: a new identifier, in references too, so that what belongs together still does; those of the
  standard itself stay
- private attributes, and attributes that the standard does not know, are removed at every level

A patient is called by a random number, the same in all files of a call. Only images and structure sets pass: reports,
documents and presentation states hold sentences, which nobody can clean. Of pixels nothing is changed; an image that
says that something is burnt into it is left out, and so is a screenshot that does not say that there is not.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS
from voxlate.errors import ReadError, UsageError
from voxlate.io.dicom.header import parsing, read_header, text
from voxlate.io.dicom.sources import Source

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Action = Literal["removed", "emptied", "dummy", "new identifier"]
_TABLE = "dicomfields_2026c"
_POLICY: dict[str, Action] = {
    "X_TAGS": "removed",
    "Z_TAGS": "emptied",
    "X_Z_TAGS": "emptied",
    "D_TAGS": "dummy",
    "Z_D_TAGS": "dummy",
    "X_D_TAGS": "dummy",
    "X_Z_D_TAGS": "dummy",
    "U_TAGS": "new identifier",
    "X_Z_U_STAR_TAGS": "new identifier",
}
_STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
_SCREENSHOTS = "1.2.840.10008.5.1.4.1.1.7"
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_OF_STANDARD = "1.2.840.10008."
_DATES = {"DA": "19000101", "DT": "19000101000000", "TM": "000000"}
"""Dummies that validators accept, which ask for years of this century or the last."""
_PRIVATE = "private or unknown"


@dataclass
class Deidentification:
    """What is known in the course of a call, and what was done.

    Attributes:
        done: How often an attribute, by tag and keyword, was treated how; no values.
        left_out: How many files of which reason were left out.
    """

    done: Counter[tuple[str, str, Action]] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    _patients: dict[tuple[str, str], str] = field(default_factory=dict)
    _series: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _files: Counter[Path] = field(default_factory=Counter)

    def write(self, source: Source, folder: Path) -> Path | None:
        """Writes a file without what identifies its patient.

        Args:
            source: The file.
            folder: Where to; the file lies in ``<patient>/<series>``, by numbers.

        Returns:
            The file, or ``None`` if it is left out.

        Raises:
            UsageError: If dicom-anonymizer is not installed.
        """
        rules = _rules(folder)
        try:
            dataset = read_header(source, pixels=True)
            reason = _refused(dataset)
        except ReadError:
            reason = "cannot be read"
        if reason:
            self.left_out[reason] += 1
            return None
        with parsing(source):
            known = text(dataset, "PatientID"), text(dataset, "PatientName")
            name = self._patients.setdefault(known, f"ANON{secrets.token_hex(4).upper()}")
            series = self._series[name].setdefault(text(dataset, "SeriesInstanceUID"), len(self._series[name]) + 1)
            described = _described(dataset, series)
            _clean(dataset, rules, self.done)
            _say_so(dataset, name, described)
            place = folder / name / f"S{series:03d}"
            self._files[place] += 1
            packed = BytesIO()
            dataset.save_as(packed, enforce_file_format=True)
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"IM{self._files[place]:04d}.dcm"
        path.write_bytes(packed.getvalue())
        return path

    @property
    def patients(self) -> int:
        """How many there are."""
        return len(self._patients)


def _refused(dataset: Dataset) -> str:
    """Why a file is left out; empty if it is not."""
    storage, burnt = text(dataset, "SOPClassUID"), text(dataset, "BurnedInAnnotation").upper()
    if not any(name in dataset for name in _PIXELS):
        return "" if storage == _STRUCTURE_SET else "is no image and no structure set"
    if burnt == "YES":
        return "says that something is burnt into the picture"
    is_picture = storage.startswith(_SCREENSHOTS) or text(dataset, "SamplesPerPixel") == "3"
    return "is a picture that does not say that nothing is burnt into it" if is_picture and burnt != "NO" else ""


def _rules(where: Path) -> _Rules:
    try:
        from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
    except ImportError as error:
        remedy = "Install it: pip install 'voxlate[dicom]'."
        raise UsageError(
            "dicom-anonymizer, which has the table of the profile", came="none", where=where, remedy=remedy
        ) from error
    tables = dicom_anonymization_database_selector(_TABLE)
    every = [(tag, action) for name, action in _POLICY.items() for tag in tables[name]]
    single = {(tag[0], tag[1]): action for tag, action in every if len(tag) == 2}
    return _Rules(single, [(tag, action) for tag, action in every if len(tag) == 4])


@dataclass(frozen=True)
class _Rules:
    """What is done with a tag, or with the tags of a repeating group."""

    single: Mapping[tuple[int, int], Action]
    repeated: list[tuple[tuple[int, int, int, int], Action]]

    def of(self, group: int, element: int) -> Action | None:
        if (group, element) in self.single:
            return self.single[group, element]
        for (first, second, mask, other), action in self.repeated:
            if group & mask == first & mask and element & other == second & other:
                return action
        return None


def _clean(dataset: Dataset, rules: _Rules, done: Counter[tuple[str, str, Action]]) -> None:
    """Treats every attribute, those in sequences too."""
    from pydicom.datadict import dictionary_has_tag, keyword_for_tag

    for tag in list(dataset.keys()):
        action = rules.of(tag.group, tag.element)
        if tag.is_private or (not dictionary_has_tag(tag) and tag.element != 0 and action is None):
            del dataset[tag]
            done[_PRIVATE, "", "removed"] += 1
            continue
        try:
            element = dataset[tag]
            if element.VR == "SQ" and action in {None, "new identifier"}:
                for item in element.value or ():
                    _clean(item, rules, done)
            elif action is not None:
                _treat(dataset, element, action)
        except (ValueError, TypeError, RuntimeError, AttributeError, KeyError):
            del dataset[tag]  # what cannot be parsed, or has no dummy
            action = "removed"
        if action is not None:
            done[f"({tag.group:04X},{tag.element:04X})", keyword_for_tag(tag), action] += 1


def _treat(dataset: Dataset, element: Any, action: Action) -> None:  # noqa: ANN401  (a DataElement)
    from dicomanonymizer.simpledicomanonymizer import get_UID, replace_element

    if action == "removed":
        del dataset[element.tag]
    elif action == "emptied":
        element.clear()
    elif action == "dummy" and element.VR in _DATES:
        element.value = _DATES[element.VR]
    elif action == "dummy":
        replace_element(element)
    elif element.VM > 1:
        element.value = [get_UID(value) for value in element.value]
    elif element.value and not str(element.value).startswith(_OF_STANDARD):
        element.value = get_UID(element.value)


def _described(dataset: Dataset, series: int) -> str:
    """What a synthetic series is called: its contrast in words of ours, else a number; of a scan nothing."""
    said = text(dataset, "SeriesDescription").strip()
    if text(dataset, "SyntheticData") != "YES":
        return ""
    known = {f"SYNTHETIC {one.title}"[:64] for one in CONTRASTS.values()}
    return said if said in known else f"SYNTHETIC {text(dataset, 'Modality')} {series}"


def _say_so(dataset: Dataset, name: str, described: str) -> None:
    """Who it is now, and that something was done."""
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset.PatientName = dataset.PatientID = name
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = f"Voxlate {__version__}: PS3.15 basic profile"[:64]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [code]
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    if described:
        dataset.SeriesDescription = described
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    dataset.file_meta, dataset.preamble = meta, bytes(128)
