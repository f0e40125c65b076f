"""Where networks are kept that were exported for a runtime: in the user's cache, by the digest of the model.

Beside a network lies what was found of it: whether its output agreed with torch's, and the digests of its files. One
that is damaged, or was made by other versions, is none.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from voxlate._version import __version__
from voxlate.inference.runtimes.openvino import OPENVINO
from voxlate.inference.runtimes.runtime import Runtime

logger = logging.getLogger(__name__)
_MOST = 24
"""Networks that are kept; the one that was used longest ago goes first."""


@dataclass(frozen=True)
class KeptGraph:
    """What is known of an exported network.

    Attributes:
        agrees: Whether its output is torch's.
        error: The largest difference, as a share of the largest value.
        divisor: Spatial sizes of a sample must be multiples of it.
        files: By the ending of its name, the SHA-256 of each file.
        classes: Of a segmentation, those whose probabilities come out.
        faster: Whether it is to be used where nobody asks for it.
    """

    agrees: bool
    error: float
    divisor: int = 1
    files: dict[str, str] | None = None
    classes: dict[str, tuple[int, ...]] | None = None
    faster: bool = True


def graph_path(digest: str, runtime: Runtime = OPENVINO) -> Path:
    """Where the network of a model lies for a runtime, or would; ``digest`` is that of its bundle."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voxlate" / "graphs"
    try:
        made_by = version(runtime.packages[0])
    except PackageNotFoundError:
        made_by = ""
    name = hashlib.sha256(f"{digest} {__version__} {made_by}".encode()).hexdigest()[:32]
    return base / f"{name}{runtime.suffix}"


def find_kept(digest: str, runtime: Runtime = OPENVINO) -> KeptGraph | None:
    """What is kept of a model for a runtime; ``None`` where that is nothing, or not whole."""
    path = graph_path(digest, runtime)
    try:
        found = KeptGraph(**json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
        whole = all(_digest(path.with_suffix(suffix)) == told for suffix, told in (found.files or {}).items())
        os.utime(path.with_suffix(".json"))
    except (OSError, ValueError, TypeError):
        return None
    return found if whole else None


def keep(
    digest: str, kept: KeptGraph, write: Callable[[Path], None] | None = None, *, runtime: Runtime = OPENVINO
) -> bool:
    """Keeps what was found of a model, and the network where it agrees; whether that could be done.

    Args:
        digest: Of the model's bundle.
        kept: What was found, without the digests of the files.
        write: Writes the network to the file that it is given, perhaps with its weights beside it.
        runtime: What is to compute it.
    """
    path = graph_path(digest, runtime)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent) as folder:
            place = Path(folder, path.name)
            if write is not None:
                write(place)
            files = {one.suffix: _digest(one) for one in Path(folder).iterdir()}
            record = json.dumps({**asdict(kept), "files": files})
            place.with_suffix(".json").write_text(record, encoding="utf-8")
            for suffix in (*files, ".json"):  # the record last, without which there is nothing
                place.with_suffix(suffix).replace(path.with_suffix(suffix))
        _forget_old(path.parent)
    except OSError as error:  # a full or read-only home does not keep anybody from working
        logger.info("the exported network is not kept: %s", error)
        return False
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _forget_old(folder: Path) -> None:
    records = sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime)
    for record in records[:-_MOST]:
        for suffix in (".json", ".xml", ".bin", ".onnx"):
            record.with_suffix(suffix).unlink(missing_ok=True)
