"""Similarity: images as ITK sees them, and the mutual information that registration makes larger.

Mattes' mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072) knows no relation between the intensities,
so that it aligns any contrast with any other. Its samples lie in the mask of the fixed image. They are drawn with a
seed and summed by one thread, since sums over threads depend on how many there are: the same images give the same
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from voxlate.io.transforms import ItkTransform
from voxlate.volume import Affine, Array, Grid

_HISTOGRAM_BINS = 32
_SAMPLES = 12_000
_RIM_MM = 4.0
ItkImage = Any
"""An image of SimpleITK, which ships no types."""


def as_image(array: Array, grid: Grid) -> ItkImage:
    """A SimpleITK image, a mask's of bytes, whose physical space is our world: RAS+ mm, which ITK need not know."""
    import SimpleITK as sitk  # noqa: N813

    plain = array.astype(np.uint8 if array.dtype == bool else np.float32, copy=False)
    image = sitk.GetImageFromArray(np.ascontiguousarray(plain.T))
    image.SetSpacing(grid.spacing_mm)
    image.SetDirection(directions(grid).ravel().tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def directions(grid: Grid) -> Affine:
    """The directions of a grid's axes, ``(3, 3)``, as ITK wants them: orthonormal.

    The geometry gate has refused sheared grids; rounding is removed here.
    """
    left, _, right = np.linalg.svd(grid.affine[:3, :3] / np.array(grid.spacing_mm))
    return np.asarray(left @ right)


def rim(mask: ItkImage, grid: Grid) -> ItkImage:
    """An image of a mask grown by about 4 mm: its edge says more about the position than its inside."""
    import SimpleITK as sitk  # noqa: N813

    return sitk.BinaryDilate(mask, [max(1, round(_RIM_MM / s)) for s in grid.spacing_mm])


def mutual_information(fixed: ItkImage, *, mask: ItkImage, seed: int) -> Any:  # noqa: ANN401  (a registration method)
    """A SimpleITK registration method with Mattes' mutual information as its metric, and nothing to optimise it yet.

    Args:
        fixed: The image that samples are drawn in.
        mask: Where samples may lie; ``None``: anywhere.
        seed: Draws the samples.
    """
    import SimpleITK as sitk  # noqa: N813

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=_HISTOGRAM_BINS)
    method.SetInterpolator(sitk.sitkLinear)
    # Gradients only where samples lie; a filtered gradient of the whole image costs more than the search.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    if mask is not None:
        method.SetMetricFixedMask(mask)
    method.SetMetricSamplingStrategy(method.RANDOM)
    # ITK takes 0 as a seed from the clock.
    method.SetMetricSamplingPercentage(sampled_share(fixed, mask), seed=seed + 1)
    return method


def sampled_share(fixed: ItkImage, mask: ItkImage, *, shrink: int = 1) -> float:
    """The share of voxels to draw so that about ``_SAMPLES`` lie in the mask, of an image shrunk along each axis."""
    import SimpleITK as sitk  # noqa: N813

    voxels = np.prod(fixed.GetSize()) if mask is None else np.count_nonzero(sitk.GetArrayViewFromImage(mask))
    return float(min(1.0, _SAMPLES * shrink**3 / max(1, voxels)))


def similarity(fixed: ItkImage, moving: ItkImage, *, transform: ItkTransform, mask: ItkImage, seed: int) -> float:
    """The mutual information of two images in nats; 0 where they do not overlap."""
    method = mutual_information(fixed, mask=mask, seed=seed)
    method.SetInitialTransform(transform, inPlace=False)
    try:
        return -float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


@contextmanager
def one_thread() -> Iterator[None]:
    """ITK with a single thread, and the number of before at the end."""
    import SimpleITK as sitk  # noqa: N813

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
