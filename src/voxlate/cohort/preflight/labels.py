"""Label maps and masks of a cohort: against the images of their case, and against those of the other cases."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from voxlate.cohort.admission.labels import MASK, small_mask, soften
from voxlate.cohort.admission.places import check_place, same_grid
from voxlate.cohort.case import Case, Cohort
from voxlate.cohort.finding import Finding
from voxlate.cohort.foreground import onto_grid
from voxlate.cohort.labels.classes import MOST_CLASSES
from voxlate.cohort.labels.conventions import count_values
from voxlate.contrast import CONTRASTS
from voxlate.volume import Volume

_LABELS = "labels"
_FAR_BELOW = 0.2
_ENOUGH_MASKS = 4
_ODD_NUMBER = 100
_NAMED = 5


@dataclass(frozen=True)
class LabelFacts:
    """What is kept of a label map or mask when its voxels are gone.

    Attributes:
        case: Id of the case.
        contrast: ``labels`` or ``mask``.
        values: Values above 0, ascending; empty where they are no whole numbers.
        volume_ml: Of all that is labelled.
        rounded: Whether the reader rounded its values.
    """

    case: str
    contrast: str
    values: tuple[int, ...]
    volume_ml: float
    rounded: bool


def is_label_map(name: str) -> bool:
    """Whether a contrast is a label map or a mask; what is computed is none."""
    return name in CONTRASTS and CONTRASTS[name].kind == "label"


def take_facts(case: Case, name: str, volume: Volume) -> LabelFacts:
    """The facts of a label map."""
    array = volume.array
    whole = array.dtype.kind != "f" or np.array_equal(array, np.rint(array))
    values = tuple(value for value in count_values(array) if value > 0) if whole else ()
    ml = float(np.count_nonzero(array) * np.prod(volume.spacing_mm) / 1000)
    return LabelFacts(case.id, name, values, ml, rounded=any("were rounded" in note for note in volume.notes))


def check_places(case: Case, volumes: Mapping[str, Volume], *, used: Collection[str]) -> list[Finding]:
    """The findings about the places of a case's label maps and masks in its images.

    Args:
        case: The case, for names.
        volumes: What could be read of it, by contrast.
        used: The label maps that decide what is learned; what is wrong with others is a warning.
    """
    images = {name: volume for name, volume in volumes.items() if not is_label_map(name)}
    found: list[Finding] = []
    for name in (name for name in volumes if is_label_map(name) and images):
        grids = [volume.grid for volume in images.values()]
        mine = check_place(volumes[name], _nearest(volumes[name], images), case=case, grids=grids)
        found += mine if name in used else map(soften, mine)
    return found


def check_masked(case: Case, volumes: Mapping[str, Volume], images: Collection[str]) -> Iterator[Finding]:
    """An error for each image that is constant within the case's mask, which no preparation could normalise.

    Args:
        case: The case, for names.
        volumes: What could be read of it, by contrast.
        images: The contrasts that are to be learned from.
    """
    if MASK not in volumes or not volumes[MASK].array.any():
        return
    for name in (name for name in images if name in volumes and CONTRASTS[name].kind in ("mr", "pet")):
        image = volumes[name]
        values = image.array[onto_grid(volumes[MASK], image.grid, outside=0) > 0]
        if values.size == 0 or (values == values.flat[0]).all():
            what = f"is {values.flat[0]:g} all over" if values.size else "has no voxel"
            message = (
                f"{case.paths[name]} {what} within {case.paths[MASK]}, and cannot be normalised. Correct the mask, or "
                "leave the case out."
            )
            yield Finding("error", "constant_image", case.id, message)


def check_numbering(cohort: Cohort, facts: Sequence[LabelFacts]) -> Iterator[Finding]:
    """What the label maps and masks of a cohort tell when they are held against each other."""
    labels = [one for one in facts if one.contrast == _LABELS]
    yield from _check_single_values(labels)
    values = sorted({value for one in labels for value in one.values})
    if len(values) > MOST_CLASSES:
        message = (
            f"the label maps have {len(values)} values, from {values[0]} to {values[-1]}: too many for a class each "
            f"(at most {MOST_CLASSES}). Name those that matter with method.classes or conditions.structures."
        )
        yield Finding("warning", "many_labels", "", message)
    rounded = [one.case for one in facts if one.rounded]
    if rounded:
        named = _named(rounded)
        message = f"{len(rounded)} label maps lie beside whole numbers by rounding ({named}); they are read rounded."
        yield Finding("info", "labels_rounded", "", message)
    masks = [one for one in facts if one.contrast == MASK and one.volume_ml > 0]
    middle = float(np.median([one.volume_ml for one in masks])) if len(masks) >= _ENOUGH_MASKS else 0.0
    for one in masks:
        if one.volume_ml < _FAR_BELOW * middle:
            words = f"{one.volume_ml:.3g} ml, where the masks of the cohort have {middle:.3g} ml in the median"
            yield small_mask(words, case=one.case, path=cohort.case(one.case).paths[MASK])


def _check_single_values(labels: Sequence[LabelFacts]) -> Iterator[Finding]:
    """Cases of one label each, whose number differs: 1 here, 255 there."""
    single: dict[int, list[str]] = {}
    for one in (one for one in labels if len(one.values) == 1):
        single.setdefault(one.values[0], []).append(one.case)
    several = any(len(one.values) > 1 for one in labels)
    if several or len(single) < 2 or max(single) < _ODD_NUMBER:
        return
    counted = ", ".join(f"{value} in {len(cases)} cases ({_named(cases)})" for value, cases in sorted(single.items()))
    message = (
        f"the one label of a case has another number from case to case: {counted}. If they mark the same, give them "
        "one number in copies, or train with method.classes: binary."
    )
    yield Finding("warning", "other_numbering", "", message)


def _nearest(labels: Volume, images: Mapping[str, Volume]) -> Volume:
    """The image on the label map's grid, else one of its shape, else the first."""
    ranked = sorted(
        images.values(), key=lambda image: (not same_grid(labels.grid, image.grid), labels.shape != image.shape)
    )
    return ranked[0]


def _named(cases: Sequence[str]) -> str:
    return ", ".join(cases[:_NAMED]) + (" ..." if len(cases) > _NAMED else "")
