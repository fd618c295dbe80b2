"""`POST /api/v1/sql`: a user's query over the published snapshot."""

import asyncio
import json
from typing import Any, get_args

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from manager_agent.api.body import json_object, refuse_unknown
from manager_agent.api.problem import Problem
from manager_agent.api.services import Services
from manager_agent.api.sql import Format, Query, SqlError
from manager_agent.store.snapshot import SnapshotError, SnapshotInfo

_log = structlog.get_logger()

FRESH_SECONDS = 30.0
"""How long a request with `fresh` waits for its snapshot."""

_STATUS = {
    "refused": 400,
    "invalid": 400,
    "memory": 422,
    "died": 422,
    "busy": 503,
    "timeout": 504,
}
_TYPE = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
}


def routes(services: Services) -> list[Route]:
    """Return `/api/v1/sql`."""

    async def sql(request: Request) -> Response:
        query, fresh = _query(await json_object(request))
        info = await _snapshot(services, fresh)
        try:
            answer = await services.sql.run(query, info.path)
        except SqlError as error:
            raise _problem(error) from error
        age = _age_seconds(services, info)
        headers = {
            "content-type": _TYPE[query.format],
            "x-snapshot-age-seconds": f"{age:.3f}",
            "x-truncated": str(answer.truncated).lower(),
        }
        body = answer.body
        if query.format == "json":
            more = json.dumps({"snapshot_age_seconds": age, "truncated": answer.truncated})
            body = body[:-1] + b", " + more[1:].encode()
        return Response(body, headers=headers)

    return [Route("/api/v1/sql", sql, methods=["POST"])]


def _query(body: dict[str, Any]) -> tuple[Query, bool]:
    """Return the query of a request, and whether it asks for fresh data. Raises `Problem`."""
    refuse_unknown(body, ("query", "params", "format", "fresh"), "key")
    text = body.get("query")
    params = body.get("params")
    form = body.get("format", "json")
    fresh = body.get("fresh", False)
    if not isinstance(text, str) or not text.strip():
        raise Problem(400, "bad-request", "query must be a text: one SELECT")
    if not (params is None or isinstance(params, list | dict)):
        raise Problem(400, "bad-request", "params must be a list, or an object of named values")
    if form not in get_args(Format):
        raise Problem(400, "bad-request", f"format = {form!r} must be json, csv or arrow")
    if not isinstance(fresh, bool):
        raise Problem(400, "bad-request", f"fresh = {fresh!r} must be true or false")
    return Query(text, params, form), fresh


async def _snapshot(services: Services, fresh: bool) -> SnapshotInfo:
    """Return the snapshot to ask: one that holds all there is if `fresh`, else the last one."""
    current = services.snapshots.current
    if current is not None and not fresh:
        return current
    try:
        async with asyncio.timeout(FRESH_SECONDS):
            await asyncio.wrap_future(services.settled())
            return await services.snapshots.at_least(services.snapshots.changes(), FRESH_SECONDS)
    except TimeoutError as error:
        detail = f"no fresh snapshot within {FRESH_SECONDS:g} s; try again, or without fresh"
        raise Problem(503, "no-snapshot", detail, headers={"retry-after": "10"}) from error
    except SnapshotError as error:
        _log.error("snapshot_failed", error=str(error))
        detail = "no snapshot could be published; the manager's log says why"
        raise Problem(503, "no-snapshot", detail, headers={"retry-after": "10"}) from error


def _age_seconds(services: Services, info: SnapshotInfo) -> float:
    """Return how old the data is; a copy that nothing came in after is as good as new."""
    if services.snapshots.changes() == info.seq:
        return 0.0
    return max(0.0, (services.clock() - info.data_until).total_seconds())


def _problem(error: SqlError) -> Problem:
    headers = {"retry-after": "2"} if error.kind == "busy" else None
    return Problem(_STATUS[error.kind], f"sql-{error.kind}", str(error), headers=headers)
