"""Budget drift: what guards reported as spent and what their spans add up to part."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from manager_agent.delivery.kind import Kind, hour, iso, resolved, sample, titled
from manager_agent.rules.message import Message

_ADVICE = {
    "spans_missing": "Look whether the agent's spans arrive: `manager-agent status` names what was "
    "refused, `manager-agent agents` who was last seen when.",
    "ledger_missing": "Say what was spent: `manager-agent budget reset`.",
    "prices": "See which models differ: `manager-agent prices check`.",
}


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "budget_drift",
        "warning",
        "crm-sync",
        "guards say crm-sync spent $3.10 of its hourly limit, spans say $1.84: spans were lost on "
        "their way, or their sender is cut off: the ledger holds, the tables of calls lack them",
        {
            "kind": "spans_missing",
            "scope": "agent",
            "name": "crm-sync",
            "period": "hour",
            "unit": "usd",
            "ledger_usd": "3.10",
            "receipts_usd": "1.84",
            "spans_usd": "1.84",
            "recent_usd": "0.12",
            "window_start": iso(hour(now)),
            "resets_at": iso(hour(now) + timedelta(hours=1)),
        },
    )
    yield one
    yield resolved(one, "crm-sync: hourly limit drifts")


KIND = Kind(
    title=titled("Budget and calls do not agree", "name"),
    samples=_samples,
    labels={
        "name": "Whose limit",
        "ledger_usd": "Guards say",
        "ledger_tokens": "Guards say",
        "receipts_usd": "Receipts say",
        "receipts_tokens": "Receipts say",
        "spans_usd": "Spans say",
        "spans_tokens": "Spans say",
        "recent_usd": "On its way",
        "recent_tokens": "On its way",
        "period": "Period",
        "resets_at": "Resets",
    },
    hidden=frozenset({"kind", "scope", "unit", "window_start", "agent"}),
    over=lambda message: f"The two sums of {message.facts.get('name')} agree again.",
    advice=lambda message: _ADVICE.get(str(message.facts.get("kind"))),
)
