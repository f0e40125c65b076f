"""What the pictures of a case need of it: three slices of every image, not the volumes.

The slices are chosen by rule while the case is scored; mask and labels are kept whole, as bits, since the rule and the
outlines need them. From these a ``Panel`` is made whose volumes are empty but for the slices that are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxlate.config.window import VIEWS
from voxlate.contrast import get_contrast
from voxlate.evaluation.fidelity.comparison import NORMALISED, Comparison
from voxlate.evaluation.scores import Score
from voxlate.evaluation.words import after_value, number
from voxlate.metrics import slice_errors
from voxlate.regions import FOREGROUND
from voxlate.reporting.drawing.panels import Panel, source_windows
from voxlate.reporting.drawing.tiles import Window, grey_window
from voxlate.reporting.drawing.views import PLANES, choose_slice
from voxlate.reporting.page.tables import HEADLINES
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
        "shape": np.array((i, j, k)),
        "spacing_mm": np.array(comparison.spacing_mm),
        "unit": np.array(comparison.unit),
        "labelled": np.array(labelled),
        "window": np.array(grey_window(comparison.truth, comparison.mask)),
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
    return kept


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
    i, j, k = (float(value) for value in arrays["spacing_mm"])
    mask, labels = _bits(arrays, "mask"), _bits(arrays, "labels")
    truth = image_of(arrays, "truth")
    return Panel(
        case=case,
        sources={title: image_of(arrays, "source")},
        prediction=image_of(arrays, MODEL),
        truth=np.where(_bits(arrays, "hidden"), np.nan, truth) if "hidden" in arrays else truth,
        target=get_contrast(target).title,
        unit="" if unit == NORMALISED else unit,
        spacing_mm=(i, j, k),
        mask=mask,
        lesion=labels if labels.any() else None,
        labelled=str(arrays["labelled"]),
        window=_window(arrays["window"]),
        source_windows={} if unit == NORMALISED else {title: _window(arrays["source_window"])},
        numbers=_numbers(case, scores),
    )


def _comparison_panel(compared: Comparison, *, source: str, target: str) -> Panel:
    """The panel of a case that was compared just now, by whatever made its ``model``; it has no numbers yet.

    Args:
        compared: The case.
        source: Name of the first source.
        target: Name of the target.
    """
    title = get_contrast(source).title
    return Panel(
        case=compared.case_id,
        sources={title: compared.source},
        source_windows=source_windows(title, compared.source, compared.mask, unit=compared.unit),
        prediction=compared.methods[MODEL],
        truth=compared.truth if compared.hidden is None else np.where(compared.hidden, np.nan, compared.truth),
        target=get_contrast(target).title,
        unit="" if compared.unit == NORMALISED else compared.unit,
        spacing_mm=compared.spacing_mm,
        mask=compared.mask,
        lesion=compared.labels if compared.labels is not None and compared.labels.any() else None,
    )


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
        where: list[Any] = [slice(None)] * 3
        where[axis] = choice.index
        volume[tuple(where)] = arrays[f"{name} {plane}"]
    return volume


def profiles_of(arrays: Arrays) -> dict[str, Array]:
    """MAE per axial slice, of the baselines and the model."""
    return {name: arrays[f"errors {name}"] for name in _PROFILED if f"errors {name}" in arrays}


def _bits(arrays: Arrays, name: str) -> NDArray[np.bool_]:
    i, j, k = (int(size) for size in arrays["shape"])
    return np.unpackbits(arrays[name], count=i * j * k).reshape(i, j, k).astype(np.bool_)


def _window(ends: Array) -> Window:
    low, high = (float(end) for end in ends)
    return low, high


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
