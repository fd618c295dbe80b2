"""Telemetry gap: guards tell of more calls than spans arrive of."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, resolved, sample, titled
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    one = sample(
        now,
        "telemetry_gap",
        "warning",
        "crm-sync",
        "guards of crm-sync told of 214 calls in 20 min, spans of 31 arrived: 183 are in no "
        "report; look at its exporter, its collector and sampling",
        {"agent": "crm-sync", "told": 214, "arrived": 31, "missing": 183},
    )
    yield one
    yield resolved(one, "crm-sync: calls without a span")


KIND = Kind(
    title=titled("Calls are missing"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "missing": "Missing",
        "told": "Calls by its guards",
        "arrived": "Spans that arrived",
    },
    text=lambda message: message.headline[:1].upper() + message.headline[1:],
    over=lambda message: f"Spans of {message.agent} arrive again.",
    advice=lambda message: (
        "Budgets hold all the same. Look at its exporter, collector and sampling: "
        "`manager-agent doctor` on its machine."
    ),
)
