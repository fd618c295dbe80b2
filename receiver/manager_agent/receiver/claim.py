"""A claim: one span that says a call (or a tool call) happened, with what its ancestors add."""

from typing import NamedTuple

from manager_agent.receiver.fact import CallFact, Fact
from manager_agent.receiver.home import TOLD_NS, told_by_several
from manager_agent.receiver.span import Span

Key = tuple[str, str]
"""Trace id and span id, lowercase hex."""


class Above(NamedTuple):
    """What a span's ancestors say, nearest first.

    `claim`: the nearest GenAI ancestor, where that is a claim itself. `waits_for`: the ancestor
    that has not arrived yet, None at a root.
    """

    claim: Key | None = None
    agent: str | None = None
    stamped: bool = False
    workflow: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    model: str | None = None
    waits_for: str | None = None


NOTHING_ABOVE = Above()
"""What is above a root."""


class Claim(NamedTuple):
    """One claim of one call, by the span `key`. Times are nanoseconds since 1970, UTC.

    `parent`: the id of the span's parent, empty at a root.
    """

    key: Key
    scope: str
    process: str
    service: str
    environment: str | None
    start_ns: int
    end_ns: int
    fact: Fact
    above: Above
    parent: str

    @property
    def call(self) -> CallFact:
        """What the span says of the call."""
        assert self.fact.call is not None, "only spans that claim a call say something of one"
        return self.fact.call

    @property
    def emitter(self) -> str:
        """Who claims; one emitter reports a call once."""
        part = self.call.part
        return self.scope if part is None else f"{self.scope}#{part}"

    @property
    def evidence(self) -> bool:
        """Whether the claim knows anything of the outcome: usage, an id or an error."""
        call = self.call
        return bool(call.input_tokens or call.output_tokens or call.response_id or call.error)


def claim_of(key: Key, span: Span, fact: Fact, above: Above, parent: str) -> Claim:
    """Return the claim of the span `key` that says `fact`, below ancestors that say `above`."""
    of = span.resource
    values = (
        key,
        span.scope,
        of.process,
        of.service,
        of.environment,
        span.start_ns,
        span.end_ns,
        fact,
        above,
        parent,
    )
    return tuple.__new__(Claim, values)  # in half of the time that its own way takes


NEAR_NS = 5_000_000
"""Two emitters time one call within 5 ms of each other (semconv reference, section 6)."""

NEXT_NS = 100_000_000
"""A stream is read within 100 ms of the answer's head: the span of the request ends, it begins."""

LONGEST_STREAM_NS = 600_000_000_000
"""How long a stream may last whose end is reported by a span of its own."""

SAME_ID_NS = 60_000_000_000
"""Local servers reuse short response ids: claims further apart than this are different calls."""


def follows(one: Claim, other: Claim) -> bool:
    """Tell whether one claim reports the end of the stream whose request the other reported."""
    return _follows(one, other) or _follows(other, one)


def _follows(end: Claim, request: Claim) -> bool:
    seconds = end.call.continues_seconds
    if seconds is None or request.call.continues_seconds is not None:
        return False
    began_ns = end.start_ns - round(seconds * 1e9)
    return (
        request.scope == end.scope
        and abs(began_ns - request.end_ns) <= NEXT_NS
        and request.call.request_model == end.call.request_model
        and request.call.prompt_digest == end.call.prompt_digest
    )


def nested(one: Claim, other: Claim, near_ns: int = NEAR_NS) -> bool:
    """Tell whether one claim's time range lies inside the other's, give or take `near_ns`."""
    return _inside(one, other, near_ns) or _inside(other, one, near_ns)


def _inside(inner: Claim, outer: Claim, near_ns: int) -> bool:
    return inner.start_ns >= outer.start_ns - near_ns and inner.end_ns <= outer.end_ns + near_ns


def told_twice(one: Claim, other: Claim) -> bool:
    """Tell whether a span and a log record of one run may be about one call, by their time."""
    return (
        told_by_several(one.scope)
        and "log" in (one.call.part, other.call.part)
        and nested(one, other, TOLD_NS)
        and not _of_others(one, other)
    )


def _of_others(one: Claim, other: Claim) -> bool:
    """Tell whether two claims name different conversations."""
    names = [claim.fact.conversation_id or claim.above.conversation_id for claim in (one, other)]
    return None not in names and names[0] != names[1]


def near_ns(scope: str) -> int:
    """Return how far around its own time a claim of the same call may lie."""
    return TOLD_NS if told_by_several(scope) else NEAR_NS


def close(one: Claim, other: Claim) -> bool:
    """Tell whether two claims are near enough in time for an equal response id to mean one call."""
    return one.start_ns <= other.end_ns + SAME_ID_NS and other.start_ns <= one.end_ns + SAME_ID_NS
