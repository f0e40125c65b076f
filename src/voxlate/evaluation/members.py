"""Members: which cases of a data set a model has seen, told by the hashes of their files or by a split."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.cohort import Case, read_split
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.io import file_digest, read_provenance

SEEN = "seen.json"
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
        path = synthetic / SEEN
        if not path.is_file():
            return Members(frozenset(case.id for case in real))
    else:
        path = _list_at(given)
    if path.suffix == ".csv":
        split = read_split(path)
        ids = frozenset(case.id for case in real if split.get(case.id) in {"train", "validation"})
    else:
        seen = read_seen(path)
        ids = frozenset(case.id for case in real if any(file_digest(file) in seen for file in case.paths.values()))
    if not ids:
        raise CohortError(
            "training images among the real ones",
            came=f"{len(real)} cases of which {path.name} names none",
            where=path,
            remedy="Compare with the data set that the model was trained on, with its files as they were then.",
        )
    return Members(ids, path.name)


def find_origins(synthetic: Sequence[Case], real: Sequence[Case], *, contrast: str) -> dict[str, str]:
    """From a synthetic case to the real case whose scan it was made from, as its sidecar tells.

    A translated image shows its patient, however far it lies from any other image of that patient. Label maps that an
    image was made from are no scans.

    Args:
        synthetic: Cases with the contrast.
        real: Cases, with all their files.
        contrast: Of the synthetic images.

    Raises:
        ReadError: If a sidecar of Voxlate is damaged, or a file cannot be read.
    """
    sources: dict[str, set[str]] = {}
    for case in synthetic:
        told = read_provenance(case.paths[contrast])
        records = told.sources if told is not None else ()
        scans = {one.sha256 for one in records if get_contrast(one.contrast).kind != "label"}
        if scans:
            sources[case.id] = scans
    if not sources:
        return {}
    owners = {
        file_digest(path): case.id
        for case in real
        for name, path in case.paths.items()
        if get_contrast(name).kind != "label"
    }
    found = {case: sorted({owners[one] for one in scans if one in owners}) for case, scans in sources.items()}
    return {case: names[0] for case, names in found.items() if names}


def read_seen(path: Path) -> frozenset[str]:
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


def _list_at(given: Path) -> Path:
    places = (given, given / SEEN, given / "bundle" / SEEN)
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
