"""Run cost: one conversation or trace of an agent costs more than it may, or than any before."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import log2
from typing import Annotated, Any, Literal

from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.contract.money import nano_usd
from manager_agent.rules.amounts import counted, dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.message import Severity
from manager_agent.rules.rule import rule
from manager_agent.rules.run_costs import IDLE_US

Rung = Literal["off", "annotate", "warn", "stop"]

_FEW_CALLS = 3
"""Fewer calls are no run to hold against others: where each call has a trace of its own."""
_UNLIKE = 2
"""How many times the dearest earlier run one costs that is unlike them all."""


@rule
class RunCost:
    """Tells when one run costs more than `usd`, or `times` the median of its agent's earlier runs.

    A run is what an agent calls for in one conversation, or in one trace where it names none, until
    nothing was called for half an hour. By default there is no limit in USD, for what a run may
    cost is yours to say; and a run is told that cost ten times the median, and at least a dollar,
    and twice as much as the dearest of the last 200 runs. It only tells: `rung: stop` has further
    calls of the run refused, and those of other agents in its trace, until people let it go on. It
    is told, and stopped, again each time its cost has doubled.
    """

    rung: Rung = "warn"
    """What to do at most: off; annotate (for information only); warn; or stop, which pauses the
    run."""

    rungs: Mapping[str, Rung] | None = None
    """The same for single agents, by name: {crawler: stop}."""

    usd: Annotated[float, Field(gt=0)] | None = None
    """Most that a run of any agent may cost, in USD. Left out: no such limit."""

    usd_of: Mapping[str, Annotated[float, Field(gt=0)]] | None = None
    """The same for single agents, by name: {crawler: 2.5}."""

    times: Annotated[float, Field(ge=0)] = 10.0
    """How many times the median of its agent's earlier runs a run may cost. 0: any number."""

    min_usd: Annotated[float, Field(ge=0)] = 1.0
    """USD below which a run is not held against earlier ones."""

    min_runs: Annotated[int, Field(ge=3)] = 20
    """Earlier runs of its agent before one is held against them."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every run that costs too much and goes on."""
        for row in frames.runs.iter_rows(named=True):
            rung = (self.rungs or {}).get(row["agent"], self.rung)
            limit, why = self._limit(row)
            if rung != "off" and limit is not None:
                yield _finding(row, limit, why, rung)

    def _limit(self, row: dict[str, Any]) -> tuple[int | None, str]:
        """Return the lowest limit that a run is above, in nano-USD, and which it is, in words."""
        usd = (self.usd_of or {}).get(row["agent"], self.usd)
        most = None if usd is None else nano_usd(str(usd))
        if most is not None and row["cost"] > most:
            return most, f"its limit is {dollars(most)}"
        typical = row["typical"]
        if (
            not self.times
            or typical is None
            or row["earlier"] < self.min_runs
            or row["calls"] < _FEW_CALLS
        ):
            return None, ""
        bound = max(
            round(typical * self.times), nano_usd(str(self.min_usd)), row["dearest"] * _UNLIKE
        )
        if row["cost"] <= bound:
            return None, ""
        return bound, (
            f"{row['cost'] / typical:.0f} times the median of {counted(row['earlier'], 'run')}"
            f" before, {dollars(typical)}"
        )


def _finding(row: dict[str, Any], limit: int, why: str, rung: Rung) -> Finding:
    agent, stop = row["agent"], rung == "stop"
    severity: Severity = "critical" if stop else "info" if rung == "annotate" else "warning"
    return Finding(
        rule="run_cost",
        subject=f"{agent}|{row['run_is']}|{row['run']}",
        agent=agent,
        severity=severity,
        title=f"{agent}: a run costs too much",
        headline=f"A run of {agent} cost {dollars(row['cost'])} so far with"
        f" {counted(row['calls'], 'call')} since {row['since']:%H:%M:%S} UTC: {why}",
        evidence=_facts(row, limit, stop),
        level=int(log2(row["cost"] / limit)) if limit else 0,
        until=row["last"] + timedelta(microseconds=IDLE_US),
        tell_resolved=False,
    )


def _facts(row: dict[str, Any], limit: int, stop: bool) -> dict[str, Any]:
    typical, dearest = row["typical"], row["dearest"]
    return {
        "agent": row["agent"],
        "run": row["run"],
        "run_is": row["run_is"],
        "cost_usd": usd_text(row["cost"]),
        "limit_usd": usd_text(limit),
        "calls": row["calls"],
        "since": row["since"].isoformat(timespec="seconds"),
        "last": row["last"].isoformat(timespec="seconds"),
        "earlier_runs": row["earlier"],
        "median_usd": None if typical is None else usd_text(typical),
        "dearest_usd": None if dearest is None else usd_text(dearest),
        "action": "stop" if stop else None,
    }
