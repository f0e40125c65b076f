"""What the server says and is asked, as typed JSON; its schema is ``/api/v1/openapi.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from voxlate.jobs import State


class Typed(BaseModel):
    """What is said or asked: frozen, and nothing that is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContrastAnswer(Typed):
    """A contrast that scans can show."""

    name: str
    title: str
    kind: Literal["mr", "ct", "pet", "label"]
    unit: str


class About(Typed):
    """The program and this server."""

    name: str = "Voxlate"
    version: str
    notice: str = "Research software. Not for diagnostic use. Every image that it makes is synthetic."
    contrasts: list[ContrastAnswer]
    upload_bytes: int = Field(description="How large an upload may be, in all.")
    upload_files: int = Field(description="How many files it may have.")
    kept_hours: float = Field(description="After what time uploads and results are removed.")


class ModelAnswer(Typed):
    """A model that scans can be translated by."""

    id: str
    name: str
    sources: list[str]
    targets: list[str]
    trained_on: int = Field(description="How many cases taught it.")
    digest: str


class ModelChoice(Typed):
    """A model that fits a scan, and what it makes of it."""

    model: str
    name: str
    targets: list[str]
    seconds: float | None = Field(description="What a translation is likely to take; null where nothing is known.")
    memory_mib: float | None


class ScanAnswer(Typed):
    """A scan of an upload: what was recognised, and what can be done with it."""

    id: str
    form: Literal["file", "dicom"]
    contrast: str | None = Field(description="What it shows; null where nothing tells.")
    reason: str = Field(description="Why that is thought.")
    shape: list[int]
    spacing_mm: list[float]
    axes: str
    unit: str
    window: tuple[float, float] = Field(description="Where grey begins and ends.")
    synthetic: bool = Field(description="Whether a model made it, or it is simulated.")
    warnings: list[str]
    choices: list[ModelChoice]


class TogetherChoice(ModelChoice):
    """A model that starts from several scans of an upload at once."""

    scans: list[str] = Field(description="The ids of those that it uses, the first of them gives the grid.")


class UploadAnswer(Typed):
    """An upload: its scans are known when it is finished."""

    id: str
    state: Literal["open", "finished"]
    scans: list[ScanAnswer] = []
    together: list[TogetherChoice] = Field([], description="What can be made of several of them at once.")
    left_out: list[str] = Field([], description="What was not taken, and why.")


class Correction(Typed):
    """What a person says that a scan shows."""

    contrast: str


class TranslationOrder(Typed):
    """A wish for a translation."""

    upload: str
    scan: str
    also: list[str] = Field([], max_length=16, description="Further scans of the same person, used together with it.")
    target: str
    model: str = "default"
    dicom: bool | None = Field(None, description="Write DICOM; by default where the source was DICOM.")


class Done(Typed):
    """What came of a job."""

    seconds: float
    warnings: list[str]
    seen: bool | None = Field(description="Whether the model was trained or chosen on this scan.")
    windows: dict[str, tuple[float, float]] = Field(description="Where grey begins and ends: source, prediction.")
    shape: list[int] = Field(description="Voxels of the source along its axes; empty for a data set.")
    form: Literal["file", "dicom"]


class JobAnswer(Typed):
    """A job."""

    id: str
    kind: str = Field(description="translate: a scan; complete: what a data set lacks.")
    title: str = Field("", description="The name of the data set.")
    dataset: str = Field("", description="Its id.")
    state: State
    source: str = Field(description="What the first of the scans shows; empty for a data set.")
    sources: list[str] = Field(description="What each of the scans shows.")
    target: str
    units: dict[str, str] = Field(description="Units of source and prediction.")
    model: str
    attempts: int
    created: float
    began: float | None
    ended: float | None
    reason: str = Field(description="Why it failed.")
    stage: str = Field(description="What its worker does now.")
    done: int = Field(description="How much of that is done.")
    of: int = Field(description="Of how much.")
    expected_s: float | None = Field(description="What it is likely to take in all.")
    result: Done | None = None


class Problem(Typed):
    """Why something was refused, and what to do about it."""

    expected: str
    came: str
    remedy: str
