"""What is said and asked about trainings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from voxlate.jobs import State
from voxlate.web.answers import Typed
from voxlate.web.models.answers import FigureAnswer

_Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)]


class RecipeAnswer(Typed):
    """A recipe that comes with Voxlate."""

    name: str
    does: str
    when: str
    minutes: str


class FormField(Typed):
    """A field of a recipe, as a form shows it."""

    field: str = Field(description="Dotted, as `--set` takes it.")
    section: str
    words: str
    kind: Literal["number", "integer", "boolean", "choice", "text", "json"]
    value: JsonValue
    choices: list[str] = Field([], description="What it can be; empty unless it is a choice.")
    minimum: float | None = None
    maximum: float | None = None
    empty: bool = Field(description="Whether it may be left empty, which is `null`.")
    settled: bool = Field(description="Whether the data decide it unless somebody says otherwise.")
    main: bool = Field(description="Whether it is among the few that come first.")


class RecipeForm(Typed):
    """A recipe as a form."""

    recipe: str
    paper: str
    sources: list[str]
    target: str
    fields: list[FormField]


class TrainingOrder(Typed):
    """A wish for a training, or for the preflight before it."""

    name: _Words = Field("", description="What the model is called; empty: as the recipe.")
    data: str = Field(description="Of `GET /datasets`.")
    recipe: str
    sources: list[str] = Field([], description="Empty: those of the recipe.")
    target: str = Field("", description="Empty: that of the recipe.")
    minutes: float | None = Field(None, gt=0, le=100_000)
    fields: dict[str, JsonValue] = Field({}, description="Recipe fields that are changed, by dotted name.")
    check: str | None = Field(None, description="A preflight, whose measurements are used again.")


class CheckFinding(Typed):
    """Something that the preflight noticed."""

    severity: str
    case: str
    code: str
    message: str


class CheckAnswer(Typed):
    """A preflight."""

    id: str
    state: State
    reason: str
    stage: str
    done: int
    of: int
    cases: int | None = None
    layout: str | None = None
    left_out: list[str] = Field([], description="Files that are no part of a case, with reasons.")
    findings: list[CheckFinding] = Field([], description="What was noticed.")


class TrainingAnswer(Typed):
    """A training."""

    id: str
    state: State
    name: str
    data: str = Field(description="The name of the data set's folder.")
    recipe: str
    sources: list[str]
    target: str
    minutes: float | None
    reason: str
    created: float
    began: float | None
    ended: float | None
    stage: str
    share: float | None = Field(description="How much of the budget is spent, from 0 to 1.")
    figures: list[FigureAnswer]
    model: str | None = Field(description="The finished model, of `GET /models`.")
