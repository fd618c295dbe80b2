"""Tests of rules as users write them: what was used, and which alerts are to fire."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from manager_agent.app.replay.series import series
from manager_agent.contract.duration import seconds_of

_MONDAY = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class CasesError(Exception):
    """The file cannot be used; the message names it, and each problem by its place."""


def _duration(value: object) -> object:
    if isinstance(value, str):
        return timedelta(0) if value.strip() == "0" else timedelta(seconds=seconds_of(value))
    return timedelta(0) if value == 0 else value


def _span(value: object) -> object:
    """Read `5m` as from 5m to 5m, and `5m..10m`."""
    if not isinstance(value, str):
        return value
    first, dots, last = value.partition("..")
    return (_duration(first), _duration(last if dots else first))


def _utc(value: object) -> object:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) and not found.tzinfo else found


def _checked(value: object) -> object:
    if isinstance(value, str | int | float):
        series(str(value))
        return str(value)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
Span = Annotated[tuple[timedelta, timedelta], BeforeValidator(_span)]
Moment = Annotated[datetime, BeforeValidator(_utc)]
Series = Annotated[str, BeforeValidator(_checked)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Usage(_Part):
    """Calls of one agent. `calls`: how many begin in each step; evenly spread within it.

    Tokens and `cost_usd` are of one call, and may be series of the same steps. All else holds for
    every call; `prompt_digest` and `trace_id` are another in each call where nothing is written.
    """

    agent: str
    calls: Series
    step: Duration = timedelta(minutes=1)
    start: Duration = timedelta(0)
    duration_ms: float = 1000.0
    provider: str = "openai"
    model: str = "gpt-4o"
    operation: str = "chat"
    environment: str | None = None
    input_tokens: Series | None = None
    output_tokens: Series | None = None
    cache_read_tokens: Series | None = None
    cache_write_tokens: Series | None = None
    reasoning_tokens: Series | None = None
    cost_usd: Series | None = None
    status: Literal["ok", "error"] = "ok"
    error_type: str | None = None
    error_message: str | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    conversation_id: str | None = None
    trace_id: str | None = None
    prompt_digest: str | None = None


class Tools(_Part):
    """Executions of one tool by one agent. `arguments_digest`, `result_digest` and `trace_id` are
    another in each execution where nothing is written.
    """

    agent: str
    tool: str
    calls: Series
    step: Duration = timedelta(minutes=1)
    start: Duration = timedelta(0)
    duration_ms: float = 100.0
    status: Literal["ok", "error"] = "ok"
    error_type: str | None = None
    error_message: str | None = None
    conversation_id: str | None = None
    trace_id: str | None = None
    arguments_digest: str | None = None
    result_digest: str | None = None


class Expected(_Part):
    """An alert that is to fire. `fires`: when after the start, a moment or `5m..10m`.

    What is not written may be anything; `message` is a part of it. `resolves`: when it is over, or
    `never`: not before the test ends.
    """

    rule: str
    fires: Span
    agent: str | None = None
    severity: Literal["info", "warning", "critical"] | None = None
    message: str = ""
    resolves: Literal["never"] | Span | None = None


class Case(_Part):
    """One test: nothing but `alerts` is to fire. `rules`: those that look; all by default.

    `settings`: laid over those of the file, key by key. `until`: how long it is looked at; else to
    the last step.
    """

    name: str
    usage: tuple[Usage, ...] = ()
    tools: tuple[Tools, ...] = ()
    alerts: tuple[Expected, ...] = ()
    rules: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)
    start: Moment | None = None
    until: Duration | None = None


class Cases(_Part):
    """A file of tests. `settings`: a configuration as in config/manager_agent.yaml.

    `config`: a file of it, beside this one. `rules`: those that look; all by default. `start`: UTC,
    when tests begin; a Monday at 8.
    """

    tests: tuple[Case, ...]
    settings: dict[str, Any] = Field(default_factory=dict)
    config: str | None = None
    rules: tuple[str, ...] = ()
    start: Moment = _MONDAY


def read(path: Path) -> Cases:
    """Return the tests of a file. Raises `CasesError`."""
    try:
        written = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CasesError(f"{path} cannot be read: {error}") from error
    try:
        return Cases.model_validate(written)
    except ValidationError as error:
        problems = "\n".join(f"  {_worded(one)}" for one in error.errors())
        raise CasesError(f"{path} holds no tests of rules:\n{problems}") from None


def _worded(one: Any) -> str:
    place = ".".join(map(str, one["loc"])) or "the file"
    said = one["msg"].removeprefix("Value error, ")
    return f"{place}: {said}, found {str(one['input'])[:80]!r}"
