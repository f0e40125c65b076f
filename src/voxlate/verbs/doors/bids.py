"""The verb ``bids``: a BIDS-App that makes the contrasts which participants lack.

By the rules of BIDS-Apps (Gorgolewski et al. 2017, doi 10.1371/journal.pcbi.1005209): the data set is only read, the
level ``participant`` may run for each participant at once, and ``group`` looks at what all of them have left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from voxlate.errors import UsageError
from voxlate.plainyaml import listed
from voxlate.progress import ProgressReport, silent
from voxlate.verbs.calls import telling_anew
from voxlate.verbs.translate import models_for

if TYPE_CHECKING:
    from voxlate.cohort import Case, Cohort
    from voxlate.config.plan import Reading
    from voxlate.inference.cohort.outcome import Outcome

Level = Literal["participant", "group"]


@dataclass(frozen=True)
class Completed:
    """What a level of the app has left.

    Attributes:
        outcomes: Of each participant and contrast.
        page: The report of the group; ``None`` of participants.
    """

    outcomes: list[Outcome]
    page: Path | None = None


@telling_anew
def bids(  # noqa: PLR0913  (the options of the command)
    data: str | Path,
    out: str | Path,
    level: Level | str,
    *,
    target: str | None = None,
    model: str | Path | None = None,
    participants: str | Sequence[str] = (),
    sessions: str | Sequence[str] = (),
    accept: Mapping[str, str | Sequence[str]] | None = None,
    every: bool = False,
    overwrite: bool = False,
    picture: bool = True,
    report: ProgressReport = silent,
) -> Completed:
    """Makes what the participants of a BIDS data set lack, as a derivative data set; or tells of what was made.

    Args:
        data: The data set, which is only read.
        out: The derivative data set, new or from earlier calls; several processes may work on it.
        level: ``participant`` makes images; ``group`` writes ``report.html`` and tables about all that were made.
        target: The wanted contrast, by name or suffix (``T2w``); by default every one that the models make.
        model: A run, a bundle, or a folder of several; ``None`` for the one that Voxlate has.
        participants: Labels of participants; by default all.
        sessions: Labels of sessions; by default all.
        accept: As for ``translate``.
        every: Translate participants that have the target, too.
        overwrite: Make images that are there anew.
        picture: Draw source and result of each image into the participant's folder ``figures``.
        report: Called with the number of finished participants.

    Raises:
        UsageError: If this is no BIDS data set, it has no such label, or the model does not make the target.
    """
    from voxlate.bundle.shipped import default_model
    from voxlate.inference.cohort.participants import chosen, translate_participants

    if level not in {"participant", "group"}:
        raise UsageError("the level participant or group", came=repr(level), where="LEVEL", remedy="Use one of them.")
    cohort = chosen(_data_set(Path(data)), participants=listed(participants), sessions=listed(sessions))
    if level == "group":
        return _gather(cohort, Path(out))
    place = default_model() if model is None else Path(model)
    models, wanted = models_for(place, target=target, accept=accept or {})
    drawn = partial(_draw, reading=models[0].bundle.plan.reading) if picture else None
    work = partial(translate_participants, models, cohort, Path(out), target=wanted, every=every, overwrite=overwrite)
    return Completed(work(finished=drawn, report=partial(report, "participants")))


def _data_set(data: Path) -> Cohort:
    from voxlate.cohort import index_cohort

    if not data.is_dir():
        raise UsageError("a BIDS data set", came="no folder", where=data, remedy="Give the folder of the data set.")
    return index_cohort(data, layout="bids")


def _draw(case: Case, outcome: Outcome, place: Path, *, reading: Reading) -> None:
    from voxlate.workflows.pictures import publish_translated

    if outcome.path is not None:
        publish_translated(case, outcome.path, place, target=outcome.target, reading=reading)


def _gather(cohort: Cohort, out: Path) -> Completed:
    from voxlate.inference.cohort.outcome import sum_up
    from voxlate.inference.cohort.participants import gather_participants
    from voxlate.io import write_text
    from voxlate.reporting.page.participants import ParticipantEntry, participants_page

    outcomes, filing = gather_participants(cohort, out)
    cases = {case.id: case for case in cohort.cases}

    def entry(one: Outcome) -> ParticipantEntry:
        place = filing.picture(cases[one.case], one.target)
        return ParticipantEntry(
            one.case,
            one.target,
            "made" if one.is_made else one.status,
            sources=one.sources,
            model=one.model,
            reason=one.reason if one.is_bad else "",
            warnings=one.warnings,
            picture=place if one.is_made and place.is_file() else None,
        )

    waiting = [name for name in cases if name not in {one.case for one in outcomes}]
    words, source = " ".join(sum_up(outcomes)), cohort.root.resolve().name
    page = participants_page([entry(one) for one in outcomes], verdict=words, waiting=waiting, source=source)
    write_text(out / "report.html", page.html())
    return Completed(outcomes, out / "report.html")
