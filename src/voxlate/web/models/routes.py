"""The routes of models: the list, all that is known of one, one that comes, and tunings."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from voxlate.web.answers import ModelAnswer
from voxlate.web.models.answers import CurveAnswer, ModelPage, TuningAnswer, UploadedModel
from voxlate.web.models.arrival import remove_model, take_model
from voxlate.web.models.gallery import curves_of, figure_of, page_of, short_answer
from voxlate.web.models.tunings import tunings_in
from voxlate.web.offers import Offer
from voxlate.web.routes.errors import UnknownIdError
from voxlate.web.service import Service


def model_routes(service: Service) -> APIRouter:
    """The routes of models."""
    routes, offers = APIRouter(tags=["models"]), service.offers
    received = service.settings.folder / "models"

    def found(model: str) -> Offer:
        offer = offers.find(model)
        if offer is None:
            raise UnknownIdError("a model")
        return offer

    @routes.get("/models")
    def list_models() -> list[ModelAnswer]:
        """The models that scans can be translated by."""
        return [short_answer(one) for one in offers.all]

    @routes.post("/models", status_code=201)
    def create_model(order: UploadedModel) -> ModelAnswer:
        """Takes the model of an upload, a zip archive of its bundle; it can be used at once."""
        digest = take_model(service.uploads, order.upload, received)
        return short_answer(next(one for one in offers.all if one.digest == digest))

    @routes.get("/models/{model}")
    def get_model(model: str) -> ModelPage:
        """All that is known of a model."""
        offer = found(model)
        return page_of(offer, came=offer.folder.is_relative_to(received))

    @routes.delete("/models/{model}", status_code=204)
    def delete_model(model: str) -> None:
        """Removes a model that was uploaded."""
        remove_model(offers, found(model), received)

    @routes.get("/models/{model}/curves")
    def get_model_curves(model: str) -> list[CurveAnswer]:
        """The losses and validations of its training."""
        return curves_of(found(model))

    @routes.get("/models/{model}/figures/{figure}.png", response_class=Response)
    def get_model_figure(model: str, figure: str) -> Response:
        """A picture of its training, or of an evaluation."""
        return picture(figure_of(found(model), figure))

    @routes.get("/tunings")
    def list_tunings() -> list[TuningAnswer]:
        """The tunings that lie among the models and the data."""
        models = service.settings.models
        return tunings_in([*([models] if models else []), *service.settings.data])

    return routes


def picture(path: Path | None) -> Response:
    """A picture as an answer.

    Raises:
        UnknownIdError: If there is none.
    """
    if path is None:
        raise UnknownIdError("a figure")
    return FileResponse(path, media_type="image/png")
