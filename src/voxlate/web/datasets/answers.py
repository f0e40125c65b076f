"""What the server says of data sets, as typed JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voxlate.web.answers import Typed

Cell = Literal["there", "poor", "synthetic", "missing"]
Known = Literal["unknown", "looking", "known", "failed"]


class CaseRow(Typed):
    """A case, and what it has of each contrast of the data set."""

    case: str
    cells: list[Cell] = Field(description="In the order of the data set's contrasts.")
    reasons: dict[str, str] = Field({}, description="From a contrast to why its scan is poor.")


class Makeable(Typed):
    """A contrast that a model can make of cases, and of how many."""

    target: str
    lacking: int = Field(description="Of cases that lack it.")
    poor: int = Field(description="Of cases whose scan of it is poor.")
    every: int = Field(description="Of all cases that have what it needs.")


class CohortChoice(Typed):
    """A model that makes something of a data set."""

    model: str
    name: str
    sources: list[str]
    takes_any: bool = Field(description="Whether it starts from any of its sources, rather than needing all.")
    makes: list[Makeable]


class DataSetAnswer(Typed):
    """A data set that the server may read."""

    id: str
    name: str
    state: Known
    reason: str = Field("", description="Why it could not be read.")
    layout: str = ""
    contrasts: list[str] = Field([], description="In their usual order.")
    cases: list[CaseRow] = Field([], description="In natural order.")
    left_out: int = Field(0, description="Files that belong to no case; `voxlate check` says why.")
    choices: list[CohortChoice] = Field([], description="What can be made of it.")


class CompletionOrder(Typed):
    """A wish that what a data set lacks be made."""

    target: str
    model: str = "default"
    poor: bool = Field(False, description="Make scans anew that are poor, too; their files stay.")
    marked: list[str] = Field([], description="Cases whose scan of it somebody has seen to be poor: moved, say.")
    every: bool = Field(False, description="Make it of every case, also of those that have it.")


class CaseAnswer(Typed):
    """What became of a case in a job."""

    number: int
    case: str
    state: Literal["waiting", "done", "present", "cannot", "failed"]
    seconds: float = 0.0
    reason: str = ""
    sources: list[str] = Field([], description="What it was made from.")
    warnings: str = ""


class CasesAnswer(Typed):
    """What became of the cases of a job, and where the images lie."""

    folder: str = Field(description="The derivative data set, on the server.")
    cases: list[CaseAnswer]


class CaseLook(Typed):
    """What the page shows of a case."""

    case: str
    contrasts: dict[str, str] = Field(description="From the name of a view to what it shows.")
    units: dict[str, str]
    windows: dict[str, tuple[float, float]]
    warnings: list[str]
