"""Uploads: create one, put files, finish it, see what was recognised, correct that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from voxlate.errors import UsageError
from voxlate.web.answers import Correction, UploadAnswer
from voxlate.web.places import VIEWS
from voxlate.web.routes.errors import TooSlowError, UnknownIdError
from voxlate.web.service import Service
from voxlate.web.slices import GreyScale, Plane, Share, draw_slice

_PIECE_S = 30.0
"""How long a client may let the server wait for the next piece of a file."""


class _ScanCut(BaseModel):
    """Which slice, and where grey begins and ends; by default as the scan's own values say."""

    plane: Plane = "axial"
    share: Share = 0.5
    low: float | None = None
    high: float | None = None


def upload_routes(service: Service) -> APIRouter:
    """The routes by which scans come in."""
    routes, uploads = APIRouter(prefix="/uploads", tags=["uploads"]), service.uploads

    @routes.post("", status_code=201)
    def create_upload() -> UploadAnswer:
        """Opens an upload."""
        return UploadAnswer(id=uploads.create(), state="open")

    @routes.put("/{upload}/files", status_code=204)
    async def put_file(
        upload: str,
        request: Request,
        x_file_name: Annotated[str, Header(description="What the file is called, percent-encoded.", max_length=1024)],
    ) -> None:
        """Takes a file as the body of the request; of its name the suffix and the contrast are kept."""
        _found(service, upload)
        if not uploads.is_open(upload):
            raise UsageError("an upload that is open", came="one that is finished", remedy="Begin another one.")
        await uploads.take(upload, unquote(x_file_name), _in_time(request.stream()))

    @routes.post("/{upload}/finish")
    def finish_upload(upload: str) -> UploadAnswer:
        """Closes an upload, and tells what was recognised."""
        _found(service, upload)
        if uploads.recognised(upload) is None:
            service.recognise(upload)
        return service.told(upload)

    @routes.get("/{upload}")
    def get_upload(upload: str) -> UploadAnswer:
        """What is known of an upload."""
        _found(service, upload)
        return service.told(upload)

    @routes.delete("/{upload}", status_code=204)
    def delete_upload(upload: str) -> None:
        """Removes an upload and its files."""
        _found(service, upload)
        uploads.remove(upload)

    return routes


def scan_routes(service: Service) -> APIRouter:
    """The routes of what was recognised in an upload."""
    routes = APIRouter(prefix="/uploads/{upload}/scans", tags=["uploads"])

    @routes.patch("/{scan}")
    def correct_scan(upload: str, scan: str, correction: Correction) -> UploadAnswer:
        """Takes a person's word for what a scan shows."""
        _found(service, upload)
        service.scan(upload, scan)
        service.correct(upload, scan, correction.contrast)
        return service.told(upload)

    @routes.get("/{scan}/slice.png", response_class=Response)
    def scan_slice(upload: str, scan: str, cut: Annotated[_ScanCut, Query()]) -> Response:
        """A slice of a scan, as the server draws it."""
        path, told = view_of_scan(upload, scan), service.scan(upload, scan)
        low, high = told["window"]
        window = GreyScale(low if cut.low is None else cut.low, high if cut.high is None else cut.high)
        png = draw_slice(path, cut.plane, share=cut.share, window=window, synthetic=told["synthetic"])
        return Response(png, media_type="image/png")

    @routes.get("/{scan}/view.nii", response_class=Response)
    def scan_view(upload: str, scan: str) -> FileResponse:
        """What the viewer shows of a scan: a volume with its axes in RAS+ order, as NIfTI."""
        return FileResponse(view_of_scan(upload, scan), filename="scan.nii", media_type="application/octet-stream")

    def view_of_scan(upload: str, scan: str) -> Path:
        return _found(service, upload) / VIEWS / f"{service.scan(upload, scan)['id']}.nii"

    return routes


def _found(service: Service, upload: str) -> Path:
    """The folder of an upload.

    Raises:
        UnknownIdError: If there is none of that id.
    """
    folder = service.uploads.find(upload)
    if folder is None:
        raise UnknownIdError("an upload")
    return folder


async def _in_time(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    pieces = aiter(stream)
    while True:
        try:
            piece = await asyncio.wait_for(anext(pieces), _PIECE_S)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise TooSlowError from error
        yield piece
