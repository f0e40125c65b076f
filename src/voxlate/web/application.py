"""The application: the typed API, the page, and the guard before both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from voxlate._version import __version__
from voxlate.contrast import CONTRASTS
from voxlate.web.answers import About, ContrastAnswer
from voxlate.web.guard import Guard
from voxlate.web.models.routes import model_routes
from voxlate.web.readers.routes import reading_routes, study_routes
from voxlate.web.routes.datasets import case_routes, dataset_routes
from voxlate.web.routes.errors import answer_errors
from voxlate.web.routes.jobs import change_routes, job_routes, result_routes
from voxlate.web.routes.uploads import scan_routes, upload_routes
from voxlate.web.service import Service
from voxlate.web.teaching.routes import recipe_routes, training_routes

_API = "/api/v1"
_PAGE = Path(str(resources.files("voxlate.web"))) / "page"
"""Where the page lies; the viewer in its folder ``vendor`` comes by npm (``make page``)."""


def build_application(service: Service) -> ASGIApp:
    """The application of a server, which starts and stops the service with itself."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    app = FastAPI(
        title="Voxlate",
        version=__version__,
        description="Translates medical images. Research software, not for diagnostic use.",
        openapi_url=f"{_API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
        generate_unique_id_function=lambda route: route.name,
    )
    answer_errors(app)
    scans = (_about_routes, upload_routes, scan_routes, job_routes, change_routes, result_routes)
    rooms = (dataset_routes, case_routes, model_routes, recipe_routes, training_routes, study_routes, reading_routes)
    for routes in (*scans, *rooms):
        app.include_router(routes(service), prefix=_API)
    app.mount("/page", StaticFiles(directory=_PAGE, check_dir=False))

    @app.get("/", include_in_schema=False)
    def show_page() -> FileResponse:
        return FileResponse(_PAGE / "index.html", headers={"cache-control": "no-cache"})

    return Guard(app, service.settings)


def _about_routes(service: Service) -> APIRouter:
    routes, settings = APIRouter(tags=["about"]), service.settings

    @routes.get("/about")
    def about() -> About:
        """The program and this server."""
        contrasts = [
            ContrastAnswer(name=one.name, title=one.title, kind=one.kind, unit=one.unit) for one in CONTRASTS.values()
        ]
        return About(
            version=__version__,
            contrasts=contrasts,
            upload_bytes=settings.upload_bytes,
            upload_files=settings.upload_files,
            kept_hours=settings.kept_s / 3600,
        )

    return routes
