"""Members: which cases of a data set a model has seen, told by the hashes of their files or by a split."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voxlate.bundle.bundle import MANIFEST, Bundle, read_bundle
from voxlate.cohort import Case, read_split
from voxlate.cohort.recognition import is_sketched
from voxlate.cohort.sketch import Sketch
from voxlate.config.plan import Reading
from voxlate.contrast import CONTRASTS, get_contrast
from voxlate.errors import CohortError, ReadError, UsageError
from voxlate.io import file_digest, is_among, read_maker, read_provenance

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
        bundle = _bundle_beside(path)
        seen = _read_seen(path) | (bundle.seen_voxels if bundle else frozenset())
        sketches = bundle.sketches if bundle else ()
        ids = frozenset(case.id for case in real if any(_is_seen(file, seen, sketches) for file in case.paths.values()))
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
        what: ``scan``, ``label map``, or ``deformed label map`` of the training data; empty where a program made the
            case and nothing tells from what.
        case: Id of the real case, empty where that is not told.
    """

    what: str = ""
    case: str = ""

    def __str__(self) -> str:
        """As a clause: ``made from a scan of A``."""
        if not self.what:
            return "made from a source that is not known here, which may be a patient's scan"
        return f"made from a {self.what} of {self.case or 'the training data'}"


_UNTOLD, _DEFORMED = Origin(), Origin("deformed label map")
_GRAVEST = ("scan", "label map", _DEFORMED.what, _UNTOLD.what)


def find_origins(synthetic: Sequence[Case], real: Sequence[Case], *, contrast: str) -> dict[str, Origin]:
    """From a synthetic case to the real data that it was made from, as the headers and sidecars of its files tell.

    An image translated from a scan shows its patient, however far it lies from any other image of that patient, and one
    made from a patient's label map shows that patient's anatomy. A drawn label map shows nobody, unless its shape model
    deforms those of the training data. Whom an image shows that is marked as synthetic is not known if its source is
    not told, or is neither a real file nor one beside it that a program made. An image without any mark says nothing.

    Args:
        synthetic: Cases with the contrast.
        real: Cases, with all their files.
        contrast: Of the synthetic images; label maps beside them are looked at too.
    """
    trails = {case.id: _trail(case, contrast) for case in synthetic}
    owners = _owners(real) if any(sources for _, sources in trails.values()) else {}
    found: dict[str, Origin] = {}
    for case, (told, sources) in trails.items():
        known = [owners.get(digest, otherwise) for digest, otherwise in sources.items()]
        origins = [one for one in (*told, *known) if one is not None]
        if origins:
            found[case] = min(origins, key=lambda one: (_GRAVEST.index(one.what), one.case))
    return found


def _trail(case: Case, contrast: str) -> tuple[list[Origin | None], dict[str, Origin | None]]:
    """What the files of a case tell of their making, and what each source means, by its hash, if it is no real file."""
    wanted = [path for name, path in case.paths.items() if name == contrast or get_contrast(name).kind == "label"]
    made, beside = len(wanted), dict[str, Path]()
    told: list[Origin | None] = []
    sources: dict[str, Origin | None] = {}
    for number, path in enumerate(wanted):  # which grows while it is followed
        origin, digests = _making(path, unmarked=None if number < made else _UNTOLD)
        told.append(origin)
        if digests and not beside:
            beside = _by_digest(case.paths.values())
        sources |= {one: None if one in beside else _UNTOLD for one in digests}
        wanted += [beside[one] for one in digests if one in beside and beside[one] not in wanted]
    return told, sources


def _making(path: Path, *, unmarked: Origin | None) -> tuple[Origin | None, list[str]]:
    """What a file tells of its making by itself, and the hashes of what it was made from."""
    try:
        told, maker = read_provenance(path), read_maker(path)
    except ReadError:  # a damaged sidecar tells nothing
        return _UNTOLD, []
    if told is not None and told.drawn is not None:
        return _DEFORMED if told.drawn.shapes == _DEFORMING else None, []
    if told is not None and told.sources:
        return None, [one.sha256 for one in told.sources]
    if maker is None:
        return unmarked, []
    return None if maker == "simulation" and told is not None else _UNTOLD, []


def _owners(real: Sequence[Case]) -> dict[str, Origin]:
    """From the hash of a real file to what it shows of whom."""
    found: dict[str, Origin] = {}
    for case in real:
        for name, path in case.paths.items():
            what = "label map" if get_contrast(name).kind == "label" else "scan"
            found = {**{digest: Origin(what, case.id) for digest in _by_digest([path])}, **found}
    return found


def _by_digest(paths: Iterable[Path]) -> dict[str, Path]:
    """Files by their hash, without those that cannot be read."""
    found: dict[str, Path] = {}
    for path in paths:
        try:
            found.setdefault(file_digest(path), path)
        except ReadError:
            continue
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


def _bundle_beside(path: Path) -> Bundle | None:
    """The bundle that a list belongs to: it knows what its model has seen by more than the files."""
    return read_bundle(path.parent) if (path.parent / MANIFEST).is_file() else None


def _is_seen(file: Path, seen: frozenset[str], sketches: Sequence[Sketch]) -> bool:
    return is_among(file, seen) or is_sketched(file, sketches, reading=Reading())


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
