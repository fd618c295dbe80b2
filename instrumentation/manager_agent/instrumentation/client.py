"""`CostTracker`: the manager's API as Python objects, for what instrumentation cannot know."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, ParamSpec, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

from manager_agent.instrumentation import recorder
from manager_agent.instrumentation.manager_http import ManagerError, ask, without_secrets
from manager_agent.instrumentation.records import AgentBudget, APICall, UsageStats, Usd

__all__ = ["CostTracker", "ManagerClient", "ManagerError", "cost_tracker"]

P = ParamSpec("P")
R = TypeVar("R")
Period = Literal["hour", "day", "month"]

_API = "http://127.0.0.1:5002"
_SECONDS = 10.0
_SETTLE_SECONDS = 2.0
_LIMITS = (
    "hourly_limit_usd",
    "daily_limit_usd",
    "monthly_limit_usd",
    "hourly_token_limit",
    "daily_token_limit",
    "monthly_token_limit",
    "priority",
)


class CostTracker:
    """Speaks to a manager over REST; safe to use from any thread.

    Each method has an async twin whose name begins with `a`, which leaves the event loop free. All
    raise `ManagerError` where the manager is away or refuses. Before it reads, it waits up to two
    seconds for what decorated functions of this process still have to record.
    """

    def __init__(
        self,
        api_url: str | None = None,
        token: str | None = None,
        timeout_seconds: float = _SECONDS,
    ) -> None:
        """Say whom to ask: left out, MANAGER_API_URL and MANAGER_API_TOKEN (else MANAGER_TOKEN).

        The environment is read at each request: it may be set after this. `timeout_seconds`: of
        one method, asking again included where the manager says "later".
        """
        self._api_url = api_url
        self._token = token
        self._seconds = timeout_seconds

    def __repr__(self) -> str:
        return f"CostTracker({without_secrets(self.api_url)!r})"

    @property
    def api_url(self) -> str:
        """Where the manager's API is."""
        return (self._api_url or os.environ.get("MANAGER_API_URL") or _API).rstrip("/")

    def set_agent_budget(self, budget: AgentBudget) -> dict[str, Any]:
        """Put `budget` in place of what the agent had, durably; return what holds now.

        It replaces the configured entry whole: a limit of None is no limit.
        """
        limits = {name: _plain(getattr(budget, name)) for name in _LIMITS}
        return self._ask("PUT", _budget(budget.agent_id), limits)

    def remove_agent_budget(self, agent_id: str) -> dict[str, Any]:
        """Let hold again what is configured for the agent; return what holds now."""
        return self._ask("DELETE", _budget(agent_id))

    def record_api_call(self, call: APICall) -> str:
        """Record a call, durably; return its id. The same `call.call_id` is not booked twice."""
        return str(self._ask("POST", "/api/v1/calls", body_of(call))["call_id"])

    def record_api_calls(self, calls: Sequence[APICall]) -> list[str]:
        """Record up to 200 calls together, all or none, durably; return their ids."""
        body = {"calls": [body_of(call) for call in calls]}
        return [str(each["call_id"]) for each in self._ask("POST", "/api/v1/calls", body)["calls"]]

    def check_budget_limits(self, agent_id: str, estimated_cost: Usd = 0) -> dict[str, Any]:
        """Return whether a call of `estimated_cost` USD would fit under all limits of the agent.

        Those of its groups and of the fleet count, too, and what processes hold is not left.
        `allowed`, and why: `reason`, one of `within_budget`, `over_budget`, `observed` (over a
        limit that is only watched), `no_budget`, `paused`; the limit in the way, else the one with
        the least left: `limit_name`, `unit`, `limit`, `spent`, `reserved`, `remaining`,
        `resets_at`. It is advice: nothing is reserved for who asks, so of many who ask at once all
        may be told yes.
        """
        self._settle()
        query = urlencode({"estimated_cost": str(estimated_cost)})
        return self._ask("GET", f"{_budget(agent_id)}/check?{query}")

    def get_usage_stats(self, agent_id: str, period: Period = "day") -> UsageStats:
        """Return what the agent used in the current hour, day or month of the manager's zone."""
        self._settle()
        query = urlencode({"period": period})
        path = f"/api/v1/agents/{quote(agent_id, safe='')}/usage?{query}"
        return _stats(self._ask("GET", path), period)

    def get_all_agents_usage(self, period: Period = "day") -> list[UsageStats]:
        """Return what each agent used in the current hour, day or month, by name."""
        return [_stats(each, period) for each in self._usage(period)["agents"]]

    def get_cost_summary(self, period: Period = "day") -> dict[str, Any]:
        """Return totals of all agents and each agent's cost in USD, the costliest first.

        `period`, `start`, `end`, `total_cost_usd`, `total_calls`, `failed_calls`, `total_tokens`,
        `unpriced_calls` (not in the costs), `agents`: cost by agent.
        """
        found = self._usage(period)
        each = [_stats(one, period) for one in found["agents"]]
        dearest = sorted(each, key=lambda stats: (-stats.total_cost_usd, stats.agent_id))
        return {
            "period": period,
            "start": found["start"],
            "end": found["end"],
            "total_cost_usd": float(sum(Decimal(str(stats.total_cost_usd)) for stats in each)),
            "total_calls": sum(stats.total_calls for stats in each),
            "failed_calls": sum(stats.failed_calls for stats in each),
            "total_tokens": sum(stats.total_tokens for stats in each),
            "unpriced_calls": sum(stats.unpriced_calls for stats in each),
            "agents": {stats.agent_id: stats.total_cost_usd for stats in dearest},
        }

    def get_dashboard_data(self) -> dict[str, Any]:
        """Return totals, agents with their budgets, and open alerts, as the API has them."""
        self._settle()
        return self._ask("GET", "/api/v1/manager/dashboard")

    def flush(self, seconds: float = _SETTLE_SECONDS) -> bool:
        """Wait, at most so long, until what decorated functions did is recorded; say if it is."""
        waiting = recorder.known(self)
        return waiting is None or waiting.flush(seconds)

    async def aset_agent_budget(self, budget: AgentBudget) -> dict[str, Any]:
        """Do as `set_agent_budget` does."""
        return await _aside(self.set_agent_budget, budget)

    async def aremove_agent_budget(self, agent_id: str) -> dict[str, Any]:
        """Do as `remove_agent_budget` does."""
        return await _aside(self.remove_agent_budget, agent_id)

    async def arecord_api_call(self, call: APICall) -> str:
        """Do as `record_api_call` does."""
        return await _aside(self.record_api_call, call)

    async def arecord_api_calls(self, calls: Sequence[APICall]) -> list[str]:
        """Do as `record_api_calls` does."""
        return await _aside(self.record_api_calls, calls)

    async def acheck_budget_limits(self, agent_id: str, estimated_cost: Usd = 0) -> dict[str, Any]:
        """Do as `check_budget_limits` does."""
        return await _aside(self.check_budget_limits, agent_id, estimated_cost)

    async def aget_usage_stats(self, agent_id: str, period: Period = "day") -> UsageStats:
        """Do as `get_usage_stats` does."""
        return await _aside(self.get_usage_stats, agent_id, period)

    async def aget_all_agents_usage(self, period: Period = "day") -> list[UsageStats]:
        """Do as `get_all_agents_usage` does."""
        return await _aside(self.get_all_agents_usage, period)

    async def aget_cost_summary(self, period: Period = "day") -> dict[str, Any]:
        """Do as `get_cost_summary` does."""
        return await _aside(self.get_cost_summary, period)

    async def aget_dashboard_data(self) -> dict[str, Any]:
        """Do as `get_dashboard_data` does."""
        return await _aside(self.get_dashboard_data)

    async def aflush(self, seconds: float = _SETTLE_SECONDS) -> bool:
        """Do as `flush` does."""
        return await _aside(self.flush, seconds)

    def _usage(self, period: str) -> dict[str, Any]:
        self._settle()
        return self._ask("GET", f"/api/v1/usage?{urlencode({'period': period})}")

    def _settle(self) -> None:
        """See to it that one reads what one has written; not while the manager is away."""
        waiting = recorder.known(self)
        if waiting is not None and waiting.waiting and not waiting.failing:
            waiting.flush(_SETTLE_SECONDS)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        env = os.environ
        token = self._token or env.get("MANAGER_API_TOKEN") or env.get("MANAGER_TOKEN")
        url = self.api_url + path
        return ask(method, url, body, token=token or None, seconds=self._seconds)


ManagerClient = CostTracker
cost_tracker = CostTracker()
"""A ready tracker: of MANAGER_API_URL and MANAGER_API_TOKEN, as they are when it is used."""


async def _aside(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    import asyncio  # who is here has it loaded; others need not

    return await asyncio.to_thread(function, *args, **kwargs)


def body_of(call: APICall) -> dict[str, Any]:
    """Return `call` as the API takes it; it gets an id where it has none, so it can be re-sent."""
    said = {name: _plain(value) for name, value in vars(call).items() if value is not None}
    return {"call_id": uuid4().hex, **said}


def _plain(value: Any) -> Any:
    """Return what JSON can hold: times in UTC, exact amounts as texts."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _budget(agent_id: str) -> str:
    return f"/api/v1/budgets/{quote(agent_id, safe='')}"


def _stats(said: Mapping[str, Any], period: str) -> UsageStats:
    last = said["last_call"]
    return UsageStats(
        agent_id=said["agent"],
        period=period,
        total_calls=said["calls"],
        successful_calls=said["calls"] - said["errors"],
        failed_calls=said["errors"],
        total_tokens=said["tokens"] or 0,
        total_cost_usd=said["cost_usd"] or 0.0,
        avg_response_time_ms=said["mean_duration_ms"] or 0.0,
        last_call=None if last is None else datetime.fromisoformat(last),
        unpriced_calls=said["unpriced_calls"],
    )
