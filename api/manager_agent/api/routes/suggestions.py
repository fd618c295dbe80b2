"""What could be cheaper: suggestions made from the calls of a range of time."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.analytics.savings.suggest import Suggestion, suggestions
from manager_agent.api.body import moment, refuse_unknown
from manager_agent.api.services import Services
from manager_agent.contract.money import usd

_DEFAULT_RANGE = timedelta(days=30)
_PARAMETERS = ("since", "until")


def routes(services: Services) -> list[Route]:
    """Return `/api/v1/suggestions`."""

    async def suggest(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), _PARAMETERS, "parameter")
        until = moment(request, "until", services.clock())
        since = moment(request, "since", until - _DEFAULT_RANGE)
        found = await run_in_threadpool(_found, services, since, until)
        return JSONResponse({"suggestions": [_shown(one) for one in found]})

    return [Route("/api/v1/suggestions", suggest)]


def _found(services: Services, since: datetime, until: datetime) -> list[Suggestion]:
    con = services.read()
    try:
        return suggestions(con, since, until)
    finally:
        con.close()


def _shown(one: Suggestion) -> dict[str, Any]:
    row = asdict(one)
    cost, low, high = (float(usd(row.pop(name))) for name in ("cost", "low", "high"))
    return {
        **{name: row[name] for name in ("kind", "agent", "provider", "model", "calls")},
        "cost_usd": cost,
        "saves_low_usd_per_month": low,
        "saves_high_usd_per_month": high,
        "how_to_try": one.how_to_try,
        "query": one.query,
    }
