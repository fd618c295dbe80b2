"""What one step of the merge window changes, as plain records for the store."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from manager_agent.receiver.call import Call
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.span import Span
from manager_agent.receiver.tool import ToolCall

K = TypeVar("K", bound=Hashable)

_NO_TIME_MS = 1e-6
"""What is left of a duration that was added and taken away again."""

MINUTE_NS = 60 * 10**9
QUARTER_NS = 15 * MINUTE_NS
HOUR_NS = 60 * MINUTE_NS


class CallVersion(NamedTuple):
    """A new version of an open call; `retracted` takes the call away."""

    call: Call
    revision: int
    retracted: bool


class ToolVersion(NamedTuple):
    """A new version of an open tool call."""

    tool: ToolCall
    revision: int


class Retraction(NamedTuple):
    """The minus row of a sealed revision that a later one replaces."""

    key: str
    revision: int
    start_ns: int


class UsageKey(NamedTuple):
    """What the rollups are kept by; `bucket_ns` is the start of the minute, hour or day (UTC)."""

    bucket_ns: int
    agent: str
    provider: str | None
    model: str | None


@dataclass(slots=True)
class UsageDelta:
    """A signed change of one row of a rollup; cost in nano-USD."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_nano: int = 0
    unpriced_calls: int = 0
    duration_ms: float = 0.0
    ceiling_tokens: int = 0
    """Tokens without a price, and without a lease in USD."""
    leased_calls: int = 0
    leased_nano: int = 0
    stood_in_nano: int = 0
    settled_nano: int = 0
    leased_tokens: int = 0
    """What is charged to leases already: calls with one in USD, what they cost, what their guards
    settled for those of unknown cost, what they settled for all; tokens of calls with one in
    tokens."""

    def add(self, call: Call, sign: int) -> None:
        """Count `call` in (+1) or out (-1)."""
        tokens_in, tokens_out = call.input_tokens or 0, call.output_tokens or 0
        reads, writes, nano = call.cache_read_tokens, call.cache_write_tokens, call.cost_nano
        self.calls += sign
        self.input_tokens += sign * tokens_in
        self.output_tokens += sign * tokens_out
        self.duration_ms += sign * (call.duration_ms or 0.0)
        if call.error:
            self.errors += sign * call.error
        if reads:
            self.cache_read_tokens += sign * reads
        if writes:
            self.cache_write_tokens += sign * writes
        if nano:
            self.cost_nano += sign * nano
        if call.cost_source == "unpriced":
            self.unpriced_calls += sign
            if call.usd_lease is None:
                self.ceiling_tokens += sign * (tokens_in + tokens_out)
        if call.holder is not None:
            self._add_leased(call, sign, sign * (tokens_in + tokens_out))

    def _add_leased(self, call: Call, sign: int, tokens: int) -> None:
        if call.token_lease is not None:
            self.leased_tokens += tokens
        if call.usd_lease is not None:
            self.leased_calls += sign
            settled = sign * (call.settled_nano or 0)
            self.settled_nano += settled
            if call.cost_nano is None:
                self.stood_in_nano += settled
            else:
                self.leased_nano += sign * call.cost_nano

    @property
    def nothing(self) -> bool:
        """Whether no count and no sum changes."""
        counts_alone = UsageDelta(duration_ms=self.duration_ms)
        return counts_alone == self and abs(self.duration_ms) < _NO_TIME_MS


Usage = dict[UsageKey, UsageDelta]


class Arrived(NamedTuple):
    """A span that is new, with what it says."""

    span: Span
    fact: Fact | None


@dataclass(slots=True)
class Changes:
    """Everything one step changes; it is stored in one transaction or not at all."""

    now_ns: int
    spans: list[Arrived] = field(default_factory=list)
    calls: list[CallVersion] = field(default_factory=list)
    tools: list[ToolVersion] = field(default_factory=list)
    retracted_calls: list[Retraction] = field(default_factory=list)
    retracted_tools: list[Retraction] = field(default_factory=list)
    sealed_calls: list[str] = field(default_factory=list)
    sealed_tools: list[str] = field(default_factory=list)
    dropped_calls: Sequence[str] = ()
    newest_sealed: int = 2**62
    """No version of what is sealed or dropped has a higher revision."""
    minutes: Usage = field(default_factory=dict)
    duplicates: int = 0
    sealed_early: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (
            self.spans
            or self.calls
            or self.tools
            or self.sealed_calls
            or self.sealed_tools
            or self.dropped_calls
        )

    def seal(self, name: str, revision: int, *, of_call: bool) -> None:
        """Note that a version of a call, else of a tool call, is final."""
        (self.sealed_calls if of_call else self.sealed_tools).append(name)
        self.newest_sealed = max(self.newest_sealed, revision)

    def count(self, call: Call, sign: int) -> None:
        """Count `call` in or out of its minute."""
        start_ns = call.start_ns
        model = call.response_model or call.request_model
        # Any: a bare tuple finds what a `UsageKey` would, and is made in a tenth of the time.
        at: Any = start_ns - start_ns % MINUTE_NS, call.agent, call.provider, model
        delta = self.minutes.get(at)
        if delta is None:
            delta = self.minutes[UsageKey._make(at)] = UsageDelta()
        delta.add(call, sign)


def coarser(usage: Usage, grain_ns: int) -> Usage:
    """Return the deltas of `usage` summed into buckets of `grain_ns`."""
    return _summed(
        (key._replace(bucket_ns=key.bucket_ns // grain_ns * grain_ns), delta)
        for key, delta in usage.items()
    )


class SpendKey(NamedTuple):
    """What spend is charged by: an agent, and the start of a quarter of an hour (UTC).

    Every window of every time zone begins and ends with a quarter.
    """

    quarter_ns: int
    agent: str


def spent_in(usage: Usage) -> frozenset[SpendKey]:
    """Return the quarters of agents that `usage` changes."""
    return frozenset(SpendKey(k.bucket_ns // QUARTER_NS * QUARTER_NS, k.agent) for k in usage)


def minutes_in(changes: Changes) -> frozenset[int]:
    """Return the minutes (since 1970) whose calls, tool calls or usage `changes` change."""
    tools = (each.tool.start_ns for each in changes.tools)
    gone = (each.start_ns for each in changes.retracted_tools)
    usage = (key.bucket_ns for key in changes.minutes)
    return frozenset(start // MINUTE_NS for start in chain(usage, tools, gone))


def spend_of(usage: Usage) -> dict[SpendKey, UsageDelta]:
    """Return the deltas of `usage` summed by agent and quarter of an hour."""
    return _summed(
        (SpendKey(key.bucket_ns // QUARTER_NS * QUARTER_NS, key.agent), delta)
        for key, delta in usage.items()
    )


def _summed(parts: Iterable[tuple[K, UsageDelta]]) -> dict[K, UsageDelta]:
    summed: dict[K, UsageDelta] = {}
    for key, delta in parts:
        into = summed.setdefault(key, UsageDelta())
        for name in UsageDelta.__slots__:
            setattr(into, name, getattr(into, name) + getattr(delta, name))
    return summed
