"""Every real DICOM series is read as SimpleITK reads its planes, or refused; a page tells it folder by folder.

What of SimpleITK is not right, and is not compared: the distance of planes, where it reads one plane alone; padding of
a CT, which it leaves in place.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK

from tests.io.dicom.crafted import LPS
from voxlate.errors import VoxlateError
from voxlate.io import dicom, read_volume
from voxlate.volume import Volume

PAGE = Path(__file__).parents[3] / "docs" / "do" / "my-dicom.md"
FOLDERS = ("dicom/dicom2nifti", "dicom/pydicom_test_files/dicomdirtests")
SINGLE = ("dicom/cornerstone", "dicom/dcm_qa_ts", "dicom/pydicom_test_files", "reader_odd")
"""Folders of files that have nothing to do with each other: each is read alone."""


def test_the_page_tells_what_becomes_of_every_folder(real_data: Path, tmp_path: Path) -> None:
    rows = [*_by_folder(real_data), *_by_file(real_data, tmp_path)]
    _, _, table = PAGE.read_text().partition("<!-- every folder -->\n\n")
    assert table.split("\n\n")[0].splitlines()[2:] == rows, "\n".join(rows)


def _by_folder(root: Path) -> Iterator[str]:
    for folder in sorted({path.parent for name in FOLDERS for path in (root / name).rglob("*") if path.is_file()}):
        if any(one.is_dir() for one in folder.iterdir()) or not dicom.has_dicom(folder):
            continue
        name = folder.relative_to(root / "dicom").as_posix()
        yield f"| {name} | {_outcome(folder)} |"


def _by_file(root: Path, tmp_path: Path) -> Iterator[str]:
    for name in SINGLE:
        told: Counter[str] = Counter()
        for path in sorted((root / name).iterdir()):
            alone = tmp_path / name / path.name / path.name.removesuffix(".gz")
            alone.parent.mkdir(parents=True)
            if path.name.endswith(".dcm.gz"):
                alone.write_bytes(gzip.decompress(path.read_bytes()))
            elif path.is_file():
                alone.symlink_to(path)
            if alone.is_file() and dicom.has_dicom(alone):
                outcome = _outcome(alone)
                told[
                    f"refused, {outcome.split('refused: ')[1].split(', got')[0]}" if "refused" in outcome else "read"
                ] += 1
        words = "; ".join(f"{count} {what}" for what, count in sorted(told.items()))
        yield f"| {name.removeprefix('dicom/')}, {told.total()} files, each alone | {words} |"


def _outcome(path: Path) -> str:
    try:
        volume = read_volume(path)
    except VoxlateError as error:
        return f"refused: expected {error.expected}, got {error.came.split(':')[0]}"
    _check(volume, path)
    shape, spacing = " x ".join(map(str, volume.shape)), " x ".join(f"{one:.4g}" for one in volume.spacing_mm)
    return f"{shape} voxels of {spacing} mm, {volume.array.min():.5g} to {volume.array.max():.5g}"


def _check(volume: Volume, path: Path) -> None:
    images: dict[Path, SimpleITK.Image] = {}
    for number, frame in enumerate(dicom.find_stack(path).frames):
        file = frame.source.path
        image = images[file] = images[file] if file in images else SimpleITK.ReadImage(str(file))
        planes = SimpleITK.GetArrayViewFromImage(image)
        if frame.across:  # a tile of a mosaic, whose place SimpleITK does not know
            down, right = divmod(frame.number, frame.across)
            columns, rows = frame.shape
            tile = planes[0, down * rows : (down + 1) * rows, right * columns : (right + 1) * columns]
            np.testing.assert_array_equal(volume.array[:, :, number], tile.T)
            continue
        plane = planes.reshape(-1, *planes.shape[-2:])[frame.number]
        shown = np.ones_like(plane.T, bool) if volume.missing is None else ~volume.missing[:, :, number]
        np.testing.assert_allclose(volume.array[:, :, number][shown], plane.T[shown], rtol=2e-7, atol=1e-6)
        first = image.TransformIndexToPhysicalPoint((0, 0, frame.number))
        np.testing.assert_allclose(LPS @ (volume.affine @ [0, 0, number, 1])[:3], first, atol=0.02)
        for axis in (0, 1):
            step = np.array(image.TransformIndexToPhysicalPoint((axis == 0, axis == 1, frame.number))) - first
            np.testing.assert_allclose(LPS @ volume.affine[:3, axis], step, atol=1e-4)
