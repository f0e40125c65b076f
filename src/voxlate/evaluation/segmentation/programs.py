"""Programs that segment: nnU-Net, TotalSegmentator or one's own, run by a declared command without a shell.

A YAML file says how::

    name: lesion-segmenter
    command: [segment, -i, "{flair}", -o, "{output}"]
    sources: [flair, t1]
    classes: {lesion: [1]}
    timeout_s: 3600
    suffix: .nii.gz

The command is a list of arguments. In each of them ``{contrast}`` becomes the path of that image, ``{output}`` that of
the label map which must be written, and ``{folder}`` a scratch folder that holds both; ``{{`` and ``}}`` are braces. No
shell reads the arguments, so a name is never more than a name. Where a program wants certain names in a folder,
``files`` and ``output`` give them, relative to the scratch folder; where the data set's label maps have other values
than the program's, ``truth`` gives those.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Self

import numpy as np
from pydantic import Field, NonNegativeInt, ValidationError, field_validator, model_validator

from voxlate.cohort import Case
from voxlate.cohort.admission import admit, refuse
from voxlate.config.recipe import describe
from voxlate.contrast import get_contrast
from voxlate.errors import SegmenterError, UsageError
from voxlate.interruption import StopRequest, held_signals
from voxlate.io import file_digest, read_volume, write_volume
from voxlate.io.paths import volume_suffix
from voxlate.plainyaml import read_yaml
from voxlate.preprocess.images import BACKGROUND
from voxlate.strict import StrictModel
from voxlate.volume import Volume

_OUTPUT, _FOLDER = "output", "folder"
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_TAIL = 600
_LOOK_S = 0.1
_LABELS = get_contrast("labels")
Classes = dict[str, tuple[NonNegativeInt, ...]]


class Program(StrictModel):
    """How another program is called; see the module.

    Attributes:
        name: For titles.
        command: The program and its arguments.
        sources: The contrasts that it reads.
        classes: From the name of a class to its label values in what the program writes.
        truth: The same classes with their values in the data set's label maps; by default ``classes``.
        files: From a contrast to the name that its file gets in the scratch folder.
        output: The name of the label map in the scratch folder.
        timeout_s: After so many seconds the program and what it started are killed.
        suffix: The format of the images that it reads and writes.
    """

    name: str = Field(min_length=1)
    command: tuple[str, ...] = Field(min_length=1)
    sources: tuple[str, ...] = Field(min_length=1)
    classes: Classes = Field(min_length=1)
    truth: Classes | None = None
    files: dict[str, str] = Field(default_factory=dict)
    output: str | None = None
    timeout_s: float = Field(3600, gt=0)
    suffix: Literal[".nii.gz", ".nii", ".mha", ".nrrd"] = ".nii.gz"

    @field_validator("sources")
    @classmethod
    def _known(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        try:
            names = tuple(get_contrast(name).name for name in sources)
        except UsageError as error:
            raise ValueError(str(error)) from error
        if len(set(names)) < len(names):
            raise ValueError("every contrast once")
        return names

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.command) == 1 and " " in self.command[0]:
            raise ValueError("command: a list, the program and each of its arguments, not one text")
        placeholders = {name for text in self.command for name in _placeholders(text)}
        unknown = sorted(placeholders - {*self.sources, _OUTPUT, _FOLDER})
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in (*self.sources, _OUTPUT, _FOLDER))
            raise ValueError(f"command: {{{unknown[0]}}} is none of {known}")
        unused = [name for name in (*self.sources, _OUTPUT) if name not in placeholders]
        if unused and _FOLDER not in placeholders:
            raise ValueError(f"command: {{{unused[0]}}} is not used, and {{{_FOLDER}}} is not either")
        if sorted(set(self.files) - set(self.sources)):
            raise ValueError("files: a name that is no source")
        if self.truth is not None and self.truth.keys() != self.classes.keys():
            raise ValueError("truth: must name the classes of classes")
        places = [*self.places().values(), self.result()]
        if len(set(places)) < len(places):
            raise ValueError("files, output: the same name twice")
        for place in places:
            _check_place(place, self.suffix)
        return self

    def places(self) -> dict[str, str]:
        """From a contrast to its file, relative to the scratch folder."""
        return {name: self.files.get(name, f"input/{name}{self.suffix}") for name in self.sources}

    def result(self) -> str:
        """The label map, relative to the scratch folder."""
        return self.output or f"output/labels{self.suffix}"

    def arguments(self, folder: Path) -> list[str]:
        """The command with every placeholder replaced, once and in one pass."""
        values = {name: str(folder / place) for name, place in self.places().items()}
        values |= {_OUTPUT: str(folder / self.result()), _FOLDER: str(folder)}
        return [_PLACEHOLDER.sub(lambda found: _replacement(found, values), text) for text in self.command]


def read_program(path: Path) -> Program:
    """The program that a YAML file declares.

    Raises:
        UsageError: If the file cannot be read, has unknown keys or placeholders, or the program is not installed.
    """
    try:
        program = Program.model_validate(read_yaml(path))
    except ValidationError as error:
        remedy = "See docs/do/task-based-validation.md for what the file holds."
        raise UsageError("how a program segments", came=describe(error), where=path, remedy=remedy) from error
    if not _placeholders(program.command[0]) and shutil.which(program.command[0]) is None:
        raise UsageError(
            "a program that is installed",
            came=repr(program.command[0]),
            where=path,
            remedy="Install it, or give its full path as the first word of the command.",
        )
    return program


@dataclass(frozen=True)
class ProgramSegmenter:
    """A declared program as a segmenter.

    Attributes:
        program: What is run.
    """

    program: Program

    @property
    def name(self) -> str:
        """As the file calls it."""
        return self.program.name

    @property
    def sources(self) -> tuple[str, ...]:
        """As declared."""
        return self.program.sources

    @property
    def truth(self) -> str:
        """The data set's label maps."""
        return _LABELS.name

    @property
    def classes(self) -> Mapping[str, tuple[int, ...]]:
        """As declared."""
        return self.program.classes

    @property
    def truth_classes(self) -> Mapping[str, tuple[int, ...]]:
        """As declared, by default the values that the program writes."""
        return self.program.classes if self.program.truth is None else self.program.truth

    @property
    def facts(self) -> Mapping[str, str]:
        """Name and command."""
        return {"segmenter": self.name, "segmenter command": " ".join(self.program.command)}

    @property
    def digest(self) -> str:
        """That of the declaration and of the files that it names; what else the program reads it does not tell."""
        paths = [Path(word) for word in (shutil.which(self.program.command[0]) or "", *self.program.command)]
        files = [file_digest(path) for path in paths if path.is_absolute() and path.is_file()]
        told = "\n".join([self.program.model_dump_json(), *files])
        return hashlib.sha256(told.encode(errors="surrogateescape")).hexdigest()

    def seen(self, cases: Sequence[Case]) -> None:
        """A program does not tell what it was trained on."""
        del cases

    def foreground_ml(self, case: Case) -> None:
        """A program does not tell."""
        del case

    def segment(self, case: Case, *, missing: str | None = None) -> Volume:
        """Puts the images into a scratch folder, runs the program and reads what it wrote.

        A signal that asks us to end ends the program first, with all that it started, and removes the scratch folder.

        Raises:
            SegmenterError: If the program cannot be run, fails, takes too long or writes nothing.
            ReadError: If what it wrote is no label map.
        """
        with held_signals() as request, tempfile.TemporaryDirectory(prefix="voxlate-task-") as scratch:
            folder = Path(scratch)
            result = folder / self.program.result()
            result.parent.mkdir(parents=True, exist_ok=True)
            self._place(case, folder, missing)
            self._run(folder, request, where=f"{case.id}: {self.name}")
            if not result.is_file():
                raise SegmenterError(
                    f"a label map {self.program.result()} in the scratch folder",
                    came=f"none; there {_listed(folder)}",
                    where=f"{case.id}: {self.name}",
                    remedy="Correct output in the task's file, or the command.",
                )
            found = read_volume(result, contrast=_LABELS)
            notes = refuse(admit(found, case=case.id, path=result))
            return replace(found, notes=(*found.notes, *notes))

    def _place(self, case: Case, folder: Path, missing: str | None) -> None:
        """The images under the names that the program wants, and an empty one for what is missing."""
        for name, place in self.program.places().items():
            path = folder / place
            path.parent.mkdir(parents=True, exist_ok=True)
            if name == missing:
                other = next(source for source in self.sources if source != missing)
                write_volume(_empty(case.paths[other], name), path)
            elif volume_suffix(case.paths[name]) == self.program.suffix:
                shutil.copyfile(case.paths[name], path)
            else:
                write_volume(read_volume(case.paths[name], contrast=get_contrast(name)), path)

    def _run(self, folder: Path, request: StopRequest, *, where: str) -> None:
        arguments = self.program.arguments(folder)
        with tempfile.TemporaryFile() as said:
            try:
                code = _wait(arguments, folder, said, limit=_Limit(self.program.timeout_s, request))
            except OSError as error:
                remedy = "Install it, or correct the first word of the command."
                raise SegmenterError("a program that runs", came=str(error), where=where, remedy=remedy) from error
            if request.name:
                raise SegmenterError("an unbroken run", came=request.name, where=where, remedy="Run it again.")
            if code is None:
                raise SegmenterError(
                    f"an end after at most {self.program.timeout_s:g} s",
                    came=f"none: it was stopped; {_tail(said)}",
                    where=where,
                    remedy="Raise timeout_s, or find out what it waits for.",
                )
            if code != 0:
                remedy = "Run the command by hand on this case."
                raise SegmenterError("exit code 0", came=f"{code}; {_tail(said)}", where=where, remedy=remedy)


class _Limit:
    """When a program has to end: after so many seconds, or when a signal came."""

    def __init__(self, timeout_s: float, request: StopRequest) -> None:
        self._end = time.monotonic() + timeout_s
        self._request = request

    def left_s(self) -> float:
        return 0.0 if self._request.name else max(0.0, self._end - time.monotonic())


def _wait(arguments: Sequence[str], folder: Path, said: IO[bytes], *, limit: _Limit) -> int | None:
    """The exit code, or ``None`` if the limit came first; then, or if we fail, its whole group is killed.

    Raises:
        OSError: If the program cannot be started.
    """
    with subprocess.Popen(  # noqa: S603  a list of arguments that the user declared, and no shell
        arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            while left_s := limit.left_s():
                with suppress(subprocess.TimeoutExpired):
                    return process.wait(timeout=min(left_s, _LOOK_S))
            return None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _tail(said: IO[bytes]) -> str:
    """The last words of the program on one line."""
    end = said.seek(0, os.SEEK_END)
    said.seek(max(0, end - 4 * _TAIL))
    words = " ".join(said.read().decode("utf-8", errors="replace").split())[-_TAIL:]
    return f"it said: {words}" if words else "it said nothing"


def _listed(folder: Path) -> str:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return f"are {', '.join(names[:8])}" if names else "is nothing"


def _empty(path: Path, name: str) -> Volume:
    """An image of nothing but background on the grid of another."""
    other = read_volume(path)
    contrast = get_contrast(name)
    return other.with_array(np.full(other.shape, BACKGROUND[contrast.kind], dtype=np.float32), contrast=contrast)


def _placeholders(text: str) -> list[str]:
    """The names in braces.

    Raises:
        ValueError: If a brace stands alone.
    """
    names = []
    for found in _PLACEHOLDER.finditer(text):
        if found.group(0) in ("{", "}"):
            raise ValueError(f"command: a single brace in {text!r}; write {{{{ or }}}} for a brace")
        if found.group(1) is not None:
            names.append(found.group(1))
    return names


def _replacement(found: re.Match[str], values: Mapping[str, str]) -> str:
    return found.group(0)[0] if found.group(1) is None else values[found.group(1)]


def _check_place(place: str, suffix: str) -> None:
    pure = PurePosixPath(place)
    if pure.is_absolute() or ".." in pure.parts or "\\" in place or "\0" in place:
        raise ValueError(f"files, output: {place!r} leaves the scratch folder")
    if volume_suffix(pure.name) != suffix:
        raise ValueError(f"files, output: {place!r} does not end in {suffix}")
