"""Approvals over REST: which calls wait for somebody's yes, and saying it."""

from decimal import Decimal
from http import HTTPStatus
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from manager_agent.api.asker import who
from manager_agent.api.body import choice, json_object, refuse_unknown
from manager_agent.api.budgets import MOST_USD
from manager_agent.api.fields import Fields
from manager_agent.api.problem import Problem
from manager_agent.api.services import BusyError, People
from manager_agent.api.shapes import moment_of
from manager_agent.contract.approval import DecideApproval, Decider
from manager_agent.contract.money import nano_usd
from manager_agent.control.approval_rows import Approval, ApprovalState
from manager_agent.control.approvals import ApprovalError

_STATUS = {
    "unknown": (HTTPStatus.NOT_FOUND, "unknown-approval"),
    "decided": (HTTPStatus.CONFLICT, "decided-before"),
    "forbidden": (HTTPStatus.FORBIDDEN, "not-an-approver"),
}
_NANO = 1_000_000_000


def routes(people: People) -> list[Route]:
    """Return the routes of approvals."""

    async def listed(request: Request) -> Response:
        refuse_unknown(request.query_params.keys(), {"state"}, "parameter")
        state = choice(request, "state", get_args(ApprovalState))
        found = [one for one in people.approvals() if state in (None, one.state)]
        return JSONResponse({"approvals": [approval(one) for one in reversed(found)]})

    async def approve(request: Request) -> Response:
        return await _decide(people, request, approved=True)

    async def deny(request: Request) -> Response:
        return await _decide(people, request, approved=False)

    return [
        Route("/api/v1/approvals", listed),
        Route("/api/v1/approvals/{id}/approve", approve, methods=["POST"]),
        Route("/api/v1/approvals/{id}/deny", deny, methods=["POST"]),
    ]


def approval(found: Approval) -> dict[str, Any]:
    """Return one question; `cost_usd` is most that the call may cost, null where nobody knows."""
    return {
        "id": found.id,
        "state": found.state,
        "agent": found.agent,
        "provider": found.provider,
        "model": found.model or None,
        "operation": found.operation,
        "conversation_id": found.conversation_id or None,
        "cost_usd": _usd(found.bound_nano) if found.bound_nano else None,
        "asked_at": moment_of(found.asked_us),
        "expires_at": moment_of(found.expires_us),
        "decided_at": moment_of(found.decided_us),
        "by": found.by or None,
        "why": found.why or None,
        "approved_usd": _usd(found.amount_nano) if found.state == "approved" else None,
        "used_at": moment_of(found.used_us),
    }


async def _decide(people: People, request: Request, approved: bool) -> Response:
    fields = Fields(await json_object(request), ("why", "amount_usd") if approved else ("why",))
    why = fields.text("why")
    amount = fields.usd("amount_usd", MOST_USD) if approved else None
    fields.done()
    command = DecideApproval(
        str(request.path_params["id"]),
        "once" if approved else "deny",
        Decider(who(request)),
        why or "",
        None if amount is None else nano_usd(amount),
    )
    try:
        await run_in_threadpool(people.decide, command)
    except ApprovalError as error:
        status, kind = _STATUS[error.kind]
        raise Problem(status, kind, str(error)) from error
    except BusyError as error:
        raise Problem(503, "later", str(error), headers={"retry-after": "5"}) from error
    return JSONResponse(_now(people, command.id))


def _now(people: People, id_: str) -> dict[str, Any]:
    """Return a question as it stands; an id may be the beginning of one."""
    found = [one for one in people.approvals() if one.id == id_]
    found = found or [one for one in people.approvals() if one.id.startswith(id_)]
    return approval(found[0]) if found else {"id": id_}


def _usd(nano: int) -> float:
    return float(Decimal(nano) / _NANO)
