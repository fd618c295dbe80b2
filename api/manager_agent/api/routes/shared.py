"""Limits that agents share, groups and the fleet; and what was spent, corrected by people."""

from collections.abc import Awaitable, Callable
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.budgets import changed
from manager_agent.api.correcting import corrections
from manager_agent.api.problem import Problem
from manager_agent.api.services import ByHand, Oversight
from manager_agent.api.shared import every_shared, fleet_shown, group_shown
from manager_agent.api.standing import shared, standings
from manager_agent.contract.budget import Unit
from manager_agent.contract.window import Period
from manager_agent.control.commands import SetLimit
from manager_agent.control.rows import Scope

Answering = Callable[[Request], Awaitable[Response]]


def routes(oversight: Oversight, by_hand: ByHand) -> list[Route]:
    """Return the routes of groups, of the fleet, and the resets of all limits."""

    async def groups(request: Request) -> Response:
        found = await run_in_threadpool(every_shared, oversight)
        return JSONResponse({"groups": found["groups"]})

    return [
        Route("/api/v1/groups", groups),
        *_routes_of(oversight, "group", "/api/v1/groups/{group:path}"),
        *_routes_of(oversight, "fleet", "/api/v1/fleet"),
        Route(
            "/api/v1/budgets/{agent:path}/reset",
            _resetting(oversight, "agent", by_hand),
            methods=["POST"],
        ),
    ]


def _routes_of(oversight: Oversight, scope: Scope, path: str) -> list[Route]:
    async def one(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_shown, oversight, scope, request))

    async def patch(request: Request) -> Response:
        change = changed(await json_object(request))
        await run_in_threadpool(_shown, oversight, scope, request)  # there is such a group
        by, name = who(request), _name(scope, request)
        commands = [
            SetLimit(scope, name, period, unit, amount, by, change.why)
            for (unit, period), amount in change.amounts.items()
        ]
        await run_in_threadpool(oversight.do, commands)
        return await one(request)

    async def delete(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"why"}, "parameter")
        name, why = _name(scope, request), request.query_params.get("why") or ""
        mine = await run_in_threadpool(_set_by_people, oversight, scope, name)
        if not mine:
            detail = f"no limit of {scope} {name}".rstrip() + " was set over what is configured"
            raise Problem(404, "unknown-budget", f"{detail}; nothing to remove")
        commands = [
            SetLimit(scope, name, *key, None, who(request), why, dropped=True) for key in mine
        ]
        await run_in_threadpool(oversight.do, commands)
        return await one(request)

    return [
        Route(f"{path}/budget/reset", _resetting(oversight, scope), methods=["POST"]),
        Route(f"{path}/budget", patch, methods=["PATCH"]),
        Route(f"{path}/budget", delete, methods=["DELETE"]),
        Route(path, one),
    ]


def _resetting(oversight: Oversight, scope: Scope, by_hand: ByHand | None = None) -> Answering:
    async def reset(request: Request) -> Response:
        body = await json_object(request)
        return JSONResponse(await run_in_threadpool(reset_now, request, body))

    def reset_now(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        name = _name(scope, request)
        if scope == "group":
            group_shown(oversight, name)
        rows = (
            standings(by_hand.rows_of(name), oversight.accounts())
            if by_hand
            else shared(oversight.accounts(), scope, name)
        )
        commands = corrections(body, rows, (scope, name), who(request))
        oversight.do(commands)
        return {"corrected": [command.period + " " + command.unit for command in commands]}

    return reset


def _shown(oversight: Oversight, scope: Scope, request: Request) -> dict[str, Any]:
    if scope == "group":
        return group_shown(oversight, _name(scope, request))
    return fleet_shown(oversight)


def _set_by_people(oversight: Oversight, scope: Scope, name: str) -> list[tuple[Period, Unit]]:
    periods, units = get_args(Period), get_args(Unit)
    found = [key[2:] for key in oversight.set_limits() if key[:2] == (scope, name)]
    return sorted(found, key=lambda key: (periods.index(key[0]), units.index(key[1])))


def _name(scope: Scope, request: Request) -> str:
    return "" if scope == "fleet" else str(request.path_params[scope])
