"""Data sets: which there are, what each has of which case, what can be made; and, of a job, what became of each case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse

from voxlate.jobs import DurableJob
from voxlate.web.answers import JobAnswer
from voxlate.web.datasets.answers import CaseLook, CasesAnswer, CompletionOrder, DataSetAnswer
from voxlate.web.datasets.shelf import COMPLETE, look_of
from voxlate.web.routes.errors import UnknownIdError
from voxlate.web.routes.jobs import Cut, View, found_job, sliced, view_of
from voxlate.web.service import Service


def dataset_routes(service: Service) -> APIRouter:
    """The routes of data sets."""
    routes, datasets = APIRouter(prefix="/datasets", tags=["data sets"]), service.datasets

    def told(dataset: str) -> DataSetAnswer:
        if dataset not in {one.id for one in datasets.all()}:
            raise UnknownIdError("a data set that the server may read")
        return datasets.told(dataset)

    @routes.get("")
    def list_datasets() -> list[DataSetAnswer]:
        """The data sets that the server may read, without their cases."""
        return datasets.all()

    @routes.get("/{dataset}")
    def get_dataset(dataset: str) -> DataSetAnswer:
        """What a data set has, as far as that is known."""
        return told(dataset)

    @routes.post("/{dataset}/look")
    def look_at_dataset(dataset: str) -> DataSetAnswer:
        """Begins to find out what a data set has; its state tells when that is known."""
        told(dataset)
        datasets.look(dataset)
        return datasets.told(dataset)

    @routes.post("/{dataset}/jobs", status_code=201)
    def complete_dataset(dataset: str, order: CompletionOrder) -> JobAnswer:
        """Orders what a data set lacks."""
        told(dataset)
        return service.answer(datasets.order(dataset, order))

    return routes


def case_routes(service: Service) -> APIRouter:
    """The routes of the cases of a job, and of a data set."""
    routes, datasets = APIRouter(tags=["data sets"]), service.datasets

    def of_job(job: str) -> DurableJob:
        one = found_job(service, job)
        if one.kind != COMPLETE:
            raise UnknownIdError("a job of a data set")
        return one

    def of_dataset(dataset: str) -> Path:
        if dataset not in {one.id for one in datasets.all()}:
            raise UnknownIdError("a data set that the server may read")
        return datasets.survey_of(dataset)

    @routes.get("/jobs/{job}/cases")
    def list_cases(job: str) -> CasesAnswer:
        """What became of each case so far, and where the images lie."""
        one = of_job(job)
        return CasesAnswer(folder=str(datasets.folder_of(one)), cases=datasets.cases(one))

    @routes.post("/jobs/{job}/cases/{case}/look")
    def look_at_case(job: str, case: int) -> CaseLook:
        """Prepares the views of a case whose image is made, and tells what they show."""
        return datasets.show(service.runner.place(of_job(job).id), case)

    @routes.get("/jobs/{job}/cases/{case}/views/{which}.nii", response_class=Response)
    def get_case_view(job: str, case: int, which: View) -> FileResponse:
        """What the viewer shows: a volume with its axes in RAS+ order, as NIfTI."""
        return view_of(look_of(service.runner.place(of_job(job).id), case), which)

    @routes.get("/jobs/{job}/cases/{case}/slices/{which}.png", response_class=Response)
    def get_case_slice(job: str, case: int, which: View, cut: Annotated[Cut, Query()]) -> Response:
        """A slice as the server draws it; one that a model made is marked."""
        return sliced(look_of(service.runner.place(of_job(job).id), case), which, cut)

    @routes.post("/datasets/{dataset}/cases/{case}/look")
    def look_at_scans(dataset: str, case: int) -> CaseLook:
        """Prepares the views of a case's scans, and tells what they show."""
        return datasets.show(of_dataset(dataset), case)

    @routes.get("/datasets/{dataset}/cases/{case}/views/{which}.nii", response_class=Response)
    def get_scan_view(dataset: str, case: int, which: View) -> FileResponse:
        """What the viewer shows of a scan: a volume with its axes in RAS+ order, as NIfTI."""
        return view_of(look_of(of_dataset(dataset), case), which)

    @routes.get("/datasets/{dataset}/cases/{case}/slices/{which}.png", response_class=Response)
    def get_scan_slice(dataset: str, case: int, which: View, cut: Annotated[Cut, Query()]) -> Response:
        """A slice of a scan as the server draws it."""
        return sliced(look_of(of_dataset(dataset), case), which, cut)

    return routes
