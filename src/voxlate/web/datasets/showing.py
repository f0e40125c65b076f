"""What the page shows of a case: a program that is given a folder with a survey, and the number of the case in it.

Of a job that is the image which it has made, and the scans, those first from which that was made; of a data set it is
the scans alone.
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
from voxlate.provenance import Provenance
from voxlate.web.places import OUT, SURVEY
from voxlate.web.translation import write_sources, write_views

_MOST = 4
"""Sources that are shown: each is written anew."""


def _show(folder: Path, number: int, place: Path) -> Json:
    """Writes the views of a case, and tells what they show."""
    order, survey = read_json(folder / ORDER), read_json(folder / SURVEY) or {}
    told = survey["cases"][number]
    paths = {name: Path(path) for name, path in told["paths"].items()}
    scans = {name: path for name, path in paths.items() if get_contrast(name).kind != "label"}
    if order is None:
        shown, warned = list(scans)[:_MOST], []
        windows = write_sources({name: paths[name] for name in shown}, place)
    else:
        case = Case(id=told["id"], subject=told["subject"], paths=paths, attributes={})
        made, provenance = _made(case, folder / OUT, order["target"], layout=survey["layout"])
        first = [source.contrast for source in provenance.sources if source.contrast in paths]
        shown, warned = [*first, *(name for name in scans if name not in first)][:_MOST], list(provenance.warned)
        windows, _ = write_views({name: paths[name] for name in shown}, made, place, target=order["target"])
        shown = [order["target"], *shown]
    contrasts = dict(zip(windows, shown, strict=True))
    return {"case": told["id"], "contrasts": contrasts, "windows": windows, "warnings": warned}


def _made(case: Case, out: Path, target: str, *, layout: str) -> tuple[Path, Provenance]:
    """The image of a case, wherever the data set's form has its place, and what is told of it."""
    forms = [Filing(out, True), Filing(out, True, frozenset({case.id}))] if "bids" in layout.split(" + ") else []
    for path in (filing.path(case, target) for filing in (*forms, Filing(out))):
        told = read_provenance(path) if path.is_file() else None
        if told is not None:
            return path, told
    remedy = "Wait until it is made, or read in the list why it was not."
    raise VoxlateError("an image of the case", came="none", where=case.id, remedy=remedy)


def main() -> int:
    """Shows the case of a number, of a folder with a survey, in another folder, all of which the program is given."""
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
