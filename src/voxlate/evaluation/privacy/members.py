"""Members: which cases of a data set a model has seen, told by the hashes of their files or by a split."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.bundle.bundle import MANIFEST, read_bundle
from voxlate.cohort import Case, read_split
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.io import file_digest, is_among, read_provenance

_SEEN = "seen.json"
_DEFORMING = "deformed"
"""The shape model that draws training label maps under a deformation, as sidecars name it."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Give the run or bundle that made the images, its seen.json, or a split.csv."


@dataclass(frozen=True)
class Members:
    """The cases that a model has seen.

    Attributes:
        ids: Their ids.
        source: Where that is told; empty if it is not, and every case counts as seen.
    """

    ids: frozenset[str]
    source: str = ""


def find_members(real: Sequence[Case], *, synthetic: Path, given: Path | None) -> Members:
    """The real cases that count as training cases.

    A case is one if any of its files was seen, be it the label map that an image was made from. In a split, those of
    ``train`` and ``validation`` are.

    Args:
        real: The cases.
        synthetic: A folder of synthetic images; its ``seen.json`` is taken if nothing else is given.
        given: A run, a bundle, a ``seen.json`` or a ``split.csv``.

    Raises:
        UsageError: If nothing at ``given`` tells it.
        ReadError: If a list is damaged.
        CohortError: If a list names none of the cases.
    """
    if given is None:
        path = synthetic / _SEEN
        if not path.is_file():
            return Members(frozenset(case.id for case in real))
    else:
        path = _list_at(given)
    if path.suffix == ".csv":
        split = read_split(path)
        ids = frozenset(case.id for case in real if split.get(case.id) in {"train", "validation"})
    else:
        seen = _read_seen(path) | _seen_voxels(path.parent)
        ids = frozenset(case.id for case in real if any(is_among(file, seen) for file in case.paths.values()))
    if not ids:
        raise CohortError(
            "training images among the real ones",
            came=f"{len(real)} cases of which {path.name} names none",
            where=path,
            remedy="Compare with the data set that the model was trained on, with its files as they were then.",
        )
    return Members(ids, path.name)


@dataclass(frozen=True)
class Origin:
    """What a synthetic case was made from.

    Attributes:
        what: ``scan``, ``label map``, or ``deformed label map`` of the training data.
        case: Id of the real case, empty where that is not told.
    """

    what: str
    case: str = ""

    def __str__(self) -> str:
        """As a clause: ``made from a scan of A``."""
        return f"made from a {self.what} of {self.case or 'the training data'}"


def find_origins(synthetic: Sequence[Case], real: Sequence[Case], *, contrast: str) -> dict[str, Origin]:
    """From a synthetic case to the real data that it was made from, as the sidecars of its files tell.

    An image translated from a scan shows its patient, however far it lies from any other image of that patient, and one
    made from a patient's label map shows that patient's anatomy. A drawn label map shows nobody, unless its shape model
    deforms those of the training data.

    Args:
        synthetic: Cases with the contrast.
        real: Cases, with all their files.
        contrast: Of the synthetic images; label maps beside them are looked at too.

    Raises:
        ReadError: If a sidecar of Voxlate is damaged, or a file cannot be read.
    """
    sources: dict[str, set[str]] = {}
    deformed: set[str] = set()
    for case in synthetic:
        for name, path in case.paths.items():
            told = read_provenance(path) if name == contrast or get_contrast(name).kind == "label" else None
            if told is None:
                continue
            sources.setdefault(case.id, set()).update(one.sha256 for one in told.sources)
            if told.drawn is not None and told.drawn.shapes == _DEFORMING:
                deformed.add(case.id)
    found = {case: Origin("deformed label map") for case in sorted(deformed)}
    if not any(sources.values()):
        return found
    owners: dict[str, Origin] = {}
    for case in real:
        for name, path in case.paths.items():
            what = "label map" if get_contrast(name).kind == "label" else "scan"
            owners.setdefault(file_digest(path), Origin(what, case.id))
    for case_id, digests in sources.items():
        known = sorted((owners[one] for one in digests & owners.keys()), key=lambda one: (one.what != "scan", one.case))
        if known:
            found[case_id] = known[0]
    return found


def _read_seen(path: Path) -> frozenset[str]:
    """The hashes of a ``seen.json``.

    Raises:
        ReadError: If it is not a list of SHA-256 in hexadecimal.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReadError("a list of SHA-256 as JSON", came=str(error), where=path, remedy=_REMEDY) from error
    if not isinstance(found, list) or not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in found):
        raise ReadError("a list of SHA-256 in hexadecimal", came="something else", where=path, remedy=_REMEDY)
    return frozenset(found)


def _seen_voxels(folder: Path) -> frozenset[str]:
    """What a bundle beside a list adds to it: the voxels of what its model has seen; nothing elsewhere."""
    return read_bundle(folder).seen_voxels if (folder / MANIFEST).is_file() else frozenset()


def _list_at(given: Path) -> Path:
    places = (given, given / "bundle" / _SEEN, given / _SEEN)  # a run keeps one, too, from before its bundle
    found = next((place for place in places if place.is_file()), None)
    if found is None or found.suffix not in {".json", ".csv"}:
        raise UsageError("a list of what the model has seen", came="none", where=given, remedy=_REMEDY)
    return found


def common_contrast(synthetic: Sequence[Case], real: Sequence[Case], *, wanted: str | None) -> str:
    """The contrast that is compared: the one that both have, as images and not as labels.

    Args:
        synthetic: Cases.
        real: Cases.
        wanted: Its canonical name, if both have several in common.

    Raises:
        UsageError: If they have none in common, several and none is wanted, or not the one that is.
    """
    ours, theirs = ({name for case in cases for name in case.paths} for cases in (synthetic, real))
    both = [one.name for one in CONTRASTS.values() if one.kind != "label" and one.name in ours & theirs]
    if wanted in both:
        return str(wanted)
    if len(both) == 1 and wanted is None:
        return both[0]
    expected = "one contrast that synthetic and real images have in common" if wanted is None else f"images of {wanted}"
    came = ", ".join(both) or f"synthetic {', '.join(sorted(ours))} and real {', '.join(sorted(theirs))}"
    remedy = f"Name one of {', '.join(both)}." if both else "Compare images of the same contrast."
    raise UsageError(expected, came=came, where="--contrast", remedy=remedy)
