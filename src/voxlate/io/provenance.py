"""Where an image comes from: the JSON sidecar ``<name>.json`` beside every volume that Voxlate makes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from voxlate.config.recipe import describe
from voxlate.errors import ReadError
from voxlate.io.paths import header_path, volume_stem
from voxlate.provenance import DrawRecord, FileRecord, Maker, ModelRecord, Provenance, maker_in

__all__ = [
    "DrawRecord",
    "FileRecord",
    "Maker",
    "ModelRecord",
    "Provenance",
    "digest_of",
    "maker_in",
    "read_provenance",
    "sidecar_path",
]
_LIMIT_BYTES = 16 * 2**20


def sidecar_path(path: str | Path) -> Path:
    """The sidecar of a volume: ``a/b.nii.gz`` has ``a/b.json``."""
    path = header_path(path)
    path = path if path.name else path.resolve()  # of "." and "" the folder that is meant
    return path.with_name(volume_stem(path) + ".json")


def read_provenance(path: str | Path) -> Provenance | None:
    """What the sidecar of a volume says; ``None`` if there is none, or it is another program's (BIDS has such files).

    Raises:
        ReadError: If it is Voxlate's and damaged.
    """
    sidecar = sidecar_path(path)
    if not sidecar.is_file() or sidecar.stat().st_size > _LIMIT_BYTES:
        return None
    text = sidecar.read_bytes()
    try:
        values = json.loads(text)
    except ValueError:
        return None
    if not isinstance(values, dict) or values.get("software") != "voxlate":
        return None
    try:
        return Provenance.model_validate_json(text)
    except ValidationError as error:
        remedy = "Write the volume again, or remove the sidecar."
        raise ReadError("a sidecar of Voxlate", came=describe(error), where=sidecar, remedy=remedy) from error


def digest_of(paths: tuple[Path, ...]) -> str:
    """SHA-256 in hexadecimal of the bytes of these files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    return digest.hexdigest()
