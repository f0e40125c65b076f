"""Labelling: what the label maps of a data set mark, lesions or anatomical structures. It is decided here alone.

The names of the labels decide: those of the convention that the layout tells (``label_convention``), else those that
``dataset.json``, the label map's sidecar or its header give. Where every name is one of a lesion (oedema, tumour core,
infarct, ...) the region of all labels is ``lesion``. Where one is not (left ventricle, liver) the labels are
structures, their region is ``labels``, and nothing calls them lesions. Where there are no names, the files of the label
maps decide by what they are called (``_lesion.nii.gz``); where these say nothing either (``GOLD_STANDARD.nii.gz``), the
two folders above them do (``open_ms``), and what nothing says marks structures. The conventions ``lesions`` and
``structures`` say it without names.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort.admission.door import tell
from voxlate.cohort.admission.reading import read_contrast
from voxlate.cohort.case import Case
from voxlate.cohort.finding import Finding
from voxlate.cohort.labels.conventions import LABEL_NAMES, convention_of, count_values
from voxlate.config.plan import Reading
from voxlate.errors import ReadError
from voxlate.io.label_names import groups_in_json, names_in_json, read_label_names
from voxlate.io.paths import volume_stem
from voxlate.regions import LESION, STRUCTURES, UNIONS

logger = logging.getLogger(__name__)
_STRICT = Reading()

_TOLD = {"lesions": LESION, "structures": STRUCTURES}
CONVENTIONS = (*LABEL_NAMES, *_TOLD)
"""What the attribute ``label_convention`` may be."""
_OF_LESIONS = re.compile(
    r"tumou?r|lesion|o?edema|necro|cancer|carcinoma|metasta|glio|mening|melanom|sarcom|lymphom|neoplas|malign|nodul"
    r"|infarct|stroke|ischa?em|penumbra|ha?emorrhag|ha?ematom|bleed|hyperintens|plaque|patholog|abnormal|enhanc|infect"
    r"|consolidat|ground.?glass|(?<![a-z])((wmh|ms)(?![a-z])|gtv|cyst)",
    re.IGNORECASE,
)
_SAYS_NOTHING = re.compile(
    r"((any|gold|ground|standard|truth|gt|consensus|manual|rater|seg|segmentation|label|class|region|segment|value|roi"
    r"|foreground|mask)s?[\W_\d]*)*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Labelling:
    """What the label maps of a data set mark.

    Attributes:
        names: From a label's value to its name; empty where there is one value without a name.
        union: Name of the region of all labels, ``lesion`` or ``labels``.
    """

    names: Mapping[int, str]
    union: str = LESION

    @property
    def of_structures(self) -> bool:
        """Whether they mark anatomical structures."""
        return self.union == STRUCTURES


def labelling_of(cases: Sequence[Case], contrast: str = "labels", *, reading: Reading = _STRICT) -> Labelling:
    """What the label maps of a data set mark, and what their values are called.

    Values that nothing names are ``label 1``, ``label 2``, ...; a single one has no name. Names that a convention gives
    are those of all its values, others those of the values that occur. A label map that is refused is named in the
    log, and the others decide.

    Args:
        cases: Whose label maps they are.
        contrast: Of the label maps.
        reading: What the reader may accept.
    """
    convention, told = convention_of(cases), names_told(cases, contrast)
    union = _TOLD.get(convention) or _union(told.values() or _said_otherwise(cases, contrast))
    if convention in LABEL_NAMES:
        return Labelling(told, union)
    values = _values(cases, contrast, reading, tolerant=True)
    names = {value: told.get(value, f"label {value}") for value in values}
    if len(values) < 2 and not told.keys() & values:
        names = {}
    if list(names.values()) == [union]:
        names = {}
    return Labelling(_distinct(names, taken=(*UNIONS, "foreground", "whole slices")), union)


def names_told(cases: Sequence[Case], contrast: str = "labels") -> dict[int, str]:
    """From a value to its name, as the data set's convention or its files tell it; empty if neither does.

    Names that the files of two cases disagree on are left out, with a warning.
    """
    paths = [case.paths[contrast] for case in cases if contrast in case.paths]
    known = LABEL_NAMES.get(convention_of(cases))
    if known:
        return dict(known) if paths else {}
    found: dict[int, set[str]] = {}
    for names in [*_of_data_sets(paths), *map(read_label_names, paths)]:
        for value, name in names.items():
            found.setdefault(value, set()).add(name)
    doubtful = sorted(value for value, names in found.items() if len(names) > 1)
    if doubtful:
        logger.warning("the files of the data set give several names to the labels %s: none is used", doubtful[:10])
    agreed = {value: min(names) for value, names in sorted(found.items()) if len(names) == 1}
    return _distinct(agreed, taken=())


def label_values(cases: Sequence[Case], contrast: str = "labels", *, reading: Reading = _STRICT) -> list[int]:
    """The values above 0 that occur in the label maps.

    Args:
        cases: Whose label maps they are.
        contrast: Of the label maps.
        reading: What the reader may accept.

    Raises:
        ReadError: If a label map is refused.
    """
    return _values(cases, contrast, reading, tolerant=False)


def _values(cases: Sequence[Case], contrast: str, reading: Reading, *, tolerant: bool) -> list[int]:
    found: set[int] = set()
    for case in (case for case in cases if contrast in case.paths):
        try:
            found |= set(count_values(read_contrast(case, contrast, reading=reading).array))
        except ReadError as error:
            if not tolerant:
                raise
            tell_left_out(case, error)
    return sorted(value for value in found if value > 0)


def tell_left_out(case: Case, error: ReadError) -> None:
    """Logs, once for a case, that its label map is refused and the case goes on without it.

    Args:
        case: Whose label map it is.
        error: The refusal.
    """
    message = f"the label map of case {case.id} is left out, and the case has no scores of its regions: {error}"
    tell([Finding("warning", "unreadable", "", message)])


def component_word(names: Iterable[str]) -> str:
    """What a connected component of such labels is called: a lesion where a name says so, else a part.

    Example:
        >>> [component_word(names) for names in (["oedema", "tumour core"], ["any label", "aorta"], ["label 1"])]
        ['lesion', 'part', 'part']
    """
    return "lesion" if _union(names) == LESION else "part"


def _union(names: Iterable[str]) -> str:
    saying = [name for name in names if not _says_nothing(name)]
    return LESION if saying and all(map(_OF_LESIONS.search, saying)) else STRUCTURES


def _says_nothing(name: str) -> bool:
    return _SAYS_NOTHING.fullmatch(name.strip(" _-.")) is not None


def _said_otherwise(cases: Sequence[Case], contrast: str) -> list[str]:
    """What groups of values are called, else the files of the label maps beside their case, else their folders."""
    files = [(case, case.paths[contrast]) for case in cases if contrast in case.paths]
    groups = [
        name for folder in _folders(path for _, path in files) for name in groups_in_json(folder / "dataset.json")
    ]
    names = [volume_stem(path).replace(case.id, "") for case, path in files]
    if groups or not all(map(_says_nothing, names)):
        return groups or names
    folders = {folder.name for folder in _folders(path for _, path in files)} - {case.id for case in cases}
    return [name for name in folders if _OF_LESIONS.search(name)]


def _of_data_sets(paths: Sequence[Path]) -> list[dict[int, str]]:
    """What a ``dataset.json`` beside the label maps, or one folder above, says."""
    return [names for folder in _folders(paths) if (names := names_in_json(folder / "dataset.json"))]


def _folders(paths: Iterable[Path]) -> list[Path]:
    """Where a data set's own description may lie."""
    return list(dict.fromkeys(folder for path in paths for folder in (path.parent, path.parent.parent)))


def _distinct(names: Mapping[int, str], *, taken: Sequence[str]) -> dict[int, str]:
    """The names, with the value beside those that two labels share or another region has."""
    every = [*names.values(), *taken]
    return {value: name if every.count(name) == 1 else f"{name} (label {value})" for value, name in names.items()}
