"""The data sets of a server: what each has, what models can make of it, and the jobs that do."""

from __future__ import annotations

import csv
import logging
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError
from voxlate.jobs import DurableJob, JobList, Runner
from voxlate.jobs.job import RESULT, read_json, write_json
from voxlate.plainyaml import Json
from voxlate.web.datasets.answers import (
    CaseAnswer,
    CaseLook,
    CaseRow,
    CohortChoice,
    CompletionOrder,
    DataSetAnswer,
    Known,
    Makeable,
)
from voxlate.web.guard import asking
from voxlate.web.offers import Offer, Offers, opaque
from voxlate.web.places import OUT, SURVEY
from voxlate.web.settings import Settings

logger = logging.getLogger(__name__)
COMPLETE = "complete"
"""The kind of the jobs that make what a data set lacks."""
_SURVEY_S, _SHOW_S = 3600.0, 300.0
_KEPT_LOOKS = 6
"""Cases of a job whose views are kept: each is as large as its scans unpacked."""
_LOOKS = "looks"


class DataSets:
    """The data sets of a server.

    Args:
        settings: Which they are, and where the server keeps what it knows of them.
        offers: The models.
        ledger: Where jobs are asked for.
        runner: Who does them.
    """

    def __init__(self, settings: Settings, offers: Offers, *, ledger: JobList, runner: Runner) -> None:
        self._folder = settings.folder / "datasets"
        self._places = {opaque(place): place for place in settings.data}
        self._offers, self._ledger, self._runner = offers, ledger, runner
        self._turn, self._looking, self._showing = threading.Lock(), set[str](), threading.Lock()
        self._folder.mkdir(parents=True, exist_ok=True)

    def all(self) -> list[DataSetAnswer]:
        """The data sets, without their cases."""
        return [
            DataSetAnswer(id=name, name=place.resolve().name, state=self._state(name))
            for name, place in self._places.items()
        ]

    def look(self, name: str) -> None:
        """Begins to find out what a data set has, unless somebody is at it.

        Raises:
            UsageError: If there is none of that id.
        """
        self.place_of(name)
        with self._turn:
            if name in self._looking:
                return
            self._looking.add(name)
        threading.Thread(target=self._survey, args=(name,), name="survey", daemon=True).start()

    def told(self, name: str) -> DataSetAnswer:
        """What is known of a data set.

        Raises:
            UsageError: If there is none of that id.
        """
        place, state = self.place_of(name), self._state(name)
        survey = self._known(name) if state in {"known", "failed"} else {}
        cases, contrasts = survey.get("cases", []), survey.get("contrasts", [])
        return DataSetAnswer(
            id=name,
            name=place.resolve().name,
            state=state,
            reason=survey.get("problem", ""),
            layout=survey.get("layout", ""),
            contrasts=contrasts,
            cases=[
                CaseRow(
                    case=one["id"],
                    cells=[one["cells"].get(contrast, "missing") for contrast in contrasts],
                    reasons=one["reasons"],
                )
                for one in cases
            ],
            left_out=survey.get("left_out", 0),
            choices=[choice for offer in self._offers.all if (choice := _choice(offer, cases)).makes],
        )

    def order(self, name: str, wish: CompletionOrder) -> DurableJob:
        """A new job that makes what a data set lacks.

        Raises:
            UsageError: If there is no such data set or model, or the model makes nothing of it.
        """
        place, told = self.place_of(name), self.told(name)
        chosen = next((one for one in told.choices if one.model == wish.model), None)
        offer = self._offers.find(wish.model)
        if chosen is None or offer is None:
            remedy = "Choose a model that the data set lists; look at it first."
            raise UsageError("a model that fits the data set", came="another", remedy=remedy)
        possible = [one.target for one in chosen.makes]
        if wish.target not in possible:
            remedy = "Choose one of them, or another model."
            raise UsageError(f"one of {', '.join(possible)}", came=wish.target, remedy=remedy)
        column = told.contrasts.index(wish.target) if wish.target in told.contrasts else None
        scanned = {row.case for row in told.cases if column is not None and row.cells[column] in {"there", "poor"}}
        if other := next((case for case in wish.marked if case not in scanned), None):
            remedy = "Mark only what is there."
            raise UsageError(f"cases with a scan of {wish.target}", came=other, remedy=remedy)
        order = {
            "dataset": name,
            "title": told.name,
            "data": str(place.resolve()),
            "model": str(offer.folder),
            "offer": offer.id,
            "name": offer.recipe.name,
            "target": wish.target,
            "poor": wish.poor,
            "marked": wish.marked,
            "every": wish.every,
            "user": asking.get(),
            "shows": "",
            "form": "file",
        }
        job = self._ledger.add(COMPLETE, order)
        self._cases_of(job)
        self._runner.wake()
        return job

    def cases(self, job: DurableJob) -> list[CaseAnswer]:
        """What became of the cases of a job so far."""
        made = {row["case"]: row for row in _manifest(self.folder_of(job))}
        return [_case(number, one["id"], made.get(one["id"])) for number, one in enumerate(self._cases_of(job))]

    def folder_of(self, job: DurableJob) -> Path:
        """Where a job puts its derivative data set."""
        return self._runner.place(job.id) / OUT

    def survey_of(self, name: str) -> Path:
        """The folder of what is known of a data set."""
        return self._folder / name

    def show(self, folder: Path, number: int) -> CaseLook:
        """Prepares what the page shows of a case, in a process of its own, and tells what that is.

        Args:
            folder: That of a job, or of what is known of a data set.
            number: Of the case, counted from 0.

        Raises:
            UsageError: If there is no image of that case, or its scans cannot be read.
        """
        place = look_of(folder, number)
        with self._showing:
            if read_json(place / RESULT) is None:
                _write_looks(folder, number, place)
            told = read_json(place / RESULT) or {"reason": ""}
        if "contrasts" not in told:
            shutil.rmtree(place, ignore_errors=True)
            remedy = str(told["reason"]) or "The server's log says why."
            raise UsageError("a case whose images can be shown", came="another", remedy=remedy)
        return CaseLook(**told, units={which: get_contrast(shown).unit for which, shown in told["contrasts"].items()})

    def _cases_of(self, job: DurableJob) -> list[Json]:
        """The cases of the data set as they were when the job was asked for, which its folder keeps."""
        folder = self._runner.place(job.id)
        kept = read_json(folder / SURVEY)
        if kept is None:
            kept = self._known(job.order["dataset"])
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / SURVEY, kept)
        return list(kept.get("cases", []))

    def _survey(self, name: str) -> None:
        path = self._folder / name / SURVEY
        try:
            path.parent.mkdir(exist_ok=True)
            shutil.rmtree(path.parent / _LOOKS, ignore_errors=True)
            words = [self._places[name].resolve(), path]
            if not _call("voxlate.web.datasets.survey", words, log=path.with_name("log"), limit_s=_SURVEY_S):
                write_json(
                    path, {"problem": "A file made the reader crash, or hang; the log beside the survey says why."}
                )
        except OSError:
            logger.exception("a data set could not be surveyed")
        finally:
            with self._turn:
                self._looking.discard(name)

    def _known(self, name: str) -> Json:
        return read_json(self._folder / name / SURVEY) or {}

    def _state(self, name: str) -> Known:
        if name in self._looking:
            return "looking"
        survey = self._known(name)
        return "failed" if "problem" in survey else "known" if survey else "unknown"

    def place_of(self, name: str) -> Path:
        """Where a data set lies.

        Raises:
            UsageError: If there is none of that id.
        """
        if name not in self._places:
            remedy = "Start the server with --data DIR, and choose one that it lists."
            raise UsageError("a data set of this server", came="another id", remedy=remedy)
        return self._places[name]


def look_of(folder: Path, number: int) -> Path:
    """The folder of what the page shows of a case of a job, or of a data set."""
    return folder / _LOOKS / str(number)


def _write_looks(folder: Path, number: int, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    others = sorted(place.parent.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in [one for one in others if one != place][_KEPT_LOOKS - 1 :]:
        shutil.rmtree(old, ignore_errors=True)
    _call("voxlate.web.datasets.showing", [folder, number, place], log=place / "log", limit_s=_SHOW_S)


def _call(module: str, words: Sequence[object], *, log: Path, limit_s: float) -> bool:
    """Runs a program of ours; whether it ended well."""
    command = [sys.executable, "-m", module, *map(str, words)]
    try:
        with log.open("wb") as file:
            done = subprocess.run(  # noqa: S603  a command of the program's own
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=limit_s, check=False
            )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _choice(offer: Offer, cases: Sequence[Json]) -> CohortChoice:
    """What a model can make of cases, as ``voxlate.inference.cohort.imputation`` would decide of each alone."""
    found = []
    for target in offer.recipe.wanted:
        able = [one["cells"] for one in cases if offer.makes(target, _scans(one, but=target))]
        lacking = sum(cells.get(target, "missing") in {"missing", "synthetic"} for cells in able)
        poor = sum(cells.get(target) == "poor" for cells in able)
        if able:
            found.append(Makeable(target=target, lacking=lacking, poor=poor, every=len(able)))
    several = bool(offer.recipe.targets)
    return CohortChoice(model=offer.id, name=offer.recipe.name, sources=offer.sources, takes_any=several, makes=found)


def _scans(case: Json, *, but: str) -> set[str]:
    return {name for name, state in case["cells"].items() if state != "synthetic" and name != but}


def _manifest(folder: Path) -> list[dict[str, str]]:
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except (OSError, ValueError, csv.Error):
        return []


def _case(number: int, name: str, row: dict[str, str] | None) -> CaseAnswer:
    if row is None:
        return CaseAnswer(number=number, case=name, state="waiting")
    told = {
        "number": number,
        "case": name,
        "state": "done" if row["status"] == "skipped" else row["status"],
        "seconds": float(row["seconds"]),
        "reason": "" if row["status"] == "skipped" else row["reason"],
        "sources": row["sources"].split(),
        "warnings": row["warnings"],
    }
    return CaseAnswer(**told)
