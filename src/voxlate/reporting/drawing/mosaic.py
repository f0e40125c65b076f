"""The mosaic of a data set: a row per case, a column per contrast (Avula et al., Figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow
from voxlate.reporting.drawing.views import Cut, choose_slice, slices_in_words
from voxlate.volume import Array


@dataclass(frozen=True, eq=False)
class MosaicCase:
    """The images of one case on one grid.

    Attributes:
        case: Its name.
        images: From a title to ``(i, j, k)`` in RAS order; what the case lacks is not there.
        labels: Its label map; ``None`` if it has none.
        spacing_mm: Voxel size along i, j, k.
        labelled: What the labels mark, ``lesion`` or ``labels``.
    """

    case: str
    images: Mapping[str, Array]
    labels: Array | None
    spacing_mm: tuple[float, float, float]
    labelled: str


@canvas.styled
def draw_mosaic(cases: Sequence[MosaicCase], *, heading: str) -> Figure:
    """Every image in a grey window of its own, in the axial slice with the largest labels.

    Args:
        cases: From top to bottom.
        heading: Printed above.

    Raises:
        UsageError: If there is no image.
    """
    titles = list(dict.fromkeys(title for case in cases for title in case.images))
    if not titles:
        raise UsageError("images to draw", came="none", remedy="Look at the findings of `voxlate check`.")
    rows, slices = [], []
    for case in cases:
        first = next(iter(case.images.values()))
        i, j, k = first.shape
        mask, lesion = tiles.bright(first), None if case.labels is None else case.labels > 0
        choice = choose_slice("axial", shape=(i, j, k), mask=mask, lesion=lesion, labelled=case.labelled)
        cut = Cut.take(choice, shape=first.shape, spacing_mm=case.spacing_mm, mask=mask)
        slices.append((choice, cut.count))
        cells = [
            sheet.picture(
                cut.laid,
                tiles.draw_grey,
                cut.of(case.images[title]),
                window=tiles.grey_window(case.images[title], mask),
                outlined=None if lesion is None else cut.of(lesion),
                scaled=title == titles[0],
            )
            if title in case.images
            else None
            for title in titles
        ]
        rows.append(SheetRow(cells, heading=case.case))
    outlined = any(case.labels is not None and case.labels.any() for case in cases)
    line = " The line encloses what is labelled." if outlined else ""
    note = f"Each image in a grey window of its own; an empty place is an image that the case lacks.{line}"
    columns = [SheetColumn(title) for title in titles]
    return sheet.draw_sheet(columns, rows, heading=heading, notes=[note, slices_in_words(slices)], widest_mm=40.0)
