"""Placing: images of cases as vectors that can be compared, on a template of the real images or as features.

On the template, what counts is the rank of a voxel among those of the foreground, so that a copy in other grey values
(another window, gamma or scale) stays a copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.contrast import Contrast
from voxlate.errors import CohortError, VoxlateError
from voxlate.evaluation.privacy.template import (
    Field,
    Small,
    beginning,
    correlation,
    fit,
    lay,
    mean_image,
    measure_extent,
    shrink,
    template_grid,
)
from voxlate.evaluation.sets.embedding import Embedder
from voxlate.io import read_volume
from voxlate.preprocess.resampling import spacing_grid
from voxlate.progress import ProgressReport
from voxlate.volume import Affine, Grid

_ROUNDS = 2
"""How often the real images are laid over their mean, which sharpens each time."""
_MEASURED = 16
_PLACES = 8
STRANGE = 0.5
_BRIGHT = 0.1
FINER = 2
Refused = list[tuple[str, str]]
Worlds = tuple[Affine, Affine]
"""Maps from the template's world to an image's, straight and with left and right exchanged."""
Matrix = tuple[tuple[float, ...], ...]
Maps = tuple[Matrix, Matrix]
"""The same as plain numbers."""
FeaturePair = NDArray[np.float32]
"""``(2, d)``: features of an image, and of the same with left and right exchanged."""


@dataclass(frozen=True, eq=False)
class PlacedImage:
    """An image on the template.

    Attributes:
        case: Its case.
        straight: On the template's grid, 0 to 1; NaN where it does not reach.
        mirrored: The same with left and right exchanged.
        worlds: The maps from the template's world to the image's, straight and mirrored.
        correlation: With the mean image.
        small: The image in its own place.
    """

    case: Case
    straight: Field
    mirrored: Field
    worlds: Worlds
    correlation: float
    small: Small


@dataclass(frozen=True)
class Placings:
    """How the images of both sides lie on the template of the real ones: geometry alone, without a voxel of them.

    Attributes:
        shape: Voxels of the template.
        affine: Of the template, ``(4, 4)``.
        compared: How many voxels, or structures of label maps, are compared.
        synthetic: From a case to its maps.
        real: From a case to its maps.
    """

    shape: tuple[int, int, int]
    affine: Matrix
    compared: int
    synthetic: Mapping[str, Maps]
    real: Mapping[str, Maps]

    @property
    def grid(self) -> Grid:
        """The template's grid."""
        return Grid(self.shape, np.array(self.affine))

    @classmethod
    def of(cls, grid: Grid, *, compared: int, synthetic: Mapping[str, Worlds], real: Mapping[str, Worlds]) -> Placings:
        """Those of cases whose maps are arrays."""
        maps = [{case: (matrix(one), matrix(other)) for case, (one, other) in of.items()} for of in (synthetic, real)]
        return cls(grid.shape, matrix(grid.affine), compared, *maps)


@dataclass(frozen=True, eq=False)
class Reference:
    """The template of the real images.

    Attributes:
        contrast: What they show.
        grid: The template's grid.
        mean: Their mean.
        region: The voxels that are compared: most images reach there, and their mean is not background.
        correlation: Median correlation of a real image with the mean.
    """

    contrast: Contrast
    grid: Grid
    mean: Field
    region: NDArray[np.bool_]
    correlation: float

    def vectors(self, images: Sequence[Field]) -> NDArray[np.float32]:
        """Ranks of the voxels of each image within the region, 0 to 1, ``(images, voxels)``.

        Where an image does not reach it has the rank of the mean image, so that nothing is said there.
        """
        usual = _ranks(self.mean[self.region])
        rows = [np.where(np.isfinite(row := image[self.region]), _ranks(row), usual) for image in images]
        return np.array(rows, dtype=np.float32).reshape(len(images), int(self.region.sum()))

    def strange(self, image: PlacedImage) -> str:
        """Why an image could not be laid over the real ones; empty if it could."""
        if image.correlation >= STRANGE * self.correlation:
            return ""
        return (
            f"it could not be laid over the real images (correlation with their mean {image.correlation:.2f}, real "
            f"images {self.correlation:.2f}), so that a copy would not be noticed"
        )


def build_reference(
    real: Sequence[Case], *, contrast: Contrast, report: ProgressReport
) -> tuple[Reference, list[PlacedImage], Refused]:
    """The template of real images, these images on it, and those that cannot be used, each with its reason.

    Raises:
        CohortError: If no image can be used.
    """
    grid = _grid(real, contrast)
    small, refused = _shrink(real, grid, contrast=contrast, report=report, what="real images")
    mean = mean_of([image for _, image in small], grid)
    bright = np.nan_to_num(mean) > _BRIGHT
    region = bright if bright.any() else np.isfinite(mean)
    placed = []
    for number, (case, image) in enumerate(small, 1):
        placed.append(place_small(case, image, mean, grid))
        report("real images aligned", number, len(small))
    typical = float(np.median([one.correlation for one in placed]))
    return Reference(contrast, grid, mean, region, typical), placed, refused


def mean_of(images: Sequence[Small], grid: Grid) -> Field:
    """The mean of images that are laid over it again and again."""
    laid = [lay(image, grid, beginning(image)) for image in images]
    for _ in range(_ROUNDS):
        mean = mean_image(laid)
        laid = [lay(image, grid, fit(image, mean, grid, begin=beginning(image))) for image in images]
    return mean_image(laid)


def place_small(case: Case, image: Small, mean: Field, grid: Grid) -> PlacedImage:
    """An image, as it is and with left and right exchanged, laid over a mean."""
    first, second = (fit(image, mean, grid, begin=beginning(image, mirrored=turned)) for turned in (False, True))
    straight, mirrored = lay(image, grid, first), lay(image, grid, second)
    best = max(correlation(straight, mean), correlation(mirrored, mean))
    return PlacedImage(case, straight, mirrored, (first, second), best, image)


def place_voxels(
    cases: Sequence[Case], reference: Reference, *, report: ProgressReport
) -> tuple[list[PlacedImage], Refused]:
    """Images on the template, and those that cannot be used, each with its reason."""
    small, refused = _shrink(cases, reference.grid, contrast=reference.contrast, report=report, what="synthetic images")
    placed = []
    for number, (case, image) in enumerate(small, 1):
        placed.append(place_small(case, image, reference.mean, reference.grid))
        report("synthetic images aligned", number, len(small))
    return placed, refused


def finer(grid: Grid) -> Grid:
    """A grid twice as fine, for an eye to compare what is drawn on it."""
    i, j, k = (step / FINER for step in grid.spacing_mm)
    return spacing_grid(grid, (i, j, k))


def display(case: Case, world: Affine, grid: Grid, *, contrast: Contrast) -> Field:
    """An image of a case on a grid.

    Args:
        case: The case.
        world: The map from the grid's world to the image's.
        grid: The grid.
        contrast: Of the image.

    Returns:
        Its voxels, 0 to 1; NaN where the image does not reach.

    Raises:
        VoxlateError: If it cannot be read any more.
    """
    volume = read_volume(case.paths[contrast.name], contrast=contrast)
    return lay(shrink(volume, grid, kind=contrast.kind), grid, world)


def place_features(
    cases: Sequence[Case], embedder: Embedder, *, contrast: Contrast, report: ProgressReport
) -> tuple[dict[str, FeaturePair], Refused]:
    """From a case to its features, and those that the network cannot take, each with its reason.

    The features of the slices of a view are read at eight places from its first to its last, so that every image has
    as many, in the same order.
    """
    found: dict[str, FeaturePair] = {}
    refused: Refused = []
    for number, case in enumerate(cases, 1):
        try:
            path = case.paths[contrast.name]
            both = (embedder.embed(path), embedder.embed(path, mirrored=True))
            found[case.id] = np.stack(
                [np.concatenate([_at_places(rows).ravel() for _, rows in sorted(views.items())]) for views in both]
            )
        except VoxlateError as error:
            refused.append((case.id, str(error)))
        report("images embedded", number, len(cases))
    return found, refused


def _at_places(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    if len(rows) == 1:
        return rows.astype(np.float32)
    at = np.linspace(0, len(rows) - 1, _PLACES)
    below = np.minimum(at.astype(int), len(rows) - 2)
    share = (at - below)[:, None]
    return np.asarray((1 - share) * rows[below] + share * rows[below + 1], dtype=np.float32)


def _grid(real: Sequence[Case], contrast: Contrast) -> Grid:
    """From the extents of a few images, spread over all."""
    extents: list[tuple[float, float, float]] = []
    for case in real:
        if len(extents) == _MEASURED:
            break
        try:
            volume = read_volume(case.paths[contrast.name], contrast=contrast)
            extents.append(measure_extent(volume, kind=contrast.kind))
        except VoxlateError:
            continue
    if not extents:
        raise CohortError(
            f"real images of {contrast.title}", came="none that can be read", remedy="See `voxlate check`."
        )
    return template_grid(extents)


def _shrink(
    cases: Sequence[Case], grid: Grid, *, contrast: Contrast, report: ProgressReport, what: str
) -> tuple[list[tuple[Case, Small]], Refused]:
    found, refused = [], []
    for number, case in enumerate(cases, 1):
        try:
            volume = read_volume(case.paths[contrast.name], contrast=contrast)
            found.append((case, shrink(volume, grid, kind=contrast.kind)))
        except VoxlateError as error:
            refused.append((case.id, str(error)))
        report(f"{what} read", number, len(cases))
    return found, refused


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average ranks of finite values, 0 to 1."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    found = np.zeros(values.shape)
    if known.any():
        found[known] = (rankdata(values[known]) - 0.5) / known.sum()
    return found


def matrix(affine: Affine) -> Matrix:
    """An affine map as plain numbers."""
    return tuple(tuple(float(value) for value in row) for row in affine)
