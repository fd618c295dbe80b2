"""A finding of each rule of the catalog, made by the rule itself from little more than it needs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from math import log1p
from typing import Any

import polars as pl

from manager_agent.analytics.creep import creep
from manager_agent.analytics.frames import HOURS, Frames, Thresholds
from manager_agent.contract.budget import BudgetPolicy, Limits
from manager_agent.rules.finding import Finding
from manager_agent.rules.registry import catalog
from manager_agent.rules.testing import NOW, budget, frames, guarded, unpriced

Rows = list[dict[str, Any]]

_HOUR = NOW.replace(minute=0)
_TODAY = NOW.replace(hour=0, minute=0)
_DOLLAR = 10**9


def _ago(**of: float) -> datetime:
    return NOW - timedelta(**of)


def _spike() -> Frames:
    who = {"agent": "a1", "provider": "openai", "model": "gpt-4o"}
    sums = {"calls": 1, "input_tokens": 100, "output_tokens": 10, "cost": _DOLLAR}
    usual = {"expected": _DOLLAR, "centre": log1p(20), "scale": 0.15, "precedent": 0}
    weights = {f"weight_{of}": 1.0 for of in ("input", "cache_read", "cache_write", "output")}
    blank = {"cache_read_tokens": 0, "cache_write_tokens": 0}
    return frames(
        minutes=[{"ts": _ago(minutes=5 * n), **who, **sums} for n in range(12)],
        baselines=[
            {
                "ts": _HOUR - timedelta(hours=n),
                "agent": "a1",
                "basis": "week",
                "samples": 4,
                **usual,
            }
            for n in (0, 1)
        ],
        references=[{**who, **sums, **blank, **weights, "hours": 4}],
        calls=[{"ts": NOW, **who, "conversation_id": "c", "cost": _DOLLAR, "status": "ok"}],
    )


def _creep() -> Frames:
    rows: Rows = [
        {
            "ts": _TODAY - timedelta(days=ago, hours=-12),
            "agent": "a1",
            "provider": "openai",
            "model": "m",
            "calls": 50,
            "input_tokens": 50_000 if ago > 7 else 150_000,
            "output_tokens": 5_000,
            "cache_read_tokens": 30_000,
            "cost": (5 if ago > 7 else 15) * _DOLLAR,
        }
        for ago in range(1, 40)
    ]
    return frames(creep=creep(pl.DataFrame(rows, schema=HOURS), NOW).to_dicts())


def _forecast() -> Frames:
    rhythm = {"agent": "a1", "centre": log1p(20), "scale": 0.1, "basis": "week"}
    return frames(
        budgets=[budget("a1", "day", spent=5, limit=10)],
        baselines=[{"ts": _HOUR + timedelta(hours=n), **rhythm} for n in range(24)],
    )


def _burn() -> Frames:
    used = {"agent": "a1", "calls": 5, "cost": 4 * _DOLLAR, "input_tokens": 1}
    return frames(
        budgets=[budget("a1", "day", spent=16, limit=24)],
        minutes=[{"ts": _ago(minutes=ago), **used} for ago in (50, 2)],
    )


def _loop() -> Frames:
    step = {"agent": "a1", "trace_id": "t1", "tool": "search", "duration_ms": 50.0, "status": "ok"}
    same = {"arguments_digest": "x", "result_digest": "y"}
    return frames(tools=[{**step, **same, "ts": _ago(seconds=60 - 4 * n)} for n in range(12)])


def _breaker() -> Frames:
    of = {"provider": "openai", "family": "gpt-4o", "openings": 1, "failures": 0}
    when = {"since": NOW, "until": NOW + timedelta(minutes=5)}
    row = {"key": "openai/gpt-4o", "state": "open", "reason": "5 failures in a row"}
    return frames(breakers=[{**row, **of, **when}])


def _run() -> Frames:
    run = {"agent": "a1", "run_is": "conversation", "run": "c1", "cost": 9 * 10**9, "calls": 9}
    when = {"since": _ago(minutes=9), "last": NOW}
    return frames(runs=[{**run, **when, "earlier": 40, "typical": 10**8, "dearest": 10**9}])


def _issue() -> Frames:
    what = {"issue_id": "i1", "kind": "bad_request", "provider": "openai", "state": "new"}
    words = {"title": "t", "tldr": "t", "cause": "no such field", "action": "correct the request"}
    sums = {"count": 5, "last_day": 5, "cost": 0, "unpriced": 0, "priority": 3, "regressions": 0}
    seen = {"first_seen": _ago(hours=1), "last_seen": NOW, "agents": ["a1"], "transient": False}
    return frames(issues=[{**what, **words, **sums, **seen}])


def _pattern() -> Frames:
    call = {
        "ts": _ago(minutes=4),
        "provider": "anthropic",
        "model": "claude-sonnet-4-5-20250929",
        "status": "error",
        "http_status": 529,
        "error_message": "Overloaded",
    }
    return frames(calls=[{**call, "agent": agent} for agent in "ab" for _ in range(6)])


def _pool() -> Frames:
    limit = {"scope": "group", "name": "research", "period": "day", "unit": "usd"}
    sums = {"limit": 50 * _DOLLAR, "spent": 41 * _DOLLAR, "unpriced_calls": 0, "priority": 3}
    span = {"window_start": _TODAY, "resets_at": _TODAY + timedelta(days=1), "enforcement": "hard"}
    return frames(pools=[{**limit, **sums, **span, "agents": ["a1"], "spenders": ["a1"]}])


def _slow() -> Frames:
    who = {"agent": "a1", "provider": "openai", "model": "gpt-4o"}
    call = {**who, "ts": _ago(minutes=5), "status": "ok", "duration_ms": 5000.0}
    past = {**who, "ts": _ago(hours=6), "calls": 100, "duration_ms": 200_000.0}
    return frames(calls=[call] * 20, hours=[past])


def _failed(calls: int, errors: int) -> Frames:
    of = {"agent": "a1", "calls": calls, "errors": errors}
    return frames(minutes=[{"ts": _ago(minutes=3), **of}])


def _threshold() -> Frames:
    called = {"agent": "a1", "model": "m", "calls": 1}
    costs = (3, 1, 1, 1)
    return frames(
        hours=[
            {"ts": _HOUR - timedelta(hours=back), **called, "cost": cost * _DOLLAR}
            for back, cost in enumerate(costs)
        ],
        thresholds=Thresholds(cost_spike_percentage=20.0),
    )


def _burst() -> Frames:
    calls = [{"agent": "a1", "ts": _ago(seconds=40 - n), "cost": 10**6} for n in range(20)]
    return frames(calls=calls, thresholds=Thresholds(infinite_loop_calls_per_minute=10))


def _spent(policy: BudgetPolicy) -> Frames:
    return frames(hours=[{"ts": _ago(hours=1), "agent": "a1", "cost": 2 * _DOLLAR}], policy=policy)


def _retired() -> Frames:
    of = {"provider": "anthropic", "model": "claude-3-opus-20240229", "calls": 7}
    return frames(hours=[{"ts": NOW, "agent": "a1", **of}])


def _silent() -> Frames:
    each = [{"ts": _HOUR - timedelta(hours=n), "agent": "a1", "calls": 5} for n in range(3, 49)]
    return frames(hours=each)


def _gap() -> Frames:
    span = {"since": _ago(minutes=23), "until": _ago(minutes=3)}
    return frames(told=[{"agent": "a1", "calls": 100, **span}])


_CLOCK = {"agent": "a1", "calls": 9, "least_ms": -300_000, "most_ms": -290_000}
_DROP = {"kind": "denied", "reason": "missing", "number": 28}
_HEALTH = {"trouble": "disk", "about": "", "said": "s"}

_OTHERS = BudgetPolicy(agents={"b": Limits(daily_limit_usd=Decimal(5))})

SEEN: Mapping[str, tuple[Frames, ...]] = {
    "budget": (
        frames(budgets=[budget("a1", "hour", spent=1, limit=1)]),
        frames(budgets=[budget("a1", "day", spent=9, limit=9, unit="tokens")]),
    ),
    "budget_drift": (frames(guarded=[guarded(3, 1, 1)]),),
    "budget_forecast": (_forecast(),),
    "burn_rate": (_burn(),),
    "circuit_breaker": (_breaker(),),
    "clock_skew": (frames(clocks=[_CLOCK]),),
    "cost_spike": (_spike(),),
    "cost_spike_threshold": (_threshold(),),
    "creep": (_creep(),),
    "deprecated_model": (_retired(),),
    "error_burst": (_failed(40, 40),),
    "error_issue": (_issue(),),
    "failure_pattern": (_pattern(),),
    "infinite_loop": (_loop(),),
    "infinite_loop_threshold": (_burst(),),
    "manager_trouble": (frames(health=[_HEALTH]),),
    "pool_exhaustion": (_pool(),),
    "receiver_drops": (frames(drops=[_DROP]),),
    "run_cost": (_run(),),
    "silent_agent": (_silent(),),
    "slow_model": (_slow(),),
    "success_rate": (_failed(100, 20),),
    "telemetry_gap": (_gap(),),
    "unbudgeted_agent": (_spent(_OTHERS), _spent(BudgetPolicy())),
    "unpriced_model": (frames(unpriced=[unpriced("openai", "gpt-9")]),),
}


def found(rule: str) -> list[Finding]:
    """Return what the rule of that name finds in each of its frames; it must find something."""
    each = [list(catalog()[rule]().find(seen, NOW)) for seen in SEEN[rule]]
    assert all(each), f"{rule} finds nothing in its frames of tests/delivery/found.py"
    return [finding for findings in each for finding in findings]
