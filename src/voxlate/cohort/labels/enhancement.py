"""Whether a tumour takes up contrast agent, read from its label map where nobody has said it.

The conventions of BraTS name a label ``enhancing tumour``. A case whose label map has a voxel of it gets the attribute
``yes``, another ``no``; without a convention nothing is said, for then no value is known to mean it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from voxlate.cohort.admission.reading import read_contrast
from voxlate.cohort.case import Case, Cohort
from voxlate.cohort.labels.conventions import LABEL_NAMES, count_values
from voxlate.cohort.labels.labelling import tell_left_out
from voxlate.config.plan import Reading
from voxlate.errors import ReadError

_ASKED = {"enhancing", "enhancement"}
_NAME = "enhancing tumour"


def with_enhancement(cohort: Cohort, attributes: Collection[str], *, reading: Reading) -> Cohort:
    """The cohort with the attribute ``enhancing`` or ``enhancement``, whichever is asked for, where label maps tell it.

    Args:
        cohort: The cases; one that has the attribute keeps it.
        attributes: What is asked for; if it is neither, no file is read.
        reading: What the reader may accept.
    """
    for name in sorted(_ASKED & set(attributes)):
        cases = tuple(case if name in case.attributes else _told(case, name, reading) for case in cohort.cases)
        cohort = replace(cohort, cases=cases)
    return cohort


def _told(case: Case, name: str, reading: Reading) -> Case:
    known = LABEL_NAMES.get(case.attributes.get("label_convention", ""), {})
    value = next((value for value, word in known.items() if word == _NAME), None)
    if value is None or "labels" not in case.paths:
        return case
    try:
        found = value in count_values(read_contrast(case, "labels", reading=reading).array)
    except ReadError as error:
        tell_left_out(case, error)
        return case
    return replace(case, attributes={**case.attributes, name: "yes" if found else "no"})
