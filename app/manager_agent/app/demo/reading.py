"""What the screen shows, read from the manager's REST API and from nowhere else."""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from manager_agent.rules.message import Message, State

DASHBOARD = "/api/v1/manager/dashboard"
SUGGESTIONS = "/api/v1/suggestions"
TIMEOUT_SECONDS = 5.0
# The machine's proxies have no business between two processes of it.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent, USD and tokens; None: no limit, or not known.

    `spent` is of the month, as its budget counts it; without a budget of the hour, as `calls` and
    `tokens` are. `success_rate` is 0 to 1. `last_seen` is UTC.
    """

    agent: str
    spent: Decimal
    limit: Decimal | None
    calls: int
    tokens: int | None
    success_rate: float | None
    last_seen: datetime | None


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the dashboard. `cost`, `calls`, `tokens` are this month's over all agents.

    `alerts`: oldest first, one `key` for each severity and state that an alert has had.
    """

    cost: Decimal
    calls: int
    tokens: int
    agents: Sequence[AgentRow] = ()
    alerts: Sequence[Message] = ()


EMPTY = Reading(Decimal(0), 0, 0)


def fetch(api_url: str) -> Reading:
    """Return the dashboard of the manager at `api_url`; raises `OSError` where it is not there."""
    with _direct.open(api_url + DASHBOARD, timeout=TIMEOUT_SECONDS) as answer:
        return parse(json.load(answer))


@dataclass(frozen=True, slots=True)
class Saving:
    """What could be cheaper; `low` and `high`: USD a month."""

    kind: str
    agent: str
    model: str
    low: Decimal
    high: Decimal


def savings(api_url: str) -> Sequence[Saving]:
    """Return what the manager suggests, the largest first; raises `OSError`."""
    with _direct.open(api_url + SUGGESTIONS, timeout=TIMEOUT_SECONDS) as answer:
        return [_saving(one) for one in json.load(answer)["suggestions"]]


def _saving(entry: Mapping[str, Any]) -> Saving:
    low, high = entry["saves_low_usd_per_month"], entry["saves_high_usd_per_month"]
    return Saving(entry["kind"], entry["agent"], entry["model"], _usd(low), _usd(high))


def parse(dashboard: Mapping[str, Any]) -> Reading:
    """Return a dashboard's JSON as a `Reading`; agents sorted by name."""
    month = dashboard["totals"]["month"]
    agents = sorted(map(_agent, dashboard["agents"]), key=lambda row: row.agent)
    return Reading(
        cost=_usd(month["cost_usd"]),
        calls=int(month["calls"] or 0),
        tokens=int(month["tokens"] or 0),
        agents=tuple(agents),
        alerts=tuple(sorted(map(_alert, dashboard["alerts"]), key=lambda alert: alert.ts)),
    )


def _agent(entry: Mapping[str, Any]) -> AgentRow:
    hour = entry["hour"]
    budgets = [b for b in entry["budgets"] if (b["period"], b["unit"]) == ("month", "usd")]
    return AgentRow(
        agent=entry["agent"],
        spent=_usd(budgets[0]["spent"] if budgets else hour["cost_usd"]),
        limit=_usd(budgets[0]["limit"]) if budgets else None,
        calls=int(hour["calls"]),
        tokens=hour["tokens"],
        success_rate=entry["success_rate"],
        last_seen=_time(entry["last_seen"]),
    )


def _alert(entry: Mapping[str, Any]) -> Message:
    """Return an alert as the message people got of it: delivery has the words."""
    alert_id = str(entry.get("alert_id") or entry["title"])
    state: State = "resolved" if entry.get("state") == "resolved" else "firing"
    evidence = entry.get("evidence") or {}
    return Message(
        key="|".join((alert_id, entry["severity"], state)),
        alert_id=alert_id,
        kind=entry.get("rule") or "alert",
        state=state,
        severity=entry["severity"],
        agent=entry["agent"],
        headline=entry["message"],
        ts=_moment(entry["ts"]),
        facts=json.loads(evidence) if isinstance(evidence, str) else evidence,
    )


def _usd(value: object) -> Decimal:
    return Decimal(str(value or 0))


def _time(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
