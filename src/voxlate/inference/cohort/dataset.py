"""A derivative data set of BIDS: what is told of it as a whole, and of each of its images.

Several processes may work on one folder, each on cases of its own: what is told of the whole is written once, and only
added to, one writer at a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case, Cohort
from voxlate.cohort.foreground import constant_background
from voxlate.contrast import get_contrast
from voxlate.errors import LockedError, readable
from voxlate.inference.cohort.derivatives import DESCRIPTION, describe_data_set
from voxlate.inference.cohort.filing import Filing, without_suffix
from voxlate.inference.model import Model
from voxlate.io import read_volume, write_text
from voxlate.io.lock import hold
from voxlate.plainyaml import Json
from voxlate.question.sidecars import read_inherited

STATE = ".voxlate"
"""Where it is kept what became of each participant, and who works on which."""
_RAW = "raw"
_BRAIN_ML = 2200.0
"""More than any brain with its fluid has, less than a head."""
_WAITS, _WAIT_S = 200, 0.05
_TABLES = ("manifest.csv", "completed.csv", "report.html", "**/figures")
_README = """\
# Synthetic contrasts

Every image here whose name has desc-synth was computed by a model from scans of the source data set, which
dataset_description.json names; none was acquired. They are not for diagnostic use.

- The JSON file beside each image names its sources, with their SHA-256, the model with its digest, what was done on the
  way, and what was warned of.
- manifest.csv lists what was made, was there, or could not be made; completed.csv is the source data set with its gaps
  filled, as a table.
- .bidsignore names what BIDS has no place for: tables, pictures, and contrasts without a suffix, such as CT.

Written by Voxlate {version}.
"""


def describe(filing: Filing, cohort: Cohort, models: Sequence[Model]) -> None:
    """Writes description, README and ``.bidsignore`` of a folder, unless they say already what is to be said.

    Raises:
        LockedError: If another process writes them for longer than ten seconds.
    """
    folder = filing.folder
    with _in_turn(folder):
        there = _read(folder / DESCRIPTION)
        made = [
            {"Name": model.name, "Version": model.bundle.digest, "Description": "The model that made images; SHA-256."}
            for model in models
        ]
        values = describe_data_set(cohort, folder)
        known = list(there.get("GeneratedBy") or values["GeneratedBy"])
        values["GeneratedBy"] = [*known, *(one for one in made if one not in known)]
        values["DatasetLinks"] = {_RAW: quote(values["SourceDatasets"][0]["URL"])}
        raw = _read(cohort.root / DESCRIPTION)
        values |= {name: raw[name] for name in ("Authors",) if raw.get(name)}
        if doi := raw.get("DatasetDOI"):
            values["SourceDatasets"][0]["DOI"] = doi
        ignored = [*_TABLES, *(f"*_desc-synth_{name}.*" for name in without_suffix()), "**/ct"]
        texts = {
            DESCRIPTION: json.dumps({**there, **values}, indent=1) + "\n",
            "README.md": _README.format(version=__version__),
            ".bidsignore": "\n".join(ignored) + "\n",
        }
        for name, text in texts.items():
            if not (folder / name).exists() or (name == DESCRIPTION and (folder / name).read_text("utf-8") != text):
                write_text(folder / name, text)


def fields_of(case: Case, model: Model, filing: Filing, *, root: Path) -> dict[str, object]:
    """What BIDS wants to be told of an image that a model makes of a case.

    Args:
        case: What it is made of.
        model: Who makes it, asked for one target.
        filing: Where it will lie.
        root: The source data set.
    """
    plan = model.bundle.plan
    sources = plan.files(case)
    reference = sources.get(plan.reference) or next(iter(sources.values()))
    target, of = get_contrast(model.target), ", ".join(get_contrast(name).title for name in sources)
    return {
        "Description": f"Synthetic {target.title}, by the model {model.name} from {of}. Not for diagnostic use.",
        "Sources": [_address(path, filing.folder, root) for path in sources.values()],
        "SpatialReference": _address(reference, filing.folder, root),
        "SkullStripped": _is_stripped(reference),
    }


def _address(path: Path, folder: Path, root: Path) -> str:
    """The BIDS URI of a file of the source data set, or of an image that was made before; else its name."""
    for home, name in ((folder, ""), (root, _RAW)):
        if path.resolve().is_relative_to(home.resolve()):
            return f"bids:{name}:{quote(path.resolve().relative_to(home.resolve()).as_posix())}"
    return readable(path.name)


def _is_stripped(path: Path) -> bool:
    """Whether a scan shows no more than a brain: as its JSON file says, or by how much stands out of one background."""
    stated = read_inherited(path.with_name(f"{path.name.partition('.')[0]}.json")).get("SkullStripped")
    if isinstance(stated, bool):
        return stated
    volume = read_volume(path)
    background = constant_background(volume.array)
    voxel_ml = float(np.prod(volume.spacing_mm)) / 1000
    return background is not None and float(np.count_nonzero(volume.array != background)) * voxel_ml < _BRAIN_ML


def _read(path: Path) -> Json:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


@contextmanager
def _in_turn(folder: Path) -> Iterator[None]:
    """Holds a folder as soon as another process that writes what is told of the whole has done so."""
    place = folder / STATE
    for again in range(_WAITS + 1):
        try:
            with hold(place, what="description"):
                yield
                return
        except LockedError:
            if again == _WAITS:
                raise
            time.sleep(_WAIT_S)
