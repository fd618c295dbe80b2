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
        for known, calls, agents in frames.remembered.once(_used, frames.hours):
            days = (known.ends - now.date()).days
            if days <= self.days_before:
                yield _finding(known, calls, agents, days)


def _used(hours: pl.DataFrame) -> list[tuple[Retirement, int, list[str]]]:
    """Return the models in use that end some day, with calls and the agents that made them."""
    # First which models there are: of those that do not end, no agent need be listed.
    used = hours.filter(pl.col("calls") > 0)
    models = used.select("provider", "model").unique().rows()
    ending = pl.DataFrame(
        [model for model in models if model in retirements()],
        schema={"provider": pl.String(), "model": pl.String()},
        orient="row",
    )
    if ending.is_empty():
        return []
    found = (
        used.join(ending, on=["provider", "model"], how="semi")
        .group_by("provider", "model")
        .agg(pl.col("calls").sum(), pl.col("agent").drop_nulls().unique().sort())
        .sort("provider", "model")
    )
    return [
        (retirements()[provider, model], calls, agents)
        for provider, model, calls, agents in found.iter_rows()
    ]


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
