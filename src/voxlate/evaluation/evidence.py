"""Evidence: what scoring leaves of each case, so that a killed evaluation goes on and a page is drawn again.

A case is kept as ``<folder>/<digest of its id>.npz`` as soon as it is scored: its scores, what else was measured, and
the arrays that its picture needs. It carries a key, a digest of all that the scores follow from: the predictions, the
case's files, what was asked, and the code that measures. A case under another key is scored again.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from math import nan
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from voxlate._version import __version__
from voxlate.cohort import Case
from voxlate.errors import VoxlateError
from voxlate.evaluation.scores import Score
from voxlate.evaluation.summary import without_nan
from voxlate.io import file_digest
from voxlate.io.atomic import replacing, write_error
from voxlate.plainyaml import Json
from voxlate.plugins import digests
from voxlate.volume import Array

EVIDENCE = "evidence"
"""The folder of it in the folder of an evaluation or a run."""
_KEPT = re.compile(r"[0-9a-f]{16}\.npz")
_DAMAGED = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError, MemoryError),
    *(BadZipFile, zlib.error),
)
"""What a file that is cut short, flipped or no evidence at all makes its readers raise."""
_ABOVE = frozenset({"cli", "verbs", "workflows", "reporting"})
"""Parts of the package that no score depends on."""


@dataclass(frozen=True)
class CaseEvidence:
    """What is known of one case.

    Attributes:
        scores: Its scores.
        arrays: What its picture needs.
        more: Other measurements, values for JSON.
    """

    scores: Sequence[Score]
    arrays: Mapping[str, Array] = field(default_factory=dict)
    more: Json = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The evidence of an evaluation.

    Attributes:
        folder: Where it lies; it is made when something is kept.
        question: Digest of what was asked and of whom, without the case.
    """

    folder: Path
    question: str

    def load(self, case: Case) -> CaseEvidence | None:
        """What is kept of a case; ``None`` if it is nothing, damaged in any way, or follows from something else."""
        try:
            with self._path(case).open("rb") as opened, np.load(opened) as file:
                arrays = dict(file)
            told = json.loads(str(arrays.pop("told")))
            scores = [
                Score(**{**row, "value": nan if row["value"] is None else row["value"]}) for row in told["scores"]
            ]
            return CaseEvidence(scores, arrays, dict(told["more"])) if told["key"] == self._key(case) else None
        except _DAMAGED:
            return None

    def keep(self, case: Case, found: CaseEvidence) -> None:
        """Keeps what was found of a case, whole or not at all.

        Raises:
            WriteError: If it could not be written.
        """
        rows = without_nan([asdict(score) for score in found.scores])
        told = json.dumps({"key": self._key(case), "scores": rows, "more": found.more})
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(self.folder, error) from error
        with replacing(self._path(case)) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, told=np.array(told), **dict(found.arrays))  # type: ignore[arg-type]

    def drop_others(self, cases: Sequence[Case]) -> None:
        """Removes what an earlier evaluation has kept of other cases, and nothing else that lies there.

        Raises:
            WriteError: If something cannot be removed.
        """
        drop_kept(self.folder, but={self._path(case) for case in cases})

    def _path(self, case: Case) -> Path:
        return self.folder / f"{hashlib.sha256(case.id.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}.npz"

    def _key(self, case: Case) -> str:
        files = [f"{name} {_digest(path)}" for name, path in sorted(case.paths.items())]
        return hashlib.sha256("\n".join([self.question, case.id, *files]).encode(errors="surrogateescape")).hexdigest()


def drop_kept(folder: Path, *, but: Collection[Path] = ()) -> None:
    """Removes the files in which cases are kept, in a folder and those in it; what has another name is left alone.

    Args:
        folder: Of the evidence.
        but: Files that stay.

    Raises:
        WriteError: If one cannot be removed.
    """
    for path in folder.rglob("*.npz"):
        if _KEPT.fullmatch(path.name) and path not in but and not path.is_dir():
            try:
                path.unlink()
            except OSError as error:
                raise write_error(path, error) from error


def _digest(path: Path) -> str:
    """Of a file that the scores may depend on; what cannot be read is not refused here, where it may not be needed."""
    try:
        state = path.stat()
        return _digest_of(path, state.st_size, state.st_mtime_ns)
    except (VoxlateError, OSError) as error:
        return f"unreadable: {error}"


@lru_cache(maxsize=64)
def _digest_of(path: Path, _size: int, _changed_ns: int) -> str:
    """Asked for when a case is looked for and again when it is kept: read once, unless the file has changed between."""
    return file_digest(path)


def question_of(*parts: object) -> str:
    """A digest of what was asked: the predictions' digest, options, what labels mean; and of the code that measures.

    Args:
        *parts: Whatever the scores follow from, the case's files apart; by their ``repr``.
    """
    code = " ".join((_code_digest(), *digests()))
    return hashlib.sha256(f"{parts!r} {__version__} {code}".encode(errors="surrogateescape")).hexdigest()


@lru_cache(maxsize=1)
def _code_digest() -> str:
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in _ABOVE:
            digest.update(path.read_bytes())
    return digest.hexdigest()
