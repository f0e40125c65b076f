"""Panels: source, prediction and truth in one grey window, and the error beside them.

The pictures of Avula et al. (T1 to T2 by a convolutional network, Figures 14 to 18) made comparable: one grey window
for all, one fixed error scale for all rows, slices chosen by rule, numbers with metric, region and unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure

from voxlate.errors import UsageError
from voxlate.regions import LESION, in_words
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.overlays import paint_labels
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import Cut, Plane, SliceChoice, choose_slice, slices_in_words
from voxlate.volume import Array


@dataclass(frozen=True, eq=False)
class Panel:
    """One case, ready to be shown.

    Every array is ``(i, j, k)`` in RAS order and of one shape; a single slice has one voxel along its axis.

    Attributes:
        case: Name of the case.
        sources: From a title (``T1``) to the source's values.
        prediction: Values in the target's unit.
        truth: Values in the target's unit; NaN in the foreground where it shows nothing.
        target: Title of the target (``T2``).
        unit: Unit of prediction, truth and error; empty or ``1`` for normalised values.
        spacing_mm: Voxel size along i, j, k.
        mask: Foreground, non-zero inside; the error is shown inside it.
        lesion: Lesion, or any label, non-zero inside; outlined, and decides the slice.
        labelled: What these labels mark, ``lesion`` or ``labels``, see ``voxlate.cohort.labels.labelling``.
        window: Grey window of prediction and truth; by default the truth's range inside the mask.
        source_windows: Grey windows of the sources that have another unit or scale; the others share the one window.
        painted: Titles of the sources that are label maps, which have colours.
        numbers: What is printed under the pictures, one line each, with metric, region and unit.

    Raises:
        UsageError: If the arrays differ in shape.
    """

    case: str
    sources: Mapping[str, Array]
    prediction: Array
    truth: Array
    target: str
    unit: str = ""
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    mask: Array | None = None
    lesion: Array | None = None
    labelled: str = LESION
    window: tiles.Window | None = None
    source_windows: Mapping[str, tiles.Window] = field(default_factory=dict)
    painted: frozenset[str] = frozenset()
    numbers: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        optional = [array for array in (self.mask, self.lesion) if array is not None]
        shapes = {array.shape for array in (*self.sources.values(), self.prediction, self.truth, *optional)}
        if len(shapes) != 1 or self.truth.ndim != 3:
            raise UsageError(
                "3-D arrays of one shape",
                came=f"shapes {', '.join(map(str, sorted(shapes)))}",
                where=self.case,
                remedy="Bring every array of the panel onto one grid.",
            )

    def choose(self, plane: Plane = "axial") -> SliceChoice:
        """The slice to show in that plane, by rule."""
        i, j, k = self.truth.shape
        return choose_slice(plane, shape=(i, j, k), mask=self.mask, lesion=self.lesion, labelled=self.labelled)

    def cut(self, plane: Plane = "axial") -> Cut:
        """That slice, and the part of it that holds the foreground, shown by the truth or not."""
        nothing, mask = np.isnan(self.truth), self.mask
        if mask is not None and nothing.any():
            mask = (mask != 0) | nothing
        return Cut.take(self.choose(plane), shape=self.truth.shape, spacing_mm=self.spacing_mm, mask=mask)

    @property
    def compared(self) -> Array:
        """The prediction where the truth shows what it is compared with; NaN elsewhere in the foreground."""
        nothing = np.isnan(self.truth)
        return np.where(nothing, np.nan, self.prediction) if nothing.any() else self.prediction

    @cached_property
    def greys(self) -> tiles.Window:
        """The grey window of prediction and truth."""
        return self.window or tiles.grey_window(self.truth, self.mask)

    def grey_cells(self, pictures: Mapping[str, Array], cut: Cut, *, scaled: bool = True) -> list[Tile]:
        """A slice of each, in the grey window of a source of that title or else in the common one."""
        outlined = None if self.lesion is None else cut.of(self.lesion)

        def cell(title: str, array: Array, *, scaled: bool) -> Tile:
            if title in self.painted:
                return label_cell(cut, array, scaled=scaled)
            window = self.source_windows.get(title, self.greys)
            return sheet.picture(
                cut.laid, tiles.draw_grey, cut.of(array), window=window, outlined=outlined, scaled=scaled
            )

        return [
            cell(title, array, scaled=scaled and place == 0) for place, (title, array) in enumerate(pictures.items())
        ]

    def error_cell(self, cut: Cut, *, limit: float) -> Tile:
        """The error of the prediction in a slice, inside the mask."""
        mask, outlined = (None if array is None else cut.of(array) for array in (self.mask, self.lesion))
        error = cut.of(self.prediction).astype(np.float64) - cut.of(self.truth).astype(np.float64)
        settings: Style = {"limit": limit, "mask": mask, "outlined": outlined}
        return sheet.picture(cut.laid, tiles.draw_error, error, dark=True, **settings)

    @property
    def error_unit(self) -> str:
        """The unit of the error in words."""
        return "normalised" if self.unit in {"", "1"} else self.unit


def label_cell(cut: Cut, labels: Array, *, scaled: bool = False) -> Tile:
    """A slice of a label map ``(i, j, k)``, a colour for each value."""
    colours = paint_labels(cut.of(labels), np.unique(labels))
    return sheet.picture(cut.laid, tiles.draw_colours, colours, scaled=scaled)


def source_windows(title: str, source: Array, mask: Array | None, *, unit: str) -> dict[str, tiles.Window]:
    """The grey window of a normalised source beside a target in ``unit``: its own, unless both are normalised."""
    return {} if unit in {"", "1"} else {title: tiles.grey_window(source, mask)}


@canvas.styled
def draw_translation(
    panel: Panel,
    *,
    planes: Sequence[Plane] = ("axial",),
    limit: float | None = None,
    heading: str = "",
) -> Figure:
    """One case: source, prediction, truth and error, one row per plane.

    Args:
        panel: The case.
        planes: The planes to show, from top to bottom.
        limit: End of the error scale in the target's unit; by default a quarter of the grey window.
        heading: Printed above the pictures; by default the case's name.
    """
    rows = [
        _PanelRow(
            panel, plane, "" if number else heading or panel.case, panel.numbers if number == len(planes) - 1 else ()
        )
        for number, plane in enumerate(planes)
    ]
    return _draw(rows, limit=limit or tiles.error_limit([panel.greys]))


@canvas.styled
def draw_cases(panels: Mapping[str, Panel], *, plane: Plane = "axial", limit: float | None = None) -> Figure:
    """Several cases on one error scale, one row each.

    Args:
        panels: From a label (``worst``, ``median``, ``best``) to the case, from top to bottom.
        plane: The plane of every row.
        limit: End of the error scale in the target's unit; by default a quarter of the widest grey window.
    """
    rows = [
        _PanelRow(panel, plane, f"{label}: {panel.case}" if label else panel.case, panel.numbers)
        for label, panel in panels.items()
    ]
    return _draw(rows, limit=limit or tiles.error_limit([panel.greys for panel in panels.values()]))


@dataclass(frozen=True, eq=False)
class _PanelRow:
    panel: Panel
    plane: Plane
    heading: str
    numbers: tuple[str, ...]


def _draw(rows: Sequence[_PanelRow], *, limit: float) -> Figure:
    slices = [(cut.choice, cut.count) for cut in (row.panel.cut(row.plane) for row in rows)]
    return sheet.draw_sheet(
        _columns(rows[0].panel),
        [_sheet_row(row, limit=limit) for row in rows],
        notes=[" ".join([slices_in_words(slices), *_notes(rows)])],
    )


def _columns(panel: Panel) -> list[SheetColumn]:
    columns = []
    for name in panel.sources:
        own = panel.source_windows.get(name)
        greys = "grey: " + " to ".join(map(tiles.tick_text, own)) if own else "same grey window"
        greys = "a colour for each label" if name in panel.painted else greys
        columns.append(SheetColumn(f"Source: {name}", greys))
    columns += [
        SheetColumn(f"Prediction: {panel.target}", "synthetic"),
        SheetColumn(f"Truth: {panel.target}", "reference"),
    ]
    error = SheetColumn("Error", f"prediction \N{MINUS SIGN} truth, {panel.error_unit}")
    return [*columns, sheet.GREYS, error, sheet.ERRORS]


def _sheet_row(row: _PanelRow, *, limit: float) -> SheetRow:
    panel, cut = row.panel, row.panel.cut(row.plane)
    greys = panel.grey_cells({**panel.sources, " prediction": panel.compared, " truth": panel.truth}, cut)
    bars = sheet.grey_scale(panel.greys, panel.unit), sheet.error_scale(limit)
    return SheetRow((*greys, bars[0], panel.error_cell(cut, limit=limit), bars[1]), row.heading, row.numbers)


def _notes(rows: Sequence[_PanelRow]) -> list[str]:
    """What the line encloses, what is hatched in a slice that is shown, and where the error is shown."""
    panels = [row.panel for row in rows]
    labelled = [panel for panel in panels if panel.lesion is not None and np.any(panel.lesion)]
    notes = [f"the line encloses the {what}" for what in dict.fromkeys(in_words(one.labelled) for one in labelled)]
    hatched = any(np.isnan(row.panel.cut(row.plane).of(row.panel.truth)).any() for row in rows)
    notes += ["hatched: not shown by the truth, so not scored"] * hatched
    notes += ["the error is shown inside the mask"] * any(panel.mask is not None for panel in panels)
    return ["; ".join(notes).capitalize() + "."] if notes else []
