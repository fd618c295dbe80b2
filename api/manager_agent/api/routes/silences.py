"""Silences over REST: what people do not want to hear of for a while."""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import choice, json_object, refuse_unknown
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.services import Alerting, Services
from manager_agent.api.shapes import instant
from manager_agent.rules.alert import AlertRow
from manager_agent.rules.silence import Matcher, Silence, SilenceState, matcher

LONGEST_SECONDS = 366 * 24 * 3600
_KNOWN = ("matchers", "why", "for_seconds", "ends_at", "starts_at")
_MOST_MATCHERS = 20


def routes(services: Services, alerting: Alerting) -> list[Route]:
    """Return the routes that make, list and end silences."""

    async def listed(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"state"}, "parameter")
        state = choice(request, "state", get_args(SilenceState))
        return JSONResponse(await run_in_threadpool(list_now, state))

    def list_now(state: str | None) -> dict[str, Any]:
        now, alerts = services.clock(), services.alerts(True)
        found = [one for one in alerting.silences() if state in (None, one.state(now))]
        return {"silences": [silence(one, now, alerts) for one in found]}

    async def add(request: Request) -> Response:
        body = await json_object(request)
        return JSONResponse(await run_in_threadpool(add_now, request, body))

    def add_now(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        now = services.clock()
        rules = [one.manual.name for one in alerting.rules()]
        made = _silence(body, now, who(request), rules)
        alerting.add_silence(made)
        return silence(made, now, services.alerts(True))

    async def end(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(end_now, request))

    def end_now(request: Request) -> dict[str, Any]:
        now, name = services.clock(), str(request.path_params["id"])
        ended = alerting.end_silence(name, now, who(request))
        if ended is None:
            detail = f"no silence {name[:50]!r} is there that is not over; GET /api/v1/silences"
            raise Problem(404, "unknown-silence", f"{detail} lists them")
        return silence(ended, now, ())

    return [
        Route("/api/v1/silences", listed),
        Route("/api/v1/silences", add, methods=["POST"]),
        Route("/api/v1/silences/{id}", end, methods=["DELETE"]),
    ]


def silence(found: Silence, now: datetime, alerts: Sequence[AlertRow]) -> dict[str, Any]:
    """Return one silence; `alerts`: how many of those that fire people do not hear of for it."""
    return {
        "id": found.id,
        "state": found.state(now),
        "matchers": [one.text for one in found.matchers],
        "starts_at": instant(found.starts),
        "ends_at": instant(found.ends),
        "by": found.by,
        "why": found.why or None,
        "created_at": instant(found.created),
        "ended_by": found.ended_by or None,
        "alerts": sum(row.silenced_by == found.id for row in alerts),
    }


def _silence(body: dict[str, Any], now: datetime, by: str, rules: Sequence[str]) -> Silence:
    fields = Fields(body, _KNOWN)
    matchers = _matchers(fields, body.get("matchers"), rules)
    why = fields.text("why")
    starts = max(now, fields.moment("starts_at", now))
    seconds = fields.number("for_seconds", LONGEST_SECONDS)
    ends = fields.moment("ends_at", now)
    if (seconds is None) == (body.get("ends_at") is None):
        fields.wrong("give for_seconds or ends_at, one of the two")
    if seconds is not None:
        ends = starts + timedelta(seconds=seconds)
    if not starts < ends <= starts + timedelta(seconds=LONGEST_SECONDS):
        fields.wrong(f"it must end after it begins, and last at most {LONGEST_SECONDS:,} seconds")
    fields.done()
    return Silence(
        id=secrets.token_hex(4),
        matchers=tuple(matchers),
        starts=starts.astimezone(UTC),
        ends=ends.astimezone(UTC),
        by=by,
        why=why or "",
        created=now,
    )


def _matchers(fields: Fields, written: object, rules: Sequence[str]) -> list[Matcher]:
    if not isinstance(written, list) or not 0 < len(written) <= _MOST_MATCHERS:
        fields.wrong(f'matchers must be a list such as ["rule=budget"], 1 to {_MOST_MATCHERS} long')
        return []
    found = []
    for text in written:
        try:
            found.append(matcher(text if isinstance(text, str) else repr(text)))
        except ValueError as error:
            fields.wrong(str(error))
    for one in found:
        if one.field == "rule" and one.exact and one.value not in rules:
            near = get_close_matches(one.value, rules, 1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(rules)}"
            fields.wrong(f"{one.text!r}: there is no such rule; {meant}")
    return found
