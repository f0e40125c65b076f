"""What the pictures of a case need of it: three slices of every image and strips of a few more, not the volumes.

The slices are chosen by rule while the case is scored; mask and labels are kept whole, as bits, since the rule and the
outlines need them. From these a ``Panel`` is made whose volumes are empty but for the slices that are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.config.window import VIEWS
from voxlate.contrast import get_contrast
from voxlate.evaluation.fidelity.comparison import NORMALISED, Comparison
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import HEADLINES, after_value, number
from voxlate.metrics import slice_errors
from voxlate.regions import FOREGROUND
from voxlate.reporting.drawing import canvas
from voxlate.reporting.drawing.kept import KeptGrid, window_of
from voxlate.reporting.drawing.overlays import paint_labels
from voxlate.reporting.drawing.panels import Panel, source_windows
from voxlate.reporting.drawing.strips import Pane, Strips, cut_strips, in_error_colours, in_greys
from voxlate.reporting.drawing.tiles import error_limit, grey_window, tick_text
from voxlate.reporting.drawing.views import PLANES, Cut, choose_slice
from voxlate.reporting.page.page import SliceStack
from voxlate.roles import BASELINES, MODEL
from voxlate.volume import Array

Arrays = Mapping[str, Array]
_PROFILED = (*BASELINES, MODEL)


def picture_of(comparison: Comparison, *, labelled: str) -> dict[str, Array]:
    """What the pictures of a case need, to be kept beside its scores.

    Args:
        comparison: The case.
        labelled: What its labels mark, ``lesion`` or ``labels``.
    """
    i, j, k = comparison.mask.shape
    labels = np.zeros(comparison.mask.shape, np.bool_) if comparison.labels is None else comparison.labels != 0
    images = {"source": comparison.source, "truth": comparison.truth}
    images |= {name: comparison.methods[name] for name in (*VIEWS.values(), MODEL) if name in comparison.methods}
    kept: dict[str, Array] = {
        "mask": np.packbits(comparison.mask),
        "labels": np.packbits(labels),
        **KeptGrid((i, j, k), comparison.spacing_mm, grey_window(comparison.truth, comparison.mask)).to_arrays(),
        "unit": np.array(comparison.unit),
        "labelled": np.array(labelled),
        "source_window": np.array(grey_window(comparison.source, comparison.mask)),
    }
    if comparison.hidden is not None:
        kept["hidden"] = np.packbits(comparison.hidden)
    for plane, axis in PLANES.items():
        choice = choose_slice(plane, shape=(i, j, k), mask=comparison.mask, lesion=labels, labelled=labelled)
        for name, image in images.items():
            kept[f"{name} {plane}"] = np.take(image, choice.index, axis).astype(np.float32)
    for name in _PROFILED:
        if name in comparison.methods:
            errors = slice_errors(comparison.methods[name], comparison.truth, mask=comparison.mask)
            kept[f"errors {name}"] = np.asarray(errors)
    return kept | _cut_strips(comparison, labels, labelled=labelled).to_arrays()


def panel_of(arrays: Arrays, scores: Sequence[Score], *, case: str, source: str, target: str) -> Panel:
    """The panel of a case.

    Args:
        arrays: Of ``picture_of``.
        scores: Of all cases; those of this one are printed below.
        case: Id of the case.
        source: Name of the first source.
        target: Name of the target.
    """
    unit, title = str(arrays["unit"]), get_contrast(source).title
    grid = KeptGrid.from_arrays(arrays)
    mask, labels = _bits(arrays, "mask"), _bits(arrays, "labels")
    truth = image_of(arrays, "truth")
    return Panel(
        case=case,
        sources={title: image_of(arrays, "source")},
        prediction=image_of(arrays, MODEL),
        truth=np.where(_bits(arrays, "hidden"), np.nan, truth) if "hidden" in arrays else truth,
        target=get_contrast(target).title,
        unit=_unit(unit),
        spacing_mm=grid.spacing_mm,
        mask=mask,
        lesion=labels if labels.any() else None,
        labelled=str(arrays["labelled"]),
        window=grid.window,
        source_windows={} if unit == NORMALISED else {title: window_of(arrays["source_window"])},
        painted=frozenset({title} if get_contrast(source).kind == "label" else ()),
        numbers=_numbers(case, scores),
    )


def _cut_strips(comparison: Comparison, labels: NDArray[np.bool_], *, labelled: str) -> Strips:
    """The case slice by slice: source, prediction and truth in the greys of the panel, and the error."""
    truth = comparison.truth if comparison.hidden is None else np.where(comparison.hidden, np.nan, comparison.truth)
    panel = Panel(
        case=comparison.case_id,
        sources={"": comparison.source},
        source_windows=source_windows("", comparison.source, comparison.mask, unit=_unit(comparison.unit)),
        prediction=comparison.methods[MODEL],
        truth=truth,
        target="",
        spacing_mm=comparison.spacing_mm,
        mask=comparison.mask,
        lesion=labels if labels.any() else None,
        labelled=labelled,
    )
    limit = error_limit([panel.greys])
    labelling = np.unique(comparison.source) if comparison.of_labels else np.empty(0)

    def pictures(cut: Cut) -> list[Pane]:
        region, mask, true, predicted = (cut.of(array) for array in (labels, comparison.mask, truth, panel.prediction))
        greys = [
            Pane(in_greys(cut.of(array), window=panel.source_windows.get(title, panel.greys)), region=region)
            for title, array in (("", comparison.source), ("prediction", panel.compared), ("truth", truth))
        ]
        if comparison.of_labels:
            painted = np.rint(255 * paint_labels(cut.of(comparison.source), labelling))
            greys[0] = Pane(painted.astype(np.uint8), smooth=False)
        error = in_error_colours(predicted - true, limit=limit, mask=mask)
        return [*greys, Pane(error, smooth=False, region=region, line=canvas.INK)]

    return cut_strips(panel.cut(), pictures, region=comparison.mask)


def stack_of(arrays: Arrays, *, case: str, source: str, target: str, caption: str, link: str = "") -> SliceStack | None:
    """The case to scroll through; ``None`` if no slices were kept of it.

    Args:
        arrays: Of ``picture_of``.
        case: Id of the case.
        source: Name of the first source.
        target: Name of the target.
        caption: How good it is, in words.
        link: Path of its own page.
    """
    strips = Strips.from_arrays(arrays)
    if strips is None:
        return None
    title, unit = get_contrast(target).title, after_value(_unit(str(arrays["unit"])))
    end = f"{tick_text(error_limit([KeptGrid.from_arrays(arrays).window]))}{unit}"
    heads = (
        f"Source: {get_contrast(source).title}",
        f"Prediction: {title}",
        f"Truth: {title}",
        f"Error, blue \N{MINUS SIGN}{end} to brown +{end}",
    )
    return SliceStack(case, caption, heads, strips, link=link)


def _unit(unit: str) -> str:
    return "" if unit == NORMALISED else unit


def image_of(arrays: Arrays, name: str) -> NDArray[np.float32]:
    """A volume that is zero but for the slices that are shown, ``(i, j, k)``.

    Args:
        arrays: Of ``picture_of``.
        name: ``source``, ``truth``, ``model`` or a view.
    """
    mask, labels = _bits(arrays, "mask"), _bits(arrays, "labels")
    i, j, k = mask.shape
    volume = np.zeros((i, j, k), np.float32)
    for plane, axis in PLANES.items():
        choice = choose_slice(plane, shape=(i, j, k), mask=mask, lesion=labels, labelled=str(arrays["labelled"]))
        where: list[slice | int] = [slice(None)] * 3
        where[axis] = choice.index
        volume[tuple(where)] = arrays[f"{name} {plane}"]
    return volume


def profiles_of(arrays: Arrays) -> dict[str, Array]:
    """MAE per axial slice, of the baselines and the model."""
    return {name: arrays[f"errors {name}"] for name in _PROFILED if f"errors {name}" in arrays}


def _bits(arrays: Arrays, name: str) -> NDArray[np.bool_]:
    i, j, k = KeptGrid.from_arrays(arrays).shape
    return np.unpackbits(arrays[name], count=i * j * k).reshape(i, j, k).astype(np.bool_)


def _numbers(case: str, scores: Sequence[Score]) -> tuple[str, ...]:
    """Under the pictures: the metrics of the model, and those of the lookup to compare with."""
    lines = []
    for method in (MODEL, "lookup"):
        values = [
            f"{score.metric.upper()} {number(score.value)}{after_value(score.unit)}"
            for score in scores
            if (score.case, score.region, score.method) == (case, FOREGROUND, method) and score.metric in HEADLINES
        ]
        lines.append(f"{method}, {FOREGROUND}: {', '.join(values)}")
    return tuple(lines)
