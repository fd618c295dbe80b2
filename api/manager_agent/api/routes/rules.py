"""Rules over REST: what is looked for, with which settings, and how that went of late."""

from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api import shapes
from manager_agent.api.problem import Problem
from manager_agent.api.services import Alerting, RuleView, Services
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.look import Evaluation

_RECENT = 20


def routes(services: Services, alerting: Alerting) -> list[Route]:
    """Return the routes that list rules and tell all about one."""

    async def listed(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(list_now))

    def list_now() -> dict[str, Any]:
        alerts = services.alerts(True)
        return {"rules": [in_short(one, alerts) for one in alerting.rules()]}

    async def one(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(one_now, str(request.path_params["name"])))

    def one_now(name: str) -> dict[str, Any]:
        rules = alerting.rules()
        for found in rules:
            if found.manual.name == name:
                return at_length(found, services.alerts(False))
        names = ", ".join(each.manual.name for each in rules)
        raise Problem(404, "unknown-rule", f"no rule is called {name[:50]!r}; there are {names}")

    return [Route("/api/v1/rules", listed), Route("/api/v1/rules/{name}", one)]


def in_short(found: RuleView, alerts: Sequence[AlertRow]) -> dict[str, Any]:
    """Return a rule with its present state; `state` is on, off or broken."""
    mine = [row for row in alerts if row.rule == found.manual.name and row.state == "firing"]
    on = "on" if found.manual.enabled else "off"
    last = found.evaluations[0] if found.evaluations else None
    return {
        "name": found.manual.name,
        "state": on if found.broken is None else "broken",
        "error": found.broken,
        "origin": found.manual.origin,
        "summary": found.manual.summary,
        "open_alerts": len(mine),
        "last_evaluation": None if last is None else evaluation(last),
    }


def at_length(found: RuleView, alerts: Sequence[AlertRow]) -> dict[str, Any]:
    """Return a rule with its manual, its settings, and how it went of late."""
    mine = [row for row in alerts if row.rule == found.manual.name]
    return {
        **in_short(found, mine),
        "text": found.manual.text,
        "key": found.manual.key,
        "settings": [
            {"name": one.name, "about": one.about, "default": one.default, "value": one.value}
            for one in found.manual.settings
        ],
        "evaluations": [evaluation(one) for one in found.evaluations],
        "alerts": [shapes.alert(row) for row in mine[:_RECENT]],
    }


def evaluation(found: Evaluation) -> dict[str, Any]:
    """Return one time that a rule was asked."""
    return {
        "at": shapes.instant(found.at),
        "seconds": found.asked.seconds,
        "findings": found.asked.findings,
        "error": found.asked.error,
    }
