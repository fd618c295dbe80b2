"""Budgets: what holds, what is left, whether a call would fit, and other limits put in place."""

from collections.abc import Sequence
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api import shapes
from manager_agent.api.asker import who
from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.budgets import (
    DEFAULT,
    Checked,
    amended,
    changed,
    checked,
    entry_of,
    estimate_of,
    set_budget,
    source_of,
)
from manager_agent.api.pausing import stopped
from manager_agent.api.problem import Problem
from manager_agent.api.services import ByHand, Services
from manager_agent.api.shared import every_shared
from manager_agent.api.standing import Standing, accounts_of, binding, standings
from manager_agent.contract.command import SetBudget
from manager_agent.control.commands import SetLimit
from manager_agent.store.control_file import ControlStoreError

_log = structlog.get_logger()


def routes(services: Services, by_hand: ByHand) -> list[Route]:
    """Return the routes; an agent's name may hold a slash, so the longer ones come first."""

    async def listed(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_listed, services, by_hand))

    async def one(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(_found, services, by_hand, _agent(request)))

    async def check(request: Request) -> Response:
        agent, estimate = _agent(request), _estimate(request)
        return JSONResponse(await run_in_threadpool(_checked, services, by_hand, (agent, estimate)))

    async def put(request: Request) -> Response:
        body = await json_object(request)
        command = set_budget(
            _agent(request), body, who(request), services.clock(), by_hand.enforcement
        )
        await _done(by_hand, command)
        return JSONResponse(await run_in_threadpool(_found, services, by_hand, command.agent))

    async def patch(request: Request) -> Response:
        agent, change = _agent(request), changed(await json_object(request))
        if agent == DEFAULT or services.oversight is None:
            limits = amended(entry_of(by_hand.policy(), agent), change, by_hand.enforcement)
            at = services.clock()
            await _done(by_hand, SetBudget(agent, limits, at, who(request), change.why or None))
        else:
            commands = [
                SetLimit("agent", agent, period, unit, amount, who(request), change.why)
                for (unit, period), amount in change.amounts.items()
            ]
            await run_in_threadpool(services.oversight.do, commands)
        return JSONResponse(await run_in_threadpool(_found, services, by_hand, agent))

    async def delete(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"why"}, "parameter")
        agent = _agent(request)
        if agent not in by_hand.overridden():
            detail = f"no budget of {agent!r} was set over what is configured; nothing to remove"
            raise Problem(404, "unknown-budget", detail)
        why = request.query_params.get("why")
        await _done(by_hand, SetBudget(agent, None, services.clock(), who(request), why))
        return JSONResponse(await run_in_threadpool(_found, services, by_hand, agent))

    return [
        Route("/api/v1/budgets", listed),
        Route("/api/v1/budgets/{agent:path}/check", check),
        Route("/api/v1/budgets/{agent:path}", one),
        Route("/api/v1/budgets/{agent:path}", put, methods=["PUT"]),
        Route("/api/v1/budgets/{agent:path}", patch, methods=["PATCH"]),
        Route("/api/v1/budgets/{agent:path}", delete, methods=["DELETE"]),
    ]


async def _done(by_hand: ByHand, command: SetBudget) -> None:
    try:
        await run_in_threadpool(by_hand.set_budget, command)
    except ControlStoreError as error:
        _log.error("budget_not_set", agent=command.agent, error=str(error))
        detail = "the budget cannot be kept at present and was not changed; the log says why"
        raise Problem(503, "later", detail, headers={"retry-after": "5"}) from error


def _listed(services: Services, by_hand: ByHand) -> dict[str, Any]:
    by_agent: dict[str, list[Standing]] = {}
    for row in standings(services.budgets(), accounts_of(services.oversight)):
        by_agent.setdefault(row.name, []).append(row)
    policy = by_hand.policy()
    named = {*policy.agents, *by_agent, *([DEFAULT] if policy.default else [])}
    agents = [_entry(by_hand, agent, by_agent.get(agent, [])) for agent in sorted(named)]
    return {"budgets": agents, **every_shared(services.oversight)}


def _found(services: Services, by_hand: ByHand, agent: str) -> dict[str, Any]:
    rows = [] if agent == DEFAULT else by_hand.rows_of(agent)
    return _entry(by_hand, agent, standings(rows, accounts_of(services.oversight)))


def _checked(services: Services, by_hand: ByHand, asked: tuple[str, int]) -> dict[str, Any]:
    """Return whether a call would fit, under the limits of the agent's groups and all, too."""
    agent, estimate = asked
    rows = binding(by_hand.rows_of(agent), agent, services.oversight)
    found = checked(rows, estimate)
    if stopped(services.oversight)(agent) is not None:
        found = Checked(False, "paused", found.row)
    return shapes.check(agent, found, rows, estimate)


def _entry(by_hand: ByHand, agent: str, rows: Sequence[Standing]) -> dict[str, Any]:
    policy = by_hand.policy()
    source = source_of(policy, by_hand.overridden(), agent)
    return shapes.budget_entry(agent, source, entry_of(policy, agent), rows)


def _agent(request: Request) -> str:
    return str(request.path_params["agent"])


def _estimate(request: Request) -> int:
    refuse_unknown(request.query_params.keys(), {"estimated_cost"}, "parameter")
    text = request.query_params.get("estimated_cost")
    found = estimate_of(text)
    if found is None:
        detail = f"estimated_cost = {text!r} must be USD, 0 or more, such as 0.25"
        raise Problem(400, "bad-request", detail)
    return found
