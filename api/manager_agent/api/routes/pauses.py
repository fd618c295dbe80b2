"""Stopping what spends, and letting it go on: agents, groups, all, conversations, traces."""

import re
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api import pausing, shapes
from manager_agent.api.asker import who
from manager_agent.api.body import json_object
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.services import Oversight
from manager_agent.api.shared import group_shown
from manager_agent.contract.guard import PauseScope
from manager_agent.control.commands import PauseCalls, ResumeCalls

_LONGEST = 200
_TRACE = re.compile("[0-9a-f]{32}|[0-9a-f]{16}")
_PATHS: dict[PauseScope, str] = {
    "agent": "/api/v1/agents/{agent:path}",
    "group": "/api/v1/groups/{group:path}",
    "fleet": "/api/v1/fleet",
    "conversation": "/api/v1/conversations/{conversation:path}",
    "trace": "/api/v1/traces/{trace}",
}


def routes(oversight: Oversight) -> list[Route]:
    """Return the routes that pause and resume, and those that list pauses and processes."""

    async def paused(request: Request) -> Response:
        found = await run_in_threadpool(oversight.paused)
        return JSONResponse({"pauses": [shapes.pause(one) for one in found]})

    async def holders(request: Request) -> Response:
        found = await run_in_threadpool(oversight.holders)
        return JSONResponse({"holders": [shapes.holder(one) for one in found]})

    changing = [route for scope in _PATHS for route in _changing(oversight, scope)]
    return [Route("/api/v1/pauses", paused), Route("/api/v1/holders", holders), *changing]


def _changing(oversight: Oversight, scope: PauseScope) -> list[Route]:
    async def pause(request: Request) -> Response:
        why = _why(await json_object(request))
        return JSONResponse(await run_in_threadpool(pause_now, request, why))

    def pause_now(request: Request, why: str) -> dict[str, Any]:
        name = _name(oversight, scope, request)
        oversight.do([PauseCalls(scope, name, who(request), why)])
        here = [one for one in oversight.paused() if (one.scope, one.name) == (scope, name)]
        return shapes.pause(here[0]) if here else _running(scope, name)

    async def resume(request: Request) -> Response:
        why = _why(await json_object(request))
        return JSONResponse(await run_in_threadpool(resume_now, request, why))

    def resume_now(request: Request, why: str) -> dict[str, Any]:
        name = _name(oversight, scope, request)
        oversight.do([ResumeCalls(scope, name, who(request), why)])
        still = pausing.stopped(oversight)(name) if scope == "agent" else None
        if still is not None:
            alone = still.scope == "fleet"
            by = "the fleet" if alone else f"group {still.name}"
            option = "--fleet" if alone else f"--group {still.name}"
            detail = (
                f"agent {name} is still paused, with {by}; let that go on by"
                f" `manager-agent resume {option}`"
            )
            raise Problem(409, "paused-with-others", detail, **shapes.pause(still))
        return _running(scope, name)

    path = _PATHS[scope]
    return [
        Route(f"{path}/pause", pause, methods=["POST"]),
        Route(f"{path}/resume", resume, methods=["POST"]),
    ]


def _running(scope: PauseScope, name: str) -> dict[str, Any]:
    nobody = {"why": None, "by": None, "since": None}
    return {"scope": scope, "name": name or None, "paused": False, **nobody}


def _why(body: dict[str, Any]) -> str:
    fields = Fields(body, ("why",))
    why = fields.text("why")
    fields.done()
    return why or ""


def _name(oversight: Oversight, scope: PauseScope, request: Request) -> str:
    if scope == "fleet":
        return ""
    name = str(request.path_params[scope])
    if scope == "trace":
        name = name.lower()
        if not _TRACE.fullmatch(name):
            detail = f"{name[:100]!r} is no trace; give its id, 32 hex digits, or a span's, 16"
            raise Problem(400, "bad-request", detail)
    elif not name.isprintable() or not 0 < len(name) <= _LONGEST:
        raise Problem(400, "bad-request", f"{scope} must be 1 to {_LONGEST} printable characters")
    if scope == "group":
        group_shown(oversight, name)
    return name
