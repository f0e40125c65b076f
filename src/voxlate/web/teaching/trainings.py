"""The trainings of a server, and the preflights before them: begun, watched, stopped, resumed, removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from voxlate.config.builtin import BUILT_IN
from voxlate.config.frozen_networks import frozen_networks
from voxlate.errors import UsageError
from voxlate.jobs import DurableJob
from voxlate.plainyaml import Json
from voxlate.web.bench import Bench
from voxlate.web.models.answers import CurveAnswer, FigureAnswer
from voxlate.web.models.gallery import curves_in, figures_in, title_of
from voxlate.web.offers import Offers
from voxlate.web.settings import Settings
from voxlate.web.teaching.answers import CheckAnswer, CheckFinding, TrainingAnswer, TrainingOrder
from voxlate.web.teaching.form import form_of
from voxlate.web.teaching.places import RUN
from voxlate.web.teaching.wishes import recipe_of

_TRAIN_S, _CHECK_S = 30 * 86_400.0, 12 * 3600.0


class Trainings:
    """The trainings, each a job whose folder holds its run.

    Args:
        settings: Of the server.
        offers: Its models.
        data: From the id of a data set to where it lies.
    """

    def __init__(self, settings: Settings, offers: Offers, data: Callable[[str], Path]) -> None:
        self._offers, self._data = offers, data
        self.checks = Bench(
            settings.folder / "checks", "voxlate.web.teaching.checking", limit_s=_CHECK_S, what="a preflight"
        )
        self.bench = Bench(
            settings.folder / "trainings", "voxlate.web.teaching.work", limit_s=_TRAIN_S, what="a training"
        )

    def start(self) -> None:
        """Goes on with what an earlier server left."""
        self.checks.start()
        self.bench.start()

    def stop(self) -> None:
        """Ends the workers; what they did is gone on with by the next server."""
        self.checks.stop()
        self.bench.stop()

    def check(self, wish: TrainingOrder) -> DurableJob:
        """A preflight for a training.

        Raises:
            UsageError: If the wish is refused.
        """
        return self.checks.begin(self._order(wish))

    def order(self, wish: TrainingOrder) -> DurableJob:
        """A training.

        Raises:
            UsageError: If the wish is refused.
        """
        return self.bench.begin(self._order(wish))

    def _order(self, wish: TrainingOrder) -> Json:
        """What the worker is told; the recipe is made here once, so that what is refused is refused at once.

        Raises:
            UsageError: If there is no such recipe or data set, or the recipe is refused; no field takes a path.
        """
        if wish.recipe not in BUILT_IN:
            raise UsageError("a recipe that comes with Voxlate", came=wish.recipe, remedy="Choose one of the list.")
        known = {field.field for field in form_of(wish.recipe).fields}
        if unknown := sorted(wish.fields.keys() - known):
            came = ", ".join(unknown)
            raise UsageError("fields of the recipe's form", came=came, remedy="See /api/v1/recipes/<recipe>.")
        measured = self.checks.place(self.checks.find(wish.check)) / RUN if wish.check else ""
        order = {
            **wish.model_dump(exclude={"data", "check"}),
            "data": str(self._data(wish.data)),
            "measured": str(measured),
        }
        recipe = recipe_of(order)
        if frozen_networks(recipe) or recipe.training.start or recipe.plan.patterns:
            remedy = "Train by the command line, or without a frozen network, a start and patterns."
            raise UsageError("a recipe that names no file", came="one that does", remedy=remedy)
        return {**order, "name": recipe.name, "sources": list(recipe.source), "target": recipe.target}

    def run_of(self, job: DurableJob) -> Path:
        """The run of a training."""
        return self.bench.place(job) / RUN

    def curves(self, job: DurableJob) -> list[CurveAnswer]:
        """Its losses and validations so far."""
        return curves_in(self.run_of(job))

    def figure(self, job: DurableJob, name: str) -> Path | None:
        """The picture of an id, if there is one."""
        return figures_in([self.run_of(job) / "figures"]).get(name)

    def answer(self, job: DurableJob) -> TrainingAnswer:
        """A training as clients see it."""
        order, progress = job.order, self.bench.progress(job)
        result = self.bench.result(job)
        model = next((one.id for one in self._offers.all if result and one.digest == result["digest"]), None)
        trains = progress.get("stage") == "train" and progress.get("of")
        return TrainingAnswer(
            id=job.id,
            state=job.state,
            name=order["name"],
            data=Path(order["data"]).resolve().name,
            recipe=order["recipe"],
            sources=order["sources"],
            target=order["target"],
            minutes=order["minutes"],
            reason=job.reason,
            created=job.created,
            began=job.began,
            ended=job.ended,
            stage=str(progress.get("stage", "")),
            share=progress["done"] / progress["of"] if trains else None,
            figures=[
                FigureAnswer(id=name, title=title_of(path))
                for name, path in figures_in([self.run_of(job) / "figures"]).items()
            ],
            model=model,
        )

    def answer_check(self, job: DurableJob) -> CheckAnswer:
        """A preflight as clients see it; of paths the file's name alone."""
        progress, result = self.checks.progress(job), self.checks.result(job)
        told = CheckAnswer(
            id=job.id,
            state=job.state,
            reason=job.reason,
            stage=str(progress.get("stage", "")),
            done=int(progress.get("done", 0)),
            of=int(progress.get("of", 0)),
        )
        if result is None:
            return told
        keys = ("severity", "case", "code", "message")
        findings = [CheckFinding(**dict(zip(keys, one, strict=True))) for one in result["findings"]]
        found = {"cases": result["cases"], "layout": result["layout"], "left_out": result["left_out"]}
        return told.model_copy(update={**found, "findings": findings})

    def sweep(self, *, before: float) -> None:
        """Removes the preflights that ended before a time, in seconds since 1970; trainings stay."""
        for job in self.checks.all():
            if job.has_ended and (job.ended or 0) < before:
                self.checks.remove(job.id)

    def remove(self, name: str) -> None:
        """Removes a training that has ended, with its run and its model."""
        self.bench.remove(name)
