"""Intensity: the scaling of a case, ``normalised = (value - offset) / scale``, and bias field correction.

Percentile: offset and scale from the 0.5th and 99.5th percentile inside the mask (those become 0 and 1). Z-score: mean
and standard deviation inside the mask. Hounsfield: ``HU / 1000``, the same for every scan, since CT numbers are
physical. SUV: ``SUV / 5``, likewise: a lesion's uptake must not depend on what else a scan shows. Brain: air becomes 0
and the median of the brain's core 1/2, so that a head has the same values with its skull and without, and ventricles
are not as dark as the air around them. None: as they are, for labels. Nothing is clipped, so every scaling has an exact
inverse.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from voxlate.contrast import Kind
from voxlate.errors import ReadError
from voxlate.strict import StrictModel
from voxlate.volume import Array, extent

NormaliserKind = Literal["percentile", "brain", "zscore", "hounsfield", "suv", "none"]
DEFAULT_KINDS: dict[Kind, NormaliserKind] = {
    "mr": "percentile",
    "pet": "suv",
    "ct": "hounsfield",
    "label": "none",
}
_LOW_PERCENT, _HIGH_PERCENT = 0.5, 99.5
_CORE_MM, _CROWN_MM, _COARSE_MM = 25.0, 110.0, 3.0
_ROUNDS = 3
_LEAST_MM, _MOST_MM = 40.0, 300.0
HOUNSFIELD_SCALE = 1000.0
SUV_SCALE = 5.0
PHYSICAL_SCALES: dict[NormaliserKind, float] = {"hounsfield": HOUNSFIELD_SCALE, "suv": SUV_SCALE}
"""From a normaliser to what it divides every scan by."""
OUTSIDE = -1.0  # normalised; -1000 HU


class Scaling(StrictModel):
    """An affine map of intensities and its inverse: ``normalised = (value - offset) / scale``."""

    offset: float = 0.0
    scale: float = Field(1.0, gt=0)

    def apply(self, array: Array) -> NDArray[np.float32]:
        """Normalised values, float32 in C order, a new array."""
        if self.offset == 0 and self.scale == 1:
            return np.array(array, dtype=np.float32, order="C")
        result = np.empty(array.shape, dtype=np.float32)
        np.subtract(array, np.float32(self.offset), out=result, casting="unsafe")
        result /= np.float32(self.scale)
        return result

    def invert(self, array: Array) -> NDArray[np.float32]:
        """Values in the unit of the image, float32, a new array."""
        result: NDArray[np.float32] = np.multiply(array, np.float32(self.scale), dtype=np.float32)
        result += np.float32(self.offset)
        return result


def fill_outside(source: Array, mask: Array) -> NDArray[np.float32]:
    """What a network sees: a source whose background is one value that no tissue has.

    In a skull-stripped T1 scan the background is as dark as CSF, and a network that learns from small ventricles takes
    the inside of large ones for background. With a value of its own for the background nothing is left to confuse. In
    CT the value is that of air.

    Args:
        source: ``(c, *spatial)``, normalised.
        mask: ``(1, *spatial)``, the foreground, non-zero inside.
    """
    return np.where(mask != 0, source, np.float32(OUTSIDE)).astype(np.float32, copy=False)


class Statistics(StrictModel):
    """Intensities inside the mask of one image."""

    minimum: float
    low: float = Field(description="the 0.5th percentile")
    median: float
    high: float = Field(description="the 99.5th percentile")
    maximum: float
    mean: float
    sd: float


def take_statistics(values: Array) -> Statistics:
    """Statistics of the values inside a mask, ``(n,)`` with n > 0."""
    low, median, high = np.percentile(values, (_LOW_PERCENT, 50.0, _HIGH_PERCENT))
    return Statistics(
        minimum=float(values.min()),
        low=float(low),
        median=float(median),
        high=float(high),
        maximum=float(values.max()),
        mean=float(values.mean(dtype=np.float64)),
        sd=float(values.std(dtype=np.float64)),
    )


def scaling_of(statistics: Statistics, kind: NormaliserKind, *, where: object) -> Scaling:
    """The scaling that a normaliser derives from an image's statistics.

    Args:
        statistics: Of the image inside its mask.
        kind: Which normaliser.
        where: The image, for the refusal.

    Raises:
        ReadError: If the image is constant inside the mask, so that it cannot be normalised.
    """
    if kind in PHYSICAL_SCALES:
        return Scaling(scale=PHYSICAL_SCALES[kind])
    if kind == "none":
        return Scaling()
    if statistics.minimum == statistics.maximum:
        raise ReadError(
            "an image with contrast inside the foreground",
            came=f"the constant {statistics.minimum:g}",
            where=where,
            remedy="Leave the case out: a constant image holds nothing and cannot be normalised.",
        )
    if kind == "zscore":
        return Scaling(offset=statistics.mean, scale=statistics.sd)
    if statistics.low == statistics.high:
        # Nearly all one value, as in sparse uptake: the whole range is all there is.
        return Scaling(offset=statistics.minimum, scale=statistics.maximum - statistics.minimum)
    return Scaling(offset=statistics.low, scale=statistics.high - statistics.low)


def brain_scaling(
    array: Array, inside: NDArray[np.bool_], *, spacing_mm: tuple[float, float, float], where: object
) -> Scaling:
    """The scaling of a head by its brain: air becomes 0, the median of the brain's core 1/2.

    The core is what lies more than 25 mm from the surface of the foreground in the upper 110 mm of the head: nearly all
    of it is brain, with the skull as without. A head that is nowhere so thick is taken from half its depth on. Fluid
    does not count, since ventricles differ: the median is that of what is near it.

    Args:
        array: ``(i, j, k)`` in RAS+ order, with some of what lies around the head.
        inside: The foreground, same shape.
        spacing_mm: Of the array.
        where: The image, for the refusal.

    Raises:
        ReadError: If the foreground is not of a head's size, or its core no brighter than what lies around it.
    """
    _check_head(inside, spacing_mm, where=where)
    core, around = array[_core(inside, spacing_mm)], array[~inside]
    quarter = float(np.percentile(core, 25))
    air = float(np.median(around)) if around.size else quarter
    if air >= quarter:  # values that were shifted: nothing tells what air would be
        air = float(np.percentile(array[inside], _LOW_PERCENT))
    scale = 2 * _middle(core - np.float32(air))
    if not scale > 0:
        remedy = "Look at the image; for anything but a head choose another plan.normalise."
        raise ReadError("a brain that is brighter than air", came="none", where=where, remedy=remedy)
    return Scaling(offset=air, scale=scale)


def _check_head(inside: NDArray[np.bool_], spacing_mm: tuple[float, float, float], *, where: object) -> None:
    box = extent(inside) or ()
    sizes = [round((part.stop - part.start) * step) for part, step in zip(box, spacing_mm, strict=False)]
    if not sizes or min(sizes) < _LEAST_MM or max(sizes[:2]) > _MOST_MM:
        raise ReadError(
            f"a head, {_LEAST_MM:g} mm or more along each axis and {_MOST_MM:g} at most across and from front to back",
            came=f"an image that shows {' x '.join(map(str, sizes)) or 'no'} mm",
            where=where,
            remedy="Give the whole volume of a head; for another part of the body use a model trained on it.",
        )


def _middle(values: Array) -> float:
    """The median of the values that lie within half of it."""
    found = float(np.median(values))
    for _ in range(_ROUNDS):
        near = values[np.abs(values - found) <= found / 2]
        found = float(np.median(near)) if near.size else found
    return found


def _core(inside: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """The part of the foreground that lies deep in the upper head."""
    from scipy.ndimage import distance_transform_edt

    i, j, k = (max(1, round(_COARSE_MM / step)) for step in spacing_mm)
    coarse = inside[::i, ::j, ::k]
    depth = distance_transform_edt(coarse, sampling=[n * step for n, step in zip((i, j, k), spacing_mm, strict=True)])
    top = int(np.flatnonzero(coarse.any(axis=(0, 1)))[-1]) if coarse.any() else 0
    depth[:, :, : max(0, top - round(_CROWN_MM / (k * spacing_mm[2])))] = 0
    core = np.zeros(inside.shape, dtype=np.bool_)
    core[::i, ::j, ::k] = depth > min(_CORE_MM, float(depth.max()) / 2)
    return core if core.any() else inside


def correct_bias(
    array: Array, mask: NDArray[np.bool_], *, shrink: int = 4, iterations: tuple[int, ...] = (50, 50, 30)
) -> NDArray[np.float32]:
    """An MR image without its smooth bias field, by N4 (Tustison et al. 2010, doi:10.1109/TMI.2010.2046908).

    The field is estimated on an image made coarser by ``shrink`` and divided out at full resolution. Voxels that are
    not positive have no logarithm: they are left out of the estimate.

    Args:
        array: Voxels ``(i, j, k)``.
        mask: The foreground, same shape.
        shrink: Factor by which the image is made coarser for the estimate.
        iterations: At most so many at each of the levels.
    """
    import SimpleITK as sitk  # noqa: N813

    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T, dtype=np.float32))
    inside = sitk.GetImageFromArray(np.ascontiguousarray((mask & (array > 0)).T).view(np.uint8))
    factors = [max(1, min(shrink, n // 16)) for n in array.shape]
    estimator = sitk.N4BiasFieldCorrectionImageFilter()
    estimator.SetMaximumNumberOfIterations(list(iterations))
    # Sums over threads depend on how many there are; one thread gives the same field on every machine.
    estimator.SetNumberOfThreads(1)
    estimator.Execute(sitk.Shrink(image, factors), sitk.Shrink(inside, factors))
    field = np.exp(sitk.GetArrayFromImage(estimator.GetLogBiasFieldAsImage(image)).T)
    return np.asarray(array / field, dtype=np.float32)
