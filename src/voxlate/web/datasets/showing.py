"""What the page shows of a case that a job has made an image of: a program that is given the job's folder and a number.

The scans come first that the image was made from, then the others of the case.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from voxlate.cohort import Case
from voxlate.contrast import get_contrast
from voxlate.errors import VoxlateError
from voxlate.inference.cohort.filing import Filing
from voxlate.io import read_provenance
from voxlate.jobs.job import ORDER, RESULT, read_json, write_json
from voxlate.plainyaml import Json
from voxlate.web.places import OUT, SURVEY
from voxlate.web.translation import write_views

_MOST = 4
"""Sources that are shown: each is written anew."""


def _show(folder: Path, number: int, place: Path) -> Json:
    """Writes the views of a case, and tells what they show."""
    order, survey = read_json(folder / ORDER) or {}, read_json(folder / SURVEY) or {}
    told, target = survey["cases"][number], order["target"]
    paths = {name: Path(path) for name, path in told["paths"].items()}
    case = Case(id=told["id"], subject=told["subject"], paths=paths, attributes={})
    made = _made(case, folder / OUT, target, layout=survey["layout"])
    provenance = read_provenance(made) if made is not None else None
    if made is None or provenance is None:
        remedy = "Wait until it is made, or read in the list why it was not."
        raise VoxlateError("an image of the case", came="none", where=case.id, remedy=remedy)
    first = [source.contrast for source in provenance.sources if source.contrast in paths]
    rest = [name for name in paths if name not in first and get_contrast(name).kind != "label"]
    shown = [*first, *rest][:_MOST]
    windows, volume = write_views({name: paths[name] for name in shown}, made, place, target=target)
    return {
        "case": case.id,
        "contrasts": dict(zip(windows, [target, *shown], strict=True)),
        "windows": windows,
        "shape": list(volume.array.shape),
        "warnings": list(provenance.warned),
    }


def _made(case: Case, out: Path, target: str, *, layout: str) -> Path | None:
    """The image of a case, wherever the data set's form has its place."""
    forms = [Filing(out, True), Filing(out, True, frozenset({case.id}))] if "bids" in layout.split(" + ") else []
    places = (filing.path(case, target) for filing in (*forms, Filing(out)))
    return next((path for path in places if path.is_file()), None)


def main() -> int:
    """Shows the case of the number that the program is given, of the job's folder, in a folder that it is given."""
    logging.basicConfig(level=logging.WARNING)
    folder, number, place = sys.argv[1:]
    try:
        found = _show(Path(folder), int(number), Path(place))
    except VoxlateError as error:
        found = {"reason": f"Expected {error.expected}, got {error.came}. {error.remedy}"}
    write_json(Path(place) / RESULT, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
