"""Pictures of images as they are: one volume, a translation beside its source, and some cases of a data set."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from voxlate.cohort import Case, Cohort
from voxlate.cohort.labels.labelling import labelling_of
from voxlate.config.plan import Reading
from voxlate.contrast import BACKGROUND, Contrast, get_contrast
from voxlate.errors import VoxlateError
from voxlate.io import read_grid, read_volume
from voxlate.io.atomic import write_bytes
from voxlate.io.transforms import Transform
from voxlate.preprocess.images import read_contrast
from voxlate.preprocess.orientation import ras_grid, to_ras
from voxlate.preprocess.registration.volumes import bring, foreground_of
from voxlate.preprocess.resampling import resample
from voxlate.reporting.drawing.canvas import to_png
from voxlate.reporting.drawing.mosaic import MosaicCase, draw_mosaic
from voxlate.reporting.drawing.planes import Planes, draw_planes, draw_rows
from voxlate.reporting.run.alignment import Aligned, draw_alignment
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
    some = f"{len(shown)} of {len(cohort.cases)} cases: the first, the last, and evenly spread between"
    heading = some if len(cases) < len(cohort.cases) else f"All {len(cases)} cases" if len(cases) > 1 else ""
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


def publish_translated(case: Case, result: Path, place: Path, *, target: str, reading: Reading) -> None:
    """Draws an image that a model made of a case, beneath the scan whose grid it has, into a PNG file.

    Args:
        case: Its scans.
        result: The image.
        place: The PNG file.
        target: What the image shows.
        reading: What readers may accept.
    """
    made = read_volume(result, contrast=get_contrast(target), reading=reading)
    names = [name for name in case.paths if name not in case.held and name != target] or list(case.paths)
    fits = (name for name in names if read_grid(case.paths[name], reading=reading).matches(made.grid))
    name = next(fits, names[0])
    source = read_volume(case.paths[name], contrast=get_contrast(name), reading=reading)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(place, to_png(_draw_translated(source, made, target=get_contrast(target))))


def _draw_translated(source: Volume, result: Volume, *, target: Contrast) -> Figure:
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


def draw_registered(moving: Volume, fixed: Volume, registered: Volume, *, notes: Sequence[str] = ()) -> Figure:
    """Two scans in squares before one was brought onto the other and after it; label maps stand as they are.

    Args:
        moving: As it was.
        fixed: The other one, which stayed.
        registered: On the grid of ``fixed``.
        notes: What is printed below.
    """
    grid = ras_grid(fixed.grid)
    shown = [volume.contrast or get_contrast("mr") for volume in (fixed, moving)]
    before = bring(moving, fixed, Transform())
    reference, still, after = (to_ras(one.array, one.affine) for one in (fixed, before, registered))
    aligned = Aligned(
        case="",
        reference=reference,
        before=still,
        after=after,
        titles=(shown[0].title, shown[1].title),
        spacing_mm=grid.spacing_mm,
        mask=foreground_of(fixed),
        notes=tuple(notes),
    )
    return draw_alignment(aligned)
