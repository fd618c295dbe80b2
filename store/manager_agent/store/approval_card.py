"""What people are told of an approval: made of its row alone, so that a crash loses no message."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from manager_agent.contract.money import usd
from manager_agent.control.approval_rows import Approval
from manager_agent.rules.message import Fact, Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECISIONS = {
    "once": "approved_once",
    "amount": "approved_amount",
    "cheaper": "cheaper_model",
    "": "approved_once",
}
_ENDED = {"approved": "approved", "denied": "denied", "expired": "expired"}


def card(row: Approval) -> Message:
    """Return the message of a question as it stands: one while it waits, one when it is over."""
    waits = row.state == "pending"
    at_us = row.asked_us if waits else row.decided_us or row.asked_us
    return Message(
        key=f"approval:{row.id}:{'pending' if waits else 'decided'}",
        alert_id=row.id,
        kind="approval",
        state="firing" if waits else "resolved",
        severity="warning" if waits else "info",
        agent=row.agent,
        headline=_headline(row),
        ts=_moment(at_us),
        facts=_facts(row),
    )


def _facts(row: Approval) -> dict[str, Fact]:
    facts: dict[str, Fact] = {
        "approval_id": row.id,
        "agent": row.agent,
        "provider": row.provider,
        "model": row.model or None,
        "operation": row.operation,
        "conversation_id": row.conversation_id or None,
        "cost_low_usd": _usd(row.low_nano),
        "cost_high_usd": _usd(row.bound_nano),
        "digest": row.fingerprint,
        "requester": row.agent,
        "expires_at": _iso(row.expires_us),
        "reason": row.reason or "cost",
        "choices": ",".join(row.choices),
    }
    if row.limit_name:
        facts["limit_name"] = row.limit_name
    if row.tools:
        facts["tools"] = row.tools
    if row.cheaper:
        facts |= {"cheaper_model": row.cheaper, "cheaper_cost_usd": _usd(row.cheaper_nano)}
    return facts if row.state == "pending" else facts | _decision(row)


def _decision(row: Approval) -> dict[str, Fact]:
    approved = row.state == "approved"
    return {
        "decision": _DECISIONS[row.choice] if approved else row.state,
        "amount_usd": _usd(row.amount_nano) if approved else None,
        "until": None if row.until_us is None else _iso(row.until_us),
        "decided_by": row.by or None,
        "decided_at": None if row.decided_us is None else _iso(row.decided_us),
        "why": row.why or None,
    }


def _headline(row: Approval) -> str:
    what = row.model or row.operation
    cost = f"may cost up to {_dollars(row.bound_nano)}" if row.bound_nano else "may cost anything"
    if row.state == "pending":
        if row.reason == "budget":
            return f"{row.agent} has used up its {row.limit_name}; a call of {what} {cost}"
        return f"{row.agent} asks to call {what}, which {cost}"
    by = f" by {row.by}" if row.by else ""
    if row.state != "approved":
        return f"{row.agent}: the call of {what} was {_ENDED[row.state]}{by}"
    if row.choice == "amount":
        amount, until = _dollars(row.amount_nano), _iso(row.until_us or 0)
        return f"{row.agent} may spend {amount} until {until}, approved{by}"
    if row.choice == "cheaper":
        return f"{row.agent}: the call of {what} runs with {row.cheaper}, approved{by}"
    return f"{row.agent}: the call of {what} was approved{by}"


def _usd(nano: int) -> str | None:
    """Return an amount as facts have it; None where nobody knows."""
    return f"{usd(nano).normalize():f}" if nano else None


def _dollars(nano: int) -> str:
    cents = usd(nano).quantize(Decimal("0.01"))
    return f"${cents:,f}" if nano >= 10_000_000 else f"${usd(nano).normalize():f}"


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _iso(micros: int) -> str:
    return _moment(micros).replace(microsecond=0).isoformat().replace("+00:00", "Z")
