"""The reader studies of a server: begun, read, closed, and reported."""

from __future__ import annotations

import csv
import io
import secrets
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from voxlate.contrast import get_contrast
from voxlate.errors import UsageError, counted
from voxlate.evaluation.readers import (
    REAL_OR_SYNTHETIC,
    Chosen,
    PairReading,
    ReaderVerdict,
    judge_readers,
    say_readers,
)
from voxlate.jobs import DurableJob
from voxlate.plainyaml import Json
from voxlate.web.bench import Bench
from voxlate.web.offers import Offers
from voxlate.web.readers.answers import PairAnswer, ReaderShare, Side, Sight, StudyAnswer, StudyOrder, StudyReport
from voxlate.web.readers.book import Book, Said, ShownPair, draw_sights
from voxlate.web.readers.places import PAIRS, SIDES
from voxlate.web.routes.errors import UnknownIdError
from voxlate.web.settings import Settings

_COLUMNS = (
    *("study", "reader", "place", "pair", "case", "left", "right", "choice", "chosen", "rating_left", "rating_right"),
    *("artefacts", "seconds", "answered", "blinding"),
)
_WITHHELD = "the mark SYNTHETIC was withheld from the reader"


class Studies:
    """The studies; their pairs are made by jobs, their answers stand in a book.

    Args:
        settings: Of the server.
        offers: Its models.
        data: From the id of a data set to where it lies.
    """

    def __init__(self, settings: Settings, offers: Offers, data: Callable[[str], Path]) -> None:
        self._offers, self._data = offers, data
        folder = settings.folder / "studies"
        self.bench = Bench(folder, "voxlate.web.readers.pairing", limit_s=48 * 3600.0, what="a study")
        self._book = Book(folder / "readings.sqlite")

    def start(self) -> None:
        """Goes on with what is to be made."""
        self.bench.start()

    def stop(self) -> None:
        """Ends the workers."""
        self.bench.stop()
        self._book.close()

    def order(self, wish: StudyOrder) -> DurableJob:
        """A new study, whose pairs are made from now on.

        Raises:
            UsageError: If there is no such data set or model, or their number does not fit the kind.
        """
        wanted = 1 if wish.kind == "real" else 2
        if len(set(wish.models)) != wanted:
            came = counted(len(set(wish.models)), "model")
            raise UsageError(counted(wanted, "model"), came=came, remedy="Choose as many as the kind of study needs.")
        offers = [self._offers.find(name) for name in wish.models]
        known = [offer for offer in offers if offer is not None]
        target = get_contrast(wish.target).name
        if len(known) < wanted or not all(target in offer.recipe.wanted for offer in known):
            expected = f"models of this server that make {target}"
            raise UsageError(expected, came="others", remedy="Choose from /api/v1/models.")
        names = [offer.recipe.name for offer in known]
        if len(set(names)) < len(names):
            names = [f"{offer.recipe.name} ({offer.digest[:8]})" for offer in known]
        return self.bench.begin(
            {
                **wish.model_dump(exclude={"data", "models", "seed"}),
                "target": target,
                "data": str(self._data(wish.data)),
                "models": [str(offer.folder) for offer in known],
                "digests": [offer.digest for offer in known],
                "names": names,
                "seed": secrets.randbits(32) if wish.seed is None else wish.seed,
            }
        )

    def answer(self, job: DurableJob) -> StudyAnswer:
        """A study, as anybody may see it."""
        result = self.bench.result(job)
        made = len(result["pairs"]) if result else int(self.bench.progress(job).get("done", 0))
        answered = Counter(line.reader for line in self._book.of(job.id) if line.choice)
        return StudyAnswer(
            id=job.id,
            title=job.order["title"],
            kind=job.order["kind"],
            target=job.order["target"],
            state=job.state,
            reason=job.reason,
            made=made,
            pairs=made if result else job.order["cases"],
            closed=self._book.is_closed(job.id),
            readers=dict(sorted(answered.items())),
        )

    def next(self, job: DurableJob, reader: str) -> Sight:
        """What a reader sees next.

        Raises:
            UsageError: If the pairs are not made, or the study is closed.
        """
        pairs = len(self._pairs(job))
        if self._book.is_closed(job.id):
            raise UsageError("a study that is open", came="one that is closed", remedy="Read its report.")
        line = self._book.show(job.id, reader, draw_sights(job.order["seed"], reader, pairs))
        return Sight(key=line.key if line else None, read=line.place if line else pairs, of=pairs)

    def keep(self, job: DurableJob, key: str, said: PairAnswer) -> None:
        """Keeps what a reader says of a pair.

        Raises:
            UnknownIdError: If nothing was shown under that key.
            UsageError: If it is answered, or the study closed.
        """
        if self._book.find(job.id, key) is None:
            raise UnknownIdError("a pair")
        self._book.answer(job.id, key, Said(said.choice, said.left, said.right, said.artefacts))

    def seen(self, job: DurableJob, key: str, side: Side) -> Path:
        """What stands on a side of a pair.

        Raises:
            UnknownIdError: If nothing was shown under that key.
        """
        line = self._book.find(job.id, key)
        if line is None:
            raise UnknownIdError("a pair")
        return (
            self.bench.place(job) / PAIRS / f"{line.pair:04d}" / f"{SIDES[line.first_is_left != (side == 'left')]}.nii"
        )

    def close(self, job: DurableJob) -> None:
        """Takes no more answers, so that which is which may be told.

        Raises:
            UsageError: If there are none yet.
        """
        if not self._answered(job):
            raise UsageError("answers", came="none", remedy="Read a pair first, or remove the study.")
        self._book.end(job.id)

    def remove(self, name: str) -> None:
        """Removes a study and all that was said in it."""
        self.bench.remove(name)
        self._book.forget(name)

    def report(self, job: DurableJob) -> StudyReport:
        """What a closed study says.

        Raises:
            UsageError: If it is open.
        """
        from voxlate.reporting.readers import BLINDED

        verdict, kinds, result = self._verdict(job), _kinds(job.order), self.bench.result(job) or {}
        gap = verdict.ratings
        return StudyReport(
            sentence=say_readers(verdict, kinds=kinds),
            kinds=kinds,
            seed=job.order["seed"],
            blinding=BLINDED,
            readers=[_share(name, one) for name, one in verdict.readers.items()],
            pooled=_share("all readings", verdict.pooled),
            kappa=verdict.kappa,
            agreement=verdict.agreement,
            shared=verdict.shared,
            ratings=(gap.first, gap.second),
            rating_gap=gap.difference,
            rating_gap_interval=gap.interval,
            seen=_seen(result),
            left_out=result.get("left_out", []),
        )

    def page(self, job: DurableJob) -> str:
        """The report as a page to keep.

        Raises:
            UsageError: If the study is open.
        """
        from voxlate.reporting.readers import readers_page

        order, result = job.order, self.bench.result(job) or {}
        models = dict(zip(order["names"], order["digests"], strict=True))
        seen = _seen(result)
        page = readers_page(
            self._verdict(job),
            title=f"{order['title']}: reader study of {get_contrast(order['target']).title}",
            kinds=_kinds(order),
            facts={**{f"model {name}": digest for name, digest in models.items()}, "seed": order["seed"]},
            warnings=[f"A model was trained or chosen on {seen} of the cases."] if seen else [],
        )
        return page.html()

    def csv(self, job: DurableJob) -> str:
        """Every answer, a line each; cells that a spreadsheet would compute are kept from it.

        Raises:
            UsageError: If the study is open.
        """
        self._check_closed(job)
        kinds, pairs, text = _kinds(job.order), self._pairs(job), io.StringIO(newline="")
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(_COLUMNS)
        for line in self._answered(job):
            left, right = kinds if line.first_is_left else kinds[::-1]
            chosen = left if line.choice == "left" else right
            lines.writerow(
                _plain(cell)
                for cell in (
                    *(job.order["title"], line.reader, line.place + 1, line.pair + 1, pairs[line.pair]["case"]),
                    *(left, right, line.choice, chosen, line.left, line.right, line.artefacts or ""),
                    *(f"{(line.answered or 0) - line.shown:.1f}", f"{line.answered or 0:.0f}", _WITHHELD),
                )
            )
        return text.getvalue()

    def _verdict(self, job: DurableJob) -> ReaderVerdict:
        self._check_closed(job)
        return judge_readers([_reading(line) for line in self._answered(job)], seed=job.order["seed"])

    def _answered(self, job: DurableJob) -> list[ShownPair]:
        return [line for line in self._book.of(job.id) if line.choice]

    def _check_closed(self, job: DurableJob) -> None:
        if not self._book.is_closed(job.id):
            remedy = "Close it first; it takes no more answers then."
            raise UsageError("a study that is closed", came="one that is open", remedy=remedy)

    def _pairs(self, job: DurableJob) -> list[Json]:
        result = self.bench.result(job)
        if result is None:
            raise UsageError("a study whose pairs are made", came=f"one that is {job.state}", remedy="Wait for them.")
        return list(result["pairs"])


def _kinds(order: Json) -> tuple[str, str]:
    if order["kind"] == "real":
        return REAL_OR_SYNTHETIC
    first, second = order["names"]
    return first, second


def _reading(line: ShownPair) -> PairReading:
    left, right = line.left or 0, line.right or 0
    ratings = (left, right) if line.first_is_left else (right, left)
    return PairReading(line.reader, str(line.pair), (line.choice == "left") == line.first_is_left, ratings)


def _share(name: str, one: Chosen) -> ReaderShare:
    return ReaderShare(reader=name, count=one.count, of=one.of, interval=one.interval, p=one.p)


def _seen(result: Json) -> int:
    return sum(bool(pair["seen"]) for pair in result.get("pairs", []))


def _plain(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell
