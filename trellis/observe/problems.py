"""Errors of the API as problem documents (RFC 9457): which parameter, what it must be, and what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from trellis.observe.answers import Problem, Wrong

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: "The question is wrong",
    401: "A token is needed",
    404: "There is no such page",
    405: "This is not asked so",
    413: "That is too much",
    421: "This server is asked by its own name alone",
    503: "The store can't be read",
}


def problem(
    status: int, detail: str, errors: Sequence[Wrong] = (), headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return a problem as an answer.

    Args:
        status: The HTTP status.
        detail: What is wrong, and what to do.
        errors: The parameters that were refused.
        headers: Further headers.
    """
    said = Problem(title=_TITLES.get(status, "Failed"), status=status, detail=detail, errors=tuple(errors))
    return JSONResponse(said.model_dump(), status, headers, MEDIA_TYPE)


def add_to(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _failed)
    app.add_exception_handler(SQLAlchemyError, _no_store)


def allowed_of(app: FastAPI, path: str) -> tuple[str, ...]:
    """Return the names of the query parameters that a path knows."""
    operation = app.openapi()["paths"].get(path, {}).get("get", {})
    return tuple(entry["name"] for entry in operation.get("parameters", ()) if entry["in"] == "query")


async def _refused(request: Request, refused: Exception) -> JSONResponse:
    assert isinstance(refused, RequestValidationError)
    known = allowed_of(request.app, request.url.path)
    wrong = [_wrong(error, known) for error in refused.errors()]
    return problem(400, "; ".join(f"{each.parameter}: {each.rule}" for each in wrong), wrong)


def _wrong(error: dict[str, Any], known: tuple[str, ...]) -> Wrong:
    """Return one of pydantic's errors in our words."""
    name = str(error["loc"][-1])
    if error["type"] == "extra_forbidden":
        return Wrong(parameter=name, rule="there is no such parameter here", allowed=known)
    context = error.get("ctx", {})
    if error["type"] == "enum":
        # pydantic has the values as one text: 'Idle', 'Connect' or 'Active'
        allowed = tuple(context["expected"].replace(" or ", ", ").replace("'", "").split(", "))
        return Wrong(parameter=name, rule="it is none of the allowed values", allowed=allowed)
    return Wrong(parameter=name, rule=str(context.get("error", error["msg"])))


async def _failed(request: Request, failed: Exception) -> JSONResponse:
    assert isinstance(failed, HTTPException)
    headers = dict(failed.headers or {})
    if failed.status_code == 405:
        if headers.get("Allow") == "POST":
            return problem(405, "a sync is requested by POST, and there is nothing to read", headers={"Allow": "POST"})
        return problem(405, f"{request.method} is not answered: nothing can be changed here", headers={"Allow": "GET"})
    if failed.status_code == 404:
        return problem(404, "see /openapi.json for what there is")
    return problem(failed.status_code, str(failed.detail), headers=headers)


async def _no_store(request: Request, failed: Exception) -> JSONResponse:
    del request, failed  # its text may hold the store's URL, and so a password
    return problem(503, "the store of guests' sessions can't be read; the server's log says why")
