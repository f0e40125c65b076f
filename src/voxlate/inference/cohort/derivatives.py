"""What a translated data set leaves beside its images: description, list, and the table of the completed cohort.

The folder follows the derivatives of BIDS 1.10 (Gorgolewski et al. 2016, doi 10.1038/sdata.2016.44;
bids-specification.readthedocs.io): its description names the data set that it was made from, which stays as it was.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from voxlate._version import __version__
from voxlate.cohort import Case, Cohort
from voxlate.cohort.synthetic import is_imputed
from voxlate.contrast import CONTRASTS, find_contrast
from voxlate.errors import ReadError, UsageError, readable
from voxlate.inference.cohort.outcome import Outcome
from voxlate.io import FileRecord, file_digest, is_volume_path, read_provenance, write_text
from voxlate.io.atomic import write_rows
from voxlate.plainyaml import Json

Place = Callable[[Case, str], Path]
"""From a case and a contrast to where its image lies."""
MANIFEST = "manifest.csv"
_COMPLETED = "completed.csv"
DESCRIPTION = "dataset_description.json"
_MANIFEST_FIELDS = ("case", "status", "seconds", "reason", "target", "model", "sources", "imputed", "seen", "warnings")
_SEEN = {True: "yes", False: "no", None: ""}
_BIDS_VERSION = "1.10.0"
_IMPUTED = "imputed"
_DERIVATIVES = "derivatives"


def target_path(folder: Path, case_id: str, target: str) -> Path:
    """Where a data set's translated case lies."""
    return folder / case_id / f"{case_id}_{target}.nii.gz"


def check_place(folder: Path, cohort: Cohort) -> None:
    """Refuses an output folder that would put images among the originals, or belongs to another program.

    Raises:
        UsageError: If it is the data set, lies in it outside ``derivatives``, or has another program's description.
    """
    place, root = folder.resolve(), cohort.root.resolve()
    home = root if root.is_dir() else root.parent
    originals = {path.parent.resolve() for case in cohort.cases for path in case.paths.values()}
    among = place == home or any(one == place or one in place.parents for one in originals - {home})
    walked = cohort.layout != "manifest" and home in place.parents and not _is_apart(place.relative_to(home))
    hit = any((place / case.id).resolve() in originals for case in cohort.cases)
    if among or walked or hit:
        raise UsageError(
            "a folder apart from the originals",
            came="one that is, or is in, the data set",
            where=folder,
            remedy=f"Write to {home / _DERIVATIVES / 'voxlate'}, or outside the data set.",
        )
    if _is_foreign(folder):
        raise UsageError(
            "a new folder, or one that this command wrote before",
            came=f"another program's {DESCRIPTION} or {_COMPLETED}",
            where=folder,
            remedy="Give another --out.",
        )


def write_description(folder: Path, cohort: Cohort) -> None:
    """Writes ``dataset_description.json``."""
    write_text(folder / DESCRIPTION, json.dumps(describe_data_set(cohort, folder), indent=1) + "\n")


def describe_data_set(cohort: Cohort, folder: Path) -> Json:
    """What BIDS wants to be told of a derivative data set; the source is named by its path from the folder."""
    return {
        "Name": "Translated contrasts",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": "Voxlate",
                "Version": __version__,
                "Description": "Synthetic images, not for diagnostic use. The JSON file beside each names its sources "
                "and its model.",
            }
        ],
        "SourceDatasets": [{"URL": _relative(cohort.root, folder)}],
    }


def write_manifest(outcomes: Sequence[Outcome], folder: Path, *, shard: str = "") -> None:
    """Writes ``manifest.csv``, or ``manifest-shard-2-of-10.csv``: a line per case and target, in the order given.

    The column ``imputed`` lists the sources that a model made; ``seen`` says whether the model was trained or chosen on
    the case, in which its image is no example of what it can do. ``warnings`` holds what was said of the case.
    """
    name = f"{Path(MANIFEST).stem}-{shard}.csv" if shard else MANIFEST
    write_rows(folder / name, [_MANIFEST_FIELDS, *map(_manifest_row, outcomes)])


def read_seen(folder: Path) -> dict[tuple[str, str], bool]:
    """From case and target to whether the model has seen the case, as ``manifest.csv`` tells; empty without one."""
    try:
        with (folder / MANIFEST).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return {}
    return {(row["case"], row["target"]): row["seen"] == _SEEN[True] for row in rows if row.get("seen")}


def _manifest_row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.case,
        outcome.status,
        f"{outcome.seconds:.3f}",
        outcome.reason,
        outcome.target,
        outcome.model,
        " ".join(outcome.sources),
        " ".join(outcome.imputed),
        _SEEN[outcome.seen],
        " ".join(outcome.warnings),
    )


def write_completed(outcomes: Sequence[Outcome], cohort: Cohort, folder: Path, *, place: Place | None = None) -> None:
    """Writes ``completed.csv``, a data set in the layout ``manifest``: the originals, and what fills their gaps.

    Images that earlier commands left in the folder belong to it as long as the scans that they were made from are
    those of the case. The column ``imputed`` lists the contrasts that a model made.

    Args:
        outcomes: What became of each case and target.
        cohort: The data set.
        folder: Where the table is written.
        place: Where the image of a contrast of a case lies; by default as ``target_path`` says.
    """
    where = place or (lambda case, name: target_path(folder, case.id, name))
    of_case: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        of_case.setdefault(outcome.case, []).append(outcome)
    paths = {case.id: _complete(case, of_case.get(case.id, []), where) for case in cohort.cases}
    contrasts = [name for name in CONTRASTS if any(name in found for found in paths.values())]
    attributes = _columns(cohort)
    rows = [
        (
            case.id,
            case.subject,
            *(_relative(found[name], folder) if name in found else "" for name in contrasts),
            *(case.attributes.get(name, "") for name in attributes),
            " ".join(name for name in contrasts if name in found and _is_imputed(found[name])),
        )
        for case, found in ((case, paths[case.id]) for case in cohort.cases)
    ]
    columns = ("case", "subject", *contrasts, *attributes.values(), _IMPUTED)
    write_rows(folder / _COMPLETED, [columns, *rows])


def _complete(case: Case, own: Sequence[Outcome], place: Place) -> dict[str, Path]:
    """From a contrast to its scan, or to the image that stands in for it."""
    decided = {outcome.target for outcome in own}
    paths = dict(case.paths)
    for outcome in own:
        if outcome.is_made and not outcome.has_target:
            paths[outcome.target] = place(case, outcome.target)
    for name in CONTRASTS:
        path = place(case, name)
        if name not in paths and name not in decided and _still_fits(path, case, place):
            paths[name] = path
    return paths


def _still_fits(path: Path, case: Case, place: Place) -> bool:
    """Whether a model made the image, from the scans that the case has now, or from what one made of them."""
    with suppress(ReadError):
        told = read_provenance(path) if path.is_file() else None
        return (
            told is not None
            and told.model is not None
            and all(_is_source(one, case, path, place) for one in told.sources)
        )
    return False


def _is_source(told: FileRecord, case: Case, image: Path, place: Place) -> bool:
    """Whether a file that an image was made from is the case's, or lies beside the image where a model made it."""
    beside = place(case, told.contrast) if told.imputed else image
    path = case.paths.get(told.contrast, beside)
    return path != image and path.is_file() and file_digest(path) == told.sha256


def _is_imputed(path: Path) -> bool:
    with suppress(ReadError):
        return is_imputed(path)
    return False


def _columns(cohort: Cohort) -> dict[str, str]:
    """From an attribute to its column: one that a manifest would take for something else gets another name."""
    columns = {}
    for name in sorted({name for case in cohort.cases for name in case.attributes} - {_IMPUTED}):
        taken = find_contrast(name) is not None or name.casefold() in {"case", "subject"}
        if not any(is_volume_path(Path(case.attributes.get(name, ""))) for case in cohort.cases):
            columns[name] = f"attribute_{name}" if taken else name
    return columns


def _is_apart(within: Path) -> bool:
    """Whether a path within a data set is one that no layout looks at."""
    return any(part.casefold() == _DERIVATIVES for part in within.parts)


def _is_foreign(folder: Path) -> bool:
    description = folder / DESCRIPTION
    if not description.exists():
        return (folder / _COMPLETED).exists()
    try:
        values = json.loads(description.read_text(encoding="utf-8"))
        return not any(maker["Name"] == "Voxlate" for maker in values["GeneratedBy"])
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _relative(path: Path, folder: Path) -> str:
    """The path from a folder, in forward slashes; links in the folders' own paths are followed, as a reader would."""
    real = path.parent.resolve() / path.name
    return readable(Path(os.path.relpath(real, folder.resolve())).as_posix())
