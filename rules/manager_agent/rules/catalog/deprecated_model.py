"""Deprecated model: calls go to a model whose provider has announced its end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import counted
from manager_agent.rules.finding import Finding
from manager_agent.rules.retirements import Retirement, retirements
from manager_agent.rules.rule import rule


@rule
class DeprecatedModel:
    """Tells once of each model in use that its provider has announced the end of.

    The announcements are those this version knows; `source` names the page. It is over two days
    after the last call.
    """

    days_before: Annotated[int, Field(ge=0)] = 60
    """Days before the end from which on people are told."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every model in use that ends soon, or has ended."""
        used = (
            frames.hours.filter(pl.col("calls") > 0)
            .group_by("provider", "model")
            .agg(pl.col("calls").sum(), pl.col("agent").drop_nulls().unique().sort())
        )
        for provider, model, calls, agents in used.sort("provider", "model").iter_rows():
            known = retirements().get((provider, model))
            if known is not None and (known.ends - now.date()).days <= self.days_before:
                yield _finding(known, calls, agents, (known.ends - now.date()).days)


def _finding(known: Retirement, calls: int, agents: list[str], days: int) -> Finding:
    model = f"{known.provider}/{known.model}"
    when = f"ends in {counted(days, 'day')}" if days > 0 else "is past its end"
    return Finding(
        rule="deprecated_model",
        subject=model,
        agent=agents[0] if len(agents) == 1 else None,
        severity="info" if days > 14 else "warning",
        title=f"{model} is being retired",
        headline=f"{model} {when} ({known.ends:%Y-%m-%d}), and {counted(len(agents), 'agent')}"
        f" called it {calls:,} times in two days; use {known.instead}",
        evidence={
            "provider": known.provider,
            "model": known.model,
            "ends": known.ends.isoformat(),
            "instead": known.instead,
            "agents": ", ".join(agents[:20]),
            "calls": calls,
            "source": known.source,
        },
        level=1 if days > 14 else 2,
    )
