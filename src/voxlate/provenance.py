"""What is told of an image that was made: by whom, from what, with what done on the way; beside its file or with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from voxlate._version import __version__
from voxlate.strict import StrictModel, later

_WARNING = "not for diagnostic use"
_SYNTHETIC, _BY_MODEL = "Voxlate synthetic ", ", by a model"
_COMMENT_BYTES = 79


Maker = Literal["model", "simulation"]
"""Who computed the voxels of a synthetic image."""


class FileRecord(StrictModel):
    """An input file: its contrast, its name without folders, the SHA-256 of its bytes, and whether a model made it.

    Of an image that was given in memory the name is empty, and the digest that of its voxels.
    """

    contrast: str
    name: str
    sha256: str
    imputed: bool = later(False, description="Whether a model made it too, which had to be allowed.")


class ModelRecord(StrictModel):
    """The model that made the image: its name and the digest of its bundle, and in which precision it computed."""

    name: str
    digest: str
    precision: Literal["fp32", "bf16"] = later("fp32", description="In which its network computed.")


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
        labels: Of a label map, from a value to its name, where names are known.
        scaling: ``offset`` and ``scale`` of ``normalised = (value - offset) / scale``, as used.
        notes: What was accepted, converted, resampled or filled on the way.
        warned: What a warning was given of, to be looked at before the image is used.
        software: Always ``voxlate``.
        software_version: Its version.
        warning: Always "not for diagnostic use".
        output_sha256: SHA-256 of the image beside it, filled in by the writer.
        bids: What BIDS has names for (``Sources``, ``SkullStripped``), which stand in the file beside the other fields
            and begin with a capital letter, as none of those does.
    """

    synthetic: bool
    sources: tuple[FileRecord, ...] = ()
    model: ModelRecord | None = None
    drawn: DrawRecord | None = None
    target: str
    unit: str
    labels: dict[str, str] = later({}, description="Of a label map, from a value to its name.")
    scaling: dict[str, float] | None = None
    notes: tuple[str, ...] = ()
    warned: tuple[str, ...] = later((), description="What a warning was given of.")
    software: Literal["voxlate"] = "voxlate"
    software_version: str = Field(default=__version__)
    warning: Literal["not for diagnostic use"] = "not for diagnostic use"
    output_sha256: str | None = None
    bids: dict[str, object] = later({}, description="What BIDS has names for.")

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        told = {name: one for name, one in value.items() if str(name)[:1].isupper()}
        own = {name: one for name, one in value.items() if name not in told}
        return {**own, "bids": {**own.get("bids", {}), **told}} if told else value

    @model_serializer(mode="wrap")
    def _beside_each_other(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = write(self)
        return {**values.pop("bids", {}), **values}

    def comment(self) -> str:
        """The mark inside the image file, for readers that leave the sidecar behind; at most 79 ASCII bytes."""
        if not self.synthetic:
            return _ascii(f"Voxlate {self.target}")[:_COMMENT_BYTES]
        end = f" {_WARNING}{_BY_MODEL if self.model is not None else ''}"
        return _ascii(f"{_SYNTHETIC}{self.target}")[: _COMMENT_BYTES - len(end)] + end


FOREIGN_MARK = f"{_SYNTHETIC}image of another program{_BY_MODEL}"
"""What is read of an image whose header says by other means that it was computed."""


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


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
