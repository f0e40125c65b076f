"""What the server says and is asked, as typed JSON; its schema is ``/api/v1/openapi.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from voxlate.jobs import State


class _Typed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ContrastAnswer(_Typed):
    """A contrast that scans can show."""

    name: str
    title: str
    kind: Literal["mr", "ct", "pet", "label"]
    unit: str


class About(_Typed):
    """The program and this server."""

    name: str = "Voxlate"
    version: str
    notice: str = "Research software. Not for diagnostic use. Every image that it makes is synthetic."
    contrasts: list[ContrastAnswer]
    upload_bytes: int = Field(description="How large an upload may be, in all.")
    upload_files: int = Field(description="How many files it may have.")
    kept_hours: float = Field(description="After what time uploads and results are removed.")


class ModelAnswer(_Typed):
    """A model that scans can be translated by."""

    id: str
    name: str
    sources: list[str]
    targets: list[str]
    trained_on: int = Field(description="How many cases taught it.")
    digest: str


class ModelChoice(_Typed):
    """A model that fits a scan, and what it makes of it."""

    model: str
    name: str
    targets: list[str]
    seconds: float | None = Field(description="What a translation is likely to take; null where nothing is known.")
    memory_mib: float | None


class ScanAnswer(_Typed):
    """A scan of an upload: what was recognised, and what can be done with it."""

    id: str
    form: Literal["file", "dicom"]
    contrast: str | None = Field(description="What it shows; null where nothing tells.")
    reason: str = Field(description="Why that is thought.")
    shape: list[int]
    spacing_mm: list[float]
    axes: str
    synthetic: bool = Field(description="Whether a model made it, or it is simulated.")
    warnings: list[str]
    choices: list[ModelChoice]


class UploadAnswer(_Typed):
    """An upload: its scans are known when it is finished."""

    id: str
    state: Literal["open", "finished"]
    scans: list[ScanAnswer] = []
    left_out: list[str] = Field([], description="What was not taken, and why.")


class Correction(_Typed):
    """What a person says that a scan shows."""

    contrast: str


class TranslationOrder(_Typed):
    """A wish for a translation."""

    upload: str
    scan: str
    target: str
    model: str = "default"
    dicom: bool | None = Field(None, description="Write DICOM; by default where the source was DICOM.")


class Done(_Typed):
    """What came of a job."""

    seconds: float
    warnings: list[str]
    seen: bool | None = Field(description="Whether the model was trained or chosen on this scan.")
    windows: dict[str, tuple[float, float]] = Field(description="Where grey begins and ends: source, prediction.")
    shape: list[int] = Field(description="Voxels of the source along its axes.")
    form: Literal["file", "dicom"]


class JobAnswer(_Typed):
    """A job."""

    id: str
    state: State
    source: str
    target: str
    units: dict[str, str] = Field(description="Units of source and prediction.")
    model: str
    attempts: int
    created: float
    began: float | None
    ended: float | None
    reason: str = Field(description="Why it failed.")
    stage: str = Field(description="What its worker does now.")
    expected_s: float | None = Field(description="What it is likely to take in all.")
    result: Done | None = None


class Problem(_Typed):
    """Why something was refused, and what to do about it."""

    expected: str
    came: str
    remedy: str
