"""What the preflight measured, kept by content: the same files under the same code are not measured twice.

An entry is one JSON file, named after the SHA-256 of what was measured, the files' digests, the options and the code
of ``voxlate.cohort`` and ``voxlate.io``. An entry that is missing, damaged or of other code is measured anew. Nothing
is kept unless a folder is named.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import TypeAdapter

from voxlate.errors import WriteError
from voxlate.io.atomic import replacing
from voxlate.plainyaml import Json
from voxlate.volume import Array

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

_CODE = ("cohort", "io")
IN_PREPARED = "preflight"
"""The folder's name in that of the prepared store."""


_Value = TypeVar("_Value", bound="DataclassInstance")


class Kept:
    """Measurements in a folder, or none.

    Args:
        folder: Where they lie; ``None`` to keep nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def recall(self, what: str, of: Sequence[str], measure: Callable[[], Json]) -> Json:
        """The kept measurement, or a new one, which is kept.

        Args:
            what: Sort of measurement.
            of: Everything that it depends on, as text.
            measure: Takes it.

        What cannot be kept, on a full disk say, is measured again next time, and the log says so once.
        """
        if self._folder is None:
            return measure()
        key = hashlib.sha256(json.dumps([_code_digest(), what, *of]).encode()).hexdigest()
        path = self._folder / f"{key}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        if isinstance(found, dict):
            return found
        made = measure()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path, durable=False) as temporary:  # thousands for a large cohort: no waiting for the disk
                temporary.write_text(json.dumps(made) + "\n", encoding="utf-8")
        except (OSError, WriteError) as error:
            logger.warning("what the preflight measures cannot be kept, and is measured again next time: %s", error)
            self._folder = None
        return made

    def recall_as(self, kind: type[_Value], what: str, of: Sequence[str], measure: Callable[[], _Value]) -> _Value:
        """The same of a measurement that is a dataclass of that kind."""
        reader: TypeAdapter[_Value] = _reader(kind)
        return reader.validate_python(self.recall(what, of, lambda: asdict(measure())))


_reader = cache(TypeAdapter)


def packed(array: Array) -> Json:
    """An array as JSON."""
    plain = np.ascontiguousarray(array)
    data = base64.b64encode(zlib.compress(plain.tobytes(), 1)).decode("ascii")
    return {"shape": list(array.shape), "type": plain.dtype.str, "data": data}


def unpacked(values: Json) -> Array:
    """The array of ``packed``."""
    data = zlib.decompress(base64.b64decode(values["data"]))
    return np.frombuffer(data, dtype=np.dtype(values["type"])).reshape(values["shape"])


@cache
def _code_digest() -> str:
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(path for folder in _CODE for path in (root / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
