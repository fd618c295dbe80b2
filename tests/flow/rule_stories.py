"""What has each rule of the catalog fire and be over, as agents and guards would tell it."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from manager_agent.contract.attributes import GUARDED, HOLDER, SETTLED_NANO, USD_LEASE
from manager_agent.contract.guard import Hello, Outcomes
from tests.harness.otlp import Sending, hex_id, llm
from tests.harness.scripted import Scripted, ns

START = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
"""A Tuesday."""

CONFIG: dict[str, Any] = {
    "agent_budgets": {
        "budgeted": {"hourly_limit_usd": 1.0},
        "drifting": {"hourly_limit_usd": 1.0},
        "burner": {"monthly_limit_usd": 10.0, "priority": 2},
        "rhythmic": {"daily_limit_usd": 3.0},
    },
    "groups": {"team": {"agents": ["pooled"], "monthly_limit_usd": 4.0}},
    "thresholds": {"cost_spike_percentage": 20.0, "infinite_loop_calls_per_minute": 20},
    "breaker": {"base_open_seconds": 120, "max_open_seconds": 120},
    "rules": {"run_cost": {"usd_of": {"dear": 0.3}}},
}

DIME = llm("gpt-4o", (20_000, 5_000))
"""20,000 x $2.50/M + 5,000 x $10/M."""
CHEAP = llm("gpt-4o-mini", (1000, 100))

_HOUR = 60.0
_DAY = 24 * _HOUR
_CHANCE = random.Random(7)


@dataclass(frozen=True, slots=True)
class Story:
    """`rule` fires for `agent`; `calls` are sent once they are over, all in minutes from the start.

    `act`: what else is done at which minute. `told_over`: whether people hear that it is over.
    """

    rule: str
    agent: str | None
    calls: tuple[Sending, ...] = ()
    act: Mapping[int, Callable[[Scripted], None]] = field(default_factory=dict)


def call(agent: str, minute: float, seconds: float = 1.0, **said: Any) -> Sending:
    """Return a call that began at a minute from the start. `said`: attributes, and `error`."""
    error = said.pop("error", None)
    attributes = said.pop("attributes", CHEAP)
    at = START + timedelta(minutes=minute)
    return Sending(
        *(said.pop("trace", hex_id(_CHANCE, 32)), hex_id(_CHANCE, 16), ns(at)),
        duration_ns=int(seconds * 1e9),
        attributes={**attributes, **said},
        service=agent,
        error=error,
    )


def hourly(agent: str, first: int, last: int, count: int = 1, **said: Any) -> list[Sending]:
    """Return calls in each clock hour from `first` to `last` hours before the start."""
    return [
        call(agent, -back * _HOUR + 10 * n, **said)
        for back in range(first, last - 1, -1)
        for n in range(count)
    ]


def burst(agent: str, count: int, /, minute: float = 0, **said: Any) -> list[Sending]:
    """Return calls that follow each other within a minute or two."""
    return [call(agent, minute + n / 20, **said) for n in range(count)]


def failing(agent: str, count: int, kind: str, text: str, **said: Any) -> list[Sending]:
    more: dict[str, Any] = {"error.type": kind, **said}
    return burst(agent, count, error=text, **more)


def _creeping() -> Iterator[Sending]:
    """Prompts that double ten days ago; fifteen calls a day."""
    for day in range(30, 0, -1):
        tokens = (80_000, 1000) if day <= 10 else (30_000, 1000)
        for n in range(15):
            yield call("creeper", -day * _DAY + 20 * n, attributes=llm("gpt-4o", tokens))


def _looping() -> Iterator[Sending]:
    trace = hex_id(_CHANCE, 32)
    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.arguments": '{"q": "weather"}',
        "gen_ai.tool.call.result": "nothing",
    }
    for n in range(8):
        asked = llm("gpt-4o-mini", (1000 + 137 * n, 20 + n % 7))
        asked["gen_ai.input.messages"] = json.dumps([{"role": "user", "content": f"turn {n}"}])
        yield call("looper", n / 15, trace=trace, attributes=asked)
        yield call("looper", n / 15 + 0.03, trace=trace, attributes=tool)


def _runs() -> Iterator[Sending]:
    """A conversation that costs more than a run of this agent may."""
    for n in range(4):
        yield call("dear", n / 4, attributes={**DIME, "gen_ai.conversation.id": "c1"})


_CLAUDE = {
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.model": "claude-3-5-haiku-20241022",
    "gen_ai.response.model": "claude-3-5-haiku-20241022",
}
_GEMINI = {
    "gen_ai.provider.name": "gcp.gemini",
    "gen_ai.request.model": "gemini-2.0-flash",
    "gen_ai.response.model": "gemini-2.0-flash",
}
_LEASED = {GUARDED: True, HOLDER: "h1", USD_LEASE: 7, SETTLED_NANO: 50_000_000}
"""A guard that prices a call at half of what it costs."""


def _counted(number: int) -> Callable[[Scripted], None]:
    """A guard tells of so many calls that went well since it said hello."""

    def act(manager: Scripted) -> None:
        counts = {"ok": number, "failed": 0, "slow": 0, "pressure": 0, "refused": 0}
        hello = Hello("gapped-1", host="host", boot_id="boot", pid=1)
        said = Outcomes("gapped-1", "gapped", "openai", "gpt-4o-mini", counts)
        manager.tell(*([hello] if not number else []), said)

    return act


def _garbage(manager: Scripted) -> None:
    for _ in range(6):
        manager.offer(b"\xff\xff\xff no OTLP")


def _refused_message(manager: Scripted) -> None:
    manager.refuses = "invalid_token"


def _revived(manager: Scripted) -> None:
    manager.manager.control.revive(manager.now)


STORIES = (
    Story("budget", "budgeted", (*burst("budgeted", 6, attributes=DIME),)),
    Story("budget_drift", "drifting", (*burst("drifting", 4, attributes={**DIME, **_LEASED}),)),
    Story("budget_forecast", "rhythmic", (*hourly("rhythmic", 250, 1, 2, attributes=DIME),)),
    Story("burn_rate", "burner", (*burst("burner", 30, attributes=DIME),)),
    Story(
        *("circuit_breaker", None),
        (
            *failing("down1", 3, "529", "Error code: 529 - Overloaded", **_CLAUDE),
            *failing("down2", 3, "529", "Error code: 529 - Overloaded", **_CLAUDE),
            *burst("down1", 4, 6, **_CLAUDE),
        ),
    ),
    Story("clock_skew", "hasty"),
    Story(
        *("cost_spike", "spiky"),
        (*hourly("spiky", 30, 2, attributes=DIME), *burst("spiky", 30, attributes=DIME)),
    ),
    Story(
        *("cost_spike_threshold", "dearer"),
        (*hourly("dearer", 30, 2, attributes=DIME), *burst("dearer", 2, attributes=DIME)),
    ),
    Story("creep", "creeper", tuple(_creeping())),
    Story(
        *("deprecated_model", "oldtimer"),
        (call("oldtimer", 0, attributes=llm("gpt-4-32k", (100, 10))),),
    ),
    Story(
        *("error_burst", "bursting"),
        (
            *failing("bursting", 15, "400", "Error code: 400 - unknown parameter: 'n'"),
            *burst("bursting", 10),
        ),
    ),
    Story(
        *("error_issue", "mistaken"),
        (*failing("mistaken", 6, "422", "Error code: 422 - the schema has no properties"),),
    ),
    Story(
        *("failure_pattern", None),
        (
            *failing("squeezed1", 6, "429", "Error code: 429 - Too many requests", **_GEMINI),
            *failing("squeezed2", 6, "429", "Error code: 429 - Too many requests", **_GEMINI),
        ),
    ),
    Story("infinite_loop", "looper", tuple(_looping())),
    Story("infinite_loop_threshold", "frantic", tuple(call("frantic", n / 60) for n in range(30))),
    Story("manager_trouble", None, act={5: _refused_message, 8: _revived}),
    Story("pool_exhaustion", None, (*burst("pooled", 25, attributes=DIME),)),
    Story("receiver_drops", None, act={2: _garbage}),
    Story("run_cost", "dear", (*_runs(),)),
    Story(
        *("silent_agent", "sleeper"),
        (*hourly("sleeper", 49, 3, 3), *burst("sleeper", 3, 10)),
    ),
    Story(
        *("slow_model", "slowed"),
        (*hourly("slowed", 40, 3, 3), *burst("slowed", 25, seconds=6.0)),
    ),
    Story(
        *("success_rate", "unlucky"),
        (
            *failing("unlucky", 12, "400", "Error code: 400 - messages must not be empty"),
            *burst("unlucky", 50),
        ),
    ),
    Story("telemetry_gap", "gapped", act={0: _counted(0), 2: _counted(40)}),
    Story("unbudgeted_agent", "spender", (*burst("spender", 15, attributes=DIME),)),
    Story(
        *("unpriced_model", "novel"),
        (call("novel", 0, attributes=llm("acme-llm-9", (1000, 100))),),
    ),
)
