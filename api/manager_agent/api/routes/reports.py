"""Reports over REST: as they would be told now, and told on request."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.services import Reporting, Services
from manager_agent.api.shapes import instant
from manager_agent.rules.message import Message

_KINDS = ("hourly", "daily", "weekly", "issues")


def routes(services: Services, reporting: Reporting) -> list[Route]:
    """Return the routes that show a report, and that send it."""

    async def show(request: Request) -> Response:
        kind = _kind(request)
        refuse_unknown(request.query_params.keys(), {"at"}, "parameter")
        at = _moment(request.query_params.get("at"), services)
        return JSONResponse(shape(await run_in_threadpool(reporting.report, kind, at)))

    async def send(request: Request) -> Response:
        kind, body = _kind(request), await json_object(request)
        refuse_unknown(body.keys(), {"at"}, "member")
        at = _moment(body.get("at"), services)
        sent = await run_in_threadpool(reporting.send, kind, at, who(request))
        return JSONResponse(shape(sent))

    return [
        Route("/api/v1/reports/{kind}", show),
        Route("/api/v1/reports/{kind}", send, methods=["POST"]),
    ]


def shape(message: Message) -> dict[str, Any]:
    """Return a report as JSON; `sections` in order."""
    return {
        "key": message.key,
        "kind": message.kind,
        "headline": message.headline,
        "ts": instant(message.ts),
        "facts": dict(message.facts),
        "sections": [
            {
                "title": one.title,
                "text": one.text,
                "columns": list(one.columns),
                "rows": [list(row) for row in one.rows],
            }
            for one in message.sections
        ],
    }


def _kind(request: Request) -> str:
    kind = str(request.path_params["kind"])
    if kind not in _KINDS:
        detail = f"there is no report {kind[:50]!r}; there are {', '.join(_KINDS)}"
        raise Problem(404, "unknown-report", detail)
    return kind


def _moment(text: object, services: Services) -> datetime | None:
    """Return the time that `at` names, a day being its first moment in the manager's time zone."""
    if text is None:
        return None
    found = _iso(text, services.zone)
    if found is None:
        detail = f"at = {str(text)[:50]!r} is no ISO 8601 date or time, e.g. 2026-01-31"
        raise Problem(400, "bad-request", f"{detail} or 2026-01-31T14:00+01:00")
    if found > services.clock():
        detail = f"at = {str(text)[:50]!r} lies ahead; it is {instant(services.clock())} now"
        raise Problem(400, "bad-request", detail)
    return found


def _iso(text: object, zone: ZoneInfo) -> datetime | None:
    try:
        # A + in a URL that nobody escaped arrives as a space.
        written = str(text)
        found = datetime.fromisoformat(written.replace(" ", "+") if "T" in written else written)
        return found.replace(tzinfo=zone) if found.tzinfo is None else found
    except ValueError:
        return None
