"""Error issue: errors with one cause, told once, and once more when they are back."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, about, iso, said, sample, sentences
from manager_agent.rules.message import Message

_WORDS = {
    "auth": "Key refused",
    "bad_request": "Requests refused",
    "context_length": "Input too long",
    "overloaded": "Provider overloaded",
    "rate_limit": "Rate limited",
    "timeout": "Calls time out",
    "tool_error": "A tool fails",
}


def _title(message: Message) -> str:
    words = _WORDS.get(said(message, "kind") or "", "Errors")
    again = " again" if message.headline.startswith("Back again") else ""
    return about(f"{words}{again}", message.agent or said(message, "affected"))


def _advice(message: Message) -> str | None:
    remedy = said(message, "remedy")
    words = f"{remedy[:1].upper()}{remedy[1:].rstrip('.')}." if remedy else None
    return sentences(words, "All issues: `manager-agent report issues`.")


def _samples(now: datetime) -> Iterator[Message]:
    first = now - timedelta(minutes=52)
    yield sample(
        now,
        "error_issue",
        "warning",
        None,
        f"OpenAI gpt-4o: 37 failed calls since {first:%H:%M} UTC, the request is not accepted. 2 "
        "agents (crm-sync 30, writer 7); $0.42 burnt. Most often: Invalid value for <str>. To do: "
        "correct the request.",
        {
            "issue_id": "5f1c2b9a77d04e31",
            "kind": "bad_request",
            "provider": "openai",
            "family": "gpt-4o",
            "errors": 37,
            "errors_24h": 37,
            "agents": "crm-sync, writer",
            "affected": "2 agents",
            "cost_usd": "0.42",
            "unpriced_calls": 0,
            "grouped_by": "Invalid value for <str>",
            "first_seen": iso(first),
            "last_seen": iso(now),
            "priority": 2,
            "remedy": "correct the request",
        },
    )


KIND = Kind(
    title=_title,
    samples=_samples,
    labels={
        "agents": "Agents",
        "provider": "Provider",
        "errors": "Errors",
        "errors_24h": "In 24 hours",
        "cost_usd": "Burnt",
        "priority": "Priority",
        "first_seen": "First seen",
        "last_seen": "Last seen",
        "grouped_by": "Cause",
        "issue_id": "Issue",
        "unpriced_calls": "Calls without a price",
    },
    hidden=frozenset({"kind", "family", "affected", "remedy", "agent"}),
    advice=_advice,
)
