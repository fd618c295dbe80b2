"""Creep: calls of an agent become dearer week by week, too slowly for a spike."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.rule import rule

_WORDS = {
    "cost": "a call costs {then}, now {now}",
    "input_tokens": "prompts grew from {then} to {now} tokens",
    "output_tokens": "answers grew from {then} to {now} tokens",
    "cached_share": "{then} of the input came from the cache, now {now}",
}


@rule
class Creep:
    """Tells when calls of an agent and model slowly become dearer than they were two weeks ago.

    Cost, input and output tokens a call are smoothed over days and compared with themselves, and so
    is the share of the input that comes from a cache. Each names what it costs a day.
    """

    growth_percent: Annotated[float, Field(gt=0)] = 30.0
    """Percent that cost or tokens a call must have grown by."""

    cache_loss_points: Annotated[float, Field(gt=0, le=100)] = 20.0
    """Percentage points of cached input that must have been lost."""

    min_calls: Annotated[int, Field(ge=1)] = 100
    """Calls in the last seven days before a model is judged."""

    min_usd_per_day: Annotated[float, Field(ge=0)] = 1.0
    """USD a day that it must cost."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every agent and model whose calls became dearer, with the cause."""
        yield from frames.remembered.once(self._found, frames.creep)

    def _found(self, creep: pl.DataFrame) -> tuple[Finding, ...]:
        return tuple(self._dearer(creep))

    def _dearer(self, creep: pl.DataFrame) -> Iterator[Finding]:
        for row in creep.iter_rows(named=True):
            if row["week_calls"] < self.min_calls:
                continue
            # What its calls of a day cost more than the same calls did two weeks ago.
            dearer = row["now_cost_per_call"] - row["then_cost_per_call"]
            a_day = round(dearer * row["week_calls"] / 7)
            causes = [*self._grown(row), *self._lost(row)]
            if causes and a_day >= max(1, self.min_usd_per_day * 1e9):
                yield _finding(row, causes, a_day)

    def _grown(self, row: Mapping[str, Any]) -> Iterator[str]:
        # The cause before the effect: cost is named where neither tokens nor cache explain it.
        for name in ("input_tokens", "output_tokens", "cost"):
            then, now = row[f"then_{name}_per_call"], row[f"now_{name}_per_call"]
            if then > 0 and now >= then * (1 + self.growth_percent / 100):
                yield name

    def _lost(self, row: Mapping[str, Any]) -> Iterator[str]:
        then, now = row["then_cached_share"], row["now_cached_share"]
        if then is not None and now is not None and (then - now) * 100 >= self.cache_loss_points:
            yield "cached_share"


def _finding(row: Mapping[str, Any], causes: list[str], a_day: int) -> Finding:
    agent, model = row["agent"], row["model"]
    told = [_said(row, cause) for cause in causes]
    then, now = (round(row[f"{when}_cost_per_call"]) for when in ("then", "now"))
    return Finding(
        rule="creep",
        subject=f"{agent}|{row['provider']}|{model}",
        agent=agent,
        severity="warning",
        title=f"{agent}: calls of {model} creep up",
        headline=f"{agent} pays {dollars(a_day)} a day more for {model} than two weeks ago for as "
        f"many calls: {'; '.join(told)}",
        evidence={
            "agent": agent,
            "model": model,
            "causes": ", ".join(causes),
            "more_per_day_usd": usd_text(a_day),
            "cost_per_call_then_usd": usd_text(then),
            "cost_per_call_now_usd": usd_text(now),
            "input_tokens_then": round(row["then_input_tokens_per_call"]),
            "input_tokens_now": round(row["now_input_tokens_per_call"]),
            "output_tokens_then": round(row["then_output_tokens_per_call"]),
            "output_tokens_now": round(row["now_output_tokens_per_call"]),
            "cached_percent_then": _percent(row["then_cached_share"]),
            "cached_percent_now": _percent(row["now_cached_share"]),
            "calls_of_week": row["week_calls"],
        },
        tell_resolved=True,
    )


def _said(row: Mapping[str, Any], cause: str) -> str:
    if cause == "cached_share":
        shown = {when: f"{_percent(row[f'{when}_cached_share'])} %" for when in ("then", "now")}
    else:
        values = {when: round(row[f"{when}_{cause}_per_call"]) for when in ("then", "now")}
        usd = cause == "cost"
        shown = {when: dollars(each) if usd else f"{each:,}" for when, each in values.items()}
    return _WORDS[cause].format(**shown)


def _percent(share: float | None) -> int | None:
    return None if share is None else round(share * 100)
