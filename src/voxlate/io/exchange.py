"""Exchange with nibabel and SimpleITK: their images in memory, in and out, through the gate that files go through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np

from voxlate.config.plan import Reading
from voxlate.contrast import Contrast
from voxlate.errors import ReadError, UsageError
from voxlate.io.formats.geometry import is_sheared, shear_error
from voxlate.io.formats.layout import HeaderGeometry
from voxlate.io.formats.nifti import placement_in
from voxlate.io.formats.textheader import LPS
from voxlate.io.formats.voxels import storable
from voxlate.io.provenance import read_provenance
from voxlate.io.reading import read_maker, read_volume, take_volume
from voxlate.provenance import Maker, ModelRecord, Provenance, maker_in
from voxlate.volume import AFFINE_TOLERANCE_MM, Array, Grid, Volume

Image: TypeAlias = object
"""An image in whatever form: a path, a ``Volume``, an array with its affine as a pair, nibabel's or SimpleITK's."""
_DEFAULT_READING = Reading()
_MARK = "Voxlate"
"""Key of the metadata that tells of a synthetic image in SimpleITK."""


def take_image(image: Image, *, contrast: Contrast | None = None, reading: Reading = _DEFAULT_READING) -> Volume:
    """A volume from an image in whatever form, with what is known of who made it.

    Args:
        image: A path; a ``Volume``; an array ``(i, j, k)`` and its affine to RAS+ mm, as a pair; an image of nibabel
            or SimpleITK.
        contrast: What it shows; ``None``: what a ``Volume`` says, else nothing.
        reading: What may be accepted that is refused by default.

    Raises:
        UsageError: If it is none of these.
        ReadError: If the file is refused, or this is not one 3-D image with real, finite voxels.
        GeometryError: If there is not one usable geometry.
    """
    if isinstance(image, str | Path):
        volume = read_volume(image, contrast=contrast, reading=reading)
        return replace(volume, provenance=_told_of(Path(image), contrast))
    if isinstance(image, Volume):
        return _checked(image, contrast or image.contrast, reading)
    if isinstance(image, tuple | list) and len(image) == 2:
        placement = HeaderGeometry({"affine": _affine(image[1])})
        where = Path("the array")
        return take_volume(np.asarray(image[0]), placement, where=where, contrast=contrast, reading=reading)
    origin = {cls.__module__.partition(".")[0] for cls in type(image).__mro__}
    if "nibabel" in origin and hasattr(image, "dataobj"):
        return _of_nibabel(image, contrast, reading)
    if "SimpleITK" in origin and hasattr(image, "GetDirection"):
        return _of_sitk(image, contrast, reading)
    raise UsageError(
        "a path, a Volume, a pair of an array and its affine, or an image of nibabel or SimpleITK",
        came=f"a {type(image).__name__}{' without an affine' if isinstance(image, np.ndarray) else ''}",
        remedy="Give an array as (array, affine); Voxlate never assumes where an image lies.",
    )


def to_nibabel(volume: Volume) -> Any:  # noqa: ANN401  nibabel has no types
    """See ``Volume.to_nibabel``."""
    from nibabel.nifti1 import Nifti1Image

    array = storable(volume, where="the volume")
    array = array.reshape(*array.shape, *[1] * volume.trailing_axes)
    image = Nifti1Image(array, np.array(volume.affine), dtype=array.dtype)
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = volume.provenance.comment() if volume.provenance else "Voxlate"
    return image


def to_sitk(volume: Volume) -> Any:  # noqa: ANN401  SimpleITK has no types
    """See ``Volume.to_sitk``."""
    import SimpleITK as sitk  # noqa: N813  as everybody calls it

    if is_sheared(volume.affine):
        raise shear_error(volume.affine, Path("the volume"))
    image = sitk.GetImageFromArray(np.ascontiguousarray(storable(volume, where="the volume").T))
    affine, spacing = LPS @ volume.affine, np.array(volume.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    if volume.provenance is not None:
        image.SetMetaData(_MARK, volume.provenance.comment())
    return image


def _checked(volume: Volume, contrast: Contrast | None, reading: Reading) -> Volume:
    """The volume, whose maker need not have asked the gate."""
    placement, where = HeaderGeometry({"affine": volume.affine}), Path("the volume")
    found = take_volume(volume.array, placement, where=where, contrast=contrast, reading=reading)
    missing = found.missing if volume.missing is None or found.shape != volume.shape else volume.missing
    notes = (*volume.notes, *found.notes)
    return replace(
        found, notes=notes, trailing_axes=volume.trailing_axes, missing=missing, provenance=volume.provenance
    )


def _of_nibabel(image: Any, contrast: Contrast | None, reading: Reading) -> Volume:  # noqa: ANN401
    """By what the header states, as a file's would; the affine in memory, which is finer, where they agree."""
    where, header = Path(image.get_filename() or "the nibabel image"), image.header
    if image.affine is None:
        raise ReadError("an image with an affine", came="none", where=where, remedy="Give it the scanner's affine.")
    array, stored = np.asanyarray(image.dataobj), header.get_data_dtype()
    if array.dtype == np.float64 and stored != np.float64:
        array = array.astype(np.float32)
    placement, stated = HeaderGeometry({"affine": np.asarray(image.affine, np.float64)}), ""
    if "sform_code" in header:
        placement, stated = placement_in(header.binaryblock, where), bytes(header["descrip"]).decode("ascii", "replace")
    elif "pixdim" in header:  # Analyze, whose affine nibabel makes up
        placement = HeaderGeometry({}, spacing=cast("tuple[float, float, float]", header.get_zooms()[:3]))
    volume = take_volume(array, placement, where=where, contrast=contrast, reading=reading)
    finer = Grid(volume.shape, image.affine) if "sform_code" in header else volume.grid
    if volume.grid.matches(finer, tolerance_mm=10 * AFFINE_TOLERANCE_MM):
        volume = replace(volume, affine=finer.affine)
    return replace(volume, provenance=_marked(stated, contrast))


def _of_sitk(image: Any, contrast: Contrast | None, reading: Reading) -> Volume:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813  as everybody calls it

    where = Path("the SimpleITK image")
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        came = f"{image.GetDimension()} axes with {image.GetNumberOfComponentsPerPixel()} numbers per voxel"
        remedy = "Take one image out of it; a single slice is a 3-D image with one voxel along k."
        raise ReadError("three axes and one number per voxel", came=came, where=where, remedy=remedy)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    placement = HeaderGeometry({"affine": LPS @ affine})
    array = sitk.GetArrayFromImage(image).T
    stated = image.GetMetaData(_MARK) if image.HasMetaDataKey(_MARK) else ""
    volume = take_volume(array, placement, where=where, contrast=contrast, reading=reading)
    return replace(volume, provenance=_marked(stated, contrast))


def _affine(affine: object) -> Array:
    try:
        found = np.asarray(affine, np.float64)
    except (TypeError, ValueError):
        found = np.empty(0)
    if found.shape != (4, 4):
        came = f"shape {found.shape}" if found.size else repr(affine)[:40]
        remedy = "Give a 4 x 4 matrix from voxel indices to RAS+ mm."
        raise UsageError("an affine of shape (4, 4)", came=came, where="the array", remedy=remedy)
    return found


def _told_of(path: Path, contrast: Contrast | None) -> Provenance | None:
    """What the sidecar of a file tells, or, where that is gone, the mark in the header."""
    told = read_provenance(path)
    return told if told is not None and told.synthetic else _made(read_maker(path), contrast)


def _marked(comment: str, contrast: Contrast | None) -> Provenance | None:
    return _made(maker_in(comment), contrast)


def _made(maker: Maker | None, contrast: Contrast | None) -> Provenance | None:
    """What can be told where nothing but who made the image is known."""
    if maker is None:
        return None
    name, unit = (contrast.name, contrast.unit) if contrast is not None else ("unknown", "")
    model = ModelRecord(name="unknown", digest="") if maker == "model" else None
    return Provenance(synthetic=True, model=model, target=name, unit=unit)
