"""What is said and asked about models."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voxlate.metrics.metric import Better
from voxlate.web.answers import ModelAnswer, Typed


class ScoreAnswer(Typed):
    """A metric of a model in a region."""

    title: str
    unit: str
    better: Better
    value: float | None
    interval: tuple[float, float] | None = Field(None, description="95 %, over the cases.")
    lookup: float | None = Field(None, description="The same of the intensity lookup, a baseline.")
    beaten: bool | None = Field(None, description="Whether the lookup is beaten; null where that was not compared.")


class EvaluationAnswer(Typed):
    """What an evaluation or a validation says."""

    title: str
    cases: int
    note: str
    scores: list[ScoreAnswer]


class SeenContrast(Typed):
    """A contrast as the training cases show it."""

    name: str
    title: str
    unit: str
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]
    orientations: dict[str, int]
    low: float = Field(description="Where the intensities of the foreground begin, in the median case.")
    high: float


class FingerprintAnswer(Typed):
    """What the training cases are like."""

    cases: int
    foreground_mm: list[float] | None = Field(description="Largest extent along right, front, head.")
    skull_stripped: bool
    contrasts: list[SeenContrast]


class FigureAnswer(Typed):
    """A picture of a training or of an evaluation."""

    id: str
    title: str


class CurveAnswer(Typed):
    """Values over optimiser steps."""

    name: str
    title: str
    kind: Literal["loss", "metric"]
    better: Better
    steps: list[float]
    values: list[float]


class ModelPage(Typed):
    """All that is known of a model."""

    model: ModelAnswer
    came: bool = Field(description="Whether it has come by this server: uploaded, or trained here.")
    paper: str
    method: str
    card: str = Field(description="Markdown.")
    recipe: str = Field(description="YAML.")
    size_bytes: int
    scores: list[EvaluationAnswer]
    fingerprint: FingerprintAnswer
    figures: list[FigureAnswer]
    has_curves: bool


class UploadedModel(Typed):
    """An upload that holds an archive of a bundle."""

    upload: str


class TrialAnswer(Typed):
    """A trial of a tuning."""

    number: int
    state: str
    value: float | None
    values: dict[str, str]
    reason: str


class TuningAnswer(Typed):
    """A tuning that lies in a folder of models or data."""

    id: str
    name: str
    metric: str
    direction: str
    fields: list[str]
    best: int | None = Field(description="The number of the best trial.")
    trials: list[TrialAnswer]
