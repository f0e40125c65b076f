"""Slices as the server draws them, for browsers that cannot: grey, right side up, marked where a model made them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from PIL import Image, ImageDraw
from pydantic import Field

if TYPE_CHECKING:
    from voxlate.volume import Volume

Plane = Literal["sagittal", "coronal", "axial"]
Share = Annotated[float, Field(ge=0, le=1)]
"""Where a slice lies along its axis: 0 is the patient's right, back or foot."""
_AXES: dict[Plane, int] = {"sagittal": 0, "coronal": 1, "axial": 2}
_MARK = "SYNTHETIC"
_GOLD = (255, 196, 61)
_LONGEST = 512


@dataclass(frozen=True)
class GreyScale:
    """The values at which grey begins and ends."""

    low: float
    high: float


def draw_slice(view: Path, plane: Plane, *, share: Share, window: GreyScale, synthetic: bool) -> bytes:
    """A slice as PNG, the patient's right on the left and the head or the front above.

    Args:
        view: A volume in RAS+ order, as ``voxlate.web.recognition`` writes it.
        plane: Which plane.
        share: Where.
        window: Black and white.
        synthetic: Whether it is marked.
    """
    volume, axis = _read(view, view.stat().st_mtime_ns), _AXES[plane]
    index = round(share * (volume.array.shape[axis] - 1))
    cut = np.take(volume.array, index, axis).astype(np.float32)
    grey = np.clip((cut - window.low) / max(window.high - window.low, 1e-6), 0, 1)
    pixels = np.rint(grey.T[::-1, :: -1 if axis else 1] * 255).astype(np.uint8)
    across, up = (size for other, size in enumerate(volume.spacing_mm) if other != axis)
    scale = _LONGEST / max(pixels.shape[1] * across, pixels.shape[0] * up)
    size = (max(1, round(pixels.shape[1] * across * scale)), max(1, round(pixels.shape[0] * up * scale)))
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR).convert("RGB")
    if synthetic:
        ImageDraw.Draw(picture).text((8, 6), _MARK, fill=_GOLD, stroke_width=1, stroke_fill=(0, 0, 0), font_size=30)
    drawn = io.BytesIO()
    picture.save(drawn, "PNG")
    return drawn.getvalue()


@lru_cache(maxsize=2)
def _read(view: Path, _changed: int) -> Volume:
    from voxlate.io import read_volume

    return read_volume(view)
