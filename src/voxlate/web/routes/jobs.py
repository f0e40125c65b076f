"""Jobs: order a translation, watch it, cancel it, try again, remove it; and what came of it."""

from __future__ import annotations

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from voxlate.errors import UsageError
from voxlate.jobs import DurableJob
from voxlate.jobs.job import LOG, RESULT, read_json
from voxlate.web.answers import JobAnswer, TranslationOrder
from voxlate.web.guard import asking
from voxlate.web.places import PREDICTION, SOURCE
from voxlate.web.routes.errors import UnknownIdError
from voxlate.web.service import Service
from voxlate.web.slices import GreyScale, Plane, Share, draw_slice

_LOOK_S = 0.4
View = Annotated[str, Field(pattern="^(source[2-9]?|prediction)$")]
"""What of a job is shown: the first of its sources, a further one, or what was made."""
_What = Literal["image", "nifti", "sidecar", "picture", "log"]


class WantedSlice(BaseModel):
    """Which slice, and where grey begins and ends."""

    plane: Plane = "axial"
    share: Share = 0.5
    low: float = 0.0
    high: float = 1.0


def job_routes(service: Service) -> APIRouter:
    """The routes of jobs."""
    routes = APIRouter(prefix="/jobs", tags=["jobs"])

    @routes.post("", status_code=201)
    def create_job(order: TranslationOrder) -> JobAnswer:
        """Orders the translation of a scan."""
        return service.answer(service.order(order))

    @routes.get("")
    def list_jobs() -> list[JobAnswer]:
        """Every job, the newest first."""
        return [service.answer(job) for job in service.jobs()]

    @routes.get("/{job}")
    def get_job(job: str) -> JobAnswer:
        """A job."""
        return service.answer(found_job(service, job))

    @routes.get("/{job}/events", response_class=EventSourceResponse)
    def watch_job(job: str) -> EventSourceResponse:
        """The job whenever it changes, as server-sent events, until it ends."""
        found_job(service, job)
        return EventSourceResponse(_changes(service, job))

    return routes


def change_routes(service: Service) -> APIRouter:
    """The routes that change what becomes of a job."""
    routes, ledger, runner = APIRouter(prefix="/jobs", tags=["jobs"]), service.ledger, service.runner

    @routes.post("/{job}/cancel")
    def cancel_job(job: str) -> JobAnswer:
        """Ends a job that waits or runs."""
        found_job(service, job)
        runner.cancel(job)
        return service.answer(found_job(service, job))

    @routes.post("/{job}/retry")
    def retry_job(job: str) -> JobAnswer:
        """Begins a job again that failed or was cancelled."""
        found_job(service, job)
        again = ledger.wait_again(job, after=("failed", "cancelled"), anew=True)
        if again is None:
            remedy = "Order another one, or wait."
            raise UsageError("a job that failed or was cancelled", came=found_job(service, job).state, remedy=remedy)
        runner.wake()
        return service.answer(again)

    @routes.delete("/{job}", status_code=204)
    def delete_job(job: str) -> None:
        """Removes a job that has ended, and what came of it."""
        found_job(service, job)
        if not service.remove(job):
            raise UsageError("a job that has ended", came=found_job(service, job).state, remedy="Cancel it first.")

    return routes


def result_routes(service: Service) -> APIRouter:
    """The routes of what came of jobs."""
    routes = APIRouter(prefix="/jobs/{job}", tags=["results"])

    def place(job: str) -> Path:
        return service.runner.place(found_job(service, job).id)

    @routes.get("/files/{what}", response_class=Response)
    def get_file(job: str, what: _What) -> Response:
        """A file to keep: the image (of DICOM a zip archive), its sidecar, the picture, the image as NIfTI, the log."""
        folder = place(job)
        path = folder / LOG if what == "log" else _kept(folder, what)
        if not path.is_file():
            raise UnknownIdError("a file of a job that is done")
        order = found_job(service, job).order
        suffix = ".nii.gz" if path.name.endswith(".nii.gz") else path.suffix or ".txt"
        name = f"{order['shows'] or 'data_set'}_to_{order['target']}{suffix}"
        return FileResponse(path, filename=name, media_type="application/octet-stream")

    @routes.get("/views/{which}.nii", response_class=Response)
    def get_view(job: str, which: View) -> FileResponse:
        """What the viewer shows: a volume with its axes in RAS+ order, as NIfTI."""
        return view_of(place(job), which)

    @routes.get("/slices/{which}.png", response_class=Response)
    def get_slice(job: str, which: View, cut: Annotated[WantedSlice, Query()]) -> Response:
        """A slice as the server draws it; one of a prediction is marked as synthetic."""
        return sliced(place(job), which, cut)

    return routes


def view_of(folder: Path, which: str) -> FileResponse:
    """What the viewer shows of a job, or of a case of one.

    Raises:
        UnknownIdError: If there is no such view.
    """
    return FileResponse(_view(folder, which), filename=f"{which}.nii", media_type="application/octet-stream")


def sliced(folder: Path, which: str, cut: WantedSlice) -> Response:
    """A slice of a view as PNG.

    Raises:
        UnknownIdError: If there is no such view.
    """
    window = GreyScale(cut.low, cut.high)
    png = draw_slice(_view(folder, which), cut.plane, share=cut.share, window=window, synthetic=which == "prediction")
    return Response(png, media_type="image/png")


def _view(folder: Path, which: str) -> Path:
    path = (folder / SOURCE).with_name(f"{which}.nii")
    if not path.is_file():
        raise UnknownIdError("a job that is done")
    return path


def found_job(service: Service, job: str) -> DurableJob:
    """The job of an id.

    Raises:
        UnknownIdError: If there is none, or it is another user's.
    """
    one = service.ledger.find(job)
    if one is None or one.order.get("user", "") != asking.get():
        raise UnknownIdError("a job")
    return one


def _kept(folder: Path, what: _What) -> Path:
    """The file of a result; of a folder of DICOM an archive, which is made when it is first asked for."""
    result = read_json(folder / RESULT)
    if result is None or "image" not in result:
        return folder / "none"
    image = folder / str(result["image"])
    bare = image.name.removesuffix(".nii.gz")
    if what == "sidecar":
        return image.with_name(f"{bare}.json")
    if what == "picture":
        return image.with_name(f"{bare}.png")
    if what == "nifti" and image.is_dir():
        return folder / PREDICTION
    return _packed(image) if image.is_dir() else image


def _packed(folder: Path) -> Path:
    archive = folder.with_name(f"{folder.name}.zip")
    if not archive.exists():
        begun, sidecar = archive.with_suffix(".part"), folder.with_name(f"{folder.name}.json")
        with zipfile.ZipFile(begun, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for path in (*sorted(folder.rglob("*")), sidecar):
                if path.is_file() and ".voxlate" not in str(path.relative_to(folder.parent)):  # whose it is to lock
                    packed.write(path, path.relative_to(folder.parent))
        begun.rename(archive)
    return archive


async def _changes(service: Service, job: str) -> AsyncIterator[ServerSentEvent]:
    """The answer about a job, first as it is and then whenever it is another."""
    told = ""
    while True:
        found = await asyncio.to_thread(service.ledger.find, job)
        if found is None:
            return
        answer = await asyncio.to_thread(service.answer, found)
        if (text := json.dumps(answer.model_dump())) != told:
            told = text
            yield ServerSentEvent(text, event="job")
        if found.has_ended:
            return
        await asyncio.sleep(_LOOK_S)
