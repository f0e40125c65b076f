"""Pictures of what is there before anything is trained: one volume, and a data set by cases that are chosen by rule."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from voxlate.cohort import Case, Cohort
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.config.plan import Reading
from voxlate.contrast import BACKGROUND, get_contrast
from voxlate.errors import VoxlateError
from voxlate.io.atomic import write_bytes
from voxlate.preprocess.images import read_contrast
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.resampling import resample
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.mosaic import MosaicCase, draw_mosaic
from voxlate.reporting.drawing.planes import draw_planes
from voxlate.volume import Array, Volume

logger = logging.getLogger(__name__)

_MOST = 4
_MARK = " (SYNTHETIC, not for diagnostic use)"


def publish_mosaic(cohort: Cohort, file: Path) -> None:
    """Draws four cases, evenly spread over the list, with every contrast that they have.

    Args:
        cohort: The data set.
        file: A PNG file.

    Raises:
        UsageError: If no image can be read.
        WriteError: If the file could not be written.
    """
    places = np.linspace(0, len(cohort.cases) - 1, min(_MOST, len(cohort.cases))).round().astype(int)
    cases = [cohort.cases[place] for place in places]
    shown = [images for images in map(_images, cases) if images is not None]
    heading = f"{len(shown)} of {len(cohort.cases)} cases: the first, the last, and evenly spread between"
    write_bytes(file, to_png(draw_mosaic(shown, heading=heading)))


def _images(case: Case) -> MosaicCase | None:
    """All images of a case on the grid of its first; one that cannot be read is named in the log and left out."""
    volumes = {}
    for name in case.paths:
        try:
            volumes[name] = read_contrast(case, name, reading=Reading())
        except VoxlateError as error:
            logger.warning("%s, %s: not drawn: %s", case.id, name, error)
    images = [name for name in volumes if get_contrast(name).kind != "label"]
    if not images:
        return None
    grid = ras_grid(volumes[images[0]].grid)

    def on_grid(name: str) -> Array:
        volume, kind = volumes[name], get_contrast(name).kind
        array, own = to_ras(volume.array, volume.affine), ras_grid(volume.grid)
        return resample(array, own, grid, nearest=kind == "label", fill=BACKGROUND[kind])

    return MosaicCase(
        case.id,
        {get_contrast(name).title: on_grid(name) for name in images},
        on_grid("labels") if "labels" in volumes else None,
        grid.spacing_mm,
        labelling_of([case]).union,
    )


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
