"""The routes of reader studies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from voxlate.web.readers.answers import PairAnswer, Reader, Side, Sight, StudyAnswer, StudyOrder, StudyReport
from voxlate.web.service import Service
from voxlate.web.slices import GreyScale, Plane, Share, draw_slice

_GREY = GreyScale(0.0, 255.0)


class _Section(BaseModel):
    """Which slice."""

    plane: Plane = "axial"
    share: Share = 0.5


def study_routes(service: Service) -> APIRouter:
    """The routes of studies: begun, closed, reported."""
    routes, studies = APIRouter(prefix="/studies", tags=["reader studies"]), service.studies

    @routes.post("", status_code=201)
    def create_study(order: StudyOrder) -> StudyAnswer:
        """Begins a study, and the making of its pairs."""
        return studies.answer(studies.order(order))

    @routes.get("")
    def list_studies() -> list[StudyAnswer]:
        """Every study, the newest first."""
        return [studies.answer(job) for job in studies.bench.all()]

    @routes.get("/{study}")
    def get_study(study: str) -> StudyAnswer:
        """A study."""
        return studies.answer(studies.bench.find(study))

    @routes.post("/{study}/cancel")
    def cancel_study(study: str) -> StudyAnswer:
        """Ends the making of pairs."""
        return studies.answer(studies.bench.cancel(study))

    @routes.post("/{study}/close")
    def close_study(study: str) -> StudyAnswer:
        """Takes no more answers, for good, so that which is which may be told."""
        job = studies.bench.find(study)
        studies.close(job)
        return studies.answer(job)

    @routes.delete("/{study}", status_code=204)
    def delete_study(study: str) -> None:
        """Removes a study and all that was said in it."""
        studies.remove(study)

    @routes.get("/{study}/report")
    def report_study(study: str) -> StudyReport:
        """What a closed study says."""
        return studies.report(studies.bench.find(study))

    @routes.get("/{study}/report.html", response_class=Response)
    def get_report(study: str) -> Response:
        """The same as a page to keep."""
        return _attached(studies.page(studies.bench.find(study)), "reader-study.html", "text/html; charset=utf-8")

    @routes.get("/{study}/answers.csv", response_class=Response)
    def get_answers(study: str) -> Response:
        """Every answer of a closed study, a line each."""
        return _attached(studies.csv(studies.bench.find(study)), "reader-study.csv", "text/csv; charset=utf-8")

    return routes


def reading_routes(service: Service) -> APIRouter:
    """The routes of a reader: the next pair, its two images, the answer."""
    routes, studies = APIRouter(prefix="/studies/{study}", tags=["reader studies"]), service.studies

    @routes.post("/next")
    def next_pair(study: str, reader: Reader) -> Sight:
        """What a reader sees next."""
        return studies.next(studies.bench.find(study), reader.reader)

    @routes.get("/pairs/{pair}/{side}.nii", response_class=Response)
    def get_side(study: str, pair: str, side: Side) -> Response:
        """An image of a pair; nothing but what it shows tells which one."""
        shown = studies.seen(studies.bench.find(study), pair, side)
        return Response(shown.read_bytes(), media_type="application/octet-stream")

    @routes.get("/pairs/{pair}/{side}.png", response_class=Response)
    def get_side_slice(study: str, pair: str, side: Side, cut: Annotated[_Section, Query()]) -> Response:
        """A slice of an image of a pair, as the server draws it, without the mark."""
        shown = studies.seen(studies.bench.find(study), pair, side)
        png = draw_slice(shown, cut.plane, share=cut.share, window=_GREY, synthetic=False)
        return Response(png, media_type="image/png")

    @routes.post("/pairs/{pair}/answer", status_code=204)
    def answer_pair(study: str, pair: str, said: PairAnswer) -> None:
        """Takes an answer, for good; it is on the disk when this is confirmed."""
        studies.keep(studies.bench.find(study), pair, said)

    return routes


def _attached(text: str, name: str, kind: str) -> Response:
    return Response(text, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})
