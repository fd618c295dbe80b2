"""Calls that agents report by hand, and what each agent used."""

from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api import shapes
from manager_agent.api.body import choice, json_object, refuse_unknown
from manager_agent.api.hand_call import hand_calls
from manager_agent.api.problem import Problem
from manager_agent.api.services import BusyError, ByHand, Services
from manager_agent.api.usage import UsageStats, usage_of, usage_of_all
from manager_agent.contract.window import PERIODS, Period, Window

_log = structlog.get_logger()


def record_route(services: Services, by_hand: ByHand) -> Route:
    """Return `POST /api/v1/calls`."""

    async def record(request: Request) -> Response:
        body = await json_object(request)
        calls = hand_calls(body, services.clock())
        try:
            await by_hand.record(calls)
        except BusyError as error:
            _log.warning("call_not_recorded", error=str(error))
            raise Problem(503, "later", str(error), headers={"retry-after": "1"}) from error
        told = [{"call_id": call.call_id, "agent": call.agent} for call in calls]
        return JSONResponse({"calls": told} if "calls" in body else told[0])

    return Route("/api/v1/calls", record, methods=["POST"])


def routes(services: Services) -> list[Route]:
    """Return what reads usage; before the route of an agent, whose name may hold a slash."""

    async def of_agent(request: Request) -> Response:
        agent = request.path_params["agent"]
        period = _period(request)
        found, stats = await run_in_threadpool(usage_of, services, agent, period)
        return JSONResponse(_around(found) | shapes.stats(stats))

    async def of_all(request: Request) -> Response:
        period = _period(request)
        found, each = await run_in_threadpool(usage_of_all, services, period)
        return JSONResponse(_around(found) | {"agents": _shown(each)})

    return [
        Route("/api/v1/agents/{agent:path}/usage", of_agent),
        Route("/api/v1/usage", of_all),
    ]


def _shown(each: list[UsageStats]) -> list[dict[str, Any]]:
    return [shapes.stats(stats) for stats in each]


def _around(found: Window) -> dict[str, Any]:
    return {
        "period": found.period,
        "start": shapes.instant(found.start),
        "end": shapes.instant(found.end),
    }


def _period(request: Request) -> Period:
    refuse_unknown(request.query_params.keys(), {"period"}, "parameter")
    said = choice(request, "period", PERIODS)
    return next((period for period in PERIODS if period == said), "day")
