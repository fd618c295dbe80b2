"""Circuit breakers over REST: which are open, and holding them open or closed."""

from datetime import datetime
from typing import Any, Literal, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import choice, json_object, refuse_unknown
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.services import BusyError, People, Services
from manager_agent.api.shapes import moment_of
from manager_agent.contract.breaker_key import BreakerKey, breaker_key
from manager_agent.control.breaker_rows import BreakerView
from manager_agent.control.commands import SetBreaker
from manager_agent.rules.breaker import Phase

LONGEST_HOLD_SECONDS = 366 * 24 * 3600
_LONGEST_NAME = 200


def routes(services: Services, people: People) -> list[Route]:
    """Return the routes; a key may hold slashes, so what is done ends the path."""

    async def listed(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"state"}, "parameter")
        state = choice(request, "state", get_args(Phase))
        found = [one for one in people.breakers() if state in (None, one.state)]
        return JSONResponse({"breakers": [breaker(one) for one in found]})

    def put(to: Literal["open", "closed", "reset"]) -> Any:
        async def done(request: Request) -> Response:
            command = _command(request, await json_object(request), to, services.clock())
            try:
                await run_in_threadpool(people.set_breaker, command)
            except BusyError as error:
                raise Problem(503, "later", str(error), headers={"retry-after": "5"}) from error
            key = BreakerKey(command.agent, command.provider, command.family)
            return JSONResponse(_now(people, key))

        return done

    return [
        Route("/api/v1/breakers", listed),
        Route("/api/v1/breakers/{key:path}/open", put("open"), methods=["POST"]),
        Route("/api/v1/breakers/{key:path}/close", put("closed"), methods=["POST"]),
        Route("/api/v1/breakers/{key:path}/reset", put("reset"), methods=["POST"]),
    ]


def breaker(found: BreakerView) -> dict[str, Any]:
    """Return one breaker; `held` is what people hold it at, null where nobody does."""
    held = found.held and {
        "to": found.held,
        "until": moment_of(found.held_until_us),
        "by": found.by,
        "why": found.why or None,
    }
    return {
        "key": found.key.text,
        "agent": found.key.agent or None,
        "provider": found.key.provider or None,
        "family": found.key.family or None,
        "state": found.state,
        "reason": found.reason or None,
        "since": moment_of(found.since_us or None),
        "retry_at": moment_of(found.until_us),
        "openings": found.openings,
        "probes_succeeded": found.good,
        "probing": bool(found.probing),
        "failures_in_row": found.failures,
        "held": held or None,
    }


def _command(
    request: Request, body: dict[str, Any], to: Literal["open", "closed", "reset"], now: datetime
) -> SetBreaker:
    fields = Fields(body, ("why", "for_seconds") if to != "reset" else ("why",))
    text = str(request.path_params["key"])
    try:
        key = breaker_key(text)
    except ValueError as error:
        fields.wrong(str(error))
        key = BreakerKey()
    if len(text) > _LONGEST_NAME or not text.isprintable():
        fields.wrong(f"the key must be of at most {_LONGEST_NAME} characters")
    why = fields.text("why")
    seconds = fields.number("for_seconds", LONGEST_HOLD_SECONDS)
    if seconds == 0:
        fields.wrong("for_seconds = 0 holds nothing; leave it out to hold until a reset")
    fields.done()
    until_us = None
    if seconds is not None and to != "reset":
        until_us = int((now.timestamp() + seconds) * 1_000_000)
    return SetBreaker(*key, to, until_us, who(request), why or "")


def _now(people: People, key: BreakerKey) -> dict[str, Any]:
    for one in people.breakers():
        if one.key == key:
            return breaker(one)
    closed = BreakerView(key, "closed", None, "", 0, None, None, "", "", 0, 0, "", 0)
    return breaker(closed)
