"""Data sets: which there are, what each has of which case, what can be made; of a job, what became of each case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import FileResponse

from voxlate.jobs import DurableJob
from voxlate.web.answers import JobAnswer
from voxlate.web.datasets.answers import CaseLook, CasesAnswer, CompletionOrder, DataSetAnswer
from voxlate.web.datasets.shelf import COMPLETE, DataSets, look_of
from voxlate.web.routes.errors import UnknownIdError
from voxlate.web.routes.jobs import View, WantedSlice, found_job, sliced, view_of
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

    def folder_of_job(job: str) -> Path:
        return service.runner.place(of_job(job).id)

    def folder_of_dataset(dataset: str) -> Path:
        if dataset not in {one.id for one in datasets.all()}:
            raise UnknownIdError("a data set that the server may read")
        return datasets.survey_of(dataset)

    @routes.get("/jobs/{job}/cases")
    def list_cases(job: str) -> CasesAnswer:
        """What became of each case so far, and where the images lie."""
        one = of_job(job)
        return CasesAnswer(folder=str(datasets.folder_of(one)), cases=datasets.cases(one))

    _add_looks(routes, datasets, "/jobs/{job}", of=folder_of_job)
    _add_looks(routes, datasets, "/datasets/{dataset}", of=folder_of_dataset)
    return routes


def _add_looks(routes: APIRouter, datasets: DataSets, prefix: str, *, of: Callable[[str], Path]) -> None:
    """Adds the routes by which a case is looked at, of a job or of a data set, whose folder ``of`` tells."""
    place, what = f"{prefix}/cases/{{case}}", prefix.split("/")[1]

    @routes.post(f"{place}/look", name=f"look_at_case_of_{what}")
    def look_at_case(case: int, folder: Path = Depends(of)) -> CaseLook:  # noqa: B008  FastAPI's way
        """Prepares the views of a case: its scans and, of a job, the image that was made."""
        return datasets.show(folder, case)

    @routes.get(f"{place}/views/{{which}}.nii", response_class=Response, name=f"get_view_of_{what}")
    def get_case_view(case: int, which: View, folder: Path = Depends(of)) -> FileResponse:  # noqa: B008
        """What the viewer shows: a volume with its axes in RAS+ order, as NIfTI."""
        return view_of(look_of(folder, case), which)

    @routes.get(f"{place}/slices/{{which}}.png", response_class=Response, name=f"get_slice_of_{what}")
    def get_case_slice(
        case: int,
        which: View,
        cut: Annotated[WantedSlice, Query()],
        folder: Path = Depends(of),  # noqa: B008
    ) -> Response:
        """A slice as the server draws it; one that a model made is marked."""
        return sliced(look_of(folder, case), which, cut)
