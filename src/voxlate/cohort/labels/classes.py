"""Label maps of a cohort: which classes their values are grouped into.

The regions of the BraTS challenges (Menze et al. 2015, doi 10.1109/TMI.2014.2377694) are sets of labels, and the values
of these changed with the years: they are taken from the convention that the layout tells, and never guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.conventions import LABEL_NAMES, convention_of, count_values
from voxlate.cohort.labels.labelling import label_values, names_told
from voxlate.config.plan import Reading
from voxlate.errors import CohortError, UsageError
from voxlate.volume import Array

logger = logging.getLogger(__name__)
_STRICT = Reading()

Classes = Mapping[str, tuple[int, ...]]
"""From the name of a class to the label values that belong to it; no value stands for every one above 0."""

ANY_LABEL = "any label"
"""The class of everything that is labelled."""
_REGIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "brats2015": {"whole tumour": (1, 2, 3, 4), "tumour core": (1, 3, 4), "enhancing tumour": (4,)},
    "brats2017": {"whole tumour": (1, 2, 4), "tumour core": (1, 4), "enhancing tumour": (4,)},
    "brats2023": {"whole tumour": (1, 2, 3), "tumour core": (1, 3), "enhancing tumour": (3,)},
    "brats2024": {"whole tumour": (1, 2, 3), "tumour core": (1, 3), "enhancing tumour": (3,)},
    "brats-ped2023": {"whole tumour": (1, 2, 3), "tumour core": (1, 3), "enhancing tumour": (3,)},
    "brats-ped2024": {"whole tumour": (1, 2, 3, 4), "tumour core": (1, 2, 3), "enhancing tumour": (1,)},
}
"""From the attribute ``label_convention`` to the regions that the challenges score."""
_NAMED = 10
MOST_CLASSES = 128
"""More values than these are no labels but an image that was taken for a label map."""


def group_labels(
    grouping: str, cases: Sequence[Case], contrast: str, *, reading: Reading = _STRICT
) -> dict[str, tuple[int, ...]]:
    """The classes that a word stands for in a cohort.

    Args:
        grouping: ``binary``, one class of whatever is labelled; ``each``, one per label value, but for values that
            the cases' convention does not know; ``regions``, whole
            tumour, tumour core and enhancing tumour.
        cases: Whose label maps are grouped.
        contrast: The contrast of the label maps.
        reading: What the reader may accept.

    Raises:
        UsageError: If the word is unknown.
        CohortError: If the cases are not of one convention of BraTS, for ``regions``; if no case has a label, or there
            are more than ``MOST_CLASSES`` values, for ``each``.
        ReadError: If a label map is refused.
    """
    if grouping == "binary":
        return {ANY_LABEL: ()}
    if grouping == "regions":
        return dict(_regions(cases))
    if grouping != "each":
        raise UsageError(
            "binary, each, regions, or names with their label values",
            came=repr(grouping),
            where="method.classes",
            remedy="Write {lesion: [1]}, say.",
        )
    known = names_told(cases, contrast)
    values = label_values(cases, contrast, reading=reading)
    if convention_of(cases) in LABEL_NAMES:
        values = _known(values, known)
    if not 0 < len(values) <= MOST_CLASSES:
        raise CohortError(
            f"1 to {MOST_CLASSES} label values",
            came=f"{len(values)} in {'1 case' if len(cases) == 1 else f'{len(cases)} cases'}",
            where="method.classes each",
            remedy="Look at the label maps, or name the classes with their values.",
        )
    return {known.get(value, f"label {value}"): (value,) for value in values}


def members(labels: Array, values: Sequence[int]) -> NDArray[np.bool_]:
    """Where a label map has one of these values; a value between two labels counts as the nearer one.

    Args:
        labels: Label map of any shape.
        values: The values of a class; none stands for every one above 0.
    """
    near = labels if labels.dtype.kind in "iub" else np.rint(labels)
    return np.asarray(np.isin(near, list(values)) if values else near > 0)


def check_numbers(labels: Array, classes: Mapping[str, Sequence[int]], *, case: str, where: object) -> list[Finding]:
    """The finding about label values that belong to no class: an error if none of the values does.

    Args:
        labels: Label map of any shape.
        classes: What is known, from a name to its values; with a class of all values nothing is unknown.
        case: Id of the case.
        where: The file, for the message.
    """
    known = {value: name for name, values in classes.items() for value in values}
    if not known or not all(classes.values()):
        return []
    near = labels if labels.dtype.kind in "iub" else np.rint(labels)
    found = {value: count for value, count in count_values(near).items() if value > 0}
    others = {value: count for value, count in found.items() if value not in known}
    if not others:
        return []
    counted = ", ".join(f"{value} ({count} voxels)" for value, count in list(others.items())[:_NAMED])
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    taught = ", ".join(f"{value} {name}" for value, name in list(known.items())[:_NAMED])
    taught += f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    message = (
        f"{where}: {'all' if len(others) == len(found) else 'some'} of its label values are none that the model knows: "
        f"{counted}{more}; they are treated as background. It knows the values {taught}. Give the map these numbers."
    )
    return [Finding("error" if len(others) == len(found) else "warning", "other_numbering", case, message)]


def _regions(cases: Sequence[Case]) -> Classes:
    convention = convention_of(cases)
    if convention not in _REGIONS:
        told = sorted({case.attributes.get("label_convention", "none") for case in cases})
        raise CohortError(
            f"cases of one convention of BraTS ({', '.join(_REGIONS)}), which their names tell",
            came=", ".join(told),
            where="method.classes regions",
            remedy="Name the classes with their label values; what a 4 means changed with the years.",
        )
    return _REGIONS[convention]


def _known(values: Sequence[int], names: Mapping[int, str]) -> list[int]:
    """The values that a convention names, all if there is none; the others are told and make no class."""
    others = [value for value in values if names and value not in names]
    if others:
        logger.warning(
            "the label maps have the values %s, which their convention does not know: they belong to no class",
            ", ".join(map(str, others[:10])),
        )
    return [value for value in values if value not in others]
