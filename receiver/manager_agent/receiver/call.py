"""One billable call, as a row of `llm_calls`, and how its claims make it up."""

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from manager_agent.receiver.claim import Above, Claim
from manager_agent.receiver.fact import CallFact, Fact, Leased
from manager_agent.receiver.tables import table

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
    aboves = [claim.above for claim in claims]
    conversation_id = _first(claim.fact.conversation_id for claim in claims) or _first(
        each.conversation_id for each in aboves
    )
    user_id = _first(claim.fact.user_id for claim in claims) or _first(
        each.user_id for each in aboves
    )
    together = outer._replace(
        end_ns=max(claim.end_ns for claim in claims),
        scope=",".join(sorted({claim.scope for claim in claims})),
        fact=Fact(
            "call",
            agent_of(claims),
            True,
            conversation_id=conversation_id,
            user_id=user_id,
            call=merged(claims),
        ),
        above=Above(model=_first(each.model for each in aboves)),
    )
    return call_of_one(together)


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
    nearest = sorted(claims, key=lambda claim: (_trust(claim.scope), -claim.start_ns, claim.key))
    counting = next((claim for claim in nearest if claim.call.input_tokens), nearest[0])
    facts = [claim.call for claim in nearest]
    fact = facts[0]
    for other in facts[1:]:
        known = zip(fact, other, strict=True)
        fact = CallFact._make([theirs if own is None else own for own, theirs in known])
    reads = _highest(fact.cache_read_tokens for fact in facts)
    writes = _highest(fact.cache_write_tokens for fact in facts)
    failed = _failed(facts)
    total_in = counting.call.input_tokens
    return fact._replace(
        request_model=_first(claim.call.request_model for claim in claims),
        input_tokens=_at_least(_or(total_in, fact.input_tokens), reads, writes),
        output_tokens=_or(counting.call.output_tokens, fact.output_tokens),
        cache_read_tokens=reads,
        cache_write_tokens=writes,
        cache_write_1h_tokens=_highest(fact.cache_write_1h_tokens for fact in facts),
        reasoning_tokens=_highest(fact.reasoning_tokens for fact in facts),
        estimated=counting.call.estimated,
        interrupted=any(fact.interrupted for fact in facts),
        error=failed,
        error_type=fact.error_type if failed else None,
        error_message=fact.error_message if failed else None,
        http_status=_status(facts, failed),
        guarded=any(fact.guarded for fact in facts),
        reported_cost_nano=_reported(facts),
        cost_by_provider=any(fact.cost_by_provider for fact in facts),
    )


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
    said = [(claim.fact, claim.above) for claim in claims]
    return str(
        _first(own.agent for own, _ in said if own.stamped)
        or _first(above.agent for _, above in said if above.stamped)
        or _first(own.agent for own, _ in said)
        or _first(above.agent for _, above in said)
        or _first(own.workflow for own, _ in said)
        or _first(above.workflow for _, above in said)
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
    succeeded = (
        not fact.error and not (fact.streaming and not fact.input_tokens and not fact.finish_reason)
        for fact in facts
    )
    return any(fact.error for fact in facts) and not any(succeeded)


def _status(facts: Sequence[CallFact], failed: bool) -> int | None:
    wanted = (fact.http_status for fact in facts if failed or not fact.error)
    return next((status for status in wanted if status is not None), None)


def _reported(facts: Sequence[CallFact]) -> int | None:
    by_provider = [fact.reported_cost_nano for fact in facts if fact.cost_by_provider]
    said = by_provider or [fact.reported_cost_nano for fact in facts]
    return next((cost for cost in said if cost is not None), None)


def _first(values: Iterable[Any]) -> Any:
    for value in values:
        if value is not None:
            return value
    return None


def _highest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


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
