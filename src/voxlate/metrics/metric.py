"""What a metric is: a function of prediction, truth, mask and data range, and how to read its value.

Every metric is computed in float64 over the voxels of a mask that the caller names. ``NaN`` means *not available* (the
mask is empty, or a voxel is not finite); it is counted and never averaged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.volume import Array

Image = Array
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]
Better = Literal["lower", "higher", "one"]
"""Which direction is better; ``one``: neither, 1 is best."""
UnitRule = Literal["image", "squared", "dB", "mm", "%", "none"]
PairKind = Literal[
    "voxelwise",
    "slices",
    "continuity",
    "appearance",
    "masked",
    "task",
    "ct",
    "path",
    "dose",
    "segmentation",
    "detection",
    "coverage",
]
"""What metrics that compare two arrays are for; the values of one kind are computed and shown together."""
Kind = PairKind | Literal["surface", "set"]


class MetricFunction(Protocol):
    """Two images in, one number out; ``NaN`` when not available."""

    def __call__(self, prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
        """The value over the mask."""
        ...


class MapFunction(Protocol):
    """Two images in, one value per voxel of the mask out."""

    def __call__(self, prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> Values:
        """The value of every voxel of the mask, NaN elsewhere."""
        ...


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How the values of a metric are read and written.

    Attributes:
        kind: What it is for.
        title: Name for tables and figures.
        better: Which direction is better.
        unit_rule: Unit of the value: that of the image, its square, decibel, millimetres, per cent, or none.
        decimals: Digits after the point, or ``None`` for three significant digits.
        meaning: What the value says, a phrase for the terms of a page; empty where the title says it.
        formula: How it is computed, in Markdown, for the documentation; empty where the meaning says it.
    """

    kind: Kind
    title: str
    better: Better
    unit_rule: UnitRule = "none"
    decimals: int | None = None
    meaning: str = ""
    formula: str = ""

    def unit(self, image_unit: str = "") -> str:
        """Unit of the value for images in ``image_unit``; ``1`` for dimensionless.

        Example:
            >>> Measure(kind="voxelwise", title="MSE", better="lower", unit_rule="squared").unit("HU")
            'HU²'
        """
        plain = image_unit or "1"
        squared = plain if plain == "1" else f"{plain}²"
        units = {"image": plain, "squared": squared, "dB": "dB", "mm": "mm", "%": "%", "none": "1"}
        return units[self.unit_rule]


@dataclass(frozen=True)
class Metric(Measure):
    """A metric that compares two arrays, images or label maps.

    Attributes:
        function: ``function(prediction, truth, mask=..., data_range=...)``.
        kind: What it is for.
        local: The map whose mean over the mask is the metric, where several regions can share it.
    """

    function: MetricFunction
    kind: PairKind = field(kw_only=True)
    local: MapFunction | None = field(default=None, kw_only=True)

    def __call__(self, prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> float:
        """The value over the mask.

        Args:
            prediction: ``(i, j, k)``, any real dtype, in the truth's unit.
            truth: ``(i, j, k)``.
            mask: ``(i, j, k)`` bool, the voxels that count.
            data_range: Fixed width of the value range, in the unit of the images.

        Raises:
            UsageError: If the shapes differ, the mask is missing or the data range is not positive.
        """
        return self.function(prediction, truth, mask=mask, data_range=data_range)


def check_images(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> None:
    """Refuses what no metric can be computed from.

    Raises:
        UsageError: If the arrays are not 3-D and of one shape, no mask is given or the data range is not positive.
    """
    if mask is None:
        raise UsageError(
            "a mask",
            came="none",
            remedy="Give the foreground; to let the background count, give a mask that is true everywhere.",
        )
    shapes = (np.shape(prediction), np.shape(truth), np.shape(mask))
    if len(set(shapes)) != 1 or len(shapes[0]) != 3:
        raise UsageError(
            "prediction, truth and mask of one shape (i, j, k)",
            came=", ".join(map(str, shapes)),
            remedy="Bring them onto one grid first.",
        )
    if not (np.isfinite(data_range) and data_range > 0):
        raise UsageError(
            "a positive data range", came=repr(data_range), remedy="Give the fixed range of the normaliser or of HU."
        )


def values_inside(prediction: Image, truth: Image, *, mask: Mask, data_range: float) -> tuple[Values, Values] | None:
    """Values of both images in the mask as float64, or ``None`` if there are none or one is not finite.

    Raises:
        UsageError: As ``check_images``.
    """
    check_images(prediction, truth, mask=mask, data_range=data_range)
    inside = np.asarray(mask, dtype=bool)
    predicted = np.asarray(prediction)[inside].astype(np.float64)
    true = np.asarray(truth)[inside].astype(np.float64)
    if predicted.size == 0 or not (np.isfinite(predicted).all() and np.isfinite(true).all()):
        return None
    return predicted, true
