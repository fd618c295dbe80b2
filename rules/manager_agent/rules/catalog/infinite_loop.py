"""Infinite loop: a run repeats itself and nothing new comes of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal

import polars as pl
from pydantic import Field

from manager_agent.analytics.frames import Frames
from manager_agent.rules.amounts import counted, dollars, usd_text
from manager_agent.rules.finding import Finding
from manager_agent.rules.loop_look import Habits, Loop, looked
from manager_agent.rules.loop_runs import repeating, runs, whole
from manager_agent.rules.loop_score import LOOP, NEARLY
from manager_agent.rules.loop_steps import steps
from manager_agent.rules.loop_suspects import suspects
from manager_agent.rules.message import Fact, Severity
from manager_agent.rules.rule import rule

Rung = Literal["off", "annotate", "warn", "stop"]

_ORDER = ("agents", "trace", "conversation", "agent", "lane")
_REMEMBERED = timedelta(hours=1)
_PROOFS = {
    "proven": "the same step with the same result",
    "asked": "the same request",
    "failed": "the same step with the same error",
    "unanswered": "the same tool with the same arguments",
    "counts": "calls with exactly the same token counts",
    "growth": "calls whose input grows by exactly the same count",
    "error": "the same tool with the same error",
    "result": "the same tool with the same result",
}


@rule
class InfiniteLoop:
    """Tells when an agent repeats the same steps and nothing new comes of them.

    It compares keyed digests of requests, answers, tool arguments and results of the last hour, per
    trace, conversation, or what an agent does in one go; where there are none, exact token counts.
    New results are progress and are never a loop, nor is waiting: longer and longer waits, regular
    ones of `wait_seconds` or more, and tools that wait by their name. Each repeat adds to a score,
    more where more is known to be equal, and 1 is a loop; the alert shows the parts. It is over
    when nothing was repeated for `quiet_seconds`.
    """

    rung: Rung = "warn"
    """What to do at most: off; annotate (for information only); warn; or stop, which pauses the run
    once it is proven or cost `stop_usd`."""

    rungs: Mapping[str, Rung] | None = None
    """The same for single agents, by name: {crawler: stop}."""

    longest_cycle: Annotated[int, Field(ge=1, le=50)] = 12
    """Different steps that may make up a round of a loop."""

    poll_tools: tuple[str, ...] = (
        *("*poll*", "*wait*", "*sleep*", "*status*", "*watch*", "*monitor*", "*progress*"),
        *("*heartbeat*", "*health*", "*is_ready*", "*is_done*", "*check_job*", "*check_run*"),
        *("*get_job*", "*get_run*", "*get_task*", "*await*", "*ping*"),
    )
    """Patterns of names of tools that wait for something, in lower case: calling one again is no
    loop as long as there is a second or more between."""

    cursor_tools: tuple[str, ...] = (
        *("*next*", "*more*", "*page*", "*scroll*", "*continue*", "*step*", "*receive*", "*pop*"),
        *("*dequeue*", "*screenshot*", "*snapshot*", "*random*"),
    )
    """Patterns of names of tools, in lower case, that give something else each time by design:
    where their results are not known, calling one again says nothing."""

    wait_seconds: Annotated[float, Field(gt=0, le=3600)] = 15.0
    """Seconds without anything to do, at regular intervals, that are taken for waiting."""

    quiet_seconds: Annotated[int, Field(ge=30, le=3000)] = 300
    """Seconds without a repeat before it is over."""

    critical_repeats: Annotated[int, Field(ge=3)] = 10
    """Repeats from which it is critical."""

    critical_usd: Annotated[float, Field(ge=0)] = 1.0
    """USD spent in the loop from which it is critical."""

    stop_repeats: Annotated[int, Field(ge=3)] = 6
    """Repeats after which a loop that results prove is stopped, where the rung is `stop`."""

    stop_usd: Annotated[float, Field(ge=0)] = 5.0
    """USD after which any loop is stopped, where the rung is `stop`."""

    def find(self, frames: Frames, now: datetime) -> Iterator[Finding]:
        """Name every run that repeats itself without progress, once, by its best evidence."""
        if frames.calls.is_empty() and frames.tools.is_empty():
            return
        since = now - timedelta(seconds=self.quiet_seconds)
        for loop in _apart(self._loops(frames, since)):
            finding = self._finding(loop)
            if finding is not None:
                yield finding

    def _loops(self, frames: Frames, since: datetime) -> Iterator[Loop]:
        able = suspects(steps(frames), since)
        if able.is_empty():
            return
        judged = runs(able, since)
        habits = Habits(self.longest_cycle, self.wait_seconds, self.poll_tools, self.cursor_tools)
        places = [(by, repeating(judged, by, since)) for by in ("sig", "near")]
        wanted = pl.concat([place.select("run") for _, place in places]).unique()
        told = whole(judged.join(wanted, on="run", how="semi"), able)
        rows = told.partition_by("run", as_dict=True)
        by_run = {run: part.sort("ts").to_dicts() for (run,), part in rows.items()}
        for by, place in places:
            for row in place.iter_rows(named=True):
                loop = looked(by_run[row["run"]], by, row["kind"], row["last"], habits)
                if loop is not None and loop.score >= (NEARLY if loop.of == "agents" else LOOP):
                    yield loop

    def _finding(self, loop: Loop) -> Finding | None:
        agent = loop.agents[0]
        rung = (self.rungs or {}).get(agent, self.rung)
        if rung == "off":
            return None
        critical = (
            loop.cycle.repeats >= self.critical_repeats or loop.cost >= self.critical_usd * 1e9
        )
        stop = rung == "stop" and self._stops(loop)
        severity: Severity = "critical" if critical else "warning"
        return Finding(
            rule="infinite_loop",
            subject=f"{'+'.join(sorted(loop.agents))}|{loop.run or f'{loop.identity:016x}'}",
            agent=agent,
            severity="info" if rung == "annotate" else severity,
            title=f"{' and '.join(loop.agents)}: repeats itself without progress",
            headline=_headline(loop),
            evidence=_facts(loop, stop),
            level=int(critical) + 2 * int(stop),
            until=loop.last + _REMEMBERED,
            tell_resolved=True,
        )

    def _stops(self, loop: Loop) -> bool:
        proven = loop.proof == "proven" and loop.cycle.repeats >= self.stop_repeats
        return proven or loop.cost >= self.stop_usd * 1e9


def _apart(loops: Iterator[Loop]) -> list[Loop]:
    """Return loops that have no run in common, the best evidence of each.

    What several agents repeat is theirs together, as soon as it nearly is a loop.
    """
    taken: set[tuple[object, ...]] = set()
    kept = []
    for loop in sorted(loops, key=lambda one: (_ORDER.index(one.of), -one.score, one.identity)):
        if loop.marks.isdisjoint(taken) and loop.score >= LOOP:
            kept.append(loop)
        taken |= loop.marks
    return kept


def _headline(loop: Loop) -> str:
    who, what = " and ".join(loop.agents[:3]), ", ".join(loop.what[:3])
    verb = "repeat" if len(loop.agents) > 1 else "repeats"
    rate = _per_minute(loop, loop.cost)
    spent = f"{dollars(loop.cost)} ({dollars(rate)} a minute)" if loop.cost else "no known cost"
    return (
        f"{who} {verb} {_PROOFS[loop.proof]}, {loop.cycle.times} times since"
        f" {loop.since:%H:%M:%S} UTC ({what}): {spent}, {counted(loop.tokens, 'token')} so far"
    )


def _per_minute(loop: Loop, amount: int) -> int:
    """Return a sum as a rate; the first ten seconds count as ten."""
    seconds = max((loop.last - loop.since).total_seconds(), 10.0)
    return round(amount * 60 / seconds)


def _facts(loop: Loop, stop: bool) -> dict[str, Fact]:
    return {
        "agent": loop.agents[0],
        "agents": ", ".join(loop.agents),
        "run": loop.run or None,
        "run_is": "trace" if loop.of == "agents" else loop.of,
        "what": ", ".join(loop.what),
        "same": _PROOFS[loop.proof],
        "times": loop.cycle.times,
        "repeats": loop.cycle.repeats,
        "steps_in_round": loop.cycle.distinct,
        "since": loop.since.isoformat(timespec="seconds"),
        "last": loop.last.isoformat(timespec="seconds"),
        "cost_usd": usd_text(loop.cost),
        "cost_per_minute_usd": usd_text(_per_minute(loop, loop.cost)),
        "calls": loop.calls,
        "tokens": loop.tokens,
        "tokens_per_minute": _per_minute(loop, loop.tokens),
        "score": round(loop.score, 2),
        "score_parts": ", ".join(f"{name} {worth:.2f}" for name, worth in loop.parts.items()),
        "action": "stop" if stop else None,
    }
