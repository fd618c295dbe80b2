"""Errors as RFC 9457 problem details, all of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class Problem(Exception):
    """An error to tell the client.

    `kind` ends its type, `urn:manager-agent:problem:<kind>`, which clients may rely on. `detail`
    says what was found and what to do. `headers` go with the answer, `more` are further members.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.more = more

    def response(self) -> Response:
        """Return this problem as an answer."""
        body = {
            "type": f"urn:manager-agent:problem:{self.kind}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }
        return JSONResponse(body, self.status, self.headers, "application/problem+json")


def on_problem(request: Request, error: Exception) -> Response:
    """Answer a `Problem`."""
    assert isinstance(error, Problem)
    return error.response()


def on_busy(request: Request, error: Exception) -> Response:
    """Answer where something cannot be done at present; it may be tried again."""
    return Problem(503, "later", str(error), headers={"retry-after": "5"}).response()


def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    path = request.url.path
    if error.status_code == HTTPStatus.NOT_FOUND:
        found = Problem(404, "not-found", f"nothing is at {path}; /openapi.json lists what is")
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("Allow", "")
        detail = f"{request.method} is not possible on {path}; use {allowed}"
        found = Problem(405, "method-not-allowed", detail, headers=headers)
    else:
        found = Problem(error.status_code, "http", error.detail, headers=headers)
    return found.response()
