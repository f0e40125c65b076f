"""Registration: rigid, affine and deformable alignment of one image with another by mutual information.

Coarse to fine, from the best of three beginnings: the scanner's coordinates, the geometric centres, the centres of
mass; rigid first, and from there affine or deformable. What is found is kept only if it is more alike than what was
there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import GeometryError
from voxlate.io.transforms import ItkTransform, Transform
from voxlate.preprocess.registration.deformation import at_limit, deform
from voxlate.preprocess.registration.similarity import (
    ItkImage,
    as_image,
    mutual_information,
    one_thread,
    rim,
    sampled_share,
    similarity,
)
from voxlate.preprocess.resampling import resample
from voxlate.volume import Affine, Array, Grid

RegistrationKind = Literal["rigid", "affine", "deformable"]
REGISTERING: tuple[RegistrationKind, ...] = get_args(RegistrationKind)
"""The values of ``plan.grids`` that register."""
_COARSEST_MM = 4.0
_TURN_DEG, _AS_GOOD, _LEAST, _LEAST_IF_ROUND, _LEAST_OVERLAP = 20.0, 0.85, 0.2, 0.5, 0.5
"""Where a turn changes little the images are round, or are not aligned: then less information in common is enough."""
_USUAL = "0.6 to 1, and 28 to 57 %"


@dataclass(frozen=True)
class Movement:
    """How far a transform moves the foreground.

    Attributes:
        mean_mm: Mean distance.
        largest_mm: Largest distance.
        smallest_volume: Smallest local volume after it by that before; 0 or less where space folds.
        largest_volume: Largest.
        folded: Share of the foreground whose local volume is 0 or less.
    """

    mean_mm: float
    largest_mm: float
    smallest_volume: float
    largest_volume: float
    folded: float


@dataclass(frozen=True, eq=False)
class Alignment:
    """What registration found.

    Attributes:
        kind: ``rigid`` (6 parameters), ``affine`` (12) or ``deformable`` (rigid and B-splines).
        transform: From a point in the fixed image to the same tissue in the moving image.
        similarity: Mutual information at the end, in nats.
        similarity_before: Mutual information in the scanner's coordinates.
        movement: How far it moves the foreground.
        turned: The largest share of the mutual information that is left when the image is turned by 20 degrees from
            there; near 1 where no place is better than another.
        overlap: Share of the foreground that lies in the moving image's field.
    """

    kind: RegistrationKind
    transform: Transform
    similarity: float
    similarity_before: float
    movement: Movement
    turned: float = 0.0
    overlap: float = 1.0

    def describe(self) -> tuple[str, str]:
        """A sentence of what came of it, and one with the matrix, for provenance."""
        moved = f"moved by {self.movement.mean_mm:.2f} mm on average, {self.movement.largest_mm:.2f} mm at most"
        if self.transform.deformation is not None:
            moved += f", volumes to {self.movement.smallest_volume:.2f} to {self.movement.largest_volume:.2f} times"
        elif self.kind == "deformable":
            moved += ", rigidly: no deformation was confirmed by other samples"
        gain = f"mutual information {self.similarity_before:.4f} before, {self.similarity:.4f} after"
        rows = "; ".join(" ".join(f"{value:.6g}" for value in row) for row in self.transform.world[:3])
        matrix = f"from the reference's world to its own (RAS+ mm) [{rows}]"
        first = "after its deformation, " if self.transform.deformation else ""
        return f"{self.kind} registration, the foreground {moved}; {gain}", f"{first}registered {matrix}"

    def warnings(self) -> list[str]:
        """What speaks against trusting it, one sentence each."""
        found = []
        if self.movement.folded > 0:
            found.append(f"the transform folds space in {100 * self.movement.folded:.2g} % of the foreground")
        if self.transform.deformation is not None and at_limit(self.transform.deformation):
            found.append("the deformation reached the most that it may bend; the images may differ by more")
        if self.similarity < (_LEAST if self.turned <= _AS_GOOD else _LEAST_IF_ROUND):
            found.append(
                f"the two may not be aligned, or not show the same: mutual information is {self.similarity:.2f} nats, "
                f"and {100 * self.turned:.0f} % of it is left when turned by 20 degrees (of scans of one head {_USUAL})"
            )
        if self.overlap < _LEAST_OVERLAP:
            found.append(f"only {100 * self.overlap:.0f} % of the foreground lies in the field of the other image")
        return found


def register(
    fixed: Array,
    fixed_grid: Grid,
    moving: Array,
    *,
    moving_grid: Grid,
    kind: RegistrationKind,
    mask: NDArray[np.bool_] | None = None,
    seed: int = 0,
    where: object = "",
) -> Alignment:
    """Aligns a moving image with a fixed one.

    Args:
        fixed: Voxels ``(i, j, k)``.
        fixed_grid: Its grid.
        moving: Voxels of the other image.
        moving_grid: Its grid.
        kind: How; an affine or deformable search begins at the rigid result.
        mask: Foreground of ``fixed``; samples lie in it and in a rim around it.
        seed: Draws the samples.
        where: What an error names.

    Raises:
        GeometryError: If there is nothing to compare: an image without contrast, an empty mask, or no overlap.
    """
    _check_comparable(fixed, moving, mask, where=where)
    with one_thread():
        images = as_image(fixed, fixed_grid), as_image(moving, moving_grid)
        inside = None if mask is None else rim(as_image(mask, fixed_grid), fixed_grid)
        try:
            found, before = _linear(*images, kind=kind, mask=inside, seed=seed)
            after = similarity(*images, transform=found, mask=inside, seed=seed)
            # What was aligned better before is left as it was, and so not interpolated.
            world = _matrix(found) if after > before else np.eye(4)
            bend = None
            if kind == "deformable":
                pair = fixed, fixed_grid, moving
                bend = deform(*pair, moving_grid=moving_grid, world=world, mask=mask, seed=seed)
            transform = Transform(world, bend)
            after = similarity(*images, transform=transform.as_itk(), mask=inside, seed=seed)
            turned = _turned(*images, transform=transform.as_itk(), mask=inside, seed=seed)
        except RuntimeError as error:
            raise GeometryError(
                "two images that overlap",
                came=f"a registration that failed: {str(error).splitlines()[-1].strip()}",
                where=where,
                remedy="Align the images by hand, or leave the case out.",
            ) from error
    overlap = _overlap(transform, fixed_grid, moving_grid, mask=mask)
    return Alignment(kind, transform, after, before, _measure(transform, fixed_grid, mask), turned, overlap)


def _measure(transform: Transform, grid: Grid, mask: NDArray[np.bool_] | None = None) -> Movement:
    """How far a transform moves the foreground, on every few voxels of its grid, about 4 mm apart."""
    steps = [
        min(max(1, round(_COARSEST_MM / s)), max(1, (n - 1) // 2))
        for s, n in zip(grid.spacing_mm, grid.shape, strict=True)
    ]
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] * steps
    i, j, k = (-(-n // step) for n, step in zip(grid.shape, steps, strict=True))
    sparse = Grid((i, j, k), affine)
    inside = np.ones(sparse.shape, dtype=np.bool_)
    if mask is not None:
        thinned = mask[tuple(slice(None, None, step) for step in steps)]
        inside = thinned if thinned.any() else inside
    distance = transform.distance_mm(Transform(), sparse)[inside]
    volume = transform.volume_change(sparse)[inside]
    return Movement(
        mean_mm=float(distance.mean()),
        largest_mm=float(distance.max()),
        smallest_volume=float(volume.min()),
        largest_volume=float(volume.max()),
        folded=float((volume <= 0).mean()),
    )


def _linear(
    fixed: ItkImage, moving: ItkImage, *, kind: RegistrationKind, mask: ItkImage, seed: int
) -> tuple[ItkTransform, float]:
    """The rigid or affine transform, and the similarity in the scanner's coordinates."""
    begin, before = _best_beginning(fixed, moving, mask=mask, seed=seed)
    found = _optimise(fixed, moving, begin=begin, mask=mask, seed=seed)
    if kind == "affine":
        found = _optimise(fixed, moving, begin=_as_affine(found), mask=mask, seed=seed)
    return found, before


def _check_comparable(fixed: Array, moving: Array, mask: NDArray[np.bool_] | None, *, where: object) -> None:
    for name, array in (("fixed", fixed), ("moving", moving)):
        low, high = float(array.min()), float(array.max())
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise GeometryError(
                f"a {name} image with contrast",
                came=f"values from {low:g} to {high:g}",
                where=where,
                remedy="Leave the case out: such an image cannot be aligned.",
            )
    if mask is not None and not mask.any():
        raise GeometryError(
            "a foreground to align", came="an empty mask", where=where, remedy="Choose another plan.mask."
        )


def _best_beginning(fixed: ItkImage, moving: ItkImage, *, mask: ItkImage, seed: int) -> tuple[ItkTransform, float]:
    import SimpleITK as sitk  # noqa: N813

    centre = fixed.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in fixed.GetSize()])
    still = sitk.Euler3DTransform()
    still.SetCenter(centre)
    modes = sitk.CenteredTransformInitializerFilter.GEOMETRY, sitk.CenteredTransformInitializerFilter.MOMENTS
    moved = [sitk.CenteredTransformInitializer(fixed, moving, sitk.Euler3DTransform(), mode) for mode in modes]
    begins = [still, *(sitk.Euler3DTransform(transform) for transform in moved)]
    small = [_coarse(image) for image in (fixed, moving)]
    inside = None if mask is None else _coarse(mask)
    values = [similarity(*small, transform=begin, mask=inside, seed=seed) for begin in begins]
    if max(values) <= 0:
        raise RuntimeError(
            "no voxel in common, neither in the scanner's coordinates nor with the centres laid together"
        )
    before = similarity(fixed, moving, transform=still, mask=mask, seed=seed)
    return begins[int(np.argmax(values))], before


def _turned(fixed: ItkImage, moving: ItkImage, *, transform: ItkTransform, mask: ItkImage, seed: int) -> float:
    """The largest mutual information of the two turned about the middle of the mask, as a share of that at the end."""
    import SimpleITK as sitk  # noqa: N813

    small = [_coarse(image) for image in (fixed, moving)]
    inside = None if mask is None else _coarse(mask)
    region = small[0] > float("-inf") if inside is None else inside
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(region)
    if not shape.GetLabels():
        return 0.0
    found = []
    for number in range(7):
        turn = sitk.Euler3DTransform()
        turn.SetCenter(shape.GetCentroid(1))
        angles = [0.0, 0.0, 0.0]
        if number:
            angles[number // 2 % 3] = np.radians(_TURN_DEG) * (-1) ** number
        turn.SetRotation(*angles)
        both = sitk.CompositeTransform(3)
        both.AddTransform(transform)
        both.AddTransform(turn)
        found.append(similarity(*small, transform=both, mask=inside, seed=seed))
    return max(found[1:]) / found[0] if found[0] > 0 else 1.0


def _overlap(transform: Transform, grid: Grid, other: Grid, *, mask: NDArray[np.bool_] | None) -> float:
    """The share of the foreground that lies in another grid's box."""
    field = np.ones(other.shape, np.uint8)
    there = resample(field, other, grid, nearest=True, transform=transform)
    return float((there > 0).mean() if mask is None else (there[mask] > 0).mean())


def _coarse(image: ItkImage) -> ItkImage:
    import SimpleITK as sitk  # noqa: N813

    return sitk.Shrink(image, [max(1, round(_COARSEST_MM / s)) for s in image.GetSpacing()])


def _optimise(fixed: ItkImage, moving: ItkImage, *, begin: ItkTransform, mask: ItkImage, seed: int) -> ItkTransform:
    method = mutual_information(fixed, mask=mask, seed=seed)
    spacing = np.array(fixed.GetSpacing())
    coarse = [
        max(1, round(_COARSEST_MM / float(spacing.min()))),
        max(1, round(_COARSEST_MM / 2 / float(spacing.min()))),
        1,
    ]
    method.SetShrinkFactorsPerLevel(coarse)
    method.SetSmoothingSigmasPerLevel([_COARSEST_MM / 2, _COARSEST_MM / 4, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    shares = [sampled_share(fixed, mask, shrink=factor) for factor in coarse]
    method.SetMetricSamplingPercentagePerLevel(shares, seed=seed + 1)
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


def _as_affine(rigid: ItkTransform) -> ItkTransform:
    import SimpleITK as sitk  # noqa: N813

    affine = sitk.AffineTransform(3)
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    affine.SetCenter(rigid.GetCenter())
    return affine


def _matrix(transform: ItkTransform) -> Affine:
    """The transform as one matrix without a centre: ``x -> R (x - c) + c + t``."""
    turn = np.array(transform.GetMatrix(), dtype=np.float64).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    world = np.eye(4)
    world[:3, :3] = turn
    world[:3, 3] = centre + np.array(transform.GetTranslation()) - turn @ centre
    return world
