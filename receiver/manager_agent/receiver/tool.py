"""One execution of a tool, as a row of `tool_calls`."""

from typing import NamedTuple

from manager_agent.receiver.call import agent_of
from manager_agent.receiver.claim import Claim, Key
from manager_agent.receiver.fact import ToolFact


class ToolCall(NamedTuple):
    """One execution of a tool; the fields are the columns of `tool_calls`."""

    key: str
    start_ns: int
    duration_ms: float
    agent: str
    service: str
    environment: str | None
    conversation_id: str | None
    trace_id: str
    span_id: str
    fact: ToolFact


def tool_name(key: Key) -> str:
    """Return the key of the tool call that the span `key` tells of."""
    return f"{key[0]}:{key[1]}"


def tool_call_of(claim: Claim) -> ToolCall:
    """Return the tool call that a span with the role `tool` tells of."""
    trace_id, span_id = claim.key
    return ToolCall(
        key=tool_name(claim.key),
        start_ns=claim.start_ns,
        duration_ms=(claim.end_ns - claim.start_ns) / 1e6,
        agent=agent_of([claim]),
        service=claim.service,
        environment=claim.environment,
        conversation_id=claim.fact.conversation_id or claim.above.conversation_id,
        trace_id=trace_id,
        span_id=span_id,
        fact=claim.fact.tool or ToolFact(tool="unknown"),
    )
