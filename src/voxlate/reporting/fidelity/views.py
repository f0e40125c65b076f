"""Several views beside each other: what each predicts, what their combination makes of it, and whether that is better.

A volume that is put together from slices shows its seams in the other two planes, so every view is shown in all three.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.panels import Panel
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import Cut, Plane, slices_in_words
from voxlate.roles import MODEL
from voxlate.volume import Array

_SHOWN: tuple[Plane, ...] = ("axial", "coronal", "sagittal")


@canvas.styled
def draw_views(panel: Panel, predictions: Mapping[str, Array], *, numbers: Mapping[str, str]) -> Figure:
    """One case by every view and by their combination, in three planes, with the errors, and the truth.

    Args:
        panel: The case.
        predictions: From the name of a view, and ``model`` for the combination, to its prediction ``(i, j, k)``.
        numbers: From the same names to what is written above the row.
    """
    cuts = [panel.cut(plane) for plane in _SHOWN]
    panel = replace(panel, window=panel.greys)
    limit = tiles.error_limit([panel.greys])
    rows = []
    for name, prediction in predictions.items():
        title = "combined" if name == MODEL else f"{name} slices"
        shown = replace(panel, prediction=prediction, lesion=None)
        cells = [*_greys(shown, prediction, cuts), *(shown.error_cell(cut, limit=limit) for cut in cuts)]
        rows.append(SheetRow(cells, f"{title}: {numbers.get(name, '')}"))
    bars = [sheet.grey_scale(panel.greys, panel.unit), sheet.error_scale(limit), None]
    rows.append(SheetRow([*_greys(replace(panel, lesion=None), panel.truth, cuts), *bars], "truth"))
    unit = f"prediction \N{MINUS SIGN} truth, {panel.error_unit}, inside the mask; one scale"
    columns = [
        SheetColumn(f"Prediction: {panel.target}", f"{panel.case}; one grey window", span=3),
        *(SheetColumn(), SheetColumn()),
        SheetColumn("Error", unit, span=3),
        *(SheetColumn(), SheetColumn()),
    ]
    return sheet.draw_sheet(columns, rows, notes=[slices_in_words([(cut.choice, cut.count) for cut in cuts])])


def _greys(panel: Panel, image: Array, cuts: Sequence[Cut]) -> list[Tile]:
    return [panel.grey_cells({"": image}, cut, scaled=False)[0] for cut in cuts]
