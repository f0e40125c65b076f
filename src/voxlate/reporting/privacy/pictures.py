"""Look-alikes: a synthetic image, the real image nearest to it and their difference, in three planes, for an expert.

The same of their label maps: each structure in a colour of its own, and where the two maps differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from voxlate.evaluation.privacy.pairs import LabelPair, LookAlike
from voxlate.reporting.drawing import canvas, sheet, tiles
from voxlate.reporting.drawing.canvas import Style
from voxlate.reporting.drawing.lettering import fit
from voxlate.reporting.drawing.overlays import class_colours, paint_labels
from voxlate.reporting.drawing.sheet import SheetColumn, SheetRow, Tile
from voxlate.reporting.drawing.views import PLANES, Cut, choose_slice, convention
from voxlate.volume import Array

_NAMES = 30.0  # mm; of a key of structures
_TALLEST = 46.0  # mm
_WINDOW = (0.0, 1.0)
_LIMIT = 0.5
_MOST_NAMES = 8
_BACKGROUND, _SAME = "#000000", "#6d7175"
_DIFFERENCES = ((canvas.VERMILION, "synthetic only"), ("#56b4e9", "real only"), (canvas.PAPER, "another structure"))
_Drawing = Callable[[Cut, bool], Tile]
"""From a slice, and whether it has a scale bar, to its picture."""


@canvas.styled
def draw_look_alike(pair: LookAlike) -> Figure:
    """Rows: the synthetic image, its nearest real one, their difference; columns: the three planes.

    Args:
        pair: The pair.
    """

    def grey(image: NDArray[np.float32]) -> _Drawing:
        return lambda cut, scaled: sheet.picture(
            cut.laid, tiles.draw_grey, cut.of(image), window=_WINDOW, scaled=scaled
        )

    difference = pair.synthetic_image - pair.real_image
    greys = sheet.grey_scale(_WINDOW)
    rows = (
        (f"Synthetic: {pair.synthetic}", grey(pair.synthetic_image), greys),
        (f"Nearest real: {pair.real}", grey(pair.real_image), greys),
        (
            "Difference: synthetic \N{MINUS SIGN} real",
            lambda cut, _: sheet.picture(cut.laid, tiles.draw_error, cut.of(difference), limit=_LIMIT, dark=True),
            sheet.error_scale(_LIMIT, words=("synthetic darker", "brighter")),
        ),
    )
    return _draw(pair, rows, title=f"{pair.synthetic} beside {pair.real}", last=sheet.ERRORS)


@canvas.styled
def draw_label_pair(pair: LabelPair) -> Figure:
    """Rows: the synthetic label map, the real one, where they differ; columns: the three planes.

    Args:
        pair: The pair.
    """
    values = np.union1d(pair.synthetic_map, pair.real_map)
    values = values[values != 0]
    colours = np.array([*map(to_rgb, class_colours(len(values)))])
    apart = _differences(pair)
    marks = np.array([to_rgb(one) for one in (_BACKGROUND, _SAME, *(colour for colour, _ in _DIFFERENCES))])

    def painted(array: Array) -> _Drawing:
        return lambda cut, scaled: sheet.picture(
            cut.laid, tiles.draw_colours, paint_labels(cut.of(array), values), scaled=scaled
        )

    def marked(cut: Cut, scaled: bool) -> Tile:
        return sheet.picture(cut.laid, tiles.draw_colours, marks[cut.of(apart)], scaled=scaled)

    names = [pair.names.get(value, str(value)) for value in values.tolist()]
    structures = _patch_key(colours, names if len(names) <= _MOST_NAMES else [])
    rows = (
        (f"Synthetic map: {pair.synthetic}", painted(pair.synthetic_map), structures),
        (f"Real map: {pair.real}", painted(pair.real_map), structures),
        ("Difference", marked, _patch_key(marks[1:], ["the same", *(name for _, name in _DIFFERENCES)])),
    )
    title = f"Label maps of {pair.synthetic} and {pair.real}"
    return _draw(pair, rows, title=title, last=SheetColumn(width_mm=_NAMES))


def _differences(pair: LabelPair) -> NDArray[np.int64]:
    """0 background in both, 1 the same structure, then the kinds of ``_DIFFERENCES``."""
    ours, theirs = pair.synthetic_map, pair.real_map
    differ = ours != theirs
    found = np.where(differ, 4, np.where(ours != 0, 1, 0))
    found[differ & (theirs == 0)] = 2
    found[differ & (ours == 0)] = 3
    return found


def _draw(
    pair: LookAlike | LabelPair,
    rows: Sequence[tuple[str, _Drawing, Tile]],
    *,
    title: str,
    last: SheetColumn,
) -> Figure:
    """Rows of a heading, what draws its slices, and the key at the right."""
    shape = pair.shape
    choices = [choose_slice(plane, shape=shape) for plane in PLANES]
    cuts = [Cut.take(choice, shape=shape, spacing_mm=pair.spacing_mm) for choice in choices]
    return sheet.draw_sheet(
        [*(SheetColumn() for _ in PLANES), last],
        [
            SheetRow([*(draw(cut, place == 0) for cut in cuts), key], heading)
            for place, (heading, draw, key) in enumerate(rows)
        ],
        heading=title,
        below=pair.note,
        notes=[f"Middle slices after alignment. Display: {convention(PLANES)}."],
        tallest_mm=_TALLEST,
    )


def _patch_key(colours: NDArray[np.float64], names: Sequence[str]) -> Tile:
    """A patch and a name for each colour; nothing without names."""
    size = canvas.SMALL - 0.5
    patches = [
        Patch(facecolor=colour, edgecolor=canvas.INK, linewidth=0.3, label=fit(name, _NAMES - 4.0, size=size))
        for colour, name in zip(colours, names, strict=False)
    ]
    style: Style = {
        "borderpad": 0,
        "borderaxespad": 0,
        "handlelength": 1,
        "handletextpad": 0.4,
        "labelspacing": 0.3,
    }
    return Tile(
        lambda axes: axes.legend(handles=patches, loc="upper left", fontsize=size, **style) if patches else None
    )
