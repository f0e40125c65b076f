"""Release: copies of the images that may leave, and of those that wait, each set in a folder that holds nothing else.

Files are copied whole or not at all, byte for byte, under ``<case>/<case>_<contrast>``; what an earlier audit released
is taken away before anything is compared.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.evaluation.evidence import EVIDENCE, drop_kept
from voxlate.io import replacing, sidecar_path
from voxlate.io.atomic import write_text
from voxlate.io.formats import format_of
from voxlate.io.paths import header_path, volume_suffix

RELEASED, REVIEW, SUMMARY = "released", "review", "summary.json"
DISTANCES = "distances.json"
"""What is kept of a measurement; see ``voxlate.evaluation.privacy.measurement``."""
_TABLES = ("scores.csv", "released.csv", "review.csv", "report.html", "review.html")
_ASPECT = {"aspect": "privacy"}
_DETACHED = frozenset({".hdr", ".mhd", ".nhdr"})


def check_apart(out: Path, inputs: Iterable[Path]) -> None:
    """Refuses an output folder that holds an input, or lies in an input folder.

    Args:
        out: Where is written and cleared.
        inputs: Files and folders that are read.

    Raises:
        UsageError: If they are not apart.
    """
    place = out.resolve()
    for path in inputs:
        other = path.resolve()
        if place == other or place in other.parents or (path.is_dir() and other in place.parents):
            raise UsageError(
                "an output folder apart from the images that are compared",
                came=str(out),
                where=path,
                remedy="Write to another folder: what is there is cleared, and what is written is a data set itself.",
            )


def clear(out: Path) -> None:
    """Takes away what an earlier audit left, and marks the folder as one of an audit that is not finished.

    Distances that it kept stay. What another evaluation kept in the same folder goes, since it may show patients.

    Raises:
        UsageError: If ``released`` or ``review`` is there and no audit made it.
    """
    folders = [out / name for name in (RELEASED, REVIEW) if (out / name).exists()]
    if folders and not _is_audit(out / SUMMARY):
        raise UsageError(
            "an empty folder, or one of an earlier privacy audit",
            came=f"a {folders[0].name} of something else",
            where=out,
            remedy="Write to another folder.",
        )
    write_text(out / SUMMARY, json.dumps({**_ASPECT, "finished": False}) + "\n")
    for name in _TABLES:
        (out / name).unlink(missing_ok=True)
    for folder in folders:
        shutil.rmtree(folder)
    shutil.rmtree(out / "figures", ignore_errors=True)
    drop_kept(out / EVIDENCE)


def copy_cases(cases: Sequence[Case], folder: Path, *, contrast: str) -> None:
    """Copies the image of each case with its label maps and their sidecars.

    Args:
        cases: The cases.
        folder: Gets a folder per case.
        contrast: The image's.

    Raises:
        WriteError: If a copy cannot be written.
    """
    for case in cases:
        for name, path in case.paths.items():
            if name == contrast or get_contrast(name).kind == "label":
                _copy(path, folder / case.id, stem=f"{case.id}_{name}")


def _copy(path: Path, folder: Path, *, stem: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header = header_path(path)
    suffix = str(volume_suffix(header))
    files = {header: f"{stem}{suffix}"}
    if suffix in _DETACHED:  # the header names its data, so that neither can be renamed
        files = {file: file.name for file in dict.fromkeys((header, format_of(header).read_layout(header).data))}
    sidecar = sidecar_path(header)
    if sidecar.is_file():
        files[sidecar] = sidecar.name if suffix in _DETACHED else f"{stem}.json"
    for file, name in files.items():
        with replacing(folder / name) as temporary:
            shutil.copyfile(file, temporary)


def _is_audit(summary: Path) -> bool:
    try:
        found = json.loads(summary.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("aspect") == _ASPECT["aspect"]
