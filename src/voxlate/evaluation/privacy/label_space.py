"""Label space: label maps of cases as vectors that can be compared, whatever image belongs to them.

Each map is laid over the mean of the real ones by an affine map of its own, so that a copy stays a copy in another
place and size, and beside another image. A map is then the share of each structure in each voxel of a coarse grid, over
the square root of the structure's volume: the inner product of two maps is about the sum over their structures of

    overlap / sqrt(volume of one * volume of the other)

(Ochiai 1957), which is Dice with the geometric in place of the arithmetic mean, so that small structures count as much
as large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.cohort.admission import read_contrast
from voxlate.config.plan import Reading
from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.evaluation.privacy.neighbours import Space, Vectors
from voxlate.evaluation.privacy.placing import FINER, STRANGE, Placings, Refused, Worlds, finer, mean_of, place_small
from voxlate.evaluation.privacy.template import Field, Small, template_grid
from voxlate.io.transforms import Transform
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.resampling import crop_grid, resample, spacing_grid
from voxlate.progress import ProgressReport
from voxlate.volume import Affine, Grid, Volume, extent

LABEL = "label"
LABELS = get_contrast("labels")
_STRICT = Reading()
_KEPT = 96
"""What is kept of a map has at most so many voxels along the longest side of what is labelled."""
_AROUND = 12
"""Voxels of the template around what is labelled, where there is background and not nothing."""
LabelArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class PlacedLabels:
    """A label map on the template.

    Attributes:
        case: Its case.
        straight: Label values ``(i, j, k)`` on ``LabelTemplate.fine``.
        mirrored: The same with left and right exchanged.
        worlds: The maps from the template's world to the map's, straight and mirrored.
        correlation: With the mean map, both as greys.
    """

    case: Case
    straight: LabelArray
    mirrored: LabelArray
    worlds: Worlds
    correlation: float


@dataclass(frozen=True, eq=False)
class LabelTemplate:
    """The template of the real label maps.

    Attributes:
        grid: Of about 32 voxels along the longest side of what is labelled.
        fine: Twice as fine.
        values: Structures that any real map has, ascending.
        mean: The mean of the maps, each structure as a grey of its own.
        correlation: Median correlation of a real map with the mean.
    """

    grid: Grid
    fine: Grid
    values: tuple[int, ...]
    mean: Field
    correlation: float

    def strange(self, placed: PlacedLabels) -> str:
        """Why a label map could not be laid over the real ones; empty if it could."""
        labelled = placed.straight[placed.straight != 0]
        if not labelled.size or np.isin(labelled, self.values).mean() < STRANGE:
            named = ", ".join(str(value) for value in np.unique(labelled)[:5])
            return (
                f"most of its label map has other label values ({named or 'none'}) than the real ones "
                f"({', '.join(map(str, self.values[:5]))}), so that a copy would not be noticed"
            )
        if placed.correlation < STRANGE * self.correlation:
            return (
                f"its label map could not be laid over the real ones (correlation with their mean "
                f"{placed.correlation:.2f}, real ones {self.correlation:.2f}), so that a copy would not be noticed"
            )
        return ""


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """The label maps of real and synthetic cases on one template.

    Attributes:
        template: The template.
        real: Real label maps; cases without one, or with an empty one, are left out.
        synthetic: The same of synthetic ones.
        unusable: Real cases whose label map is damaged, each with its reason.
        failed: Synthetic ones.
    """

    template: LabelTemplate
    real: tuple[PlacedLabels, ...]
    synthetic: tuple[PlacedLabels, ...]
    unusable: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    @property
    def strangers(self) -> dict[str, str]:
        """From a synthetic case to why its label map cannot be compared."""
        return {one.case.id: why for one in self.synthetic if (why := self.template.strange(one))}

    def placings(self) -> Placings:
        """How the maps lie on the template."""
        return Placings.of(
            self.template.grid,
            compared=len(self.template.values),
            synthetic={one.case.id: one.worlds for one in self.synthetic},
            real={one.case.id: one.worlds for one in self.real},
        )

    def space(self) -> Space:
        """The maps as vectors."""
        shares = [_shares(one.straight, self.template.values) for one in self.real]
        region = np.any([share > 0 for share in shares], axis=0)

        def vectors(maps: Sequence[LabelArray]) -> Vectors:
            rows = [_vector(array, self.template.values)[region] for array in maps]
            return np.array(rows, dtype=np.float32).reshape(len(maps), int(region.sum()))

        return Space(
            LABEL,
            real=vectors([one.straight for one in self.real]),
            real_mirrored=vectors([one.mirrored for one in self.real]),
            synthetic=vectors([one.straight for one in self.synthetic]),
            synthetic_mirrored=vectors([one.mirrored for one in self.synthetic]),
        )


@dataclass(frozen=True, eq=False)
class _Map:
    """What is kept of a label map: the block that is labelled."""

    case: Case
    array: LabelArray
    grid: Grid

    @property
    def extent_mm(self) -> tuple[float, float, float]:
        i, j, k = (size * step for size, step in zip(self.grid.shape, self.grid.spacing_mm, strict=True))
        return i, j, k


def place_label_maps(real: Sequence[Case], synthetic: Sequence[Case], *, report: ProgressReport) -> LabelMaps | None:
    """The label maps of both sides on the template of the real ones; ``None`` if either side has none.

    Args:
        real: Cases, some with a label map.
        synthetic: The same.
        report: Called with what is done and the number of finished maps.
    """
    ours, unusable = _read(real, "real label maps", report)
    theirs, failed = _read(synthetic, "synthetic label maps", report)
    if not ours or not (theirs or failed):
        return None
    grid = template_grid([one.extent_mm for one in ours])
    values = tuple(sorted({int(value) for one in ours for value in np.unique(one.array)} - {0}))
    mean = mean_of([_grey(one, grid, values) for one in ours], grid)
    fine = finer(grid)
    placed: list[list[PlacedLabels]] = []
    for maps, what in ((ours, "real label maps aligned"), (theirs, "synthetic label maps aligned")):
        placed.append([])
        for number, one in enumerate(maps, 1):
            placed[-1].append(_place(one, mean, grid=grid, fine=fine, values=values))
            report(what, number, len(maps))
    typical = float(np.median([one.correlation for one in placed[0]]))
    template = LabelTemplate(grid, fine, values, mean, typical)
    return LabelMaps(template, tuple(placed[0]), tuple(placed[1]), tuple(unusable), tuple(failed))


def display_labels(case: Case, world: Affine, grid: Grid) -> LabelArray:
    """The label values ``(i, j, k)`` of a case on a grid.

    Args:
        case: The case.
        world: The map from the grid's world to the label map's.
        grid: The grid.

    Raises:
        VoxlateError: If the label map cannot be read any more.
    """
    one = _cropped(case, read_contrast(case, LABELS.name, reading=_STRICT))
    return np.zeros(grid.shape, np.uint8) if one is None else _lay(one, grid, world)


def _read(cases: Sequence[Case], what: str, report: ProgressReport) -> tuple[list[_Map], Refused]:
    """The label maps that label anything, and those that are damaged."""
    found, refused = [], []
    having = [case for case in cases if LABELS.name in case.paths]
    for number, case in enumerate(having, 1):
        try:
            one = _cropped(case, read_contrast(case, LABELS.name, reading=_STRICT))
            found.extend([one] if one is not None else [])
        except VoxlateError as error:
            refused.append((case.id, f"its label map: {error}"))
        report(f"{what} read", number, len(having))
    return found, refused


def _cropped(case: Case, volume: Volume) -> _Map | None:
    block = extent(volume.array)
    if block is None:
        return None
    i, j, k = (side.start for side in block)
    array = np.rint(volume.array[block]).astype(np.int32)
    array = array.astype(np.min_scalar_type(int(array.max())) if array.min() >= 0 else np.int32)
    a, b, c = array.shape
    return _reduced(_Map(case, array, crop_grid(volume.grid, (i, j, k), (a, b, c))))


def _reduced(one: _Map) -> _Map:
    """The map with axes in RAS+ order, and no finer than what is kept."""
    step = max(one.extent_mm) / _KEPT
    grid = ras_grid(one.grid)
    i, j, k = (max(own, step) for own in grid.spacing_mm)
    grid = spacing_grid(grid, (i, j, k))
    return _Map(one.case, np.ascontiguousarray(resample(one.array, one.grid, grid, nearest=True)), grid)


def _grey(one: _Map, grid: Grid, values: Sequence[int]) -> Small:
    """The map as an image: background black, structures greys from the middle to white in the order of their values."""
    array = np.pad(one.array, 1)
    inside, order = array != 0, np.searchsorted(values, array).astype(np.float32)
    greys = np.where(inside, 0.5 + 0.5 * (order + 1) / (len(values) + 1), 0).astype(np.float32)
    own = crop_grid(one.grid, (-1, -1, -1), _shape(array))
    coarse = spacing_grid(own, grid.spacing_mm)
    image = np.pad(np.asarray(resample(greys, own, coarse), dtype=np.float32), _AROUND)
    centre = own.affine[:3, :3] @ np.argwhere(inside).mean(axis=0) + own.affine[:3, 3]
    return Small(image, crop_grid(coarse, (-_AROUND, -_AROUND, -_AROUND), _shape(image)), centre, one.extent_mm)


def _place(one: _Map, mean: Field, *, grid: Grid, fine: Grid, values: Sequence[int]) -> PlacedLabels:
    laid = place_small(one.case, _grey(one, grid, values), mean, grid)
    straight, mirrored = (_lay(one, fine, world) for world in laid.worlds)
    return PlacedLabels(one.case, straight, mirrored, laid.worlds, laid.correlation)


def _lay(one: _Map, grid: Grid, world: Affine) -> LabelArray:
    return np.asarray(resample(one.array, one.grid, grid, nearest=True, transform=Transform(world)))


def _shares(array: LabelArray, values: Sequence[int]) -> NDArray[np.float32]:
    """The share of each structure in each voxel of the template, ``(structure, i, j, k)``."""
    i, j, k = (size // FINER for size in array.shape)
    whole = array[: i * FINER, : j * FINER, : k * FINER].reshape(i, FINER, j, FINER, k, FINER)
    return np.stack([(whole == value).mean(axis=(1, 3, 5), dtype=np.float32) for value in values])


def _vector(array: LabelArray, values: Sequence[int]) -> NDArray[np.float32]:
    """The shares of each structure over the square root of its volume."""
    shares = _shares(array, values)
    volume = shares.sum(axis=(1, 2, 3), keepdims=True)
    return np.asarray(shares / np.sqrt(np.maximum(volume, 1e-6)), dtype=np.float32)


def _shape(array: NDArray[np.generic]) -> tuple[int, int, int]:
    i, j, k = array.shape
    return i, j, k
