"""Records as the JSON that clients see: times ISO 8601 in UTC, money a number of USD or null."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from manager_agent.analytics.questions import Row
from manager_agent.api.agents import Agent, Usage
from manager_agent.api.budgets import Checked, Source, limit_name
from manager_agent.api.standing import Standing
from manager_agent.api.usage import UsageStats
from manager_agent.contract.budget import Limits
from manager_agent.contract.money import usd
from manager_agent.control.views import HolderView, PauseView
from manager_agent.rules.alert import AlertRow

Json = dict[str, Any]


def instant(moment: datetime | None) -> str | None:
    """Return `moment` like `2026-01-31T12:00:00.500000Z`, None for None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def usage(found: Usage) -> Json:
    """Return totals of a window."""
    return {
        "cost_usd": _number(found.cost_usd),
        "calls": found.calls,
        "tokens": found.tokens,
        "success_rate": found.success_rate,
        "unpriced_calls": found.unpriced_calls,
    }


def agent(found: Agent) -> Json:
    """Return one agent."""
    return {
        "agent": found.name,
        "health": found.health,
        "priority": found.priority,
        "budgets": [budget(row) for row in found.budgets],
        "breaker": found.breaker,
        "calls_last_minute": found.calls_last_minute,
        "success_rate": found.hour.success_rate,
        "last_seen": instant(found.last_seen),
        "last_error": found.last_error,
        "paused": found.paused,
        "hour": usage(found.hour),
    }


def budget(row: Standing) -> Json:
    """Return one limit; USD as numbers, tokens as integers. `spent` includes `in_doubt`.

    `added` is what people let be spent beyond `limit`, each until a time; `left` counts it in.
    """
    return {
        "period": row.period,
        "unit": row.unit,
        "limit": _amount(row, row.limit),
        "spent": _amount(row, row.spent),
        "reserved": _amount(row, row.reserved),
        "in_doubt": _amount(row, row.in_doubt),
        "left": _amount(row, max(0, row.left)),
        "added": [
            {"amount": _amount(row, one.amount), "until": instant(one.until), "by": one.by}
            for one in row.added
        ],
        "resets_at": instant(row.resets_at),
        "unpriced_calls": row.unpriced_calls,
    }


def limits(found: Limits | None) -> Json:
    """Return the limits of an entry, and how they bind; null without one."""
    held = Limits() if found is None else found
    return {
        "hourly_limit_usd": _number(held.hourly_limit_usd),
        "daily_limit_usd": _number(held.daily_limit_usd),
        "monthly_limit_usd": _number(held.monthly_limit_usd),
        "hourly_token_limit": held.hourly_token_limit,
        "daily_token_limit": held.daily_token_limit,
        "monthly_token_limit": held.monthly_token_limit,
        "enforcement": None if found is None else found.enforcement,
    }


def budget_entry(
    agent: str, source: Source, entry: Limits | None, rows: Sequence[Standing]
) -> Json:
    """Return the entry that holds for an agent, and its limits with what was spent of them."""
    return {
        "agent": agent,
        "source": source,
        **limits(entry),
        "priority": None if entry is None else entry.priority,
        "budgets": [budget(row) for row in rows],
    }


def check(agent: str, found: Checked, rows: Sequence[Standing], estimated_nano: int) -> Json:
    """Return whether a call would fit, and the limit that decided it; null without limits."""
    row = found.row
    shown = None if row is None else budget(row)
    return {
        "agent": agent,
        "allowed": found.allowed,
        "reason": found.reason,
        "limit_name": None
        if row is None
        else f"{limit_name(row)} of {row.scope} {row.name}".strip(),
        "unit": shown and shown["unit"],
        "limit": shown and shown["limit"],
        "spent": shown and shown["spent"],
        "reserved": shown and shown["reserved"],
        "remaining": shown and shown["left"],
        "resets_at": shown and shown["resets_at"],
        "estimated_cost_usd": float(usd(estimated_nano)),
        "budgets": [budget(each) for each in rows],
    }


def holder(found: HolderView) -> Json:
    """Return one process that may spend."""
    return {
        "holder": found.holder,
        "host": found.host,
        "pid": found.pid,
        "guard_version": found.guard_version,
        "environment": found.environment or None,
        "connected": found.connected,
        "agents": list(found.agents),
        "held_usd": float(usd(found.held_nano)),
        "held_tokens": found.held_tokens,
        "opened_at": moment_of(found.opened_us),
        "heard_at": moment_of(found.heard_us),
    }


def pause(found: PauseView) -> Json:
    """Return something that is paused."""
    return {
        "scope": found.scope,
        "name": found.name or None,
        "paused": True,
        "why": found.reason or None,
        "by": found.by or None,
        "since": moment_of(found.since_us),
    }


def stats(found: UsageStats) -> Json:
    """Return what an agent used in a window."""
    return {
        "agent": found.agent,
        "calls": found.calls,
        "errors": found.errors,
        "tokens": found.tokens,
        "cost_usd": _number(found.cost_usd),
        "unpriced_calls": found.unpriced_calls,
        "mean_duration_ms": found.mean_ms,
        "last_call": instant(found.last_call),
    }


def _amount(row: Standing, amount: int) -> float | int:
    return float(usd(amount)) if row.unit == "usd" else amount


def alert(row: AlertRow) -> Json:
    """Return one alert, its evidence as an object."""
    return {
        "alert_id": row.alert_id,
        "ts": instant(row.ts),
        "rule": row.rule,
        "agent": row.agent,
        "severity": row.severity,
        "state": row.state,
        "title": row.title,
        "message": row.message,
        "resolved_ts": instant(row.resolved_ts),
        "evidence": json.loads(row.evidence_json),
        "reason": row.reason,
        "changed_at": instant(row.changed_ts),
        "muted": row.muted_by and {"by": row.muted_by, "why": row.muted_why},
        "silenced": row.silenced_by,
    }


def call(row: Row) -> Json:
    """Return one row of llm_calls."""
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return _number(value) if isinstance(value, Decimal) else value


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def moment_of(micros: int | None) -> str | None:
    """Return microseconds since 1970 as `instant` does."""
    if micros is None:
        return None
    return instant(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))
