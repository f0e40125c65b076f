"""Label maps and masks of a cohort: against the images of their case, and against those of the other cases."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from voxlate.cohort.admission import weigh
from voxlate.cohort.admission.labels import MASK, REFUSED, small_mask, unused_mask
from voxlate.cohort.admission.places import check_place, same_grid
from voxlate.cohort.case import Cohort
from voxlate.cohort.finding import Finding, soften
from voxlate.cohort.foreground import onto_grid
from voxlate.cohort.labels.conventions import count_values
from voxlate.cohort.labels.numbering import check_numbering
from voxlate.cohort.preflight.look import CaseImages
from voxlate.cohort.preflight.measures.borders import best_mirroring
from voxlate.cohort.preflight.measures.pose import Pose
from voxlate.cohort.preflight.mirrored import Borders, check_mirrored
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import counted, some
from voxlate.volume import Array

_LABELS = "labels"
_ELSEWHERE = {"labels_misplaced", "no_overlap"}
_FAR_BELOW = 0.2
_ENOUGH_MASKS = 4
_LEAST_VOXELS = 100


@dataclass(frozen=True)
class _Facts:
    """What is kept of a label map or mask when its voxels are gone."""

    case: str
    contrast: str
    values: tuple[int, ...]
    volume_ml: float
    rounded: bool
    background: bool
    drawn: str
    """A digest of what is marked, wherever it lies; empty of little, and of a box."""


@dataclass
class LabelReview:
    """The label maps and masks of a cohort, looked at case by case.

    Attributes:
        needs: Whether what is learned depends on a contrast; what is wrong with other label maps is a warning.
        accept: Codes of findings that the user has accepted.
    """

    needs: Callable[[str], bool]
    accept: tuple[str, ...] = ()
    _facts: list[_Facts] = field(default_factory=list)
    _small: set[str] = field(default_factory=set)
    _borders: list[Borders] = field(default_factory=list)

    def add(self, other: LabelReview) -> None:
        """Takes over what another one has seen of other cases."""
        self._facts += other._facts
        self._small |= other._small
        self._borders += other._borders

    def look(self, images: CaseImages, told: Sequence[Finding]) -> list[Finding]:
        """The findings about a case's label maps beside its images, as kept or as made now.

        Args:
            images: What could be read of the case.
            told: What admission found about its files; label maps that it refused are looked at no further.
        """
        paths = images.case.paths
        sound = [name for name in images if not any(_is_about(one, paths[name]) for one in told)]
        maps, scans = ([name for name in sound if is_label_map(name) == is_map] for is_map in (True, False))
        self._facts += [_facts_of(images, name) for name in maps]
        self._small |= {one.case for one in told if one.code == "small_mask"}
        found: list[Finding] = []
        for name in maps if scans else ():
            mine = _check_place(images, name, scans)
            found += mine if self.needs(name) else [soften(one) for one in mine]
            if name == _LABELS and not mine:
                self._borders += _borders_of(images, name, scans)
        if MASK in maps:
            for name in (name for name in scans if self.needs(name)):
                pair = images.only((MASK, name))
                found += pair.recall("masked", (), partial(_check_masked, pair, name))
        return weigh(self._once(found), accept=self.accept)

    def comparable(self, names: Iterable[str], places: Sequence[Finding]) -> list[str]:
        """What may be compared with each other: no label map that nothing is learned from, or that lies elsewhere.

        Args:
            names: The contrasts that could be read of a case.
            places: What ``look`` found.
        """
        misplaced = any(one.code in _ELSEWHERE for one in places)
        return [name for name in names if not is_label_map(name) or (self.needs(name) and not misplaced)]

    def sum_up(self, cohort: Cohort, *, target: str | None, wanted: bool) -> list[Finding]:
        """What the label maps and masks of a cohort tell when they are held against each other.

        Args:
            cohort: Of all cases that were looked at.
            target: What is to be learned.
            wanted: Whether that is known, or the source.
        """
        labels = [one for one in self._facts if one.contrast == _LABELS]
        found = [
            *check_numbering({one.case: one.values for one in labels}),
            *_check_background(labels),
            *_check_rounding(self._facts),
            *check_mirrored(self._borders),
        ]
        found += self._once(_check_small(cohort, [one for one in self._facts if one.contrast == MASK]))
        if labels and not any(one.volume_ml for one in labels) and (target == _LABELS or not wanted):
            message = f"none of the {len(labels)} label maps has a label: there is nothing to learn of them."
            found.append(Finding("error" if target == _LABELS else "warning", "nothing_labelled", "", message))
        return found

    def copies(self) -> Iterator[tuple[str, str]]:
        """Pairs of cases whose label maps mark the very same, be it in another place; each with the first one."""
        first: dict[str, str] = {}
        for one in (one for one in self._facts if one.contrast == _LABELS and one.drawn):
            if (other := first.setdefault(one.drawn, one.case)) != one.case:
                yield other, one.case

    def _once(self, findings: Iterable[Finding]) -> list[Finding]:
        """Without a second warning of one small mask: several measures of it are one fault."""
        kept = []
        for one in findings:
            if one.code != "small_mask" or one.case not in self._small:
                kept.append(one)
            if one.code == "small_mask":
                self._small.add(one.case)
        return kept


def weigh_masks(
    findings: Iterable[Finding], cohort: Cohort, *, mask: str, split: Mapping[str, str] | None
) -> list[Finding]:
    """The findings with those about small masks for the record only, where the plan takes no mask files.

    Args:
        findings: Of the preflight.
        cohort: All cases; masks are taken by ``auto`` where every training case has one.
        mask: What ``plan.mask`` asks for.
        split: From case id to part; without one masks count as taken if at least half of the cases have one, since
            those without may all be held out.
    """
    training = [case for case in cohort.cases if not split or split.get(case.id) == "train"]
    masks = sum(MASK in case.paths for case in training)
    if mask == "file" or (mask == "auto" and (masks == len(training) if split else 2 * masks >= len(training))):
        return list(findings)
    why = f"{masks} of {len(training)} {'training ' if split else ''}cases have a mask"
    why = why if mask == "auto" else f"plan.mask is {mask}"
    return [unused_mask(one, why) if one.code == "small_mask" else one for one in findings]


def is_label_map(name: str) -> bool:
    """Whether a contrast is a label map or a mask; what is computed is none."""
    return name in CONTRASTS and CONTRASTS[name].kind == "label"


def _is_about(finding: Finding, path: Path) -> bool:
    """Whether it refuses the values of a label map."""
    return finding.code in REFUSED and finding.message.startswith(f"{path}: ")


def _facts_of(images: CaseImages, name: str) -> _Facts:
    def measure() -> dict[str, object]:
        volume = images[name].volume
        marked = int(np.count_nonzero(volume.array))
        return {
            "values": tuple(value for value in count_values(volume.array) if value > 0),
            "volume_ml": float(marked * np.prod(volume.spacing_mm) / 1000),
            "rounded": any("were rounded" in note for note in volume.notes),
            "background": marked < volume.array.size,
            "drawn": _digest_of(volume.array) if marked >= _LEAST_VOXELS else "",
        }

    found = images.kept.recall("labels", images.key((name,)), measure)
    return _Facts(images.case.id, name, **{**found, "values": tuple(found["values"])})


def _digest_of(labels: Array) -> str:
    """Of what is marked, without the background round it; empty if that is one box."""
    around = []
    for axis in range(3):
        shown = np.flatnonzero(labels.any(axis=tuple(other for other in range(3) if other != axis)))
        around.append(slice(shown[0], shown[-1] + 1))
    part = np.ascontiguousarray(labels[tuple(around)], dtype=np.int32)
    if (part == part.flat[0]).all():
        return ""
    return hashlib.sha256(str(part.shape).encode() + part.tobytes()).hexdigest()


def _check_place(images: CaseImages, name: str, scans: Sequence[str]) -> list[Finding]:
    """The findings about the place of a label map in the image that is nearest to its grid."""
    grids = [images.looks[scan].grid for scan in scans]
    pair = images.only((name, _nearest(images, name, scans)))
    asked = [str(grid.shape) + str(grid.affine.tolist()) for grid in grids]

    def check() -> list[Finding]:
        labels, image = (pair[one].volume for one in sorted(pair, key=is_label_map, reverse=True))
        return check_place(labels, image, case=images.case, grids=grids)

    return pair.recall("place", asked, check)


def _borders_of(images: CaseImages, name: str, scans: Sequence[str]) -> Iterator[Borders]:
    """How the labels agree with the image on their grid in which they show best; nothing without one."""
    grid, paths = images.looks[name].grid, images.case.paths
    found = []
    for scan in (scan for scan in scans if same_grid(grid, images.looks[scan].grid)):
        pose = _mirroring(images, scan, name)
        if pose is not None:
            found.append(Borders(images.case.id, paths[name], paths[scan], grid, pose))
    if found:
        yield max(found, key=lambda one: max(one.pose.given, one.pose.best))


def _mirroring(images: CaseImages, scan: str, labels: str) -> Pose | None:
    def measure() -> dict[str, object]:
        pose = None if images.looks[scan].constant else best_mirroring(images[scan], images[labels])
        return {"pose": None if pose is None else [pose.mirrored, pose.given, pose.best, pose.order]}

    kept = images.kept.recall("mirroring", images.key((scan, labels)), measure)["pose"]
    return None if kept is None else Pose(tuple(kept[0]), 0.0, kept[1], kept[2], (0, 0, 0), order=tuple(kept[3]))


def _check_masked(images: CaseImages, name: str) -> Iterator[Finding]:
    """An error for an image that is constant within the case's mask, which no preparation could normalise."""
    mask, image, paths = images[MASK].volume, images[name].volume, images.case.paths
    if get_contrast(name).kind not in ("mr", "pet") or not mask.array.any():
        return
    values = image.array[onto_grid(mask, image.grid, outside=0) > 0]
    if values.size == 0 or (values == values.flat[0]).all():
        what = f"is {values.flat[0]:g} all over" if values.size else "has no voxel"
        message = (
            f"{paths[name]} {what} within {paths[MASK]}, and cannot be normalised. Correct the mask, or leave the case "
            "out."
        )
        yield Finding("error", "constant_image", images.case.id, message)


def _check_background(labels: Sequence[_Facts]) -> Iterator[Finding]:
    full = [one for one in labels if not one.background]
    if full:
        message = (
            f"{counted(len(full), 'label map')} ({some([one.case for one in full])}) have no voxel of 0, which is the "
            f"background: the numbers begin at {min(one.values[0] for one in full if one.values)}. If that one is the "
            "background, subtract it in copies."
        )
        yield Finding("warning", "other_numbering", "", message)


def _check_rounding(facts: Sequence[_Facts]) -> Iterator[Finding]:
    rounded = [one.case for one in facts if one.rounded]
    if rounded:
        named = some(rounded)
        message = f"{len(rounded)} label maps lie beside whole numbers by rounding ({named}); they are read rounded."
        yield Finding("info", "labels_rounded", "", message)


def _check_small(cohort: Cohort, masks: Sequence[_Facts]) -> Iterator[Finding]:
    drawn = [one for one in masks if one.volume_ml > 0]
    middle = float(np.median([one.volume_ml for one in drawn])) if len(drawn) >= _ENOUGH_MASKS else 0.0
    for one in drawn:
        if one.volume_ml < _FAR_BELOW * middle:
            words = f"{one.volume_ml:.3g} ml, where the masks of the cohort have {middle:.3g} ml in the median"
            yield small_mask(words, case=one.case, path=cohort.case(one.case).paths[MASK])


def _nearest(images: CaseImages, labels: str, scans: Sequence[str]) -> str:
    """The image on the label map's grid, else one of its shape, else the first."""
    own = images.looks[labels].grid

    def apart(name: str) -> tuple[bool, bool]:
        grid = images.looks[name].grid
        return not same_grid(own, grid), own.shape != grid.shape

    return min(scans, key=apart)
