"""Registration: rigid and affine alignment of one image with another by mutual information.

Mattes' mutual information (Mattes et al. 2003, doi:10.1109/TMI.2003.809072) knows no relation between the intensities,
so that it aligns any contrast with any other. Coarse to fine, from the best of three beginnings: the scanner's
coordinates, the geometric centres, the centres of mass. Samples lie in the mask of the fixed image. The seed is fixed
and one thread computes, since sums over threads depend on how many there are: the same images give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import GeometryError
from voxlate.volume import Affine, Grid

RegistrationKind = Literal["rigid", "affine"]
HISTOGRAM_BINS = 32
COARSEST_MM = 4.0
SAMPLES = 20_000


@dataclass(frozen=True)
class Alignment:
    """What registration found.

    Attributes:
        kind: ``rigid`` (6 parameters) or ``affine`` (12).
        world: ``(4, 4)`` float64, RAS+ mm: from a point in the fixed image to the same tissue in the moving image.
        similarity: Mutual information at the end, in nats.
        similarity_before: Mutual information in the scanner's coordinates.
    """

    kind: RegistrationKind
    world: Affine
    similarity: float
    similarity_before: float

    @property
    def shift_mm(self) -> NDArray[np.float64]:
        """Where the fixed world's origin goes, RAS+ mm."""
        return np.asarray(self.world[:3, 3])

    def residual_mm(self, other: Affine, grid: Grid) -> float:
        """The largest distance at the corners of a grid between this alignment and another matrix."""
        corners = np.c_[grid.corners_mm(), np.ones(8)]
        return float(np.linalg.norm((corners @ (self.world - other).T)[:, :3], axis=1).max())

    def describe(self) -> str:
        """One sentence with the parameters, for provenance."""
        rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in self.world[:3])
        gain = f"mutual information {self.similarity_before:.4f} before, {self.similarity:.4f} after"
        return f"{self.kind} registration, reference world to its own world (RAS+ mm) [{rows}], {gain}"


def register(
    fixed: NDArray[Any],
    fixed_grid: Grid,
    moving: NDArray[Any],
    *,
    moving_grid: Grid,
    kind: RegistrationKind,
    mask: NDArray[np.bool_] | None = None,
    seed: int = 0,
) -> Alignment:
    """Aligns a moving image with a fixed one.

    Args:
        fixed: Voxels ``(i, j, k)``.
        fixed_grid: Its grid.
        moving: Voxels of the other image.
        moving_grid: Its grid.
        kind: Rigid or affine; an affine search begins at the rigid result.
        mask: Foreground of ``fixed``; samples lie in it and in a rim around it.
        seed: Draws the samples.

    Raises:
        GeometryError: If there is nothing to compare: an image without contrast, an empty mask, or no overlap.
    """
    _check_comparable(fixed, moving, mask)
    with _one_thread():
        images = _image(fixed, fixed_grid), _image(moving, moving_grid)
        inside = None if mask is None else _rim(_image(mask.astype(np.uint8), fixed_grid), fixed_grid)
        try:
            begin, before = _best_beginning(*images, mask=inside, seed=seed)
            found = _optimise(*images, begin=begin, mask=inside, seed=seed)
            if kind == "affine":
                found = _optimise(*images, begin=_as_affine(found), mask=inside, seed=seed)
            after = _similarity(*images, transform=found, mask=inside, seed=seed)
        except RuntimeError as error:
            raise GeometryError(
                "two images that overlap",
                came=f"a registration that failed ({str(error).splitlines()[-1].strip()})",
                remedy="Align the images by hand, or leave the case out.",
            ) from error
    # Negative mutual information: what was aligned better before is left as it was, and so not interpolated.
    world = _matrix(found) if after < before else np.eye(4)
    return Alignment(kind, world, similarity=-min(after, before), similarity_before=-before)


def _check_comparable(fixed: NDArray[Any], moving: NDArray[Any], mask: NDArray[np.bool_] | None) -> None:
    for name, array in (("fixed", fixed), ("moving", moving)):
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise GeometryError(
                f"a {name} image with contrast",
                came=f"values from {low:g} to {high:g}",
                remedy="Leave the case out: such an image cannot be aligned.",
            )
    if mask is not None and not mask.any():
        raise GeometryError("a foreground to align", came="an empty mask", remedy="Choose another plan.mask.")


def _image(array: NDArray[Any], grid: Grid) -> Any:  # noqa: ANN401
    """A SimpleITK image whose physical space is our world: RAS+ mm, which ITK need not know."""
    import SimpleITK as sitk  # noqa: N813

    spacing = np.array(grid.spacing_mm)
    # ITK wants orthonormal directions; the geometry gate has refused sheared grids, rounding is removed here.
    left, _, right = np.linalg.svd(grid.affine[:3, :3] / spacing)
    plain = array if array.dtype == np.uint8 else array.astype(np.float32, copy=False)
    image = sitk.GetImageFromArray(np.ascontiguousarray(plain.T))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((left @ right).ravel().tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


def _rim(mask: Any, grid: Grid) -> Any:  # noqa: ANN401
    """The mask grown by about 4 mm: its edge says more about the position than its inside."""
    import SimpleITK as sitk  # noqa: N813

    return sitk.BinaryDilate(mask, [max(1, round(4.0 / s)) for s in grid.spacing_mm])


def _method(fixed: Any, *, mask: Any, seed: int) -> Any:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=HISTOGRAM_BINS)
    method.SetInterpolator(sitk.sitkLinear)
    # Gradients only where samples lie; a filtered gradient of the whole image costs more than the search.
    method.MetricUseFixedImageGradientFilterOff()
    method.MetricUseMovingImageGradientFilterOff()
    if mask is not None:
        method.SetMetricFixedMask(mask)
    voxels = int(np.prod(fixed.GetSize()))
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, SAMPLES / voxels), seed=seed + 1)
    return method


def _best_beginning(fixed: Any, moving: Any, *, mask: Any, seed: int) -> tuple[Any, float]:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813

    centre = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    still = sitk.Euler3DTransform()
    still.SetCenter(centre)
    modes = sitk.CenteredTransformInitializerFilter.GEOMETRY, sitk.CenteredTransformInitializerFilter.MOMENTS
    moved = [sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), mode) for mode in modes]
    begins = [still, *(sitk.Euler3DTransform(transform) for transform in moved)]
    small = [_coarse(image) for image in (fixed, moving)]
    inside = None if mask is None else _coarse(mask)
    values = [_similarity(*small, transform=begin, mask=inside, seed=seed) for begin in begins]
    before = _similarity(fixed, moving, transform=still, mask=mask, seed=seed)
    return begins[int(np.argmin(values))], before


def _similarity(fixed: Any, moving: Any, *, transform: Any, mask: Any, seed: int) -> float:  # noqa: ANN401
    """The negative mutual information; 0 where the images do not overlap."""
    method = _method(fixed, mask=mask, seed=seed)
    method.SetInitialTransform(transform, inPlace=False)
    try:
        return float(method.MetricEvaluate(fixed, moving))
    except RuntimeError:
        return 0.0


def _coarse(image: Any) -> Any:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813

    return sitk.Shrink(image, [max(1, round(COARSEST_MM / s)) for s in image.GetSpacing()])


def _optimise(fixed: Any, moving: Any, *, begin: Any, mask: Any, seed: int) -> Any:  # noqa: ANN401
    method = _method(fixed, mask=mask, seed=seed)
    spacing = np.array(fixed.GetSpacing())
    coarse = [
        max(1, round(COARSEST_MM / float(spacing.min()))),
        max(1, round(COARSEST_MM / 2 / float(spacing.min()))),
        1,
    ]
    method.SetShrinkFactorsPerLevel(coarse)
    method.SetSmoothingSigmasPerLevel([COARSEST_MM / 2, COARSEST_MM / 4, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetMetricSamplingPercentagePerLevel(_shares(fixed, coarse), seed=seed + 1)
    # Along one parameter after the other (Powell 1964): among ITK's optimisers the one that came to the same place from
    # every beginning; steps down the gradient lost an alignment that was right from the start.
    method.SetOptimizerAsPowell(
        numberOfIterations=20, maximumLineIterations=30, stepLength=1.0, stepTolerance=0.01, valueTolerance=1e-4
    )
    method.SetOptimizerScalesFromPhysicalShift()
    transform = type(begin)(begin)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(fixed, moving)
    return transform


def _shares(fixed: Any, factors: list[int]) -> list[float]:  # noqa: ANN401
    """The share of voxels to sample at each level."""
    sizes = [np.prod([max(1, n // factor) for n in fixed.GetSize()]) for factor in factors]
    return [float(min(1.0, SAMPLES / size)) for size in sizes]


def _as_affine(rigid: Any) -> Any:  # noqa: ANN401
    import SimpleITK as sitk  # noqa: N813

    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine.SetCenter(rigid.GetCenter())
    return affine


def _matrix(transform: Any) -> Affine:  # noqa: ANN401
    """The transform as one matrix without a centre: ``x -> R (x - c) + c + t``."""
    turn = np.array(transform.GetMatrix(), dtype=np.float64).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    world = np.eye(4)
    world[:3, :3] = turn
    world[:3, 3] = centre + np.array(transform.GetTranslation()) - turn @ centre
    return world


@contextmanager
def _one_thread() -> Iterator[None]:
    import SimpleITK as sitk  # noqa: N813

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
