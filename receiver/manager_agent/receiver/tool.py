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
    key, _, _, service, environment, start_ns, end_ns, fact, above, _ = claim
    trace_id, span_id = key
    values = (
        tool_name(key),
        start_ns,
        (end_ns - start_ns) / 1e6,
        agent_of([claim]),
        service,
        environment,
        fact.conversation_id or above.conversation_id,
        trace_id,
        span_id,
        fact.tool or _UNKNOWN,
    )
    return tuple.__new__(ToolCall, values)  # in half of the time that its own way takes


_UNKNOWN = ToolFact(tool="unknown")
