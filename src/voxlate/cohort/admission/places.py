"""What a label map or mask and an image of its case tell about each other: where the labels lie in the image.

A label map drawn on an image has the image's grid. Where it has the shape alone, the voxels decide which place is
right: the mutual information of labels and intensities (Viola and Wells 1997, doi 10.1023/A:1007958904918), with the
labels where their own header puts them, and voxel by voxel on the image's grid. So a header that was lost (an identity
affine) or mirrored (LPS taken for RAS) is told from a label map that was only stored with its axes in another order.

What an image shows is taken with its hollows: every voxel between two of the foreground along two axes or more, since
lungs, ventricles and dark lesions are no background.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.admission.labels import MASK, small_mask
from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import constant_background, foreground, onto_grid, overlaps
from voxlate.volume import Array, Grid, Volume

_HALF_VOXEL = 0.5
_SQUARE = 0.01
_SIDE = 64
_SAMPLE = 20_000
_BINS = 32
_MOST_VALUES = 32
_FITS = 0.03
_BETTER = 1.3
_OFF, _PARTLY_OFF = 0.1, 0.3
_FEW_VOXELS = 10
_NEARLY_ALL = 0.5
_COVERED, _COVERED_STRIPPED = 0.1, 0.15
_HALF, _CLEARLY = 0.5, 0.15


def check_place(labels: Volume, image: Volume, *, case: Case, grids: Sequence[Grid] = ()) -> list[Finding]:
    """The findings about the place of a label map or mask.

    Args:
        labels: The label map; its contrast says whether it is a mask.
        image: An image of the case, by preference one on the same grid or of the same shape.
        case: The case, for names.
        grids: The grids of the case's other images; a label map on one of them was drawn there.
    """
    array = labels.array
    if not array.any():
        return []
    pair = _Pair(labels, image, case)
    if not overlaps(labels.grid, image.grid):
        return [pair.finding("error", "no_overlap", "shares no place in the world with it", _CORRECT)]
    found = []
    if not any(same_grid(labels.grid, grid) for grid in (image.grid, *grids)):
        found = list(_check_header(pair))
    return found or list(_check_inside(pair))


_CORRECT = "Write the label map with the image's header (its affine), or leave the file out."


@dataclass(frozen=True)
class _Pair:
    labels: Volume
    image: Volume
    case: Case

    @property
    def is_mask(self) -> bool:
        return self.labels.contrast is not None and self.labels.contrast.name == MASK

    @property
    def image_name(self) -> str:
        return self.image.contrast.name if self.image.contrast else "image"

    @property
    def path(self) -> object:
        return self.case.paths[self.labels.contrast.name if self.labels.contrast else "labels"]

    def finding(self, severity: str, code: str, what: str, remedy: str) -> Finding:
        against = self.case.paths.get(self.image_name, self.image_name)
        what_is_it = "the mask" if self.is_mask else "the label map"
        message = f"{self.path}: {what_is_it} of {against} {what}. {remedy}"
        return Finding("error" if severity == "error" else "warning", code, self.case.id, message)


def same_grid(one: Grid, other: Grid) -> bool:
    """Whether two grids have one shape and no voxel of one lies half a voxel or more from that of the other."""
    return one.matches(other, tolerance_mm=_HALF_VOXEL * min(*one.spacing_mm, *other.spacing_mm))


def _check_header(pair: _Pair) -> Iterator[Finding]:
    """A label map on no image's grid, whose header may be wrong."""
    own, grid = pair.labels.grid, pair.image.grid
    same_shape, identity = own.shape == grid.shape, _is_identity(own) and not _is_identity(grid)
    reordered = _is_reordered(own, grid)
    if not (same_shape or identity or (sorted(own.shape) == sorted(grid.shape) and not reordered)):
        return
    if not same_shape:
        if not reordered:
            why = "an identity affine" if identity else "its axes in another order, but not its header"
            yield pair.finding("warning", "labels_misplaced", f"has {why}, which was lost, perhaps", _CORRECT)
        return
    stated = _information(onto_grid(pair.labels, grid, outside=0), pair.image)
    voxelwise = _information(pair.labels.array, pair.image)
    if max(stated, voxelwise) >= _FITS and voxelwise > _BETTER * stated:
        what = (
            "has its shape but another affine, and its labels fit the image better voxel by voxel than where its "
            f"header puts them (mutual information {voxelwise:.2f} against {stated:.2f} of its entropy): the header "
            "was lost or mirrored"
        )
        yield pair.finding("error", "labels_misplaced", what, _CORRECT)
    elif identity and stated <= _BETTER * voxelwise:
        what = "has its shape, but an identity affine: its header was lost"
        yield pair.finding("error", "labels_misplaced", what, _CORRECT)
    elif not (reordered and stated > _BETTER * voxelwise):
        apart = float(np.linalg.norm(own.corners_mm() - grid.corners_mm(), axis=1).max())
        what = f"has its shape, but an affine that puts a corner {apart:.3g} mm away: look whether its header is right"
        yield pair.finding("warning", "labels_misplaced", what, _CORRECT)


def _is_identity(grid: Grid) -> bool:
    """Whether an affine says nothing: steps of 1 mm along the axes, from the world's origin."""
    return bool(np.allclose(np.abs(grid.affine), np.eye(4), atol=1e-4))


def _is_reordered(own: Grid, grid: Grid) -> bool:
    """Whether both are one lattice in one place, its axes in another order or direction."""
    mapping = np.linalg.inv(grid.affine) @ own.affine
    steps = np.rint(mapping[:3, :3])
    is_permutation = bool((np.abs(steps).sum(axis=0) == 1).all() and (np.abs(steps).sum(axis=1) == 1).all())
    if not is_permutation or np.abs(mapping[:3, :3] - steps).max() > _SQUARE:
        return False
    ends = [np.sort(one.corners_mm(), axis=0)[[0, -1]] for one in (own, grid)]
    return bool(np.abs(ends[0] - ends[1]).max() <= _HALF_VOXEL * min(grid.spacing_mm))


def _information(labels: Array, image: Volume) -> float:
    """How much of the entropy of label values the intensities tell where the image shows something, 0 to 1."""
    step = tuple(slice(None, None, max(1, n // (2 * _SIDE))) for n in image.shape)
    values, places = np.unique(labels[step], return_inverse=True)
    inside = _filled(foreground(image.array[step], kind=image.contrast.kind if image.contrast else "mr"))
    where = np.minimum(places.reshape(inside.shape)[inside], _MOST_VALUES - 1)
    shown = image.array[step][inside]
    if len(values) < 2 or shown.size == 0:
        return 0.0
    edges = np.unique(np.percentile(shown, np.linspace(0, 100, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, shown)
    joint = np.bincount(where * _BINS + bins, minlength=_MOST_VALUES * _BINS).reshape(_MOST_VALUES, _BINS) / where.size
    entropies = [_entropy(joint.sum(axis=axis)) for axis in (1, 0)]
    shared = sum(entropies) - _entropy(joint.ravel())
    chance = (len(np.unique(where)) - 1) * (_BINS - 1) / (2 * where.size)
    return float(max(0.0, shared - chance) / entropies[0]) if entropies[0] > 0 else 0.0


def _entropy(shares: NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def _check_inside(pair: _Pair) -> Iterator[Finding]:
    """Labels beside what the image shows, and a mask of little of it."""
    kind = pair.image.contrast.kind if pair.image.contrast else "mr"
    if kind in ("pet", "label") or pair.image.array.min() == pair.image.array.max():
        return
    steps = np.array([max(1, n // _SIDE) for n in pair.image.shape])
    i, j, k = (slice(None, None, int(n)) for n in steps)
    shown = _filled(_smooth(foreground(pair.image.array[i, j, k], kind=kind)))
    if not shown.any():
        return
    labelled = np.flatnonzero(pair.labels.array.ravel(order="F") != 0)
    total = len(labelled)
    some = np.unravel_index(labelled[:: max(1, total // _SAMPLE)], pair.labels.shape, order="F")
    at = _carried(np.stack(some, axis=1), pair.labels.grid, pair.image.grid)
    share = float(_looked_up(shown, np.rint(at / steps)).mean())
    if share < _PARTLY_OFF and total < _NEARLY_ALL * pair.labels.array.size:
        severity = "error" if share < _OFF and total >= _FEW_VOXELS else "warning"
        what = f"lies beside what the image shows: {100 * share:.2g} % of its {total} voxels are inside"
        remedy = "Look at the pair: is its header right, and is it of this scan?"
        yield pair.finding(severity, "labels_off_image", what, remedy)
    elif pair.is_mask:
        yield from _check_outline(pair, shown, steps)


def _check_outline(pair: _Pair, shown: NDArray[np.bool_], steps: NDArray[np.int64]) -> Iterator[Finding]:
    """A mask of little of what the image shows, or of more of the background than of that."""
    shares = []
    for places in (shown, ~shown):
        there = np.argwhere(places)
        back = _carried(there[:: max(1, len(there) // _SAMPLE)] * steps, pair.image.grid, pair.labels.grid)
        shares.append(float(_looked_up(pair.labels.array != 0, np.rint(back)).mean()) if len(there) else 0.0)
    covered, beside = shares
    stripped = constant_background(pair.image.array) is not None
    if beside > _HALF and covered < beside - _CLEARLY:
        what = (
            f"covers {100 * beside:.0f} % of what the image shows as background, and {100 * covered:.0f} % of the "
            "rest: it was inverted, perhaps"
        )
        yield pair.finding("warning", "inverted_mask", what, "If so, write 1 where it has 0 in a copy.")
    elif covered < (_COVERED_STRIPPED if stripped else _COVERED):
        words = f"{100 * covered:.2g} % of what {pair.image_name} shows"
        yield small_mask(words, case=pair.case.id, path=pair.case.paths[MASK])


def _carried(index: NDArray[np.int64], start: Grid, end: Grid) -> NDArray[np.float64]:
    """Voxel indices ``(n, 3)`` of one grid as those of another, not rounded."""
    mapping = np.linalg.inv(end.affine) @ start.affine
    return np.asarray(index @ mapping[:3, :3].T + mapping[:3, 3])


def _looked_up(array: NDArray[np.bool_], index: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The values at indices ``(n, 3)``; false beyond the array."""
    inside = np.all((index >= 0) & (index < array.shape), axis=1)
    found = np.zeros(len(index), dtype=np.bool_)
    a, b, c = index[inside].astype(np.int64).T
    found[inside] = array[a, b, c]
    return found


def _smooth(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without specks: the majority of each voxel's neighbours."""
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(inside.astype(np.float32), 3, mode="nearest") > 0.5)


def _filled(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """With every voxel that has some of it on both sides along two axes or more."""
    axes = np.zeros(inside.shape, dtype=np.int8)
    for axis in range(3):
        before = np.logical_or.accumulate(inside, axis=axis)
        after = np.flip(np.logical_or.accumulate(np.flip(inside, axis), axis=axis), axis)
        axes += before & after
    return np.asarray(axes >= 2)
