"""Reading a volume: header, geometry gate, voxels, values; nothing is trusted before it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from voxlate.config.plan import Reading
from voxlate.contrast import Contrast
from voxlate.errors import GeometryError, ReadError, UsageError
from voxlate.io import dicom
from voxlate.io.formats import format_of
from voxlate.io.formats.foreign import refusal_of, refusal_of_voxels
from voxlate.io.formats.geometry import is_sheared, place, shear, shear_error, square_grid
from voxlate.io.formats.layout import HeaderGeometry, Layout, check_sizes
from voxlate.io.formats.voxels import physical, read_stored, whole_labels
from voxlate.io.paths import header_path, volume_suffix
from voxlate.io.provenance import Maker, digest_of, maker_in, read_provenance
from voxlate.volume import Array, Grid, Volume

_DEFAULT_READING = Reading()
_SYNTHETIC = re.compile(r"_desc-synth(etic|sr)?_", re.IGNORECASE)


def read_volume(path: str | Path, *, contrast: Contrast | None = None, reading: Reading = _DEFAULT_READING) -> Volume:
    """Reads an image with its place in the world.

    Args:
        path: A file that ends in .nii, .nii.gz, .hdr (or its .img), .mha, .mhd, .nrrd or .nhdr, or DICOM: the folder
            of a series, a file of it, or a zip archive.
        contrast: What the image shows; decides how a sheared one is resampled (labels: nearest), and that label values
            beside a whole number by rounding alone are rounded.
        reading: What may be accepted that is refused by default; it is recorded in the volume's ``notes``.

    Returns:
        Voxels ``(i, j, k)`` in physical values (i runs fastest in memory, as in the file), affine to RAS+ mm.
        Unscaled integers stay integers; scaled ones are float32, or float64 if so stored.

    Raises:
        ReadError: If the file is missing, damaged, or not one 3-D image with real, finite voxels.
        GeometryError: If it does not state one usable geometry.

    Example:
        >>> volume = read_volume("T1.nii.gz", contrast=get_contrast("t1"))  # doctest: +SKIP
    """
    layout = _layout(path)
    grid, notes = place(layout.placement, layout.shape, reading=reading, where=layout.header)
    _square(grid, reading=reading, where=layout.header)
    with _voxels_of(layout):
        stored = read_stored(layout)
    return _volume_of(stored, layout, grid, notes, contrast=contrast, reading=reading)


def take_volume(
    stored: Array, placement: HeaderGeometry, *, where: Path, contrast: Contrast | None, reading: Reading
) -> Volume:
    """The volume of voxels that are in memory, through the gate that files go through.

    Args:
        stored: Voxels ``(i, j, k)``, perhaps with singleton axes beyond the third.
        placement: What is stated of their place.
        where: What the voxels are called in errors.
        contrast: As for ``read_volume``.
        reading: As for ``read_volume``.

    Raises:
        ReadError: If this is not one 3-D image with real, finite voxels.
        GeometryError: If there is not one usable geometry.
    """
    if stored.dtype.kind not in "fiub":
        remedy = "Convert the image to one real number per voxel."
        raise ReadError("integer or real voxels", came=str(stored.dtype), where=where, remedy=remedy)
    narrow = {np.dtype(bool): np.uint8, np.dtype(np.float16): np.float32, np.dtype(np.longdouble): np.float64}
    stored = stored.astype(narrow.get(stored.dtype, stored.dtype), copy=False)
    layout = Layout(where, where, stored.shape, stored.dtype, encoding="raw", placement=placement)
    check_sizes(stored.shape, where)
    grid, notes = place(placement, layout.shape, reading=reading, where=where)
    _square(grid, reading=reading, where=where)
    return _volume_of(stored.reshape(layout.shape), layout, grid, notes, contrast=contrast, reading=reading)


def _volume_of(
    stored: Array, layout: Layout, grid: Grid, notes: Sequence[str], *, contrast: Contrast | None, reading: Reading
) -> Volume:
    """The volume of stored voxels on a grid that the gate has accepted, resampled to a square one where it is sheared.

    Raises:
        ReadError: If a voxel is refused.
    """
    array, filled, missing = physical(stored, layout, reading=reading)
    if contrast is not None and contrast.kind == "label":
        array, rounded = whole_labels(array, layout)
        filled = [*filled, *rounded]
    volume = Volume(
        array,
        grid.affine,
        contrast=contrast,
        notes=(*layout.notes, *notes, *filled),
        trailing_axes=layout.trailing_axes,
        missing=missing,
    )
    if not is_sheared(grid.affine):
        return volume
    from voxlate.io.formats.geometry import resample_square

    note = f"A sheared grid (cosine {shear(grid.affine):.3g}) was resampled to a square one."
    return resample_square(volume).with_note(note)


def read_grid(path: str | Path, *, reading: Reading = _DEFAULT_READING) -> Grid:
    """The grid of an image, from its header alone.

    Raises:
        ReadError: If the header cannot be trusted.
        GeometryError: If it does not state one usable geometry.
    """
    layout = _layout(path)
    grid, _ = place(layout.placement, layout.shape, reading=reading, where=layout.header)
    return _square(grid, reading=reading, where=layout.header)


def file_digest(path: str | Path) -> str:
    """SHA-256 in hexadecimal of a file's bytes; of an image kept in two files, of the header's and the data's.

    Raises:
        ReadError: If a file is missing or unreadable, or a header does not name its data file.
    """
    path = header_path(path)
    try:
        files: tuple[Path, ...] = (path,)
        if _is_dicom(path):
            files = dicom.parts_of(path)
        elif volume_suffix(path) in {".hdr", ".mhd", ".nhdr"}:
            layout = format_of(path).read_layout(path)
            files = (path, layout.data) if layout.data != path else files
        return digest_of(files)
    except OSError as error:
        remedy = "Check the path and its permissions."
        raise ReadError("a readable file", came=str(error), where=path, remedy=remedy) from error


def read_maker(path: str | Path) -> Maker | None:
    """Who computed an image, by the mark in its header and by its sidecar; ``None`` if neither calls it synthetic.

    The header goes with a file that is renamed, copied or converted; its sidecar may stay behind, beside another image.
    So an image is a model's if either says so, or a name of BIDS: ``desc-synth``, whichever program wrote it.

    Raises:
        ReadError: If the sidecar is Voxlate's and damaged.
    """
    path = header_path(path)
    told, stated = read_provenance(path), _stated_maker(path)
    if told is None or not told.synthetic:
        return stated
    return "model" if told.model is not None else stated or "simulation"


def _stated_maker(path: Path) -> Maker | None:
    """By name and header alone; one that cannot be read says nothing, and is refused where its voxels are read."""
    if _SYNTHETIC.search(path.name):
        return "model"
    try:
        return maker_in(_read_layout(path).comment)
    except (ReadError, UsageError, OSError):
        return None


def _layout(path: str | Path) -> Layout:
    header = header_path(path)
    try:
        layout = _read_layout(header)
    except ReadError as error:
        raise (None if _is_dicom(header) else refusal_of(header)) or error from error
    except OSError as error:
        remedy = "Check the path and its permissions."
        raise ReadError("a readable file", came=str(error), where=header, remedy=remedy) from error
    with _voxels_of(layout):
        return layout.checked()


def _read_layout(path: Path) -> Layout:
    return dicom.read_layout(path) if _is_dicom(path) else format_of(path).read_layout(path)


def _is_dicom(path: Path) -> bool:
    return volume_suffix(path) is None and dicom.has_dicom(path)


@contextmanager
def _voxels_of(layout: Layout) -> Iterator[None]:
    """Lets an error say what stands in place of the voxels, where they have a file of their own."""
    try:
        yield
    except ReadError as error:
        raise (refusal_of_voxels(layout.data) if layout.data != layout.header else None) or error from error


def _square(grid: Grid, *, reading: Reading, where: Path) -> Grid:
    if not is_sheared(grid.affine):
        return grid
    if reading.on_shear == "refuse":
        raise shear_error(grid.affine, where)
    try:
        return square_grid(grid)
    except GeometryError as error:
        raise GeometryError(error.expected, came=str(error.came), where=where, remedy=error.remedy) from error
