"""Tables of the metrics: what there is, how it is computed, and what an empty label map gives."""

from __future__ import annotations

from typing import Any

import numpy as np
from markdown_table import table

from voxlate.metrics import Measure, Metric, SurfaceMetric
from voxlate.metrics.metric import Image


def metrics(_argument: str) -> list[str]:
    """Every metric of a score with its direction and its unit."""
    from voxlate.metrics import METRICS

    rules = {"image": "the target's", "squared": "the target's, squared"}
    rows = [
        (
            f"`{name}`",
            metric.title,
            "1 is best" if metric.better == "one" else metric.better,
            rules.get(metric.unit_rule, metric.unit_rule),
        )
        for name, metric in METRICS.items()
        if metric.kind not in {"task", "set"}
    ]
    return table(("name", "title", "better", "unit"), rows)


def formulas(part: str) -> list[str]:
    """How the metrics of ``images`` or of ``sets`` are computed."""
    from voxlate.metrics.images import IMAGES
    from voxlate.metrics.sets import SETS

    rows = [(f"`{name}`", _formula(metric)) for name, metric in {"images": IMAGES, "sets": SETS}[part].items()]
    return table(("metric", "formula"), rows)


def _formula(metric: Measure) -> str:
    """The formula, or what the metric means where that says it, and whether it is for CT only."""
    field = {"ct": "CT: ", "path": "CT: ", "dose": "CT, dose: "}.get(metric.kind, "")
    return field + (metric.formula or metric.meaning)


def overlaps(_argument: str) -> list[str]:
    """How the metrics of label maps are computed, and what they give where prediction, truth or both are empty."""
    from voxlate.metrics.labels import LABELS

    some = np.zeros((9, 9, 9))
    some[1:3, 1:3, 1:3] = some[5:8, 5:8, 5:8] = 1
    none = np.zeros_like(some)
    rows = [
        (
            f"`{name}`",
            _formula(metric),
            *(_given(metric, *pair) for pair in ((none, none), (none, some), (some, none))),
        )
        for name, metric in LABELS.items()
        if metric.kind != "task"
    ]
    return table(("metric", "formula", "both empty", "only `P` empty", "only `T` empty"), rows)


def _given(metric: Metric | SurfaceMetric, prediction: Image, truth: Image) -> str:
    """What the metric gives for two maps, in words; what depends on the maps is only said to do so."""
    spacing: Any = {"spacing_mm": (1.0, 1.0, 1.0)} if metric.kind == "surface" else {}
    value = metric(prediction, truth, mask=np.ones(truth.shape, dtype=bool), data_range=1.0, **spacing)
    return "n/a" if np.isnan(value) else f"{value:g}" if value in {0, 1} else "as computed"
