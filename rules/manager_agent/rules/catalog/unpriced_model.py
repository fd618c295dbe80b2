"""Unpriced model: calls go out that no price is known for, so their cost is unknown."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import counted
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule


@rule
class UnpricedModel:
    """Tells once for each provider and model that no price is known for.

    It is over when a call of the model was priced an hour or more after the last one that was
    not, or a day after its last call.
    """

    min_calls: Annotated[int, Field(ge=1)] = 1
    """Calls at unknown cost in the last 24 hours before people are told."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every model that was called at unknown cost."""
        for row in frames.unpriced.iter_rows(named=True):
            if row["calls"] >= self.min_calls:
                yield _finding(row)


def _finding(row: dict[str, Any]) -> Finding:
    model, agents = f"{row['provider']}/{row['model']}", row["agents"]
    tokens = row["input_tokens"] + row["output_tokens"]
    return Finding(
        rule="unpriced_model",
        subject=model,
        agent=agents[0] if len(agents) == 1 else None,
        severity="warning",
        title=f"no price for {model}",
        headline=f"{counted(row['calls'], 'call')} of {model} ({counted(tokens, 'token')}) in the "
        "last 24 h at unknown cost: no price is known; `manager-agent prices check` prints the "
        "line to add",
        evidence={
            "provider": row["provider"],
            "model": row["model"],
            "agents": ", ".join(agents),
            "calls": row["calls"],
            "input_tokens": row["input_tokens"],
            "output_tokens": row["output_tokens"],
            "first_seen": row["first_seen"].isoformat(timespec="minutes"),
            "last_seen": row["last_seen"].isoformat(timespec="minutes"),
            "remedy": "manager-agent prices check",
        },
        tell_resolved=True,
    )
