"""Tunings that lie among the models or the data: their trials, as ``trials.csv`` and ``best.yaml`` tell them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from voxlate.config.recipe import parse_recipe
from voxlate.errors import VoxlateError
from voxlate.plainyaml import read_yaml
from voxlate.web.models.answers import TrialAnswer, TuningAnswer
from voxlate.web.offers import opaque

_TRIALS, _BEST = "trials.csv", "best.yaml"
_BESIDE = {"trial", "state", "duration_s", "run", "reason"}


def tunings_in(roots: Iterable[Path]) -> list[TuningAnswer]:
    """The tunings in these folders, or one level below; what cannot be read is left out."""
    places = dict.fromkeys(place for root in roots if root.is_dir() for place in (root, *sorted(root.iterdir())))
    return [told for place in places if (place / _TRIALS).is_file() for told in _read(place)]


def _read(place: Path) -> Iterator[TuningAnswer]:
    try:
        recipe = parse_recipe(read_yaml(place / _BEST), where=place / _BEST)
        with (place / _TRIALS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        search = recipe.search
        metric = next(name for name in rows[0] if name not in _BESIDE)
        fields = [name for name in rows[0] if name not in _BESIDE | {metric}]
        trials = [_trial(row, metric, fields) for row in rows]
    except (VoxlateError, OSError, ValueError, KeyError, IndexError, StopIteration):
        return
    sign = 1 if search.direction == "minimise" else -1
    ended = [one for one in trials if one.state == "complete" and one.value is not None]
    best = min(ended, key=lambda one: sign * (one.value or 0.0), default=None)
    yield TuningAnswer(
        id=opaque(place),
        name=place.name,
        metric=metric,
        direction=search.direction or "",
        fields=fields,
        best=best.number if best else None,
        trials=trials,
    )


def _trial(row: dict[str, str], metric: str, fields: list[str]) -> TrialAnswer:
    return TrialAnswer(
        number=int(row["trial"]),
        state=row["state"],
        value=float(row[metric]) if row[metric] else None,
        values={name: row[name] for name in fields},
        reason=row.get("reason", ""),
    )
