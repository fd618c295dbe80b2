"""Frames: what a rule may see. Types only, so that rules never load a database."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from manager_agent.analytics.remembered import Remembered
from manager_agent.contract.budget import BudgetPolicy, Enforcement, Unit
from manager_agent.contract.window import Period

_TIME = pl.Datetime("us", "UTC")

BUDGETS = pl.Schema(
    {
        "agent": pl.String(),
        "period": pl.String(),  # hour, day, month
        "unit": pl.String(),  # usd, tokens
        "limit": pl.Int64(),  # nano-USD or tokens, by unit
        "spent": pl.Int64(),  # in the window so far; nano-USD or tokens
        "window_start": _TIME,
        "resets_at": _TIME,  # the window's end
        "unpriced_calls": pl.Int64(),  # calls in it whose cost is unknown: spent is a lower bound
        "priority": pl.Int64(),  # of the agent: 1 critical, 2 high, 3 medium, 4 low
        "enforcement": pl.String(),  # hard, firm, soft, observe
    }
)

UNPRICED = pl.Schema(
    {
        "provider": pl.String(),
        "model": pl.String(),
        "agents": pl.List(pl.String()),  # who called it, in order of name
        "calls": pl.Int64(),  # at unknown cost, in the last 24 hours
        "input_tokens": pl.Int64(),  # of the minutes that hold such calls
        "output_tokens": pl.Int64(),
        "first_seen": _TIME,  # minute of the first and last such call in the last 24 hours
        "last_seen": _TIME,
    }
)

GUARDED = pl.Schema(
    {
        "scope": pl.String(),  # agent, group, fleet
        "name": pl.String(),  # "" for the fleet
        "period": pl.String(),  # hour, day, month
        "unit": pl.String(),  # usd, tokens; what follows is in nano-USD or tokens
        "ledger": pl.Int64(),  # what guards reported as spent in the window so far
        "receipts": pl.Int64(),  # what spans say that their guards charged; as `spans` for tokens
        "spans": pl.Int64(),  # what these spans' calls cost
        "recent": pl.Int64(),  # spent in the last minutes, of which either side may not know yet
        "window_start": _TIME,
        "resets_at": _TIME,
    }
)

_USAGE: dict[str, pl.DataType] = {
    "ts": _TIME,  # start of the bucket
    "agent": pl.String(),
    "provider": pl.String(),
    "model": pl.String(),
    "calls": pl.Int64(),
    "errors": pl.Int64(),
    "input_tokens": pl.Int64(),
    "output_tokens": pl.Int64(),
    "cache_read_tokens": pl.Int64(),
    "cache_write_tokens": pl.Int64(),
    "cost": pl.Int64(),  # nano-USD, of the calls whose cost is known
    "unpriced_calls": pl.Int64(),
    "duration_ms": pl.Float64(),  # sum over the calls
}
HOURS = pl.Schema(_USAGE)
MINUTES = pl.Schema(_USAGE)

CALLS = pl.Schema(
    {
        "call_id": pl.String(),
        "ts": _TIME,  # start of the call
        "duration_ms": pl.Float64(),
        "agent": pl.String(),
        "environment": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),  # the response's, else the request's
        "operation": pl.String(),
        "input_tokens": pl.Int64(),  # NULL where unknown, as are those below
        "output_tokens": pl.Int64(),
        "cache_read_tokens": pl.Int64(),
        "cache_write_tokens": pl.Int64(),
        "reasoning_tokens": pl.Int64(),
        "cost": pl.Int64(),  # nano-USD
        "status": pl.String(),  # ok, error
        "error_type": pl.String(),
        "error_message": pl.String(),  # secrets masked
        "http_status": pl.Int64(),
        "finish_reason": pl.String(),
        "conversation_id": pl.String(),
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "prompt_digest": pl.String(),  # of the whole request
        "guarded": pl.Boolean(),
        "turn_digest": pl.String(),  # of the last answer in the request, and what followed it
    }
)

TOOLS = pl.Schema(
    {
        "ts": _TIME,  # start
        "duration_ms": pl.Float64(),
        "agent": pl.String(),
        "tool": pl.String(),
        "status": pl.String(),  # ok, error
        "error_type": pl.String(),
        "error_message": pl.String(),
        "arguments_digest": pl.String(),
        "result_digest": pl.String(),
        "conversation_id": pl.String(),
        "trace_id": pl.String(),
    }
)

BASELINES = pl.Schema(
    {
        "ts": _TIME,  # start of the hour: the present one, some before, and the next day's
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),  # NULL: all models of the agent together
        "expected": pl.Int64(),  # nano-USD; what the hour normally costs
        "centre": pl.Float64(),  # log1p of expected in units of five cents
        "scale": pl.Float64(),  # of the logarithm: one standard deviation, robustly; NULL: unknown
        "precedent": pl.Int64(),  # nano-USD; what was seen at this time, of `idle`, `low` at any
        "basis": pl.String(),  # week, day, idle, low: see analytics/baseline.py
        "samples": pl.Int64(),  # hours that it rests on
        "first": _TIME,  # hour of the first call in six weeks
    }
)

REFERENCES = pl.Schema(
    {
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),
        "hours": pl.Int64(),  # that the sums below are of
        "calls": pl.Int64(),
        "input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "cache_read_tokens": pl.Int64(),
        "cache_write_tokens": pl.Int64(),
        "cost": pl.Int64(),  # nano-USD
        "weight_input": pl.Float64(),  # what tokens cost beside each other, at list prices
        "weight_cache_read": pl.Float64(),
        "weight_cache_write": pl.Float64(),
        "weight_output": pl.Float64(),
    }
)

POOLS = pl.Schema(
    {
        "scope": pl.String(),  # group, fleet
        "name": pl.String(),  # "" for the fleet
        "period": pl.String(),  # hour, day, month
        "unit": pl.String(),  # usd, tokens
        "limit": pl.Int64(),  # nano-USD or tokens, by unit
        "spent": pl.Int64(),  # in the window so far, of all its agents
        "window_start": _TIME,
        "resets_at": _TIME,
        "unpriced_calls": pl.Int64(),
        "priority": pl.Int64(),
        "enforcement": pl.String(),
        "agents": pl.List(pl.String()),  # who spend from it; NULL: all
        "spenders": pl.List(pl.String()),  # those who spent most of it, the most first
    }
)

ISSUES = pl.Schema(
    {
        "issue_id": pl.String(),
        "kind": pl.String(),  # auth, quota, rate_limit, ... as rules/issues/kinds.py has them
        "state": pl.String(),  # new, ongoing, regressed
        "title": pl.String(),
        "tldr": pl.String(),
        "cause": pl.String(),  # the masked message of most of its errors
        "action": pl.String(),  # one thing to do
        "transient": pl.Boolean(),  # whether errors of this kind often pass by themselves
        "provider": pl.String(),  # NULL where it is no provider's, as are those below
        "family": pl.String(),
        "tool": pl.String(),
        "http_status": pl.Int64(),
        "agents": pl.List(pl.String()),  # the one with most errors first
        "first_seen": _TIME,
        "last_seen": _TIME,
        "count": pl.Int64(),
        "last_day": pl.Int64(),  # errors of the last 24 hours
        "cost": pl.Int64(),  # nano-USD of its failed calls, as far as it is known
        "unpriced": pl.Int64(),  # failed calls of unknown cost
        "priority": pl.Int64(),  # 1 critical to 4 low
        "regressions": pl.Int64(),  # how often it came back after it was resolved
    }
)

CREEP = pl.Schema(
    {
        "agent": pl.String(),
        "provider": pl.String(),
        "model": pl.String(),
        "week_calls": pl.Int64(),  # in the last seven complete days
        "week_cost": pl.Int64(),  # nano-USD, of these
        # Smoothed (EWMA) up to yesterday, and up to two weeks before that:
        "now_cost_per_call": pl.Float64(),  # nano-USD
        "then_cost_per_call": pl.Float64(),
        "now_input_tokens_per_call": pl.Float64(),
        "then_input_tokens_per_call": pl.Float64(),
        "now_output_tokens_per_call": pl.Float64(),
        "then_output_tokens_per_call": pl.Float64(),
        "now_cached_share": pl.Float64(),  # of the input, 0 to 1; NULL without input
        "then_cached_share": pl.Float64(),
    }
)

BREAKERS = pl.Schema(
    {
        "key": pl.String(),  # as people write it
        "agent": pl.String(),  # NULL for one of a provider's model family
        "provider": pl.String(),  # NULL for one of an agent, as family is
        "family": pl.String(),
        "state": pl.String(),  # closed, open, half_open
        "reason": pl.String(),
        "since": _TIME,  # NULL where it never changed
        "until": _TIME,  # when calls are tried again, of one that is open by itself
        "openings": pl.Int64(),  # without having closed for good in between
        "failures": pl.Int64(),  # in a row
        "held_by": pl.String(),  # NULL where people do not hold it
    }
)

RUNS = pl.Schema(
    {
        "agent": pl.String(),
        "run_is": pl.String(),  # conversation, or trace where the agent names none
        "run": pl.String(),  # its id
        "cost": pl.Int64(),  # nano-USD so far, of the calls whose cost is known; these are `calls`
        "calls": pl.Int64(),
        "since": _TIME,  # start of the first call
        "last": _TIME,  # end of the last
        "earlier": pl.Int64(),  # runs of the agent that are over, the last 200
        "typical": pl.Int64(),  # nano-USD; their median, NULL without any
        "dearest": pl.Int64(),  # nano-USD; of them
    }
)

CLOCKS = pl.Schema(
    {
        "agent": pl.String(),
        "calls": pl.Int64(),  # told of in the last ten minutes
        # Between the end of a call, by its sender's clock, and its arrival by ours; negative: its
        # end is still to come.
        "least_ms": pl.Int64(),
        "most_ms": pl.Int64(),
    }
)

TOLD = pl.Schema(
    {
        "agent": pl.String(),
        "calls": pl.Int64(),  # that guards told to have ended in this stretch
        "since": _TIME,
        "until": _TIME,
    }
)

DROPS = pl.Schema(
    {
        "kind": pl.String(),  # items: spans, records, points; requests; denied: requests unread
        "reason": pl.String(),
        "number": pl.Int64(),  # in the last ten minutes
    }
)

HEALTH = pl.Schema(
    {
        "trouble": pl.String(),  # disk, facts, budgets, rule, delivery, snapshot, slow
        "about": pl.String(),  # which of them: a rule's name; else empty
        "said": pl.String(),  # what is wrong, in a sentence
    }
)


def _none_of(schema: pl.Schema) -> Callable[[], pl.DataFrame]:
    return lambda: pl.DataFrame(schema=schema)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One limit in its present window as the budget ledger has it.

    `scope`: agent, group, fleet. `agents`: who spends from it, None being all. `guarded`: spent as
    guards reported it, nano-USD or tokens.
    """

    scope: str
    name: str
    period: Period
    unit: Unit
    agents: frozenset[str] | None
    guarded: int
    window_start: datetime
    resets_at: datetime


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One limit of one agent with what was spent of it, a row of `Frames.budgets`.

    `limit`, `spent`: nano-USD or tokens, by `unit`. `window_start`, `resets_at`: UTC.
    `unpriced_calls`: calls in the window whose cost is unknown; they make a `spent` in USD a lower
    bound. `priority`, `enforcement`: the agent's, as in `Limits`.
    """

    agent: str
    period: Period
    unit: Unit
    limit: int
    spent: int
    window_start: datetime
    resets_at: datetime
    unpriced_calls: int
    priority: int
    enforcement: Enforcement


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The simple limits on behaviour, as people named them under `thresholds`.

    `cost_spike_percentage`, `infinite_loop_calls_per_minute`: None where the configuration does not
    name the key, and then nothing is to be told of it. `max_consecutive_failures`: always there.
    """

    cost_spike_percentage: float | None = None
    infinite_loop_calls_per_minute: int | None = None
    max_consecutive_failures: int = 5


@dataclass(frozen=True, slots=True)
class Frames:
    """The world at one moment, as small tables taken from rollups.

    `budgets` (schema `BUDGETS`): one row a limit of an agent that was seen or is configured.
    `unpriced` (schema `UNPRICED`): one row a provider and model that no price is known for.
    `policy`: how budgets are configured: when to warn, in whose time zone.
    `guarded` (schema `GUARDED`): one row a limit that guards spend from: the ledger's sum of it and
    that of the spans.
    `hours` (schema `HOURS`): usage by clock hour (UTC) of the last 49 hours, the present one last.
    `minutes` (schema `MINUTES`): usage by minute of the last two hours.
    `baselines` (schema `BASELINES`): what hours around the present one normally cost.
    `references` (schema `REFERENCES`): what was used in the hours that baselines rest on.
    `pools` (schema `POOLS`): one row a limit of a group or of the fleet, as spans have it.
    `creep` (schema `CREEP`): what a call of a model costs an agent now, and weeks ago.
    `calls` (schema `CALLS`), `tools` (schema `TOOLS`): those that began in the last hour, in order
    of `ts`; at most the newest 200,000.
    `thresholds`: the simple limits that people named.
    `issues` (schema `ISSUES`): groups of similar errors that are not resolved.
    `breakers` (schema `BREAKERS`): circuit breakers that are not closed, and those that count.
    `runs` (schema `RUNS`): the dearest runs of the last half hour, with what they cost so far.

    What a running manager alone knows, and a replay does not:
    `clocks` (schema `CLOCKS`): how far senders' times are from those of arrival.
    `told` (schema `TOLD`): how many calls guards told of.
    `drops` (schema `DROPS`): what the receiver refused or did not understand.
    `health` (schema `HEALTH`): what is wrong with the manager itself.

    `remembered`: what was made of equal tables before, so that rules need not work out again what
    did not change: `frames.remembered.once(_sums, frames.hours)` is `_sums(frames.hours)`.
    """

    budgets: pl.DataFrame
    unpriced: pl.DataFrame
    policy: BudgetPolicy
    guarded: pl.DataFrame = field(default_factory=_none_of(GUARDED))
    hours: pl.DataFrame = field(default_factory=_none_of(HOURS))
    minutes: pl.DataFrame = field(default_factory=_none_of(MINUTES))
    calls: pl.DataFrame = field(default_factory=_none_of(CALLS))
    tools: pl.DataFrame = field(default_factory=_none_of(TOOLS))
    thresholds: Thresholds = field(default_factory=Thresholds)
    baselines: pl.DataFrame = field(default_factory=_none_of(BASELINES))
    references: pl.DataFrame = field(default_factory=_none_of(REFERENCES))
    pools: pl.DataFrame = field(default_factory=_none_of(POOLS))
    issues: pl.DataFrame = field(default_factory=_none_of(ISSUES))
    creep: pl.DataFrame = field(default_factory=_none_of(CREEP))
    breakers: pl.DataFrame = field(default_factory=_none_of(BREAKERS))
    runs: pl.DataFrame = field(default_factory=_none_of(RUNS))
    clocks: pl.DataFrame = field(default_factory=_none_of(CLOCKS))
    told: pl.DataFrame = field(default_factory=_none_of(TOLD))
    drops: pl.DataFrame = field(default_factory=_none_of(DROPS))
    health: pl.DataFrame = field(default_factory=_none_of(HEALTH))
    remembered: Remembered = field(default_factory=Remembered, compare=False, repr=False)
