"""Slow model: an agent's calls of a model take much longer than they used to."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_KEY = ("agent", "provider", "model")


@rule
class SlowModel:
    """Tells when half of an agent's calls of a model take much longer than its mean of two days.

    The median of now is held against the mean of the past, which a few slow calls have raised: so
    it takes a real change. Where half of the answers are longer than that mean, in output tokens,
    half of the usual time is taken to grow as they did: other work is no slower model. Failed calls
    of now are left out: they say nothing of answers.
    """

    minutes: Annotated[int, Field(ge=2, le=60)] = 15
    """Minutes that are looked at."""

    min_calls: Annotated[int, Field(ge=1)] = 20
    """Calls in these minutes before anything is said."""

    min_past_calls: Annotated[int, Field(ge=1)] = 50
    """Calls in the past before it counts as one."""

    times: Annotated[float, Field(gt=1)] = 2.0
    """How many times its usual time the median must take."""

    more_ms: Annotated[float, Field(ge=0)] = 1000.0
    """How many milliseconds more than usual it must take."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent and model that has become slow."""
        since, known = now - timedelta(minutes=self.minutes), frames.remembered
        before = known.rows(frames.hours, before=since - timedelta(hours=1))
        recent = known.rows(frames.calls, after=since)
        yield from known.once(self._found, recent, known.once(_past, before))

    def _found(self, recent: pl.DataFrame, past: pl.DataFrame) -> list[Finding]:
        known = past.filter(pl.col("past_calls") >= self.min_past_calls)
        told = recent.filter(
            (pl.col("status") == "ok") & pl.col("duration_ms").is_not_null()
        ).select(*_KEY, "duration_ms", "output_tokens")
        often = told.group_by(_KEY).len("calls").filter(pl.col("calls") >= self.min_calls)
        able = often.join(known, on=_KEY, how="inner", nulls_equal=True)
        if able.is_empty():
            return []
        of_now = (
            told.join(able.select(_KEY), on=_KEY, how="semi", nulls_equal=True)
            .group_by(_KEY)
            .agg(
                pl.col("duration_ms").quantile(0.5, "nearest").alias("p50"),
                pl.col("duration_ms").quantile(0.95, "nearest").alias("p95"),
                pl.col("output_tokens").quantile(0.5, "nearest").alias("output"),
            )
        )
        expected = pl.col("usual") * _longer()
        slow = able.join(of_now, on=_KEY, how="inner", nulls_equal=True).filter(
            (pl.col("p50") >= expected * self.times) & (pl.col("p50") >= expected + self.more_ms)
        )
        return [_finding(row, self.minutes) for row in slow.sort(_KEY).iter_rows(named=True)]


def _longer() -> pl.Expr:
    """Return how many times longer than usual answers of such `output` may well take.

    Half, since some time goes by before the first token; and longer answers alone never take twice
    as long as this says, even where all of the time is their tokens'.
    """
    tokens = (pl.col("output") / pl.col("usual_output")).clip(1).fill_null(1)
    return (1 + tokens) / 2


def _past(before: pl.DataFrame) -> pl.DataFrame:
    """Return how many calls there were of each agent and model, and how long they usually took.

    `usual_output`: output tokens of a call, NULL where none are known.
    """
    calls, output = pl.col("calls").sum(), pl.col("output_tokens").sum()
    return before.group_by(_KEY).agg(
        calls.alias("past_calls"),
        (pl.col("duration_ms").sum() / calls).alias("usual"),
        pl.when(output > 0).then(output / calls).alias("usual_output"),
    )


def _finding(row: dict[str, Any], minutes: int) -> Finding:
    agent, model = row["agent"], f"{row['provider']}/{row['model']}"
    return Finding(
        rule="slow_model",
        subject=f"{agent}|{model}",
        agent=agent,
        severity="info",
        title=f"{agent}: {model} is slow",
        headline=f"Half of the calls of {model} by {agent} took {row['p50'] / 1000:.1f} s or more"
        f" in the last {minutes} min (one in twenty {row['p95'] / 1000:.1f} s); usual is"
        f" {row['usual'] / 1000:.1f} s",
        evidence={
            "agent": agent,
            "provider": row["provider"],
            "model": row["model"],
            "p50_ms": round(row["p50"]),
            "p95_ms": round(row["p95"]),
            "usual_ms": round(row["usual"]),
            "calls": row["calls"],
            "past_calls": row["past_calls"],
        },
        hold=timedelta(minutes=2),
        tell_resolved=True,
    )
