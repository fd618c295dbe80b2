"""Approvals over REST: which calls wait for somebody's yes, and saying it."""

from datetime import UTC, datetime, timedelta
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
from manager_agent.contract.approval import Choice, DecideApproval, Decider
from manager_agent.contract.money import nano_usd
from manager_agent.control.approval_choice import ApprovalError, Kind
from manager_agent.control.approval_rows import Approval, ApprovalState

_STATUS: dict[Kind, tuple[HTTPStatus, str]] = {
    "unknown": (HTTPStatus.NOT_FOUND, "unknown-approval"),
    "decided": (HTTPStatus.CONFLICT, "decided-before"),
    "expired": (HTTPStatus.CONFLICT, "expired"),
    "own_question": (HTTPStatus.FORBIDDEN, "own-question"),
    "not_an_approver": (HTTPStatus.FORBIDDEN, "not-an-approver"),
    "not_offered": (HTTPStatus.CONFLICT, "not-offered"),
    "bad_value": (HTTPStatus.BAD_REQUEST, "bad-request"),
}
_FIELDS = ("why", "choice", "amount_usd", "until", "cheaper")
_APPROVING: tuple[Choice, ...] = ("once", "amount", "cheaper")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    """Return one question; `cost_usd` is most that the call may cost, null where nobody knows.

    `left_usd`: what like calls may still cost by an allowance, null of anything else.
    """
    allowance = found.choice == "amount" and found.reason != "budget"
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
        "reason": found.reason or None,
        "limit_name": found.limit_name or None,
        "priority": found.priority,
        "tools": found.tools or None,
        "digest": found.fingerprint,
        "cost_low_usd": _usd(found.low_nano) if found.low_nano else None,
        "cheaper_model": found.cheaper or None,
        "cheaper_cost_usd": _usd(found.cheaper_nano) if found.cheaper else None,
        "choices": list(found.choices),
        "choice": found.choice or None,
        "until": moment_of(found.until_us),
        "left_usd": _usd(found.amount_nano - found.drawn_nano) if allowance else None,
        "within": found.drawn_from or None,
    }


async def _decide(people: People, request: Request, approved: bool) -> Response:
    fields = Fields(await json_object(request), _FIELDS if approved else ("why",))
    command = _command(fields, request) if approved else _denial(fields, request)
    fields.done()
    try:
        await run_in_threadpool(people.decide, command)
    except ApprovalError as error:
        status, kind = _STATUS[error.kind]
        raise Problem(status, kind, str(error)) from error
    except BusyError as error:
        raise Problem(503, "later", str(error), headers={"retry-after": "5"}) from error
    return JSONResponse(_now(people, command.id))


def _denial(fields: Fields, request: Request) -> DecideApproval:
    why = fields.text("why") or ""
    return DecideApproval(str(request.path_params["id"]), "deny", _decider(request), why)


def _command(fields: Fields, request: Request) -> DecideApproval:
    """Return what an approval says; `until` makes it an allowance, `cheaper` names a model."""
    why, cheaper = fields.text("why") or "", fields.text("cheaper") or ""
    amount = fields.usd("amount_usd", MOST_USD)
    until = fields.moment("until", _EPOCH)
    said = fields.text("choice")
    implied = "cheaper" if cheaper else "once" if until == _EPOCH else "amount"
    if said is not None and said not in _APPROVING:
        fields.wrong(f"choice = {said!r} must be one of {', '.join(_APPROVING)}")
    choice: Choice = next((one for one in _APPROVING if one == (said or implied)), "once")
    if until != _EPOCH and choice != "amount":
        fields.wrong(f"until is for choice amount, not {choice}; leave one of them out")
    if cheaper and choice != "cheaper":
        fields.wrong(f"cheaper is for choice cheaper, not {choice}; leave one of them out")
    return DecideApproval(
        id=str(request.path_params["id"]),
        choice=choice,
        who=_decider(request),
        why=why,
        amount_nano=None if amount is None else nano_usd(amount),
        until_us=None if until == _EPOCH else (until - _EPOCH) // timedelta(microseconds=1),
        cheaper=cheaper,
    )


def _decider(request: Request) -> Decider:
    """Return who asks; the command line says that it is one."""
    agent = request.headers.get("user-agent", "")
    return Decider(who(request), "cli" if agent.startswith("manager-agent/") else "api")


def _now(people: People, id_: str) -> dict[str, Any]:
    """Return a question as it stands; an id may be the beginning of one."""
    found = [one for one in people.approvals() if one.id == id_]
    found = found or [one for one in people.approvals() if one.id.startswith(id_)]
    return approval(found[0]) if found else {"id": id_}


def _usd(nano: int) -> float:
    return float(Decimal(nano) / _NANO)
