"""The rules of a node, one YAML file: who may send, what is kept, and which study is answered by which model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_core.core_schema import ValidationInfo

from voxlate.config.forms import filled
from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, VoxlateError
from voxlate.io.archive import Limits, parse_address
from voxlate.io.archive.connection import Title
from voxlate.plainyaml import read_yaml
from voxlate.strict import StrictModel

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def _contrast(text: str) -> str:
    try:
        return get_contrast(text).name
    except VoxlateError as error:
        raise ValueError(str(error)) from None


def _address(text: str) -> str:
    try:
        return str(parse_address(text))
    except UsageError as error:
        raise ValueError(str(error)) from None


_Contrast = Annotated[str, AfterValidator(_contrast)]


def _in_folder(path: Path | None, info: ValidationInfo) -> Path | None:
    """Paths count from the folder of the rules' file."""
    return path if path is None else Path((info.context or {}).get("folder", Path())) / path


class Condition(StrictModel):
    """Which studies a rule is for: those with a series of which all this holds; what is not stated always does."""

    modality: Literal["MR", "CT", "PT"] | None = Field(None, description="What the header calls the modality.")
    contrast: _Contrast | None = Field(None, description="What the series shows, as it is guessed from the header.")
    body_part: str | None = Field(None, description="BodyPartExamined, in capitals or not.")
    calling: tuple[str, ...] = Field((), description="AE titles of senders; a study counts as its last sender's.")


class Rule(StrictModel):
    """Which model answers which study, and where the answer goes."""

    name: str = Field(description="Lower-case letters, digits and hyphens; it names folders.")
    when: Condition = Field(Condition(), description="Which studies it is for.")
    model: Path | None = Field(None, description="A run or a bundle; the model that comes with Voxlate without one.")
    target: _Contrast = Field(description="The contrast that is made.")
    send_to: Annotated[str, AfterValidator(_address)] = Field(description="The archive that the answer goes to.")
    connection: Path | None = Field(None, description="The connection's file for this archive, if it has its own.")

    _placed = field_validator("model", "connection")(_in_folder)

    @field_validator("name")
    @classmethod
    def _names_a_folder(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has lower-case letters, digits and hyphens, 40 at most")
        return name


class NodeRules(StrictModel):
    """What the file of a node says."""

    folder: Path = Field(description="Where the node keeps what has arrived, its answers and its list.")
    title: Title = Field("VOXLATE", description="The AE title that senders call the node by.")
    bind: str = Field("127.0.0.1", description="The address of this machine at which the node listens.")
    port: int = Field(11112, ge=0, le=65535, description="Its port.")
    accept: tuple[Title, ...] = Field(description="AE titles that may send; all others are refused.")
    identified: bool = Field(False, description="Whether data that still names its patient is taken.")
    quiet_s: float = Field(60.0, gt=0, le=86400, description="A study is complete when nothing of it came so long.")
    attempts: int = Field(5, ge=1, le=100, description="How often an answer is tried.")
    retry_after_s: float = Field(60.0, ge=0, le=86400, description="The pause after a first failure; it doubles.")
    keep_hours: float = Field(24.0, gt=0, description="Files are deleted so long after a study came to rest.")
    quota_gib: float = Field(50.0, gt=0, description="What the folder may hold; beyond it files are refused.")
    associations: int = Field(10, ge=1, le=1000, description="Associations at one time.")
    pdu_bytes: int = Field(131072, ge=4096, le=2**24, description="The largest piece of a message.")
    file_mib: float = Field(1024.0, gt=0, description="The largest file; an association that sends more is ended.")
    silence_s: float = Field(60.0, gt=0, le=3600, description="A sender that says nothing for so long is let go.")
    connection: Path | None = Field(None, description="The file with TLS and credentials, for the node and archives.")
    rules: tuple[Rule, ...] = Field(description="Each that fits a study answers it.")

    _placed = field_validator("folder", "connection")(_in_folder)

    @model_validator(mode="before")
    @classmethod
    def _one_title(cls, value: object) -> object:
        """A single AE title is a list of one."""
        if isinstance(value, dict) and isinstance(value.get("accept"), str):
            return {**value, "accept": (value["accept"],)}
        return value

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [rule.name for rule in self.rules]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two rules called {', '.join(twice)}")
        if not self.rules or not self.accept:
            raise ValueError("at least one rule, and one AE title that is accepted, are needed")
        return self

    @property
    def limits(self) -> Limits:
        """How much is taken at once."""
        return Limits(self.associations, self.pdu_bytes, int(self.file_mib * 2**20), self.silence_s)


def load_rules(path: Path) -> NodeRules:
    """The rules in a file; paths in it count from its folder.

    Raises:
        UsageError: If it cannot be read, a field is unknown, or a value is of the wrong type or range.
    """
    return filled(NodeRules, read_yaml(path), what="rules of a node", where=path)
