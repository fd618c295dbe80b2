"""What a look at the rules costs, and what makes it grow: `python -m benchmarks.tick`.

A store as a fleet leaves it, made by SQL: calls of the last hour and rollups of all that were. Then
looks: the first after a start, one after 10,000 new calls, with nothing new a second and a minute
later, after a late call to an old hour, after 10,000 new calls that failed, with nothing new after
that, and when an hour began. Time is the processor's, of this process; memory is what is resident
of it.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from mmap import PAGESIZE
from pathlib import Path
from time import process_time
from typing import Any

import duckdb

from manager_agent.analytics.frame_source import FrameSource
from manager_agent.analytics.install import install
from manager_agent.analytics.kept_frames import KeptFrames
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import CallVersion, Changes
from manager_agent.receiver.content import Door
from manager_agent.rules.finding import Finding
from manager_agent.rules.issues.following import follow
from manager_agent.rules.issues.track import Tracker
from manager_agent.rules.issues.view import frame_of, views
from manager_agent.rules.look import look
from manager_agent.rules.memory import Memory
from manager_agent.rules.registry import rules_from
from manager_agent.rules.rule import name_of
from manager_agent.rules.step import step
from manager_agent.store.duck import FactStore

NOW = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
DAYS = 45
AGENTS = 1000
NEW = 10_000
SIZES = (1_000_000, 10_000_000, 50_000_000)
QUICK = (1_000_000, 5_000_000)
POLICY = BudgetPolicy(
    Limits(
        hourly_limit_usd=Decimal(1000),
        daily_limit_usd=Decimal(10_000),
        monthly_limit_usd=Decimal(100_000),
    )
)

RULES = rules_from({})

_SQL = Path(__file__).parent / "tick_store.sql"


@dataclass
class Look:
    """Milliseconds of the processor that a look took, by its parts; `rules`: by rule."""

    parts: dict[str, float] = field(default_factory=dict)
    rules: dict[str, float] = field(default_factory=dict)
    rss_mib: int = 0

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def built(folder: Path, calls: int, agents: int) -> FactStore:
    """Return a store of so many calls of the last `DAYS`, evenly; single calls of two hours."""
    facts = FactStore(folder / "manager.duckdb", Door(b"k" * 32), install, memory_limit="2GB")
    low = (NOW - timedelta(days=DAYS)).replace(tzinfo=None)
    values = {
        "low": f"TIMESTAMP '{low}'",
        "calls": str(calls),
        "agents": str(agents),
        "step": str(DAYS * 86_400_000_000 / calls),
        "minutes": str(DAYS * 1440),
    }
    with facts.cursor() as con:
        text = "\n".join(
            line for line in _SQL.read_text("utf-8").splitlines() if not line.startswith("--")
        )
        for statement in filter(str.strip, text.split(";")):
            for name, value in values.items():
                statement = statement.replace(f"{{{name}}}", value)
            con.execute(statement)
        con.execute("CHECKPOINT")
    return facts


def new_calls(
    at: datetime, count: int, agents: int, first: int, *, failed: bool = False
) -> Changes:
    """Return calls that just arrived, of the last half minute, as the window tells of them.

    Those that `failed` say so in a hundred ways, each with a number of its own.
    """
    changes = Changes(int(at.timestamp() * 1e9))
    unknown: dict[str, Any] = dict.fromkeys(Call._fields)
    for number in range(count):
        start_ns = int(at.timestamp() * 1e9) - (number % 30) * 10**9
        known: dict[str, Any] = {
            "call_id": f"new-{first + number}",
            "start_ns": start_ns,
            "duration_ms": 900.0,
            "agent": f"agent-{number % agents}",
            "provider": "openai",
            "request_model": f"model-{number % 2}",
            "response_model": f"model-{number % 2}",
            "operation": "chat",
            "input_tokens": 1000,
            "output_tokens": 100,
            "cost_nano": 1_000_000,
            "cost_source": "local",
            "error": failed,
            "error_type": "RateLimitError" if failed else None,
            "error_message": f"limit {number % 100} of request {number} reached"
            if failed
            else None,
            "guarded": False,
            "usage_estimated": False,
            "cost_by_provider": False,
            "trace_id": f"{first + number:032x}",
            "span_id": f"{number:016x}",
            "prompt_digest": f"{first + number:032x}",
            "emitters": "bench",
        }
        call = Call(**{**unknown, **known})
        changes.calls.append(CallVersion(call, int(at.timestamp() * 1e6) + number, False))
        changes.count(call, +1)
    return changes


@dataclass
class Seen:
    """What is kept between looks."""

    facts: FactStore
    source: FrameSource
    memory: Memory = field(default_factory=Memory)
    issues: Tracker = field(default_factory=Tracker)


def looked(seen: Seen, now: datetime) -> Look:
    """Look once, part by part."""
    found = Look()
    with seen.facts.cursor() as con, _parts_of_frames(found):
        started = process_time()
        frames = seen.source.frames(con, now, POLICY)
        rest = (process_time() - started) * 1000 - found.total
    found.parts["other frames"] = rest
    started = process_time()
    follow(seen.issues, frames, now)
    open_ = [one for one in seen.issues.issues.values() if one.state != "resolved"]
    known = views(open_, list(seen.issues.patterns.values()), now, POLICY)
    frames = replace(frames, issues=frame_of(known))
    found.parts["issues"] = (process_time() - started) * 1000
    findings: list[Finding] = []
    started = process_time()
    for rule in RULES:
        began = process_time()
        told = look([rule], frames, now)
        found.rules[name_of(rule)] = (process_time() - began) * 1000
        findings += told.findings
        for name, error in told.failed.items():
            raise SystemExit(f"rule {name} broke: {error}")
    found.parts["rules"] = (process_time() - started) * 1000
    started = process_time()
    seen.memory = step(seen.memory, findings, now).memory
    found.parts["step"] = (process_time() - started) * 1000
    found.rss_mib = _resident_mib()
    return found


def _resident_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * PAGESIZE >> 20


@contextmanager
def _parts_of_frames(found: Look) -> Iterator[None]:
    """Time each frame that keeps something."""
    named = {"budgets": "frame", "unpriced": "frame"}
    usage = ("hours", "minutes", "calls", "tools")
    undo: list[Callable[[], None]] = []

    def timed(cls: type, method: str, name: str) -> None:
        plain = getattr(cls, method)

        def wrapped(*given: object) -> object:
            began = process_time()
            try:
                return plain(*given)
            finally:
                found.parts[name] = (process_time() - began) * 1000

        setattr(cls, method, wrapped)
        undo.append(lambda: setattr(cls, method, plain))

    parts = KeptFrames()
    for name, method in named.items():
        timed(type(getattr(parts, name)), method, name)
    for name in usage:
        timed(type(parts.usage), name, name)
    try:
        yield
    finally:
        for each in undo:
            each()


def measured(calls: int, agents: int, new: int) -> dict[str, Look]:
    """Return the looks at a store of so many calls."""
    with tempfile.TemporaryDirectory(prefix="manager-tick-") as folder:
        facts = built(Path(folder), calls, agents)
        try:
            return _looks(facts, agents, new)
        finally:
            facts.close()


def _looks(facts: FactStore, agents: int, new: int) -> dict[str, Look]:
    source = FrameSource(told=True)
    facts.touched = source.note
    seen, now = Seen(facts, source), NOW
    found = {"first": looked(seen, now)}
    for number, name in enumerate(("warm-up", f"{new:,} new")):
        now += timedelta(seconds=30)
        facts.append(new_calls(now, new, agents, number * new))
        found[name] = looked(seen, now)
    for name, seconds in (("nothing new", 1), ("a minute on", 60)):
        now += timedelta(seconds=seconds)
        found[name] = looked(seen, now)
    facts.append(new_calls(now - timedelta(hours=30), 1, agents, 10 * new))
    now += timedelta(seconds=1)
    found["one late"] = looked(seen, now)
    now += timedelta(seconds=30)
    facts.append(new_calls(now, new, agents, 20 * new, failed=True))
    found[f"{new:,} errors"] = looked(seen, now)
    now += timedelta(seconds=1)
    found["nothing after"] = looked(seen, now)
    now = (now + timedelta(hours=1)).replace(minute=0, second=1)
    found["an hour began"] = looked(seen, now)
    del found["warm-up"]
    return found


def main() -> None:
    """Print the table: looks by what was new, and by how many calls there are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 M and 5 M calls only")
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each size")
    parser.add_argument("--calls", type=int, nargs="*", help="other numbers of stored calls")
    asked = parser.parse_args()
    sizes = asked.calls or (QUICK if asked.quick else SIZES)
    if not asked.json:
        print(f"duckdb {duckdb.__version__}, {AGENTS:,} agents, {DAYS} days; ms of the processor\n")
    for size in sizes:
        looks = measured(size, AGENTS, NEW)
        if asked.json:
            print(json.dumps({"calls": size} | {name: vars(one) for name, one in looks.items()}))
        else:
            print("\n".join(_table(size, looks)) + "\n")
        sys.stdout.flush()


def _table(size: int, looks: dict[str, Look]) -> Iterator[str]:
    parts = list(dict.fromkeys(part for each in looks.values() for part in each.parts))
    yield f"{size:>12,} calls " + "".join(f"{name:>14}" for name in looks)
    for part in parts:
        cells = (each.parts.get(part, 0.0) for each in looks.values())
        yield f"{part:>18} " + "".join(f"{cell:14,.1f}" for cell in cells)
    yield f"{'whole look':>18} " + "".join(f"{each.total:14,.1f}" for each in looks.values())
    yield f"{'RSS MiB':>18} " + "".join(f"{each.rss_mib:14,}" for each in looks.values())
    slow = sorted(looks[f"{NEW:,} new"].rules.items(), key=lambda one: -one[1])[:5]
    yield "   slowest rules:  " + ", ".join(f"{name} {ms:.0f}" for name, ms in slow)


if __name__ == "__main__":
    main()
