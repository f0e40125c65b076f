"""DICOM files that a test writes: classic series, slice by slice, and enhanced files, from an array and its affine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MR, CT, ENHANCED = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4.1"
CANARY = {"PatientName": "CANARY^YELLOW", "PatientID": "CANARYID77", "PatientBirthDate": "19510203"}
SYNTHETIC, RESCALED = "(0008,001c)", "</Rescale"
"""SyntheticData, which dciodvfy does not know; a slope of MR, which the standard has for CT, and permits to add."""
LPS = np.diag([-1.0, -1.0, 1.0])
Change = Callable[[Dataset, int], None]


def values(shape: tuple[int, int, int] = (5, 4, 3)) -> NDArray[np.int16]:
    """Voxels ``(column, row, plane)``, each of a value of its own."""
    return np.arange(np.prod(shape), dtype=np.int16).reshape(shape, order="F") * 3 + 7


def placed(
    *, turn: Sequence[Sequence[float]] = ((-1, 0, 0), (0, -1, 0), (0, 0, 1)), spacing: Sequence[float] = (0.5, 0.75, 2)
) -> NDArray[np.float64]:
    """An affine to RAS+ mm: the columns of ``turn`` are the directions of a row, of a column, and of the planes."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(turn, float) * spacing
    affine[:3, 3] = (30.0, 41.5, -12.25)
    return affine


def oblique() -> NDArray[np.float64]:
    """Turned about two axes."""
    a, b = np.radians(25), np.radians(-14)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    return placed(turn=(about_z @ about_x @ np.diag([-1.0, -1.0, 1.0])).tolist())


def plain(modality: str = "MR", **more: Any) -> Dataset:
    """A header without pixels and place, with the patient of the canary tests."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = {"MR": MR, "CT": CT}[modality]
    dataset.Modality, dataset.SeriesDescription = modality, "t1_mprage"
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = "1.2.3.4", "1.2.3.4.0"
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20200102", "101112", "7"
    dataset.BodyPartExamined = "HEAD"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = "1.2.3.4.5", 3
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    for name, value in {**CANARY, **more}.items():
        setattr(dataset, name, value)
    return dataset


def write_series(
    folder: Path,
    array: NDArray[Any],
    affine: NDArray[np.float64],
    *,
    change: Change = lambda dataset, plane: None,
    name: str = "IM{:03d}.dcm",
    **header: Any,
) -> list[Path]:
    """A file for each plane, named against their order in space; ``change`` alters a plane's header before."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for plane in range(array.shape[2]):
        dataset = plain(**header)
        dataset.SOPInstanceUID = generate_uid()
        dataset.InstanceNumber = plane + 1
        dataset.Rows, dataset.Columns = array.shape[1], array.shape[0]
        dataset.PixelSpacing = [float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0]))]
        dataset.ImageOrientationPatient, dataset.ImagePositionPatient = _turned(affine), _position(affine, plane)
        dataset.PixelData = array[:, :, plane].T.astype(np.int16).tobytes()
        change(dataset, plane)
        paths.append(save(dataset, folder / name.format(array.shape[2] - plane)))
    return paths


def write_enhanced(
    path: Path,
    array: NDArray[Any],
    affine: NDArray[np.float64],
    *,
    scales: Sequence[tuple[float, float]] = (),
    change: Change = lambda groups, frame: None,
    **header: Any,
) -> Path:
    """One enhanced MR file; ``scales`` has a slope and an intercept for each frame."""
    dataset = plain(**{"SOPClassUID": ENHANCED, **header})
    dataset.SOPInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = array.shape[1], array.shape[0], array.shape[2]
    measures = Dataset()
    measures.PixelSpacing = [float(np.linalg.norm(affine[:3, 1])), float(np.linalg.norm(affine[:3, 0]))]
    measures.SliceThickness = 99.0  # never to be believed
    shared = Dataset()
    shared.PixelMeasuresSequence = Items([measures])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    frames = []
    for plane in range(array.shape[2]):
        groups, position, orientation, scale = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient, orientation.ImageOrientationPatient = _position(affine, plane), _turned(affine)
        groups.PlanePositionSequence, groups.PlaneOrientationSequence = Items([position]), Items([orientation])
        if scales:
            scale.RescaleSlope, scale.RescaleIntercept = scales[plane]
            groups.PixelValueTransformationSequence = Items([scale])
        change(groups, plane)
        frames.append(groups)
    dataset.PerFrameFunctionalGroupsSequence = Items(frames)
    dataset.PixelData = np.ascontiguousarray(array.T.astype(np.int16)).tobytes()
    return save(dataset, path)


def save(dataset: Dataset, path: Path) -> Path:
    """Writes a file with its meta information."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def faults_in(path: Path, *known: str) -> list[str]:
    """What dciodvfy complains of, but for lines with words that its edition of 2022 does not know."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is absent: install Debian's dicom3tools")
    told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, check=False).stderr
    lines = [line for line in told.splitlines() if line.startswith(("Error", "Warning"))]
    return [line for line in lines if not any(one in line for one in known)]


def _turned(affine: NDArray[np.float64]) -> list[float]:
    axes = LPS @ affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return [round(float(value), 8) for value in (*axes[:, 0], *axes[:, 1])]


def _position(affine: NDArray[np.float64], plane: int) -> list[float]:
    return [round(float(value), 6) for value in LPS @ (affine @ [0, 0, plane, 1])[:3]]


def two_echoes(dataset: Dataset, plane: int) -> None:
    dataset.EchoTime = 4.9 if plane < 3 else 80.0
