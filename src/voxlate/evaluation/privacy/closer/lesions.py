"""Lesions: whether one labelled part of a training case, a lesion say, lies in an image of somebody else.

A part is a connected component of a label. It is asked in two ways, wherever it lies:

- **its shape**, where the image has a label map too: how many voxels differ from a part of the training data with the
  same label, laid over it by its centre and up to one voxel beside it, over about their surface:

      (|A| + |B| - 2 |A n B|) / (|A| |B|)^(1/3)

- **its inside**: 1 minus the highest correlation of the training image's voxels in the part with any place of the image
  (Lewis 1995, fast normalized cross-correlation), so that a lesion is found though no label tells of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort import Case
from voxlate.contrast import Contrast, get_contrast
from voxlate.errors import VoxlateError
from voxlate.evaluation.privacy.neighbours import Neighbour
from voxlate.evaluation.privacy.placing import Refused
from voxlate.io import read_volume
from voxlate.preprocess.orientation import ras_grid
from voxlate.preprocess.resampling import resample, spacing_grid
from voxlate.progress import ProgressReport
from voxlate.volume import Grid

SHAPE, INSIDE = "lesion_shape", "lesion_image"
_LABELS = get_contrast("labels")
_LONGEST = 96
"""Voxels along the longest side of what is compared."""
_FEWEST, _FEWEST_INSIDE = 27, 64
"""Voxels of a part: the shape, or the inside, of a smaller one is like many others."""
_MOST_PARTS = 60
"""So many parts of a case are compared, the largest."""
_LARGEST_PART = 48
"""Voxels along a side of a part that is sought in images."""
_WORK = 3e9
"""Voxels that are correlated at most, parts times images times voxels of an image: about two minutes."""
_FLAT = 0.01
"""Of an image's variance: parts and places with less have nothing to compare."""
_VOLUMES, _LENGTHS = 1.45, 1.3
"""Parts whose volumes, or principal lengths, have a larger ratio are not like each other."""
Distances = dict[str, tuple[Neighbour, ...]]


@dataclass(frozen=True, eq=False)
class _Part:
    """A connected component of a label.

    Attributes:
        case: Of which case.
        subject: Of which subject.
        value: The label.
        mask: ``(i, j, k)``, its box.
        inside: The image's values there; ``None`` where the case has no image on the label map's grid.
        lengths: Square roots of the eigenvalues of the covariance of its voxels, ascending.
        centre: Of the label map: where it lies, in voxels.
    """

    case: str
    subject: str
    value: int
    mask: NDArray[np.bool_]
    inside: NDArray[np.float32]
    lengths: NDArray[np.float64]
    centre: NDArray[np.float64]

    @property
    def size(self) -> int:
        return int(self.mask.sum())


@dataclass(frozen=True, eq=False)
class LesionDistances:
    """What single parts tell.

    Attributes:
        shapes: From the id of an asked case to its nearest training cases by the shape of a part.
        insides: The same by what lies inside a part of the training case.
        parts: How many parts of the training data were compared by their shape.
        sought: How many of them were sought in images.
        refused: Real cases whose files cannot be compared, each with its reason.
    """

    shapes: tuple[Distances, Distances]
    insides: tuple[Distances, Distances]
    parts: int
    sought: int
    refused: tuple[tuple[str, str], ...]


class _Parts:
    """Reads cases on one spacing.

    Args:
        contrast: Of the images.
        spacing_mm: Of what is compared.
    """

    def __init__(self, contrast: Contrast, spacing_mm: tuple[float, float, float]) -> None:
        self.contrast, self.spacing_mm = contrast, spacing_mm

    def image(self, case: Case) -> tuple[NDArray[np.float32], Grid]:
        """The image, with a mean of 0 and a standard deviation of 1."""
        volume = read_volume(case.paths[self.contrast.name], contrast=self.contrast)
        grid = self._grid(volume.grid)
        array = np.asarray(resample(volume.array.astype(np.float32), volume.grid, grid), dtype=np.float32)
        return (array - array.mean()) / max(float(array.std()), 1e-9), grid

    def of(self, case: Case, image: NDArray[np.float32], grid: Grid) -> list[_Part]:
        """The parts of a case, largest first; none without a label map."""
        from scipy.ndimage import find_objects, label

        if _LABELS.name not in case.paths:
            return []
        volume = read_volume(case.paths[_LABELS.name], contrast=_LABELS)
        array = np.rint(resample(volume.array, volume.grid, grid, nearest=True)).astype(np.int64)
        values, numbers = np.unique(array, return_inverse=True)
        found = []
        for value, box in zip(values.tolist(), find_objects(numbers.reshape(array.shape) + 1), strict=True):
            if value == 0 or box is None:
                continue
            components, _ = label(array[box] == value, np.ones((3, 3, 3)))
            for number, inner in enumerate(find_objects(components), 1):
                mask = components[inner] == number
                if mask.sum() < _FEWEST:
                    continue
                place = tuple(
                    slice(outer.start + a.start, outer.start + a.stop) for outer, a in zip(box, inner, strict=True)
                )
                found.append(self._part(case, value, mask, image[place], start=[side.start for side in place]))
        return sorted(found, key=lambda part: -part.size)[:_MOST_PARTS]

    def _grid(self, grid: Grid) -> Grid:
        return spacing_grid(ras_grid(grid), self.spacing_mm)

    @staticmethod
    def _part(
        case: Case, value: int, mask: NDArray[np.bool_], inside: NDArray[np.float32], *, start: Sequence[int]
    ) -> _Part:
        at = np.argwhere(mask)
        lengths = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(at.T)), 0) + 1 / 12)
        return _Part(case.id, case.subject, value, mask, inside, lengths, at.mean(axis=0) + np.array(start))


def compare_lesions(
    real: Sequence[Case],
    synthetic: Sequence[Case],
    *,
    contrast: Contrast,
    members: frozenset[str],
    report: ProgressReport,
) -> LesionDistances | None:
    """How near single labelled parts lie; ``None`` if no training case has one.

    Args:
        real: Cases with the contrast.
        synthetic: The same.
        contrast: Of the images.
        members: Ids of the real cases that the model has seen.
        report: Called with what is done and the number of finished images.
    """
    spacing = _spacing([case for case in real if case.id in members])
    if spacing is None:
        return None
    reader = _Parts(contrast, spacing)
    refused: Refused = []
    parts: dict[tuple[bool, str], list[_Part]] = {}
    images: dict[tuple[bool, str], NDArray[np.float32]] = {}
    for is_real, cases in ((True, real), (False, synthetic)):
        for number, case in enumerate(cases, 1):
            try:
                image, grid = reader.image(case)
                images[is_real, case.id] = image
                parts[is_real, case.id] = reader.of(case, image, grid)
            except VoxlateError as error:
                refused.extend([(case.id, f"its labelled parts: {error}")] if is_real else [])
            report("labelled parts read", number, len(cases))
    training = [part for (is_real, case), found in parts.items() if is_real and case in members for part in found]
    if not training:
        return None
    subjects = {case.id: case.subject for case in real}
    shapes = _by_shape(parts, training, report=report)
    insides, sought = _by_inside(images, training, subjects, report=report)
    return LesionDistances(shapes, insides, len(training), sought, tuple(refused))


def _spacing(cases: Iterable[Case]) -> tuple[float, float, float] | None:
    """The median spacing of label maps along each axis, or what leaves so many voxels along the longest side."""
    found, sides = [], []
    for case in cases:
        if _LABELS.name not in case.paths:
            continue
        try:
            grid = ras_grid(read_volume(case.paths[_LABELS.name], contrast=_LABELS).grid)
        except VoxlateError:
            continue
        found.append(grid.spacing_mm)
        sides.append([size * step for size, step in zip(grid.shape, grid.spacing_mm, strict=True)])
    if not found:
        return None
    least = float(np.median(np.max(sides, axis=1))) / _LONGEST
    i, j, k = (max(float(step), least) for step in np.median(found, axis=0))
    return i, j, k


def _by_shape(
    parts: Mapping[tuple[bool, str], Sequence[_Part]], training: Sequence[_Part], *, report: ProgressReport
) -> tuple[Distances, Distances]:
    """Of real and of synthetic cases."""
    found: tuple[Distances, Distances] = ({}, {})
    volumes = np.array([part.size for part in training])
    lengths = np.array([part.lengths for part in training])
    values = np.array([part.value for part in training])
    for number, ((is_real, case), own) in enumerate(parts.items(), 1):
        nearest: dict[str, tuple[float, bool]] = {}
        for part in own:
            alike = (values == part.value) & (np.maximum(volumes / part.size, part.size / volumes) < _VOLUMES)
            ratio = lengths / part.lengths
            alike &= (np.maximum(ratio, 1 / ratio) < _LENGTHS).all(axis=1)
            for at in np.flatnonzero(alike).tolist():
                other = training[at]
                if is_real and other.subject == part.subject:
                    continue
                apart = _apart(part, other)
                if apart < nearest.get(other.case, (np.inf, False)):
                    nearest[other.case] = apart
        found[0 if is_real else 1][case] = _ordered(nearest)
        report("labelled parts compared by shape", number, len(parts))
    return found


def _apart(one: _Part, other: _Part) -> tuple[float, bool]:
    """How many voxels differ over about the surface, and whether they are nearer with left and right exchanged."""
    side = max(*one.mask.shape, *other.mask.shape) + 4
    box = np.zeros((2 * side,) * 3, dtype=bool)
    box[tuple((_centred(np.argwhere(other.mask)) + side).T)] = True
    scale = (one.size * other.size) ** (1 / 3)
    found = []
    for turned in (False, True):
        at = _centred(np.argwhere(one.mask[::-1] if turned else one.mask)) + side
        most = max(int(box[tuple((at + shift).T)].sum()) for shift in itertools.product((-1, 0, 1), repeat=3))
        found.append(((one.size + other.size - 2 * most) / scale, turned))
    return min(found)


def _centred(at: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(at - np.rint(at.mean(axis=0)).astype(np.int64))


def _ordered(nearest: Mapping[str, tuple[float, bool]]) -> tuple[Neighbour, ...]:
    ordered = sorted((distance, case, turned) for case, (distance, turned) in nearest.items())
    return tuple(Neighbour(case, float(distance), turned) for distance, case, turned in ordered)


def _by_inside(
    images: Mapping[tuple[bool, str], NDArray[np.float32]],
    training: Sequence[_Part],
    subjects: Mapping[str, str],
    *,
    report: ProgressReport,
) -> tuple[tuple[Distances, Distances], int]:
    """Of real and of synthetic cases, and how many parts were sought."""
    from scipy.fft import next_fast_len, rfftn

    sides = np.array([image.shape for image in images.values()]).max(axis=0)
    room = tuple(int(next_fast_len(int(side), real=True)) for side in sides)
    sought = _sought(training, most=int(_WORK / (len(images) * np.prod(room))))
    templates = [_template(part, room, rfftn) for part in sought]
    found: tuple[Distances, Distances] = ({}, {})
    for number, ((is_real, case), image) in enumerate(images.items(), 1):
        spectra = rfftn(image, room), rfftn(image**2, room)
        nearest: dict[str, tuple[float, bool]] = {}
        for part, template in zip(sought, templates, strict=True):
            if is_real and part.subject == subjects[case]:
                continue
            apart = 1 - _highest(spectra, template, part, shape=image.shape, room=room)
            if apart < nearest.get(part.case, (np.inf, False))[0]:
                nearest[part.case] = apart, False
        found[0 if is_real else 1][case] = _ordered(nearest)
        report("labelled parts sought in images", number, len(images))
    return found, len(sought)


def _sought(training: Sequence[_Part], *, most: int) -> list[_Part]:
    """Parts that are large and not flat: labels whose place differs most between cases first, of each the largest."""
    usable = [
        part
        for part in training
        if part.size >= _FEWEST_INSIDE
        and max(part.mask.shape) <= _LARGEST_PART
        and part.inside[part.mask].var() > _FLAT
    ]
    spread: dict[int, float] = {}
    for value in {part.value for part in usable}:
        own = [part for part in usable if part.value == value]
        scatter = np.linalg.norm(np.std([part.centre for part in own], axis=0))
        spread[value] = float(scatter / np.median([np.linalg.norm(part.lengths) for part in own]))
    rank: dict[tuple[str, int], int] = {}
    ordered = []
    for part in sorted(usable, key=lambda one: (-one.size, one.case)):
        rank[part.case, part.value] = rank.get((part.case, part.value), 0) + 1
        ordered.append((rank[part.case, part.value], -spread[part.value], -part.size, part.case, part))
    return [one[-1] for one in sorted(ordered, key=lambda one: one[:4])[:most]]


_Spectra = tuple[NDArray[np.complex64], NDArray[np.complex64]]


def _template(part: _Part, room: tuple[int, ...], rfftn: Callable[..., NDArray[np.complex64]]) -> _Spectra:
    """Conjugate spectra of what lies inside, with a mean of 0 and a length of 1, and of the mask."""
    mask = part.mask.astype(np.float32)
    inside = (part.inside - part.inside[part.mask].mean()) * mask
    inside /= np.linalg.norm(inside)
    return np.conj(rfftn(inside, room)), np.conj(rfftn(mask, room))


def _highest(
    spectra: _Spectra, template: _Spectra, part: _Part, *, shape: tuple[int, ...], room: tuple[int, ...]
) -> float:
    """The highest correlation of a part with any place of an image; 0 where it does not fit in."""
    from scipy.fft import irfftn

    places = tuple(slice(0, size - own + 1) for size, own in zip(shape, part.mask.shape, strict=True))
    if any(place.stop <= 0 for place in places):
        return 0.0
    image, squares = spectra
    inside, mask = template
    product, total, square = (irfftn(one, room)[places] for one in (image * inside, image * mask, squares * mask))
    spread = np.maximum(square - total**2 / part.size, _FLAT * part.size)
    return float((product / np.sqrt(spread)).max())
