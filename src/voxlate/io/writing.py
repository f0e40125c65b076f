"""Writing a volume: the type that holds it, the geometry as it is, the sidecar, all at once or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from voxlate.config.plan import Reading
from voxlate.contrast import Contrast
from voxlate.errors import UsageError, WriteError
from voxlate.io import dicom
from voxlate.io.atomic import fill, replacing_all, replacing_folder, write_error, write_text
from voxlate.io.formats import WRITTEN, format_of
from voxlate.io.formats.geometry import is_sheared, place, resample_onto, shear_error
from voxlate.io.formats.layout import HeaderGeometry, Part, Picture
from voxlate.io.formats.voxels import storable
from voxlate.io.paths import header_path, volume_stem
from voxlate.io.provenance import Provenance, digest_of, read_provenance, sidecar_path
from voxlate.volume import Grid, Volume


def write_volume(
    volume: Volume, path: str | Path, *, provenance: Provenance | None = None, overwrite: bool = False
) -> Path:
    """Writes an image, and beside it its sidecar if ``provenance`` is given or the volume has one.

    All files are complete and durable before the first gets its final name; the order is sidecar, data, header, so
    that no synthetic image is ever seen without its mark.

    Args:
        volume: Reals become float32, CT numbers int16, labels the smallest unsigned integer; integers stay.
        path: Its suffix decides the format (.nii, .nii.gz, .hdr, .mha, .mhd, .nrrd, .nhdr). The folder must exist.
        provenance: What the sidecar says, by default the volume's own; ``output_sha256`` is filled in.
        overwrite: Whether files of these names may be replaced.

    Returns:
        The path of the image (of the header, for a pair).

    Raises:
        WriteError: If a value does not fit its type, a file is there already, or the disk says no.
        GeometryError: If the grid is one that no reader would accept, sheared ones included.
        UsageError: If the suffix names no format.
    """
    path = header_path(path)
    provenance = provenance or volume.provenance
    target = format_of(path)
    place(HeaderGeometry({"affine": volume.affine}), volume.shape, reading=Reading(), where=path)
    if is_sheared(volume.affine):
        raise shear_error(volume.affine, path)
    comment = provenance.comment() if provenance else "Voxlate"
    picture = Picture(storable(volume, where=path), volume.affine, volume.trailing_axes, comment)
    if target.parts is None:
        remedy = f"Use one of {', '.join(WRITTEN)}."
        raise UsageError("the name of an image that can be written", came=repr(path.name), where=path, remedy=remedy)
    parts = target.parts(picture, path)
    sidecar = sidecar_path(path) if provenance else None
    _refuse_existing([*([sidecar] if sidecar else []), *(part.path for part in parts)], overwrite=overwrite)
    if sidecar and sidecar.exists() and read_provenance(path) is None:
        raise WriteError("room for the sidecar", came="another program's file", where=sidecar, remedy=_ANOTHER)
    if sidecar:
        _refuse_two_of_a_name(path, [part.path for part in parts], sidecar)
    _write(parts, sidecar, provenance)
    return path


def write_series(
    volume: Volume,
    folder: Path,
    *,
    like: Path | None,
    contrast: Contrast,
    provenance: Provenance,
    beside: Sequence[Path] = (),
    overwrite: bool = False,
) -> Path:
    """Writes a folder of DICOM, upon the series that it was made from, and its sidecar ``<folder>.json``.

    An MR or a CT is a file for each plane; a label map is a segmentation, a quantity a parametric map, one file each.

    Args:
        volume: On any grid; another one than the series', as that of a tilted one which was resampled, is put back.
        folder: What to call it.
        like: A DICOM series, whose planes, study and frame of reference are kept; ``None`` for a study of its own.
        contrast: What the volume shows: MR or CT, a label map, or a quantity such as an electron density.
        provenance: What header and sidecar say.
        beside: Other series of DICOM that it was made from, which the header names.
        overwrite: Whether a folder of the name may be replaced.

    Returns:
        The folder.

    Raises:
        WriteError: If a value does not fit, the folder is there already, or the disk says no.
        UsageError: If the contrast is none of these.
        ReadError: If ``like`` is not one series.
    """
    sidecar = sidecar_path(folder)
    stack = dicom.find_stack(like) if like is not None else dicom.made_up(volume.affine, volume.shape)
    _refuse_existing([sidecar, folder], overwrite=overwrite)
    if sidecar.exists() and read_provenance(folder) is None:
        raise WriteError("room for the sidecar", came="another program's file", where=sidecar, remedy=_ANOTHER)
    grid = Grid((*stack.frames[0].shape, len(stack.frames)), stack.affine)
    shown = replace(volume, contrast=contrast)
    array = (shown if shown.grid.matches(grid) else resample_onto(shown, grid)).array
    with replacing_folder(folder) as temporary:
        write = dicom.write_multiframe if dicom.is_multiframe(contrast, provenance.unit) else dicom.write_derived
        also = [dicom.find_stack(one) for one in beside]
        write(array, temporary, source=stack, contrast=contrast, told=provenance, beside=also)
        record = provenance.model_copy(update={"output_sha256": digest_of(tuple(sorted(temporary.iterdir())))})
        write_text(sidecar, record.model_dump_json(indent=1) + "\n")
    return folder


_ANOTHER = "Choose another name; that file is not Voxlate's."


def _refuse_two_of_a_name(path: Path, finals: list[Path], sidecar: Path) -> None:
    """An image of another format beside it would have the same sidecar: a scan would be taken for synthetic."""
    named = (path.with_name(volume_stem(path) + suffix) for suffix in WRITTEN)
    for other in named:
        if other not in finals and other.exists():
            remedy = f"Choose another name: {sidecar.name} would be taken to be about both."
            raise WriteError("a name that no other image here has", came=other.name, where=path, remedy=remedy)


def _refuse_existing(paths: list[Path], *, overwrite: bool) -> None:
    for path in paths:
        try:
            taken = path.exists() and not overwrite
        except OSError as error:
            raise write_error(path, error) from error
        if taken:
            remedy = "Choose another name, or allow overwriting."
            raise WriteError("a new file", came="one that is there already", where=path, remedy=remedy)


def _write(parts: list[Part], sidecar: Path | None, provenance: Provenance | None) -> None:
    finals = [part.path for part in parts]
    with replacing_all([*([sidecar] if sidecar else []), *finals]) as temporaries:
        images = temporaries[-len(parts) :]
        for part, temporary in zip(parts, images, strict=True):
            fill(temporary, part.pieces)
        if sidecar and provenance:
            digest = digest_of(tuple(reversed(images)))
            record = provenance.model_copy(update={"output_sha256": digest})
            fill(temporaries[0], [(record.model_dump_json(indent=1) + "\n").encode()])
