"""One billable call, as a row of `llm_calls`, and how its claims make it up."""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from manager_agent.receiver.claim import Above, Claim, Key
from manager_agent.receiver.fact import CallFact, Fact, Leased
from manager_agent.receiver.tables import table

T = TypeVar("T")

DAY_NS = 86_400 * 10**9

_new = tuple.__new__
"""Makes a record of all its values in order: in a sixth of the time that its own way takes."""


class Call(NamedTuple):
    """One billable call; the fields are the columns of `llm_calls`.

    `start_ns` nanoseconds since 1970 UTC; costs in nano-USD; None is unknown.
    """

    call_id: str
    start_ns: int
    duration_ms: float | None
    agent: str
    service: str
    environment: str | None
    provider: str | None
    operation: str
    request_model: str | None
    response_model: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None
    reasoning_tokens: int | None
    error: bool
    error_type: str | None
    error_message: str | None
    http_status: int | None
    streaming: bool | None
    finish_reason: str | None
    conversation_id: str | None
    user_id: str | None
    trace_id: str
    span_id: str
    response_id: str | None
    emitters: str
    prompt_digest: str | None
    guarded: bool
    usage_estimated: bool
    reported_cost_nano: int | None
    cost_by_provider: bool
    service_tier: str | None
    holder: str | None = None
    usd_lease: int | None = None
    token_lease: int | None = None
    settled_nano: int | None = None
    turn_digest: str | None = None
    cost_nano: int | None = None
    cost_source: str | None = None

    def costing(self, nano: int | None, source: str | None) -> "Call":
        """Return the call at a cost."""
        return _new(Call, self[:-2] + (nano, source))  # noqa: RUF005 - a list between costs double

    @property
    def total_tokens(self) -> int | None:
        """All tokens, None where either half is unknown."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens

    @property
    def end_ns(self) -> int:
        """When it was over, nanoseconds since 1970; the start where its length is unknown."""
        return self.start_ns + int((self.duration_ms or 0.0) * 1e6)


def call_of(claims: Sequence[Claim]) -> Call:
    """Return the call, not yet priced, that a group of claims (outermost first) makes up."""
    outer = claims[0]
    if len(claims) == 1:
        return call_of_one(outer)
    own = [claim.fact for claim in claims]
    above = [claim.above for claim in claims]
    conversation_id = _first([each.conversation_id for each in own])
    if not conversation_id:
        conversation_id = _first([each.conversation_id for each in above])
    user_id = _first([each.user_id for each in own]) or _first([each.user_id for each in above])
    fact = Fact(
        "call", agent_of(claims), True, None, conversation_id, user_id, None, merged(claims)
    )
    together = (
        outer.key,
        ",".join(sorted({claim.scope for claim in claims})),
        outer.process,
        outer.service,
        outer.environment,
        outer.start_ns,
        max([claim.end_ns for claim in claims]),
        fact,
        Above(model=_first([each.model for each in above])),
        outer.parent,
    )
    return call_of_one(_new(Claim, together))


def own_name(claim: Claim) -> str:
    """Return the id of the call whose outermost claim this is, unless that is taken."""
    trace_id, span_id = claim.key
    fact = claim.fact.call
    assert fact is not None, "only spans that claim a call make one up"
    return fact.call_id or trace_id[16:] + span_id


def call_of_one(claim: Claim) -> Call:
    """Return the call, not yet priced, that one claim makes up, as most do."""
    key, emitters, _, service, environment, start_ns, end_ns, own, above, _ = claim
    fact = own.call
    assert fact is not None, "only spans that claim a call make one up"
    trace_id, span_id = key
    return _new(
        Call,
        (
            fact.call_id or trace_id[16:] + span_id,
            start_ns,
            (end_ns - start_ns) / 1e6,
            _named(own, above) or service,
            service,
            environment,
            fact.provider,
            fact.operation,
            fact.request_model or above.model,
            fact.response_model,
            fact.input_tokens,
            fact.output_tokens,
            fact.cache_read_tokens,
            fact.cache_write_tokens,
            fact.cache_write_1h_tokens,
            fact.reasoning_tokens,
            fact.error,
            fact.error_type,
            fact.error_message,
            fact.http_status,
            fact.streaming,
            fact.finish_reason,
            own.conversation_id or above.conversation_id,
            own.user_id or above.user_id,
            trace_id,
            span_id,
            fact.response_id,
            emitters,
            fact.prompt_digest,
            fact.guarded,
            fact.estimated or (fact.interrupted and not fact.error),
            fact.reported_cost_nano,
            fact.cost_by_provider,
            fact.service_tier,
            *(fact.leased or _NO_LEASE),
            fact.turn_digest,
            None,
            None,
        ),
    )


_NO_LEASE = Leased("")._replace(holder=None)  # type: ignore[arg-type]  # columns that are unknown


def merged(claims: Sequence[Claim]) -> CallFact:
    """Return what several claims of one call say together.

    Each field comes from the first claim that has it, nearest the wire first, cache parts by
    maximum; the call failed only if no claim succeeded.
    """
    nearest = [claim.fact.call for claim in sorted(claims, key=_nearest_first)]
    facts = [fact for fact in nearest if fact is not None]
    counting = facts[0]
    for each in facts:
        if each.input_tokens:
            counting = each
            break
    values: list[Any] = list(facts[0])
    for other in facts[1:]:
        values = [theirs if own is None else own for own, theirs in zip(values, other, strict=True)]
        for place in _HIGHEST:
            count: Any = other[place]
            if count is not None and count > values[place]:
                values[place] = count
        for place in _ANY:
            if other[place]:
                values[place] = True
    failed = _failed(facts)
    reads, writes = values[_READS], values[_WRITES]
    total_in, total_out = counting.input_tokens, counting.output_tokens
    first = [claim.fact.call.request_model for claim in claims if claim.fact.call is not None]
    values[_MODEL] = _first(first)
    values[_INPUT] = _at_least(_or(total_in, values[_INPUT]), reads, writes)
    values[_OUTPUT] = _or(total_out, values[_OUTPUT])
    values[_ESTIMATED] = counting.estimated
    values[_ERROR] = failed
    if not failed:
        values[_ERROR_TYPE] = values[_ERROR_MESSAGE] = None
    values[_STATUS] = _status(facts, failed)
    values[_REPORTED] = _reported(facts)
    return _new(CallFact, values)


_place = CallFact._fields.index
_MODEL, _STATUS, _REPORTED = map(_place, ("request_model", "http_status", "reported_cost_nano"))
_INPUT, _OUTPUT, _ESTIMATED = map(_place, ("input_tokens", "output_tokens", "estimated"))
_READS, _WRITES = _place("cache_read_tokens"), _place("cache_write_tokens")
_ERROR, _ERROR_TYPE, _ERROR_MESSAGE = map(_place, ("error", "error_type", "error_message"))
_HIGHEST = (_READS, _WRITES, _place("cache_write_1h_tokens"), _place("reasoning_tokens"))
_ANY = tuple(map(_place, ("interrupted", "guarded", "cost_by_provider")))


def _nearest_first(claim: Claim) -> tuple[int, int, Key]:
    """Return what to sort claims by: nearest the wire first."""
    return _trust(claim.scope), -claim.start_ns, claim.key


def spare_id(call: Call) -> str:
    """Return an id for a call whose own is taken: a guard or tracer that repeats its ids."""
    return blake2b(f"{call.trace_id}{call.span_id}".encode(), digest_size=16).hexdigest()


def charged_for(call: Call) -> tuple[object, ...]:
    """Return what the price of a call depends on."""
    return (
        call.start_ns // DAY_NS,
        call.provider,
        call.request_model,
        call.response_model,
        call.input_tokens,
        call.output_tokens,
        call.cache_read_tokens,
        call.cache_write_tokens,
        call.cache_write_1h_tokens,
        call.reasoning_tokens,
        call.service_tier,
        call.error,
        call.usage_estimated,
        call.reported_cost_nano,
        call.cost_by_provider,
    )


def agent_of(claims: Sequence[Claim]) -> str:
    """Return who made the call.

    Our own stamp, the name on the span, the nearest ancestor's name, its workflow, its service.
    """
    if len(claims) == 1:
        return _named(claims[0].fact, claims[0].above) or claims[0].service
    own = [claim.fact for claim in claims]
    above = [claim.above for claim in claims]
    return str(
        _first([each.agent for each in own if each.stamped])
        or _first([each.agent for each in above if each.stamped])
        or _first([each.agent for each in own])
        or _first([each.agent for each in above])
        or _first([each.workflow for each in own])
        or _first([each.workflow for each in above])
        or claims[0].service
    )


def _named(own: Fact, above: Above) -> str | None:
    """Return whom a claim and its ancestors name."""
    if own.stamped:
        return own.agent
    if above.stamped:
        return above.agent
    return own.agent or above.agent or own.workflow or above.workflow


def _failed(facts: Sequence[CallFact]) -> bool:
    """Tell whether a call failed; some emitters say OK of a stream that broke."""
    if not any([fact.error for fact in facts]):
        return False
    return not any([_succeeded(fact) for fact in facts])


def _succeeded(fact: CallFact) -> bool:
    broke = fact.streaming and not fact.input_tokens and not fact.finish_reason
    return not fact.error and not broke


def _status(facts: Sequence[CallFact], failed: bool) -> int | None:
    return _first([fact.http_status for fact in facts if failed or not fact.error])


def _reported(facts: Sequence[CallFact]) -> int | None:
    by_provider = [fact.reported_cost_nano for fact in facts if fact.cost_by_provider]
    return _first(by_provider or [fact.reported_cost_nano for fact in facts])


# Lists of two, not generators: those cost three times as much, and this runs for all that two
# instrumentations tell of.
def _first(values: Sequence[T | None]) -> T | None:
    for value in values:
        if value is not None:
            return value
    return None


def _or(value: int | None, other: int | None) -> int | None:
    return other if value is None else value


def _at_least(total: int | None, *parts: int | None) -> int | None:
    """Return `total`, raised where parts another emitter saw do not fit into it."""
    if total is None:
        return None
    return max(total, sum(part or 0 for part in parts))


@cache
def _trust(scope: str) -> int:
    order: list[str] = table("usage")["trust"]["order"]
    ranks = [rank for rank, prefix in enumerate(order) if scope.startswith(prefix)]
    longest = max(ranks, key=lambda rank: len(order[rank]), default=None)
    return len(order) if longest is None else longest
