"""What is said and asked about reader studies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from voxlate.jobs import State
from voxlate.web.answers import Typed

Side = Literal["left", "right"]
Kind = Literal["real", "models"]
_Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
_Rating = Annotated[int, Field(ge=1, le=5)]


class StudyOrder(Typed):
    """A wish for a study."""

    title: _Words
    kind: Kind = Field(description="`real`: a scan against what a model made; `models`: what two models made.")
    data: str = Field(description="Of `GET /datasets`.")
    models: list[str] = Field(min_length=1, max_length=2, description="One, or two that are compared.")
    target: str
    cases: int = Field(20, ge=1, le=500, description="How many pairs at most, of cases that no model has seen first.")
    seed: int | None = Field(None, ge=0, lt=2**32, description="Draws cases, order and sides; null: any.")


class StudyAnswer(Typed):
    """A study; nothing here tells a reader which image is which."""

    id: str
    title: str
    kind: Kind
    target: str
    state: State = Field(description="Of the making of its pairs.")
    reason: str
    made: int = Field(description="Pairs that are made so far.")
    pairs: int = Field(description="Pairs in all.")
    closed: bool = Field(description="Whether no more answers are taken, and which is which may be told.")
    readers: dict[str, int] = Field(description="From a reader to the pairs that were read.")


class Reader(Typed):
    """Who reads."""

    reader: _Words


class Sight(Typed):
    """What a reader sees next."""

    key: str | None = Field(description="Of the pair; null where all are read.")
    read: int
    of: int


class PairAnswer(Typed):
    """What a reader says of a pair, for good."""

    choice: Side
    left: _Rating
    right: _Rating
    artefacts: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)] = ""


class ReaderShare(Typed):
    """How often a reader chose images of the first kind."""

    reader: str
    count: int
    of: int
    interval: tuple[float, float] = Field(description="Clopper and Pearson, 95 %.")
    p: float = Field(description="Exact binomial test against 1/2, two-sided.")


class StudyReport(Typed):
    """What a closed study says."""

    sentence: str
    kinds: tuple[str, str]
    seed: int
    blinding: str
    readers: list[ReaderShare]
    pooled: ReaderShare
    kappa: float | None
    agreement: str = Field(description="Whose kappa: Cohen's of two readers, Fleiss' of more.")
    shared: int = Field(description="Pairs that all readers have read.")
    ratings: tuple[float, float] = Field(description="Means of both kinds.")
    rating_gap: float
    rating_gap_interval: tuple[float, float] | None
    seen: int = Field(description="Pairs of cases that a model was trained or chosen on.")
    left_out: list[str]
