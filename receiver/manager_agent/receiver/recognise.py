"""Pure: one span -> what it says of calls, agents and tools, in canonical terms."""

from decimal import Decimal
from typing import Any

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd
from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import CallFact, DecisionFact, Fact, Leased, ToolFact
from manager_agent.receiver.fields import first_of
from manager_agent.receiver.outcome import answer_id
from manager_agent.receiver.span import Attributes, Span
from manager_agent.receiver.traits import CallTraits, ToolTraits, traits_of
from manager_agent.receiver.usage import NOTHING_USED, Habits, Usage, canonical_usage
from manager_agent.receiver.values import amount, count, text

_LONGEST_WORD = 200
_MOST_USD = Decimal(10**9)
_MOST_NANO = 10**18 - 1  # what DECIMAL(18, 9) holds


def recognise(span: Span, door: Door) -> Fact | None:
    """Return what `span` says, None where it has nothing to do with GenAI."""
    traits = traits_of(span)
    if traits is None:
        return None
    shape = span.shape
    enough = shape is not None and shape.enough and traits is shape.traits
    attributes = span.own if enough else span.attributes
    role, *told, call, tool = traits
    stamp, agent, workflow, conversation_id, user_id, model = (
        first_of(attributes, ask, text) if ask else value for value, ask in told
    )
    stamp = stamp or span.resource.agent
    return Fact(
        role,
        stamp or agent,
        stamp is not None,
        workflow,
        conversation_id,
        user_id,
        model,
        None if call is None else _call(attributes, call, door),
        None if tool is None else _tool(attributes, tool, door),
        None,
        _decision(attributes) if role == "decision" else None,
    )


def _call(attributes: Attributes, of: CallTraits, door: Door) -> CallFact:
    raw = _raw_usage(attributes, of)
    interrupted = raw.known and (of.cut_short or (of.cut_at_one and raw.output_tokens == 1))
    usage = _usage(raw, of, interrupted)
    cost = _reported_cost(attributes, of)
    ended = of.ended
    return CallFact(
        of.operation,
        of.provider,
        of.request_model,
        of.response_model,
        of.estimated or (of.guesses and raw.known and _guessed(attributes, of.habit)),
        interrupted,
        ended.error_type is not None,
        ended.error_type,
        ended.http_status,
        ended.streaming,
        ended.finish_reason,
        of.service_tier,
        of.by_provider and cost is not None,
        of.guarded,
        of.refused,
        of.part,
        answer_id(attributes, of.answer_ids) if of.answer_ids else ended.response_id,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.reasoning_tokens,
        ended.error_message,
        of.digest.of(attributes, text) or door.prompt_digest(attributes, of.prompt),
        cost,
        of.call_id.of(attributes, text),
        of.continues_seconds,
        of.turn.of(attributes, text) or door.turn_digest(attributes, of.prompt),
        _leased(attributes) if of.leased else None,
    )


def _leased(attributes: Attributes) -> Leased | None:
    """Return what a guard says of a call's leases; 0, as it sends it, is none."""
    holder = text(attributes.get(names.HOLDER))
    if holder is None:
        return None
    return Leased(
        holder,
        _whole(attributes.get(names.USD_LEASE)) or None,
        _whole(attributes.get(names.TOKEN_LEASE)) or None,
        _whole(attributes.get(names.SETTLED_NANO)),
    )


def _whole(said: Any) -> int | None:
    return said if type(said) is int and 0 <= said <= _MOST_NANO else None


def _tool(attributes: Attributes, of: ToolTraits, door: Door) -> ToolFact:
    return ToolFact(
        of.tool,
        of.tool_call_id.of(attributes, text),
        of.error_type is not None,
        of.error_type,
        of.error_message,
        door.arguments_digest(attributes),
        door.result_digest(attributes),
    )


def _decision(attributes: Attributes) -> DecisionFact:
    def said(key: str) -> str | None:
        found = text(attributes.get(key))
        return found[:_LONGEST_WORD] if found else None

    return DecisionFact(
        said(names.DECISION) or "",
        said(names.DECISION_REASON),
        said(names.CALL_ID),
        said(names.LIMIT_NAME),
        _exact_nano(attributes.get(names.LIMIT_USD)),
        _exact_nano(attributes.get(names.SPENT_USD)),
        _exact_nano(attributes.get(names.RESERVED_USD)),
    )


def _exact_nano(said: Any) -> int | None:
    """Return a sum in USD, sent as decimal text, in nano-USD; a limit may be any sum."""
    if not isinstance(said, str) or len(said) > _LONGEST_WORD:
        return None
    try:
        number = Decimal(said)
    except ArithmeticError:  # how `decimal` says that it is no number
        return None
    if not number.is_finite() or number < 0:
        return None
    return min(nano_usd(min(number, _MOST_USD)), _MOST_NANO)


def _raw_usage(attributes: Attributes, of: CallTraits) -> Usage:
    """Return the counts as the emitter gave them."""
    counts = list(of.counts)
    for place, ask in of.counting:
        counts[place] = first_of(attributes, ask, count)
    short = counts.pop()
    raw = Usage(*counts)
    if raw.cache_write_tokens is None and (short, raw.cache_write_1h_tokens) != (None, None):
        return raw._replace(cache_write_tokens=(short or 0) + (raw.cache_write_1h_tokens or 0))
    return raw


def _usage(raw: Usage, of: CallTraits, interrupted: bool) -> Usage:
    """Return canonical counts; an interrupted answer's output count is only a first guess."""
    if of.ended.nothing_used and not raw.known:
        return NOTHING_USED
    usage = canonical_usage(raw, of.habit, of.operation)
    if not interrupted:
        return usage
    if of.provider == "anthropic":  # its streams begin with all of the input's counts
        return usage._replace(output_tokens=None, reasoning_tokens=None)
    return Usage(usage.input_tokens, None, raw.cache_read_tokens, raw.cache_write_tokens)


def _guessed(attributes: Attributes, habit: Habits) -> bool:
    """Tell whether the emitter counted a stream's tokens by itself."""
    if habit.estimates_streams is None:
        return False
    present, positive = habit.estimates_streams
    if present:
        return attributes.get(present) is None
    return not count(attributes.get(positive))


def _reported_cost(attributes: Attributes, of: CallTraits) -> int | None:
    """Return the cost the emitter reports, in nano-USD.

    From instrumentations 0 means "no price found" and is thus unknown; people mean it.
    """
    if not of.costed:
        return None
    reported = of.cost.of(attributes, amount)
    if reported is None or (reported == 0 and not of.by_hand):
        return None
    return nano_usd(reported)
