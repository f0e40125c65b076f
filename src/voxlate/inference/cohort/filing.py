"""Where the images of a translated data set lie: ``<case>/<case>_<target>``, or as the derivatives of BIDS are named.

    sub-01/ses-x/anat/sub-01_ses-x_desc-synth_FLAIR.nii.gz
    sub-01/anat/sub-01_ce-gadolinium_space-individual_desc-synth_T1w.nii.gz

(bids-specification.readthedocs.io, 1.10.) ``desc-synth`` says that a model made it. The space is that of the scans,
which needs no word; where those of a case lie on several grids, ``space-individual`` says that the sidecar names the
one (``SpatialReference``). BIDS has no place for CT yet, nor for some contrasts of MR: ``.bidsignore`` names these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort import Case, Cohort
from voxlate.cohort.admission import read_case_grid
from voxlate.config.plan import Reading
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import UsageError, VoxlateError
from voxlate.inference.cohort.derivatives import target_path

_SUFFIXES = {
    "t1": "T1w",
    "t1c": "T1w",
    "t2": "T2w",
    "flair": "FLAIR",
    "pd": "PDw",
    "t2star": "T2starw",
    "pet": "pet",
    "labels": "dseg",
    "mask": "mask",
}
"""From a contrast to the suffix that the validator knows in a derivative."""
_FOLDERS = {"ct": "ct", "pet": "pet"}
"""From a kind to its folder; of any other it is ``anat``."""
_PLAIN = re.compile(r"[^A-Za-z0-9]")


@dataclass(frozen=True)
class Filing:
    """How a data set's images are filed.

    Attributes:
        folder: The output folder.
        bids: Whether as BIDS says.
        apart: Ids of the cases whose scans lie on several grids.
    """

    folder: Path
    bids: bool = False
    apart: frozenset[str] = frozenset()

    @classmethod
    def of(cls, cohort: Cohort, folder: Path, *, bids: bool) -> Filing:
        """The filing of a data set.

        Raises:
            UsageError: If two cases would have one name.
        """
        if not bids:
            return cls(folder)
        named: dict[tuple[str, str], str] = {}
        for case in cohort.cases:
            other = named.setdefault(labels_of(case), case.id)
            if other != case.id:
                came, remedy = f"{other} and {case.id}, which would be called alike", "Leave out --format bids."
                raise UsageError("ids that differ in letters and digits", came=came, where=cohort.root, remedy=remedy)
        return cls(folder, True, frozenset(case.id for case in cohort.cases if _lies_apart(case)))

    def path(self, case: Case, target: str) -> Path:
        """Where the image of a contrast lies."""
        if not self.bids:
            return target_path(self.folder, case.id, target)
        entities = [*self._entities(case), *(["ce-gadolinium"] if target == "t1c" else [])]
        entities += ["space-individual"] if case.id in self.apart else []
        kind = get_contrast(target).kind
        suffix = _SUFFIXES.get(target) or _PLAIN.sub("", target)
        return self.home(case) / _FOLDERS.get(kind, "anat") / f"{'_'.join([*entities, 'desc-synth', suffix])}.nii.gz"

    def home(self, case: Case) -> Path:
        """The folder of a case."""
        return self.folder.joinpath(*self._entities(case)) if self.bids else self.folder / case.id

    def picture(self, case: Case, target: str) -> Path:
        """Where a picture of the image lies."""
        image = self.path(case, target)
        return self.home(case) / "figures" / f"{image.name.partition('.')[0]}.png"

    @staticmethod
    def _entities(case: Case) -> list[str]:
        subject, session = labels_of(case)
        return [f"sub-{subject}", *([f"ses-{session}"] if session else [])]


def without_suffix() -> list[str]:
    """The contrasts that a derivative of BIDS has no suffix for, as the names of files have them."""
    return [_PLAIN.sub("", name) for name in CONTRASTS if name not in _SUFFIXES]


def labels_of(case: Case) -> tuple[str, str]:
    """The labels of a case's subject and session; the session's is empty if its id tells none."""
    subject = case.subject.removeprefix("sub-")
    rest = case.id.removeprefix(case.subject) if case.id.startswith(case.subject) else case.id
    return _PLAIN.sub("", subject), _PLAIN.sub("", rest.lstrip("_-. ").removeprefix("ses-"))


def _lies_apart(case: Case) -> bool:
    """Whether the scans of a case lie on several grids, as far as their headers can be read."""
    names = [name for name in case.paths if get_contrast(name).kind != "label"]
    grids = []
    for name in names if len(names) > 1 else []:
        try:
            grids.append(read_case_grid(case, name, reading=Reading()))
        except VoxlateError:
            continue
    return any(not grid.matches(grids[0]) for grid in grids[1:])
