"""Label maps as DICOM Segmentation, quantities as Parametric Map: one file that lies upon the planes of its source.

highdicom writes both (PS3.3 A.51, A.75). It is given stand-ins for the planes of the source, whose headers are whole,
and what it refers to is then put right: planes of classic files by their identifiers, those of enhanced ones by file
and frame, and none where the source was no DICOM.

A segmentation is binary, with a segment for each label and every plane in each, so that any reader finds the whole
grid; segments are numbered from 1 in the order of the labels' values, which their descriptions tell. A map is in
floating point, in its own unit.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from voxlate.contrast import Contrast
from voxlate.errors import UsageError, WriteError
from voxlate.io.dicom.codes import MapCode, code_of, measure_of
from voxlate.io.dicom.derived import is_named, made_planes, name_series, uid_of
from voxlate.io.dicom.stacks import PlaneStack
from voxlate.provenance import Provenance
from voxlate.volume import Array

if TYPE_CHECKING:
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentDescription
    from pydicom.dataset import Dataset

_FILE = "IM0001.dcm"
_MOST_SEGMENTS = 65535


def is_multiframe(contrast: Contrast, unit: str) -> bool:
    """Whether a contrast is written into one file: a label map, or a quantity."""
    return contrast.kind == "label" or measure_of(contrast.name, unit=unit) is not None


def write_multiframe(
    array: Array,
    folder: Path,
    *,
    source: PlaneStack,
    contrast: Contrast,
    told: Provenance,
    beside: Sequence[PlaneStack] = (),
) -> None:
    """Writes a segmentation, or a parametric map.

    Args:
        array: Labels or values ``(column, row, plane)`` on the source's grid.
        folder: Where, an empty folder.
        source: What it was made from, or lies upon.
        beside: What it was made from, too.
        contrast: What it shows: a label map, or a quantity.
        told: Who made it, the names of the labels, the unit of the values.

    Raises:
        UsageError: If highdicom is not installed.
        WriteError: If it cannot be written as such.
    """
    check_installed(folder)
    frames = np.ascontiguousarray(np.moveaxis(array, (2, 1), (0, 1)))
    shown, values = replace(contrast, kind="mr"), (contrast.kind, sha256(frames.tobytes()).hexdigest())
    made_of = made_planes(source, shown, told, beside=beside, window=(0.5, 1.0), values=values)
    planes = sorted(made_of, key=lambda one: one[0])
    measure = measure_of(contrast.name, unit=told.unit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a source lacks
        made = (
            _segmentation(frames, told, **_common(planes, source))
            if measure is None
            else _map(frames, measure, told, **_common(planes, source))
        )
        _amend(made, planes)
        made.save_as(folder / _FILE)


def check_installed(where: Path) -> None:
    """Asks for highdicom before anything is computed.

    Raises:
        UsageError: If it is not there.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        remedy = "Install it, pip install 'voxlate[dicom]', or name a file that ends in .nii.gz."
        raise UsageError(
            "highdicom, which writes segmentations and maps", came="none", where=where, remedy=remedy
        ) from error


def _common(planes: list[tuple[int, Dataset, list[Dataset]]], source: PlaneStack) -> dict[str, object]:
    """What both kinds of file are given alike."""
    from highdicom import PixelMeasuresSequence, PlaneOrientationSequence, PlanePositionSequence

    first = planes[0][1]
    return {
        "source_images": [plane for _, plane, _ in planes],
        "series_instance_uid": first.SeriesInstanceUID,
        "series_number": first.SeriesNumber,
        "sop_instance_uid": uid_of(first.SeriesInstanceUID, _FILE),
        "instance_number": 1,
        "manufacturer": first.Manufacturer,
        "manufacturer_model_name": first.ManufacturerModelName,
        "software_versions": first.SoftwareVersions,
        "device_serial_number": first.DeviceSerialNumber,
        "plane_orientation": PlaneOrientationSequence("PATIENT", first.ImageOrientationPatient),
        "plane_positions": [PlanePositionSequence("PATIENT", plane.ImagePositionPatient) for _, plane, _ in planes],
        "pixel_measures": PixelMeasuresSequence(
            pixel_spacing=first.PixelSpacing,
            slice_thickness=first.SliceThickness,
            spacing_between_slices=source.distance_mm,
        ),
    }


def _segmentation(frames: Array, told: Provenance, **common: object) -> Dataset:
    from highdicom.seg import Segmentation

    names = {int(value): name for value, name in told.labels.items() if int(value) > 0}
    values = np.array(sorted({*names, *np.unique(frames[frames > 0]).astype(int).tolist()} or {1}))
    if len(values) > _MOST_SEGMENTS:
        raise WriteError("labels", came=f"{len(values)} values", where=told.target, remedy="Look at the label map.")
    numbers = np.where(frames > 0, np.searchsorted(values, frames) + 1, 0)
    described = [
        _described(number, int(value), names.get(int(value), f"label {value}"), told)
        for number, value in enumerate(values, 1)
    ]
    made: Dataset = Segmentation(
        pixel_array=numbers.astype(np.uint8 if len(values) < 256 else np.uint16),
        segmentation_type="BINARY",
        segment_descriptions=described,
        omit_empty_frames=False,
        content_label="SEGMENTATION",
        content_description=f"Synthetic {told.target}, {told.warning}"[:64],
        **common,
    )
    return made


def _described(number: int, value: int, name: str, told: Provenance) -> SegmentDescription:
    from highdicom.seg import SegmentDescription

    code = code_of(name)
    made = SegmentDescription(
        segment_number=number,
        segment_label=name[:64],
        segmented_property_category=code.category,
        segmented_property_type=code.kind,
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(told),
        tracking_uid=None,
    )
    made.SegmentDescription = f"{name}, label {value}"[:1024]
    if code.side is not None:
        made.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [_item(code.side)]
    return made


def _algorithm(told: Provenance) -> AlgorithmIdentificationSequence:
    from highdicom import AlgorithmIdentificationSequence
    from pydicom.sr.codedict import codes

    name, digest = (told.model.name, told.model.digest) if told.model else ("Voxlate", "")
    return AlgorithmIdentificationSequence(
        name=name[:64],
        family=codes.DCM.ArtificialIntelligence,
        version=told.software_version,
        source="Voxlate",
        parameters={"SHA-256": digest} if digest else None,
    )


def _map(frames: Array, measure: MapCode, told: Provenance, **common: object) -> Dataset:
    from highdicom import VOILUTTransformation
    from highdicom.pm import ParametricMap, RealWorldValueMapping

    values = frames.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    mapping = RealWorldValueMapping(
        lut_label=told.target.upper()[:16],
        lut_explanation=f"{measure.quantity.meaning}, {told.warning}"[:64],
        unit=measure.unit,
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
        quantity_definition=measure.quantity,
    )
    made: Dataset = ParametricMap(
        pixel_array=values,
        contains_recognizable_visual_features=True,  # nobody has looked
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[VOILUTTransformation((low + high) / 2, max(high - low, 1e-6))],
        content_label=told.target.upper()[:16],
        content_description=f"{measure.quantity.meaning}, {told.warning}"[:64],
        **common,
    )
    return made


def _amend(made: Dataset, planes: list[tuple[int, Dataset, list[Dataset]]]) -> None:
    """Says what highdicom has no argument for, and refers to the files of the source in the place of the stand-ins."""
    first = planes[0][1]
    for name in ("SeriesDescription", "SyntheticData", "BodyPartExamined", "Laterality"):
        if name in first and (name, made.Modality) != ("Laterality", "SEG"):
            made[name] = first[name]
    made.ContributingEquipmentSequence = deepcopy(first.ContributingEquipmentSequence)
    meant = {plane.SOPInstanceUID: plane.get("SourceImageSequence") for _, plane, _ in planes}
    for groups in made.PerFrameFunctionalGroupsSequence:
        for derivation in groups.get("DerivationImageSequence", ()):
            uids = [one.ReferencedSOPInstanceUID for one in derivation.SourceImageSequence]
            found = [deepcopy(item) for uid in uids for item in meant[uid] or ()]
            stand_in = derivation.SourceImageSequence[0]
            for number, one in enumerate(found):
                if number < len(uids):  # the others lie on planes of their own
                    one.SpatialLocationsPreserved = stand_in.get("SpatialLocationsPreserved", "YES")
                one.PurposeOfReferenceCodeSequence = deepcopy(stand_in.PurposeOfReferenceCodeSequence)
            derivation.SourceImageSequence = found
            derivation.DerivationDescription = first.DerivationDescription
        if any(items is None for items in meant.values()):
            groups.pop("DerivationImageSequence", None)
    made.pop("ReferencedSeriesSequence", None)
    made.pop("SourceImageSequence", None)
    name_series(made, [header for _, _, headers in planes for header in headers if is_named(header)])


def _item(code: object) -> Dataset:
    from highdicom.sr import CodedConcept

    item: Dataset = CodedConcept.from_code(code)
    return item
