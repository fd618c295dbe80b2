"""What could be cheaper: suggestions made from the calls of a range of time."""

from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.analytics.savings.suggest import Suggestion
from manager_agent.api.body import moment, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.services import NoSavingsError, Services
from manager_agent.contract.money import usd

_DEFAULT_RANGE = timedelta(days=30)
_PARAMETERS = ("since", "until")


def routes(services: Services) -> list[Route]:
    """Return `/api/v1/suggestions`, or nothing where nobody looks for savings."""
    savings = services.savings
    if savings is None:
        return []

    async def suggest(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), _PARAMETERS, "parameter")
        until = moment(request, "until", services.clock())
        since = moment(request, "since", until - _DEFAULT_RANGE)
        if since >= until:
            detail = f"since = {since.isoformat()} must be before until = {until.isoformat()}"
            raise Problem(400, "bad-request", detail)
        try:
            found = await run_in_threadpool(savings, since, until)
        except NoSavingsError as error:
            status = 503 if error.busy else 422
            headers = {"retry-after": "30"} if error.busy else None
            raise Problem(status, "no-savings", str(error), headers=headers) from error
        return JSONResponse(
            {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "calls": found.calls,
                "calls_looked_at": found.looked,
                "suggestions": [shown(one) for one in found.suggestions],
            }
        )

    return [Route("/api/v1/suggestions", suggest)]


def shown(one: Suggestion) -> dict[str, Any]:
    """Return a suggestion as JSON has it; dollars saved to the cent: more digits say nothing."""
    return {
        "kind": one.kind,
        "agent": one.agent,
        "provider": one.provider,
        "model": one.model,
        "calls": one.calls,
        "cost_usd": float(usd(one.cost)),
        "saves_low_usd_per_month": float(round(usd(one.low), 2)),
        "saves_high_usd_per_month": float(round(usd(one.high), 2)),
        "error_percent": None if one.error is None else round(100 * one.error, 1),
        "how_to_try": one.how_to_try,
        "query": one.query,
    }
