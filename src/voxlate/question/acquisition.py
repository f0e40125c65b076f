"""How an image was acquired, as far as it is known, and the numbers that a network is told of it.

Names and units are those of BIDS: times in s, angle in degrees, field in T. They stand in the JSON file beside an
image, in a table of the data set in columns such as ``t2_EchoTime``, or in its ``acquisitions.tsv``, a row per image
with ``participant_id`` and ``contrast``, as the phantom writes it. What is not known is told as not known: each value
has a second number beside it, 1 where it is known.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxlate.errors import UsageError
from voxlate.question.sidecars import read_inherited

_AGENT = "ContrastBolusIngredient"
_TYPICAL = {"RepetitionTime": 1.0, "EchoTime": 0.03, "InversionTime": 1.0}
"""Times in s around which their logarithms lie."""
_LARGEST = {"FlipAngle": 90.0, "MagneticFieldStrength": 3.0}
_FIELDS = (*_TYPICAL, *_LARGEST, _AGENT)
"""What a network may be told."""
_TABLE, _UP = "acquisitions.tsv", 4
COUNT = 2 * len(_FIELDS)
"""Numbers of an acquisition."""
Acquisition = Mapping[str, float]
"""From some of the fields to their values; the agent is 1 where one was given, else 0."""


def acquisition_numbers(known: Acquisition | None) -> NDArray[np.float32]:
    """The numbers of an acquisition, ``(COUNT,)``: of each field the value, of the order of 1, and whether it is known.

    Example:
        >>> acquisition_numbers({"FlipAngle": 9}).tolist()[6:8]
        [0.10000000149011612, 1.0]
    """
    numbers = []
    for name in _FIELDS:
        value = (known or {}).get(name)
        numbers += [0.0, 0.0] if value is None else [_scaled(name, value), 1.0]
    return np.array(numbers, dtype=np.float32)


def _scaled(name: str, value: float) -> float:
    if name in _TYPICAL:
        return math.log(max(value, 1e-4) / _TYPICAL[name])
    return value / _LARGEST.get(name, 1.0)


def check_acquisition(given: Mapping[str, object]) -> dict[str, float]:
    """An acquisition that somebody states.

    Raises:
        UsageError: If a field is unknown, or a value is no number of at least 0.
    """
    checked = {}
    for name, value in given.items():
        if name not in _FIELDS or not isinstance(value, int | float) or not value >= 0:
            raise UsageError(
                f"some of {', '.join(_FIELDS)}, each with a number",
                came=f"{name}={value!r}",
                where="acquisition",
                remedy="Times are in s, the angle in degrees, the field in T; the agent is 0 or 1.",
            )
        checked[name] = float(value)
    return checked


def read_acquisition(path: Path, attributes: Mapping[str, str], *, contrast: str, case: str = "") -> dict[str, float]:
    """What is known of an image: from the attributes of its case, else its JSON files, else the data set's table.

    Args:
        path: The JSON file beside the image; it need not be there, and in BIDS inherits from those above.
        attributes: Of the case; those named ``<contrast>_<field>`` count.
        contrast: What the image shows.
        case: Whose row counts in a table ``acquisitions.tsv`` in a folder that the image lies in.
    """
    told = read_inherited(path)
    stated = {name: attributes[f"{contrast}_{name}"] for name in _FIELDS if f"{contrast}_{name}" in attributes}
    tables = [_rows(table, table.stat().st_mtime_ns) for table in _tables(path)]
    row = next((table[case, contrast] for table in tables if (case, contrast) in table), {})
    found = {name: _value(name, value) for name, value in {**row, **told, **stated}.items() if name in _FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def _tables(path: Path) -> list[Path]:
    return [table for table in (folder / _TABLE for folder in path.parents[:_UP]) if table.is_file()]


@lru_cache(maxsize=8)
def _rows(path: Path, _changed_ns: int) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """The rows of a table by case and contrast, read anew when it has changed; none if it cannot be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, ValueError, csv.Error):
        return {}
    return {(str(row.get("participant_id")), str(row.get("contrast"))): row for row in rows}


def _value(name: str, value: object) -> float | None:
    """A value that a header or a table states; ``None`` for what is no number, or below 0."""
    text = str(value).strip()
    if name == _AGENT and not text.replace(".", "", 1).isdecimal():
        return float(text.casefold() not in {"", "none", "no", "n/a", "false", "null"})
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
