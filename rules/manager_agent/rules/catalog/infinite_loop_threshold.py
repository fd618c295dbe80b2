"""Infinite loop, the users' own threshold: more calls of one agent in any 60 s than they named."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import counted, dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_SPAN = pl.duration(seconds=60)
_REMEMBERED = timedelta(hours=1)


@rule
class InfiniteLoopThreshold:
    """Tells when an agent makes more calls than `thresholds.infinite_loop_calls_per_minute`.

    Any 60 seconds count, not only those between two full minutes. It is active only where the
    configuration names that key: many calls are no loop yet, and `infinite_loop`, which looks for
    missing progress, is the default. It is over when no 60 seconds of the last `quiet_seconds` held
    too many.
    """

    quiet_seconds: Annotated[int, Field(ge=30, le=3000)] = 300
    """Seconds without too many calls before it is over."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent that made too many calls in some 60 s not long ago."""
        limit = frames.thresholds.infinite_loop_calls_per_minute
        if limit is None or frames.calls.is_empty():
            return
        for row in _too_many(frames.calls, limit).iter_rows(named=True):
            if row["last"] > now - timedelta(seconds=self.quiet_seconds):
                yield _finding(row, limit)


def _too_many(calls: pl.DataFrame, limit: int) -> pl.DataFrame:
    """Return one row an agent that had more than `limit` calls begin within 60 s.

    60 seconds hold their first moment and not their last: a call every 6 s is 10 in a minute.
    """
    ordered = calls.select("agent", "ts", "cost", "prompt_digest").sort("agent", "ts")
    begun = ordered.with_columns(
        first=pl.col("ts").shift(limit).over("agent"),
        minute=pl.len().rolling("ts", period="60s", closed="right").over("agent"),
    )
    over = pl.col("ts") - pl.col("first") < _SPAN
    return (
        begun.with_columns(over=over.fill_null(value=False))
        .filter(pl.col("over").any().over("agent"))
        .group_by("agent", maintain_order=True)
        .agg(
            since=pl.col("first").filter("over").min(),
            last=pl.col("ts").filter("over").max(),
            peak=pl.col("minute").filter("over").max(),
            calls=pl.col("ts").ge(pl.col("first").filter("over").min()).sum(),
            cost=pl.col("cost").filter(pl.col("ts") >= pl.col("first").filter("over").min()).sum(),
            prompts=pl.col("prompt_digest").drop_nulls().n_unique(),
        )
    )


def _finding(row: dict[str, Any], limit: int) -> Finding:
    return Finding(
        rule="infinite_loop_threshold",
        subject=row["agent"],
        agent=row["agent"],
        severity="warning",
        title=f"{row['agent']}: too many calls in a minute",
        headline=f"{row['agent']} made {counted(row['peak'], 'call')} in 60 s, more than {limit:,}:"
        f" {counted(row['calls'], 'call')} for {dollars(row['cost'])}"
        f" since {row['since']:%H:%M:%S} UTC",
        evidence={
            "agent": row["agent"],
            "calls_in_60_s": row["peak"],
            "limit_calls_in_60_s": limit,
            "since": row["since"].isoformat(timespec="seconds"),
            "last": row["last"].isoformat(timespec="seconds"),
            "calls": row["calls"],
            "cost_usd": usd_text(row["cost"]),
            "distinct_prompts": row["prompts"] or None,
        },
        level=(row["peak"] // (limit + 1)).bit_length(),
        until=row["last"] + _REMEMBERED,
    )
