"""One billable call, as a row of `llm_calls`, and how its claims make it up."""

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from manager_agent.receiver.claim import Claim
from manager_agent.receiver.tables import table

DAY_NS = 86_400 * 10**9


class Call(NamedTuple):
    """One billable call; the fields are the columns of `llm_calls`.

    `start_ns` nanoseconds since 1970 UTC; costs in nano-USD; None is unknown.
    """

    call_id: str
    start_ns: int
    duration_ms: float
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
    cost_nano: int | None
    cost_source: str | None
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

    @property
    def total_tokens(self) -> int | None:
        """All tokens, None where either half is unknown."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        return self.input_tokens + self.output_tokens


def call_of(claims: Sequence[Claim]) -> Call:
    """Return the call, not yet priced, that a group of claims (outermost first) makes up.

    Each field comes from the first claim that has it, cache parts by maximum; it failed only if
    no claim succeeded. Tokens are taken from the emitter nearest the wire.
    """
    outer = claims[0]
    nearest = sorted(claims, key=lambda claim: (_trust(claim.scope), -claim.start_ns, claim.key))
    counting = next((claim for claim in nearest if claim.call.input_tokens), None)
    counted = [counting, *nearest] if counting else nearest
    failed = all(claim.call.error for claim in claims)
    cut_short = not failed and any(claim.call.interrupted for claim in claims)
    end_ns = max(claim.end_ns for claim in claims)
    reads = _highest(claims, lambda claim: claim.call.cache_read_tokens)
    writes = _highest(claims, lambda claim: claim.call.cache_write_tokens)
    return Call(
        call_id=_first(claims, lambda claim: claim.call.call_id)
        or outer.trace_id[16:] + outer.span_id,
        start_ns=outer.start_ns,
        duration_ms=(end_ns - outer.start_ns) / 1e6,
        agent=agent_of(claims),
        service=outer.service,
        environment=outer.environment,
        provider=_first(nearest, lambda claim: claim.call.provider),
        operation=nearest[0].call.operation,
        request_model=_first(claims, lambda claim: claim.call.request_model)
        or _first(claims, lambda claim: claim.above.model),
        response_model=_first(nearest, lambda claim: claim.call.response_model),
        input_tokens=_at_least(
            _first(counted, lambda claim: claim.call.input_tokens), reads, writes
        ),
        output_tokens=_first(counted, lambda claim: claim.call.output_tokens),
        cache_read_tokens=reads,
        cache_write_tokens=writes,
        cache_write_1h_tokens=_highest(claims, lambda claim: claim.call.cache_write_1h_tokens),
        reasoning_tokens=_highest(claims, lambda claim: claim.call.reasoning_tokens),
        cost_nano=None,
        cost_source=None,
        error=failed,
        error_type=_first(nearest, lambda claim: claim.call.error_type) if failed else None,
        error_message=_first(nearest, lambda claim: claim.call.error_message) if failed else None,
        http_status=_status(nearest, failed),
        streaming=_first(nearest, lambda claim: claim.call.streaming),
        finish_reason=_first(nearest, lambda claim: claim.call.finish_reason),
        conversation_id=_first(claims, lambda claim: claim.fact.conversation_id)
        or _first(claims, lambda claim: claim.above.conversation_id),
        user_id=_first(claims, lambda claim: claim.fact.user_id)
        or _first(claims, lambda claim: claim.above.user_id),
        trace_id=outer.trace_id,
        span_id=outer.span_id,
        response_id=_first(nearest, lambda claim: claim.call.response_id),
        emitters=",".join(sorted({claim.scope for claim in claims})),
        prompt_digest=_first(nearest, lambda claim: claim.call.prompt_digest),
        guarded=any(claim.call.guarded for claim in claims),
        usage_estimated=cut_short or any(c.call.estimated for c in counted[:1]),
        reported_cost_nano=_reported(claims),
        cost_by_provider=any(claim.call.cost_by_provider for claim in claims),
        service_tier=_first(nearest, lambda claim: claim.call.service_tier),
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
    stamped = _first(claims, lambda claim: claim.fact.agent if claim.fact.stamped else None)
    return str(
        stamped
        or _first(claims, lambda claim: claim.above.agent if claim.above.stamped else None)
        or _first(claims, lambda claim: claim.fact.agent)
        or _first(claims, lambda claim: claim.above.agent)
        or _first(claims, lambda claim: claim.fact.workflow)
        or _first(claims, lambda claim: claim.above.workflow)
        or claims[0].service
    )


def _status(claims: Sequence[Claim], failed: bool) -> int | None:
    wanted = (c.call.http_status for c in claims if failed or not c.call.error)
    return next((status for status in wanted if status is not None), None)


def _reported(claims: Sequence[Claim]) -> int | None:
    by_provider = (c.call.reported_cost_nano for c in claims if c.call.cost_by_provider)
    return next(by_provider, None) or _first(claims, lambda claim: claim.call.reported_cost_nano)


def _first(claims: Sequence[Claim], read: Callable[[Claim], Any]) -> Any:
    return next((value for value in map(read, claims) if value is not None), None)


def _highest(claims: Sequence[Claim], read: Callable[[Claim], int | None]) -> int | None:
    return max((value for value in map(read, claims) if value is not None), default=None)


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
