"""Grey pictures (``.png``, ``.tif``, ``.tiff``) as single slices, for work in two dimensions; read, not written.

A picture states neither place nor size: its columns are taken to run from the patient's right to the left, its rows
from the front to the back, as radiologists look at an axial slice, and a pixel, and the slice, is 1 mm wide unless
``reading.pixel_mm`` says how wide. What resolution a picture states is that of a screen or printer, and not used.
Colours are refused: what their grey would be is not ours to say.

``read_colours`` and ``png_of`` are for pictures that are no slices, such as photographs and paintings.
"""

from __future__ import annotations

import io
import warnings
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.errors import ReadError
from voxlate.io.formats.layout import HeaderGeometry, Layout
from voxlate.io.formats.stream import DAMAGED
from voxlate.volume import Array

_TYPES = {"L": "u1", "I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2", "I": "<i4", "F": "<f4"}
"""From Pillow's mode to the stored type."""


def read_layout(path: Path) -> Layout:
    """What the header of a picture says.

    Raises:
        ReadError: If it is no picture, has colours or an alpha channel, or holds several.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings(), Image.open(path, formats=("PNG", "TIFF")) as picture:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            mode, size, frames = picture.mode, picture.size, int(getattr(picture, "n_frames", 1))
    except (UnidentifiedImageError, OSError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise ReadError("a PNG or TIFF picture", came=str(error), where=path, remedy=DAMAGED) from error
    if mode not in _TYPES:
        remedy = "Save it as 8 or 16 bit grey, without colours, palette or alpha channel."
        raise ReadError("a grey picture", came=f"one of the mode {mode}", where=path, remedy=remedy)
    if frames > 1:
        remedy = "Save one slice a file, or the volume as NIfTI."
        raise ReadError("one slice", came=f"{frames} pages", where=path, remedy=remedy)
    return Layout(
        header=path,
        data=path,
        sizes=(*size, 1),
        dtype=np.dtype(_TYPES[mode]),
        encoding="decoded",
        decode=partial(_read_pixels, path),
        placement=HeaderGeometry({"picture": np.diag([-1.0, -1.0, 1.0, 1.0])}, unit="pixel"),
    )


def _read_pixels(path: Path) -> Array:
    """The pixels ``(column, row, 1)`` of a picture.

    Raises:
        ReadError: If they are damaged.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "TIFF")) as picture:
            rows = np.asarray(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise ReadError("sound pixels", came=str(error), where=path, remedy=DAMAGED) from error
    return np.asfortranarray(rows.T[:, :, None].astype(rows.dtype.newbyteorder("=")))


def read_colours(path: Path, *, longest: int) -> tuple[Array, bool]:
    """A picture in colours, transparency on white, made smaller if it has to be.

    Args:
        path: PNG, TIFF or JPEG.
        longest: Pixels of its longer edge at most.

    Returns:
        Red, green and blue ``(row, column, 3)`` in [0, 1], float32; and whether it has colours at all.

    Raises:
        ReadError: If it is no picture, or damaged.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings(), Image.open(path, formats=("PNG", "TIFF", "JPEG")) as picture:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            whole = ImageOps.exif_transpose(picture)
            wide = np.asarray(whole, dtype=np.float64) if whole.mode.startswith(("I", "F")) else None
            if wide is not None:
                whole = Image.fromarray((255 * wide / max(float(wide.max()), 1.0)).clip(0, 255).astype(np.uint8))
            clear = whole.convert("RGBA")
            shown = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
            shown.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        raise ReadError("a PNG, TIFF or JPEG picture", came=str(error), where=path, remedy=DAMAGED) from error
    pixels = np.asarray(shown, dtype=np.float32) / np.float32(255)
    return pixels, bool(np.ptp(pixels, axis=2).max() > 0)


def png_of(pixels: Array, *, comment: str) -> bytes:
    """The PNG file of a picture ``(row, column, 3)``, or ``(row, column)`` in grey, in [0, 1]; with a comment in it."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    about, buffer = PngInfo(), io.BytesIO()
    about.add_text("Comment", comment)
    bytes_of = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    Image.fromarray(bytes_of).save(buffer, format="PNG", pnginfo=about)
    return buffer.getvalue()
