"""Where an image comes from: the JSON sidecar ``<name>.json`` beside every volume that Voxlate makes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from voxlate._version import __version__
from voxlate.config.recipe import describe
from voxlate.errors import ReadError
from voxlate.io.paths import header_path, volume_stem
from voxlate.strict import StrictModel, later

_WARNING = "not for diagnostic use"
_SYNTHETIC, _BY_MODEL = "Voxlate synthetic ", ", by a model"
_COMMENT_BYTES = 79
_LIMIT_BYTES = 16 * 2**20


Maker = Literal["model", "simulation"]
"""Who computed the voxels of a synthetic image."""


class FileRecord(StrictModel):
    """An input file: its contrast, its name without folders, the SHA-256 of its bytes, and whether a model made it."""

    contrast: str
    name: str
    sha256: str
    imputed: bool = later(False, description="Whether a model made it too, which had to be allowed.")


class ModelRecord(StrictModel):
    """The model that made the image: its name and the digest of its bundle."""

    name: str
    digest: str


class DrawRecord(StrictModel):
    """How a label map was drawn: the shape model's name in the catalogue, the seed, and the case's number."""

    shapes: str
    seed: int
    number: int


class Provenance(StrictModel):
    """What a sidecar says.

    Attributes:
        synthetic: Whether the voxels were computed by a model or a simulation.
        sources: The files that it was made from.
        model: The model that made it, if one did.
        drawn: How it was drawn, if it was made from nothing.
        target: Contrast shown.
        unit: Unit of the values.
        scaling: ``offset`` and ``scale`` of ``normalised = (value - offset) / scale``, as used.
        notes: What was accepted, converted, resampled or filled on the way.
        software: Always ``voxlate``.
        software_version: Its version.
        warning: Always "not for diagnostic use".
        output_sha256: SHA-256 of the image beside it, filled in by the writer.
    """

    synthetic: bool
    sources: tuple[FileRecord, ...] = ()
    model: ModelRecord | None = None
    drawn: DrawRecord | None = None
    target: str
    unit: str
    scaling: dict[str, float] | None = None
    notes: tuple[str, ...] = ()
    software: Literal["voxlate"] = "voxlate"
    software_version: str = Field(default=__version__)
    warning: Literal["not for diagnostic use"] = "not for diagnostic use"
    output_sha256: str | None = None

    def comment(self) -> str:
        """The mark inside the image file, for readers that leave the sidecar behind; at most 79 ASCII bytes."""
        if not self.synthetic:
            return _ascii(f"Voxlate {self.target}")[:_COMMENT_BYTES]
        end = f" {_WARNING}{_BY_MODEL if self.model is not None else ''}"
        return _ascii(f"{_SYNTHETIC}{self.target}")[: _COMMENT_BYTES - len(end)] + end


def maker_in(comment: str) -> Maker | None:
    """Who made an image by the mark in its header, which ``Provenance.comment`` wrote; ``None`` without a mark.

    A mark that names nobody is that of a simulation, or of a model of an earlier version, which its sidecar tells.

    Example:
        >>> maker_in("Voxlate synthetic t2 not for diagnostic use, by a model"), maker_in("Scanner 7")
        ('model', None)
    """
    if _SYNTHETIC not in comment:
        return None
    return "model" if _BY_MODEL in comment else "simulation"


def sidecar_path(path: str | Path) -> Path:
    """The sidecar of a volume: ``a/b.nii.gz`` has ``a/b.json``."""
    path = header_path(path)
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


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
