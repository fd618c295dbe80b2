"""Approval: a call waits for somebody's yes; and what was said."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from manager_agent.delivery.facts import clock, dollars, moment
from manager_agent.delivery.kind import Button, Kind, about, harmless, iso, said, sample
from manager_agent.delivery.text import WORD_LIMIT, clean, shorten
from manager_agent.rules.message import Fact, Message, State

_TITLES = {
    "approved_once": "Approved once",
    "approved_amount": "Approved up to an amount",
    "cheaper_model": "Approved with a cheaper model",
    "denied": "Denied",
    "expired": "Nobody answered",
}
_REASONS = {
    "cost": "it may cost more than approval.cost_usd",
    "budget": "a limit is used up",
    "model": "its model is listed under approval",
    "agent": "its agent is listed under approval",
    "tool": "a tool of it is listed under approval",
    "priority": "the priority of its agent is listed under approval",
}
_MARKS = {"denied": "⛔", "expired": "⌛"}


def _title(message: Message) -> str:
    if message.state == "firing":
        return about("Approval needed", message.agent)
    return about(_TITLES.get(said(message, "decision") or "", "Decided"), message.agent)


def _reason(fact: Fact) -> str:
    return _REASONS.get(str(fact), str(fact))


def _facts(message: Message) -> Mapping[str, Fact]:
    """Join the two ends of the cost; leave out what stands on buttons or in sentences."""
    low, high = said(message, "cost_low_usd"), said(message, "cost_high_usd")
    told = {key: fact for key, fact in message.facts.items() if fact is not None}
    if low and high:
        told["cost"] = dollars(high) if low == high else f"{dollars(low)} to {dollars(high)}"
    if "reason" in told:
        told["reason"] = _reason(told["reason"])
    if told.get("requester") == told.get("agent"):
        told.pop("requester", None)
    if message.state == "resolved":
        told.pop("expires_at", None)
    else:
        for key in ("cheaper_model", "cheaper_cost_usd", "amount_usd", "until"):
            told.pop(key, None)
    return told


def _over(message: Message) -> str:
    decision, by = said(message, "decision"), said(message, "decided_by")
    at = moment(message.facts.get("decided_at"))
    who = f" by {shorten(clean(by), WORD_LIMIT)}" if by else ""
    when = f" at {clock(at)}" if at else ""
    if decision == "expired":
        return f"Nobody answered in time: it expired{when}."
    return f"{_TITLES.get(decision or '', 'Decided')}{who}{when}."


def _done(message: Message) -> str | None:
    if message.state == "firing":
        return "The call is held inside the agent; nothing is spent yet."
    decision, until = said(message, "decision"), moment(message.facts.get("until"))
    if decision == "approved_amount":
        amount = dollars(said(message, "amount_usd") or "")
        return f"Calls like it go out up to {amount}{f' until {clock(until)}' if until else ''}."
    if decision == "cheaper_model":
        model = shorten(clean(said(message, "cheaper_model") or "another model"), WORD_LIMIT)
        return f"The call goes out to {model}."
    if decision == "denied":
        return "The call is refused; the agent gets an error that says so."
    return "This one call goes out." if decision == "approved_once" else None


def _advice(message: Message) -> str | None:
    name = harmless(said(message, "approval_id") or message.alert_id)
    if name is None:
        return None
    return f"`manager-agent approvals approve {name}`, or `manager-agent approvals deny {name}`."


def _buttons(message: Message) -> tuple[Button, ...]:
    if message.state != "firing":
        return ()
    value = said(message, "approval_id") or message.alert_id
    choices = (said(message, "choices") or "once,deny").split(",")
    texts = {
        "once": _once(message),
        "amount": _amount(message),
        "cheaper": _cheaper(message),
        "deny": "Deny…",
    }
    return tuple(
        Button(
            f"approval:{choice}",
            texts[choice],
            value,
            "primary" if choice == "once" else "danger" if choice == "deny" else None,
        )
        for choice in texts
        if choice in [each.strip() for each in choices]
    )


def _once(message: Message) -> str:
    high = said(message, "cost_high_usd")
    return f"Approve once ({dollars(high)} at most)" if high else "Approve once"


def _amount(message: Message) -> str:
    amount, until = said(message, "amount_usd"), moment(message.facts.get("until"))
    if amount is None:
        return "Approve an amount…"
    return f"Approve {dollars(amount)}{f' until {until:%H:%M %Z}' if until else ''}"


def _cheaper(message: Message) -> str:
    model, cost = said(message, "cheaper_model"), said(message, "cheaper_cost_usd")
    name = shorten(clean(model), 40) if model else "a cheaper model"
    return f"Use {name}{f' ({dollars(cost)} at most)' if cost else ''}"


def _asked(now: datetime, state: State, more: Mapping[str, Fact]) -> Message:
    facts: dict[str, Fact] = {
        "approval_id": "ask-3fa9c01b77de",
        "agent": "research-agent",
        "provider": "openai",
        "model": "gpt-5-pro",
        "operation": "chat",
        "conversation_id": "conv-8812",
        "cost_low_usd": "0.84",
        "cost_high_usd": "6.21",
        "digest": "9f2c41d07a3b",
        "requester": "research-agent",
        "expires_at": iso(now + timedelta(minutes=2)),
        "reason": "cost",
        **more,
    }
    headline = "research-agent asks for a call of openai/gpt-5-pro that costs $6.21 at most"
    asked = sample(now, "approval", "warning", "research-agent", headline, facts, state=state)
    return replace(asked, alert_id="ask-3fa9c01b77de")


def _samples(now: datetime) -> Iterator[Message]:
    offer: dict[str, Fact] = {
        "choices": "once,amount,cheaper,deny",
        "cheaper_model": "gpt-5-mini",
        "cheaper_cost_usd": "0.31",
    }
    yield _asked(now, "firing", offer)
    limit: dict[str, Fact] = {
        "reason": "budget",
        "limit_name": "daily_limit_usd of agent research-agent",
        "tools": "web_search",
        "choices": "once,amount,deny",
    }
    yield _asked(now, "firing", limit)
    by: dict[str, Fact] = {"decided_by": "ann", "decided_at": iso(now)}
    for decision, more in (
        ("approved_once", {"why": "the quarterly report"}),
        ("approved_amount", {"amount_usd": "25.00", "until": iso(now + timedelta(hours=4))}),
        ("cheaper_model", {"cheaper_model": "gpt-5-mini", "cheaper_cost_usd": "0.31"}),
        ("denied", {"why": "use the small model"}),
        ("expired", {"decided_by": None}),
    ):
        yield _asked(now, "resolved", {**by, "decision": decision, **more})


KIND = Kind(
    title=_title,
    over_title=_title,
    samples=_samples,
    labels={
        "agent": "Agent",
        "model": "Model",
        "cost": "Cost",
        "why": "Why",
        "reason": "Why it waits",
        "limit_name": "Limit",
        "tools": "Tools",
        "requester": "Asked by",
        "conversation_id": "Conversation",
        "expires_at": "Expires",
        "provider": "Provider",
        "digest": "Digest of the request",
    },
    hidden=frozenset(
        {
            "approval_id",
            "cost_low_usd",
            "cost_high_usd",
            "choices",
            "decision",
            "operation",
            "decided_by",
            "decided_at",
            "amount_usd",
            "until",
            "cheaper_model",
            "cheaper_cost_usd",
        }
    ),
    facts=_facts,
    over_facts=6,
    over=_over,
    done=_done,
    advice=_advice,
    buttons=_buttons,
    mark=lambda message: (
        "✋" if message.state == "firing" else _MARKS.get(said(message, "decision") or "")
    ),
)
