"""The manager and its agents: status, dashboard, agents, alerts."""

from datetime import datetime
from typing import Any

import duckdb
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api import shapes
from manager_agent.api.agents import fleet, known_agents
from manager_agent.api.body import choice, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.routes.issues import issues_shown
from manager_agent.api.services import BusyError, Services
from manager_agent.contract.money import usd

_log = structlog.get_logger()


def routes(services: Services) -> list[Route]:
    """Return the routes that read the manager's present state."""

    async def status(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(status_of, services, services.clock()))

    async def dashboard(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(dashboard_of, services, services.clock()))

    async def agents(request: Request) -> Response:
        found = await run_in_threadpool(_agents, services)
        return JSONResponse({"agents": found})

    async def agent(request: Request) -> Response:
        name = request.path_params["agent"]
        for found in await run_in_threadpool(_agents, services):
            if found["agent"] == name:
                return JSONResponse(found)
        raise Problem(404, "unknown-agent", f"no agent {name!r} has called in the last 31 days")

    async def alerts(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"state", "rule", "agent"}, "parameter")
        state = choice(request, "state", ("firing", "resolved"))
        rule, agent = request.query_params.get("rule"), request.query_params.get("agent")
        rows = await run_in_threadpool(services.alerts, state == "firing")
        found = [
            shapes.alert(row)
            for row in rows
            if state in (None, row.state)
            and rule in (None, row.rule)
            and agent in (None, row.agent)
        ]
        return JSONResponse({"alerts": found})

    async def retry(request: Request) -> Response:
        released = await run_in_threadpool(services.release)
        return JSONResponse({"released": list(released)})

    return [
        Route("/api/v1/manager/delivery/retry", retry, methods=["POST"]),
        Route("/api/v1/manager/status", status),
        Route("/api/v1/manager/dashboard", dashboard),
        Route("/api/v1/agents", agents),
        Route("/api/v1/agents/{agent:path}", agent),
        Route("/api/v1/alerts", alerts),
    ]


def status_of(services: Services, now: datetime) -> dict[str, Any]:
    """Return the status, also while the database does not answer. Blocks."""
    health = services.health()
    reasons = list(health.reasons)
    agents = None
    try:
        con = services.read()
        try:
            agents = known_agents(con, now)
        finally:
            con.close()
    except duckdb.Error as error:
        _log.error("status_without_database", error=str(error))
        reasons.append("the database does not answer; the log says why")
    return {
        "status": "ok" if health.ok and agents is not None else "degraded",
        "version": services.version,
        "uptime_seconds": (now - services.started).total_seconds(),
        "agents": agents,
        "open_alerts": len(services.alerts(True)),
        "database": "failing" if agents is None else "ok",
        "slack": services.slack(),
        "delivery": [dict(one) for one in services.delivery()],
        "budgets": _budgets(services),
        "reasons": reasons,
    }


def _budgets(services: Services) -> dict[str, Any] | None:
    """Return what guards hold in sum; null where the ledger does not answer, or there is none."""
    if services.oversight is None:
        return None
    try:
        sums, holders = services.oversight.sums(), services.oversight.holders()
        pauses = services.oversight.paused()
    except BusyError as error:
        _log.error("status_without_ledger", error=str(error))
        return None
    return {
        "holders": sum(one.connected for one in holders),
        "paused": len(pauses),
        "waiting": sums.waiting,
        "reserved_usd": float(usd(sums.outstanding["usd"])),
        "reserved_tokens": sums.outstanding["tokens"],
        "in_doubt_usd": float(usd(sums.in_doubt["usd"])),
        "in_doubt_tokens": sums.in_doubt["tokens"],
    }


def dashboard_of(services: Services, now: datetime) -> dict[str, Any]:
    """Return the dashboard. Blocks. Raises `duckdb.Error`."""
    alerts = services.alerts(True)
    found = fleet(services, now, alerts)
    return {
        "generated_at": shapes.instant(now),
        "totals": {period: shapes.usage(used) for period, used in found.totals.items()},
        "agents": [shapes.agent(agent) for agent in found.agents],
        "alerts": [shapes.alert(row) for row in alerts],
        "issues": issues_shown(services.issues) if services.issues else [],
    }


def _agents(services: Services) -> list[dict[str, Any]]:
    found = fleet(services, services.clock(), services.alerts(True))
    return [shapes.agent(agent) for agent in found.agents]
