"""`POST /api/v1/archive`: move what is due to the archive now."""

from datetime import date
from typing import Any

import duckdb
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.services import Services
from manager_agent.store.sealing import Sealer, plan, report

_log = structlog.get_logger()


def routes(services: Services) -> list[Route]:
    """Return `/api/v1/archive`."""

    async def archive(request: Request) -> Response:
        body = await json_object(request)
        refuse_unknown(body.keys(), {"before", "dry_run"}, "key")
        before, dry_run = _before(body.get("before")), body.get("dry_run", False)
        if not isinstance(dry_run, bool):
            raise Problem(400, "bad-request", f"'dry_run' is true or false, not {dry_run!r}")
        if services.sealer is None:
            raise Problem(503, "no-archive", "this server keeps no archive")
        return JSONResponse(await run_in_threadpool(_run, services.sealer, before, dry_run))

    return [Route("/api/v1/archive", archive, methods=["POST"])]


def _run(sealer: Sealer, before: date | None, dry_run: bool) -> dict[str, Any]:
    try:
        return plan(sealer.due(before)) if dry_run else report(sealer.run(before))
    except (duckdb.Error, OSError) as error:
        _log.error("the archive failed", error=repr(error))
        detail = (
            f"not all was archived: {error}; what was is exact, and the rest may be tried again"
        )
        raise Problem(503, "archive-failed", detail) from error


def _before(text: object) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(str(text))
    except ValueError as error:
        detail = f"'before' is a day such as 2026-11-30, not {text!r}"
        raise Problem(400, "bad-request", detail) from error
