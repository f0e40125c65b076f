"""The picture of one volume, as a notebook shows it."""

from __future__ import annotations

from matplotlib.figure import Figure

from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.reporting.drawing.planes import draw_planes
from voxlate.volume import Volume

_MARK = " (SYNTHETIC, not for diagnostic use)"


def draw_volume(volume: Volume, *, title: str, window: tuple[float, float] | None) -> Figure:
    """See ``Volume.plot``."""
    contrast = volume.contrast
    shown = contrast.title if contrast is not None else "Volume"
    return draw_planes(
        to_ras(volume.array, volume.affine),
        spacing_mm=ras_grid(volume.grid).spacing_mm,
        title=f"{title or shown}{_MARK if volume.is_synthetic else ''}",
        unit=contrast.unit if contrast is not None else "",
        window=window,
        notes=(f"{', '.join(volume.facts()).rstrip('.')}.",),
    )
