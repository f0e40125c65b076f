"""The routes of trainings: recipes as forms, preflights, trainings and what comes of them."""

from __future__ import annotations

from fastapi import APIRouter, Response

from voxlate.web.models.answers import CurveAnswer
from voxlate.web.models.routes import picture
from voxlate.web.service import Service
from voxlate.web.teaching.answers import CheckAnswer, RecipeAnswer, RecipeForm, TrainingAnswer, TrainingOrder
from voxlate.web.teaching.form import form_of, list_recipes


def recipe_routes(service: Service) -> APIRouter:
    """The routes of recipes and of preflights."""
    routes, trainings = APIRouter(tags=["trainings"]), service.trainings

    @routes.get("/recipes")
    def list_of_recipes() -> list[RecipeAnswer]:
        """The recipes that come with Voxlate."""
        return list_recipes()

    @routes.get("/recipes/{recipe}")
    def get_recipe(recipe: str) -> RecipeForm:
        """A recipe as a form: every field with its words."""
        return form_of(next((one.name for one in list_recipes() if one.name == recipe), "no recipe of this server"))

    @routes.post("/checks", status_code=201)
    def create_check(order: TrainingOrder) -> CheckAnswer:
        """Begins the preflight of a training."""
        return trainings.answer_check(trainings.check(order))

    @routes.get("/checks/{check}")
    def get_check(check: str) -> CheckAnswer:
        """A preflight, and what it found."""
        return trainings.answer_check(trainings.checks.find(check))

    return routes


def training_routes(service: Service) -> APIRouter:
    """The routes of trainings."""
    routes, trainings = APIRouter(prefix="/trainings", tags=["trainings"]), service.trainings

    @routes.post("", status_code=201)
    def create_training(order: TrainingOrder) -> TrainingAnswer:
        """Begins a training."""
        return trainings.answer(trainings.order(order))

    @routes.get("")
    def list_trainings() -> list[TrainingAnswer]:
        """Every training, the newest first."""
        return [trainings.answer(job) for job in trainings.bench.all()]

    @routes.get("/{training}")
    def get_training(training: str) -> TrainingAnswer:
        """A training."""
        return trainings.answer(trainings.bench.find(training))

    @routes.get("/{training}/curves")
    def get_training_curves(training: str) -> list[CurveAnswer]:
        """The losses and validations so far."""
        return trainings.curves(trainings.bench.find(training))

    @routes.get("/{training}/figures/{figure}.png", response_class=Response)
    def get_training_figure(training: str, figure: str) -> Response:
        """A picture that was drawn on the way."""
        return picture(trainings.figure(trainings.bench.find(training), figure))

    @routes.post("/{training}/stop")
    def stop_training(training: str) -> TrainingAnswer:
        """Stops a training, which can be resumed."""
        return trainings.answer(trainings.bench.cancel(training))

    @routes.post("/{training}/resume")
    def resume_training(training: str) -> TrainingAnswer:
        """Goes on with a training that was stopped, or that failed."""
        return trainings.answer(trainings.bench.resume(training))

    @routes.delete("/{training}", status_code=204)
    def delete_training(training: str) -> None:
        """Removes a training that has ended, with its run and its model."""
        trainings.remove(training)

    return routes
