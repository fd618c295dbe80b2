"""The calls that were made, newest first."""

from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.analytics.questions import Row, ask
from manager_agent.api import shapes
from manager_agent.api.body import choice, moment, refuse_unknown, whole_number
from manager_agent.api.services import Services

_DEFAULT_RANGE = timedelta(hours=24)
_PARAMETERS = ("agent", "status", "since", "until", "limit")


def routes(services: Services) -> list[Route]:
    """Return `/api/v1/calls`."""

    async def calls(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), _PARAMETERS, "parameter")
        # Clocks of agents run ahead at times.
        until = moment(request, "until", services.clock() + timedelta(hours=1))
        asked = {
            "start": moment(request, "since", until - _DEFAULT_RANGE),
            "end": until,
            "agent": request.query_params.get("agent"),
            "status": choice(request, "status", ("ok", "error")),
            "limit": whole_number(request, "limit", default=100, most=1000),
        }
        rows = await run_in_threadpool(_calls, services, asked)
        return JSONResponse({"calls": [shapes.call(row) for row in rows]})

    return [Route("/api/v1/calls", calls)]


def _calls(services: Services, asked: dict[str, Any]) -> list[Row]:
    con = services.read()
    try:
        return ask(con, "calls", **asked)
    finally:
        con.close()
