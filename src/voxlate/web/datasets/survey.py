"""What a data set has of which case: a program that is given the data set and the file to write.

A scan is there, poor by the rule of ``voxlate.cohort.poor``, which ``voxlate check`` and ``--replace poor`` go by, or
was made by a model. Only headers and sidecars are read.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from voxlate.cohort import Case, index_cohort
from voxlate.cohort.overview import contrast_counts
from voxlate.cohort.poor import Poor, find_poor
from voxlate.cohort.synthetic import is_imputed
from voxlate.config.plan import Reading
from voxlate.errors import ReadError, VoxlateError
from voxlate.jobs.job import write_json
from voxlate.plainyaml import Json
from voxlate.web.datasets.answers import Cell

logger = logging.getLogger(__name__)


def _survey(root: Path) -> Json:
    """The contrasts of a data set, and for each case the state of each, why, and the file."""
    cohort = index_cohort(root)
    poor, contrasts = find_poor(cohort, reading=Reading()), list(contrast_counts(cohort))
    return {
        "layout": cohort.layout,
        "contrasts": contrasts,
        "left_out": len(cohort.left_out),
        "cases": [
            {
                "id": case.id,
                "subject": case.subject,
                "cells": {name: _state(case, name, poor) for name in case.paths},
                "reasons": {name: poor[case.id, name] for name in case.paths if (case.id, name) in poor},
                "paths": {name: str(case.paths[name].resolve()) for name in contrasts if name in case.paths},
            }
            for case in cohort.cases
        ],
    }


def _state(case: Case, name: str, poor: Poor) -> Cell:
    try:
        if is_imputed(case.paths[name]):
            return "synthetic"
    except ReadError:  # a damaged sidecar: translating refuses the case, and says so
        logger.warning("a sidecar of %s is damaged", case.id)
    return "poor" if (case.id, name) in poor else "there"


def main() -> int:
    """Surveys the data set that the program is given into the file that it is given."""
    logging.basicConfig(level=logging.WARNING)
    root, path = map(Path, sys.argv[1:])
    try:
        found = _survey(root)
    except VoxlateError as error:
        found = {"problem": f"Expected {error.expected}, got {error.came.removesuffix('.')}. {error.remedy}"}
    write_json(path, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
