"""Cost spike threshold: the simple limit on spikes that people name in `thresholds`."""

from collections.abc import Iterator
from datetime import datetime

from manager_agent.delivery.kind import Kind, hour, iso, sample, titled
from manager_agent.delivery.kinds import cost_spike
from manager_agent.rules.message import Message


def _samples(now: datetime) -> Iterator[Message]:
    yield sample(
        now,
        "cost_spike_threshold",
        "warning",
        "support-bot",
        f"support-bot spent $1.50 since {hour(now):%H:%M} UTC, 50 % above the median $1.00 of its "
        "last 24 hours with calls; the limit is 20 %",
        {
            "agent": "support-bot",
            "spent_usd": "1.50",
            "normal_usd": "1.00",
            "limit_percent": 20.0,
            "hours": 24,
            "hour": iso(hour(now)),
        },
    )


KIND = Kind(
    title=titled("Cost above the threshold"),
    samples=_samples,
    labels={
        "agent": "Agent",
        "spent_usd": "Spent this hour",
        "normal_usd": "Normal",
        "over_percent": "Over normal",
        "limit_percent": "Threshold",
        "hour": "Hour",
        "hours": "Hours compared with",
    },
    facts=cost_spike.KIND.facts,
    advice=lambda message: (
        "The threshold is `thresholds.cost_spike_percentage` in the configuration; "
        "`manager-agent rules explain cost_spike` shows the calmer detector."
    ),
)
