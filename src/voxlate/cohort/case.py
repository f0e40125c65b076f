"""Case and cohort: one subject at one time, and the cases of a data set together with what was left out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.derivation import Derivation, lacking
from voxlate.errors import UsageError
from voxlate.volume import Volume


@dataclass(frozen=True)
class Case:
    """One subject at one time.

    Attributes:
        id: Unique within the cohort; names the case in tables, folders and splits.
        subject: Who was scanned; the sessions of one subject are cases with the same subject.
        paths: From the canonical name of a contrast to its file.
        attributes: What else is known (grade, site, ...), as text.
        told: Whether a table or the layout says who the subject is; else it was read from the id.
        held: From the canonical name of a contrast to its image in memory, which is taken in the place of the file.
    """

    id: str
    subject: str
    paths: Mapping[str, Path]
    attributes: Mapping[str, str] = field(default_factory=dict)
    told: bool = False
    held: Mapping[str, Volume] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True)
class LeftOut:
    """A file, or a folder, that belongs to no case.

    Attributes:
        path: The file or folder.
        reason: Why, as a sentence without a capital.
        code: What sort of reason (``unmatched``, ``not_an_image``, ``ignored``, ``unpaired``, ``missing_file``,
            ``duplicate_contrast``, ``lacks_contrast``, ``unmatched_rows``, ``unknown_column``,
            ``unknown_channels``, ``unclear_channel``, ``test_image``, ``dicom``, ``archive``, ``contradictory``,
            ``other_run``, ``other_type``, ``no_pattern``).
        case: Id of the case that it would belong to; empty if that is not known.
        contrast: What it would show there; empty likewise.
        remedy: What can be done about it, as a sentence; empty if that follows from the code.
    """

    path: Path
    reason: str
    code: str = "unmatched"
    case: str = ""
    contrast: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Cohort:
    """The cases of a data set, in natural order of their ids.

    Attributes:
        root: The folder, or the CSV file, that was indexed.
        layout: Name of the layout in ``LAYOUTS``, or of several with `` + `` between them; ``pattern``.
        cases: The cases.
        left_out: Everything that was found and is in no case.
        tables: Of each table of attributes, how many of its rows were matched.
    """

    root: Path
    layout: str
    cases: tuple[Case, ...]
    left_out: tuple[LeftOut, ...] = ()
    tables: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    def case(self, case_id: str) -> Case:
        """The case of that id.

        Raises:
            UsageError: If there is none.
        """
        for case in self.cases:
            if case.id == case_id:
                return case
        known = ", ".join(case.id for case in self.cases[:5])
        raise UsageError(
            "the id of a case",
            came=repr(case_id),
            where=self.root,
            remedy=f"Use one of the {len(self)} ids: {known}{' ...' if len(self) > 5 else ''}.",
        )

    def with_contrasts(self, *names: str, derive: Mapping[str, Derivation] | None = None) -> Cohort:
        """The cohort of the cases that have all these contrasts; the others join ``left_out``.

        Args:
            *names: Names or aliases of contrasts.
            derive: Contrasts that a case also has if it has what they are computed from.

        Raises:
            UsageError: If a name stands for no contrast.
        """
        wanted = [get_contrast(name).name for name in names]
        kept, dropped = [], []
        for case in self.cases:
            missing = lacking(wanted, derive or {}, case.paths)
            if not missing:
                kept.append(case)
            elif case.paths:
                where = next(iter(case.paths.values())).parent
                dropped.append(LeftOut(where, f"case {case.id} has no {' and no '.join(missing)}", "lacks_contrast"))
        return replace(self, cases=tuple(kept), left_out=(*self.left_out, *dropped))


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key by which ``case2`` comes before ``case10``.

    Example:
        >>> sorted(["case10", "case2"], key=natural_key)
        ['case2', 'case10']
    """
    parts = [part for part in re.split(r"([0-9]+)", text.casefold()) if part]
    folded = tuple((0, int(part), "") if part[0] in "0123456789" else (1, 0, part) for part in parts)
    return (*folded, (-1, 0, text))
