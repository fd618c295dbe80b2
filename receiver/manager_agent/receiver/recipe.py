"""Pure: what holds for spans of one shape, and one of them -> what that one says.

A recipe is the record with everything in it that the shape tells; a span adds what varies. This
runs for every span, so whatever can be settled when a recipe is made is settled there.
"""

from decimal import Decimal
from typing import Any, Final, final

from manager_agent.contract import attributes as names
from manager_agent.contract.money import nano_usd
from manager_agent.receiver.content import Door
from manager_agent.receiver.fact import CallFact, DecisionFact, Fact, Leased, ToolFact
from manager_agent.receiver.fields import first_of
from manager_agent.receiver.outcome import answer_id
from manager_agent.receiver.span import Attributes
from manager_agent.receiver.traits import CallTraits, ToolTraits, Traits
from manager_agent.receiver.usage import NOTHING_USED, Counts, Habits, canonical_counts
from manager_agent.receiver.values import MOST_TOKENS, amount, count, text

_LONGEST_WORD = 200
_MOST_USD = Decimal(10**9)
_MOST_NANO = 10**18 - 1  # what DECIMAL(18, 9) holds

# Where in a record the fields are that may differ from span to span.
_FACT: Final = Fact._fields.index
_AGENT, _STAMPED, _CALL, _TOOL = map(_FACT, ("agent", "stamped", "call", "tool"))
_DECISION: Final = _FACT("decision")
_TOLD: Final = tuple((_FACT(n), n) for n in ("workflow", "conversation_id", "user_id", "model"))
_OF_CALL: Final = CallFact._fields.index
_ESTIMATED, _INTERRUPTED = map(_OF_CALL, ("estimated", "interrupted"))
_BY_PROVIDER, _COST = map(_OF_CALL, ("cost_by_provider", "reported_cost_nano"))
_RESPONSE_ID, _CALL_ID, _LEASED = map(_OF_CALL, ("response_id", "call_id", "leased"))
_DIGEST, _TURN = map(_OF_CALL, ("prompt_digest", "turn_digest"))
_COUNTS: Final = slice(_OF_CALL("input_tokens"), _OF_CALL("reasoning_tokens") + 1)
_new = tuple.__new__  # a NamedTuple's own constructor takes twice as long


@final
class Recipe:
    """What spans of one shape say. `constants`: attributes that go with what a span itself has;
    None where nobody asks for them."""

    __slots__ = ("_agent", "_asked", "_call", "_constants", "_decides", "_plain", "_row", "_tool")

    def __init__(self, traits: Traits, constants: Attributes | None = None) -> None:
        self._constants = constants
        told = [(place, getattr(traits, name)) for place, name in _TOLD]
        self._row: list[Any] = [None] * len(Fact._fields)
        self._row[0] = traits.role
        for place, each in told:
            self._row[place] = each.value
        self._asked = tuple((place, each.ask) for place, each in told if each.ask)
        self._agent = traits.stamp, traits.agent
        self._plain = not (traits.stamp.ask or traits.agent.ask)
        self._call = None if traits.call is None else CallRecipe(traits.call)
        self._tool = traits.tool
        self._decides = traits.role == "decision"

    def fact(self, own: Attributes, sender: str | None, door: Door) -> Fact:
        """Return what a span says; `own`: what it has besides the constants. `sender`: the agent
        whom our own attribute names on its resource."""
        attributes = own if self._constants is None else {**self._constants, **own}
        row = self._row.copy()
        stamp, agent = self._agent
        if self._plain:
            stamped, named = stamp.value or sender, agent.value
        else:
            stamped, named = stamp.of(attributes, text) or sender, agent.of(attributes, text)
        row[_AGENT] = stamped or named
        row[_STAMPED] = stamped is not None
        for place, ask in self._asked:
            row[place] = first_of(attributes, ask, text)
        if self._call is not None:
            row[_CALL] = self._call.fact(attributes, door)
        if self._tool is not None:
            row[_TOOL] = _tool(attributes, self._tool, door)
        if self._decides:
            row[_DECISION] = _decision(attributes)
        return _new(Fact, row)


@final
class CallRecipe:
    """What spans of one shape say of a call."""

    __slots__ = (
        "_answered",
        "_asked",
        "_call_id",
        "_costs",
        "_counts",
        "_digested",
        "_doubtful",
        "_of",
        "_plain",
        "_row",
    )

    def __init__(self, of: CallTraits) -> None:
        self._of = of
        self._counts = list(of.counts)
        self._plain = tuple((p, ask[0][0], ask) for p, ask in of.counting if ask[0][1] is None)
        self._asked = tuple((p, ask) for p, ask in of.counting if ask[0][1] is not None)
        self._doubtful = of.cut_short or of.cut_at_one or of.guesses or of.ended.nothing_used
        self._answered = bool(of.answer_ids)
        self._digested = bool(of.digest.ask or of.turn.ask or any(of.prompt))
        self._costs = of.costed and bool(of.cost.ask)
        self._call_id = bool(of.call_id.ask)
        self._row = list(_constant(of))

    def fact(self, attributes: Attributes, door: Door) -> CallFact:
        """Return what a span says whose attributes are these, those aside that nobody asks for."""
        of = self._of
        row = self._row.copy()
        counts = self._counts.copy()
        for place, key, ask in self._plain:
            said = attributes[key]
            if type(said) is int and 0 <= said <= MOST_TOKENS:  # as `count` says, of nearly all
                counts[place] = said
            else:
                counts[place] = first_of(attributes, ask, count)
        for place, ask in self._asked:
            counts[place] = first_of(attributes, ask, count)
        raw = _raw_usage(counts)
        if self._doubtful:
            row[_ESTIMATED], row[_INTERRUPTED], used = _in_doubt(attributes, of, raw)
        else:
            used = canonical_counts(raw, of.habit, of.operation)
        row[_COUNTS] = used[:-1]
        if self._answered:
            row[_RESPONSE_ID] = answer_id(attributes, of.answer_ids)
        if self._call_id:
            row[_CALL_ID] = of.call_id.of(attributes, text)
        if self._digested:
            row[_DIGEST] = of.digest.of(attributes, text) or door.prompt_digest(
                attributes, of.prompt
            )
            row[_TURN] = of.turn.of(attributes, text) or door.turn_digest(attributes, of.prompt)
        if self._costs:
            row[_COST] = cost = _nano(of.cost.of(attributes, amount), of)
            row[_BY_PROVIDER] = of.by_provider and cost is not None
        if of.leased:
            row[_LEASED] = _leased(attributes)
        return _new(CallFact, row)


def _constant(of: CallTraits) -> CallFact:
    """Return the fields of a call that do not differ from span to span."""
    ended = of.ended
    cost = _nano(of.cost.value, of)
    return CallFact(
        operation=of.operation,
        provider=of.provider,
        request_model=of.request_model,
        response_model=of.response_model,
        estimated=of.estimated,
        error=ended.error_type is not None,
        error_type=ended.error_type,
        http_status=ended.http_status,
        streaming=ended.streaming,
        finish_reason=ended.finish_reason,
        service_tier=of.service_tier,
        cost_by_provider=of.by_provider and cost is not None,
        guarded=of.guarded,
        refused=of.refused,
        part=of.part,
        response_id=ended.response_id,
        error_message=ended.error_message,
        prompt_digest=of.digest.value,
        reported_cost_nano=cost,
        call_id=of.call_id.value,
        continues_seconds=of.continues_seconds,
        turn_digest=of.turn.value,
    )


def _nano(reported: float | None, of: CallTraits) -> int | None:
    """Return the cost the emitter reports, in nano-USD.

    From instrumentations 0 means "no price found" and is thus unknown; people mean it.
    """
    if reported is None or not of.costed or (reported == 0 and not of.by_hand):
        return None
    return nano_usd(reported)


def _raw_usage(counts: list[int | None]) -> Counts:
    """Return the counts as the emitter gave them."""
    short = counts.pop()
    total_in, total_out, reads, writes, writes_1h, thoughts, total = counts
    if writes is None and (short is not None or writes_1h is not None):
        writes = (short or 0) + (writes_1h or 0)
    return total_in, total_out, reads, writes, writes_1h, thoughts, total


def _in_doubt(attributes: Attributes, of: CallTraits, raw: Counts) -> tuple[bool, bool, Counts]:
    """Return whether the counts are the client's guess, whether the answer was interrupted, and the
    canonical counts; an interrupted answer's output count is only a first guess."""
    known = bool(raw[0] or raw[1])
    estimated = of.estimated or (of.guesses and known and _guessed(attributes, of.habit))
    if of.ended.nothing_used and not known:
        return estimated, False, NOTHING_USED
    interrupted = known and (of.cut_short or (of.cut_at_one and raw[1] == 1))
    used = canonical_counts(raw, of.habit, of.operation)
    if not interrupted:
        return estimated, False, used
    if of.provider == "anthropic":  # its streams begin with all of the input's counts
        return estimated, True, (used[0], None, *used[2:5], None, used[6])
    return estimated, True, (used[0], None, raw[2], raw[3], None, None, None)


def _guessed(attributes: Attributes, habit: Habits) -> bool:
    """Tell whether the emitter counted a stream's tokens by itself."""
    if habit.estimates_streams is None:
        return False
    present, positive = habit.estimates_streams
    if present:
        return attributes.get(present) is None
    return not count(attributes.get(positive))


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
        door.first_digest(attributes, of.arguments),
        door.first_digest(attributes, of.result),
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
