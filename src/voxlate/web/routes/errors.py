"""Refusals as answers: a status, and what was expected, what came, what to do."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from voxlate.errors import UsageError, VoxlateError
from voxlate.web.answers import Problem
from voxlate.web.uploads import TooLargeError


class UnknownIdError(UsageError):
    """An id that stands for nothing here."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected, came="an id that is not known", remedy="It may have been removed; look at the list.")


class TooSlowError(UsageError):
    """A client that sends nothing for long."""

    def __init__(self) -> None:
        super().__init__("the next piece of the file", came="nothing for long", remedy="Upload the file again.")


_STATUS: dict[type[VoxlateError], int] = {UnknownIdError: 404, TooLargeError: 413, TooSlowError: 408}


def answer_errors(app: FastAPI) -> None:
    """Makes an application answer refusals as ``Problem``."""

    @app.exception_handler(VoxlateError)
    def refuse(request: Request, error: VoxlateError) -> JSONResponse:
        problem = Problem(expected=error.expected, came=error.came, remedy=error.remedy)
        closing = {"connection": "close"} if request.method == "PUT" else None  # the rest of the file is not read
        return JSONResponse(problem.model_dump(), _STATUS.get(type(error), 400), headers=closing)

    @app.exception_handler(RequestValidationError)
    def refuse_form(_request: Request, error: RequestValidationError) -> JSONResponse:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        problem = Problem(expected="a request as the schema says", came=told, remedy="See /api/v1/openapi.json.")
        return JSONResponse(problem.model_dump(), 422)
