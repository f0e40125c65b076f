"""The picture of one volume, as a notebook shows it, and that of a translation, which lies beside its file."""

from __future__ import annotations

from matplotlib.figure import Figure

from voxlate.contrast import Contrast
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.reporting.drawing.planes import Planes, draw_planes, draw_rows
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


def draw_translated(source: Volume, result: Volume, *, target: Contrast) -> Figure:
    """A source and what a model made of it, each in the three planes; on one grid."""
    shown = source.contrast.title if source.contrast is not None else "scan"
    unit = source.contrast.unit if source.contrast is not None else ""
    spacing = ras_grid(source.grid).spacing_mm
    return draw_rows(
        [
            Planes(to_ras(source.array, source.affine), f"Source: {shown}", unit),
            Planes(to_ras(result.array, result.affine), f"Prediction: {target.title}{_MARK}", target.unit),
        ],
        spacing_mm=spacing,
    )
