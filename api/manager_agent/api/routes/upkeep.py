"""What a running manager does for its keeper: a backup of itself, history taken in."""

from concurrent.futures import CancelledError

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.services import BadHistoryError, BusyError, Upkeep

_log = structlog.get_logger()
_MOST_ROWS = 5000


def routes(upkeep: Upkeep) -> list[Route]:
    """Return `POST /api/v1/backups` and `POST /api/v1/imports`."""

    async def backups(request: Request) -> Response:
        refuse_unknown(await json_object(request), (), "key")
        try:
            return JSONResponse(await run_in_threadpool(upkeep.backup))
        except (BusyError, CancelledError) as error:
            raise _later(error) from error

    async def imports(request: Request) -> Response:
        body = await json_object(request)
        refuse_unknown(body, ("rows",), "key")
        rows = body.get("rows")
        if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_ROWS:
            raise Problem(400, "bad-request", f"rows must be a list of 1 to {_MOST_ROWS} objects")
        try:
            return JSONResponse(await run_in_threadpool(upkeep.take_history, rows))
        except BadHistoryError as error:
            raise Problem(400, "bad-request", str(error)) from error
        except (BusyError, CancelledError) as error:
            raise _later(error) from error

    return [
        Route("/api/v1/backups", backups, methods=["POST"]),
        Route("/api/v1/imports", imports, methods=["POST"]),
    ]


def _later(error: BaseException) -> Problem:
    _log.warning("upkeep_refused", error=str(error))
    detail = str(error) or "the manager is stopping; try again later"
    return Problem(503, "later", detail, headers={"retry-after": "5"})
