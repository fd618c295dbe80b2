"""What follows from a span's shape: worked out once, and kept with the shape.

Traits are read off one span. They hold for every span of the same shape: values that may differ
between them (`VARYING`) are not in it, but where to find them.
"""

from collections.abc import Callable, Collection
from functools import cache, lru_cache
from typing import Any, NamedTuple

from manager_agent.contract import attributes as names
from manager_agent.receiver.claims import Verdict, deciding_keys, part_of, verdict
from manager_agent.receiver.content import PromptKeys, keys_of, prompt_keys
from manager_agent.receiver.fact import Role
from manager_agent.receiver.fields import Entries, Fields, field_index, first_of
from manager_agent.receiver.outcome import (
    Outcome,
    error_message_of,
    error_type_of,
    outcome_of,
)
from manager_agent.receiver.provider import canonical_provider, provider_of_error
from manager_agent.receiver.span import Attributes, Span
from manager_agent.receiver.usage import COUNTS, Habits, habits
from manager_agent.receiver.values import amount, count, flag, nested, text

_CLAIMING = ("call", "decision")
NONE_VARIES: frozenset[str] = frozenset()

VARYING = frozenset(
    {*COUNTS, "cost", "agent", "workflow", "conversation_id", "user_id", "response_id"}
    | {"tool_call_id", "first_chunk", "azure_hint"}
)
"""Fields that may differ between spans of one shape; of the last two only the presence counts."""

_READ_BY_NAME = frozenset(
    {
        "success",
        "ai.operationId",
        "logfire.span_type",
        names.GUARDED,
        names.USAGE_ESTIMATED,
        names.COST_CURRENCY,
        names.COST_SOURCE,
    }
)
"""Attributes that decide what a span says though they are in no table."""


class Told(NamedTuple):
    """A field: its value if the shape tells it, else the attributes to ask, best first."""

    value: Any = None
    ask: Entries = ()

    def of(self, attributes: Attributes, read: Callable[[Any], Any]) -> Any:
        """Return what a span of the shape says."""
        return first_of(attributes, self.ask, read) if self.ask else self.value


class CallTraits(NamedTuple):
    """What all spans of a shape say of a call.

    `counts`: the counts of `COUNTS` that the shape tells; `counting`: the places of the others
    and whom to ask. `answer_ids`: whom to ask for the response id. `cut_short`: the answer stopped
    before its end; `cut_at_one`: it did if a single token came. `guesses`: the emitter may have
    counted by itself. `estimated`: it says that it did. `leased`: a
    guard says to which leases it charged the call. `costed`: a reported cost is in USD;
    `by_hand`: it holds even where it is 0.
    `digest`, `turn`: digests of the prompt and of its last turn, made by the sender.
    """

    operation: str
    provider: str | None
    request_model: str | None
    response_model: str | None
    habit: Habits
    ended: Outcome
    service_tier: str | None
    counts: tuple[int | None, ...]
    counting: tuple[tuple[int, Entries], ...]
    answer_ids: Entries
    cut_short: bool
    cut_at_one: bool
    guesses: bool
    cost: Told
    costed: bool
    by_provider: bool
    by_hand: bool
    guarded: bool
    leased: bool
    refused: bool
    estimated: bool
    call_id: Told
    digest: Told
    turn: Told
    prompt: PromptKeys
    part: str | None
    continues_seconds: float | None


class ToolTraits(NamedTuple):
    """What all spans of a shape say of a tool call.

    `arguments`, `result`: the attributes that may hold them, best first.
    """

    tool: str
    tool_call_id: Told
    error_type: str | None
    error_message: str | None
    arguments: tuple[str, ...]
    result: tuple[str, ...]


class Traits(NamedTuple):
    """What all spans of a shape say."""

    role: Role
    stamp: Told
    agent: Told
    workflow: Told
    conversation_id: Told
    user_id: Told
    model: Told
    call: CallTraits | None
    tool: ToolTraits | None


def failed(traits: Traits) -> bool:
    """Tell whether the call or the tool failed."""
    call, tool = traits.call, traits.tool
    of_call = call is not None and call.ended.error_type is not None
    return of_call or (tool is not None and tool.error_type is not None)


def asks_only(traits: Traits, varying: Collection[str]) -> bool:
    """Tell whether recognition asks for no other attributes than those that vary."""
    call, tool = traits.call, traits.tool
    if traits.role == "decision" or (call and (call.leased or call.guesses)):
        return False
    told: list[Told] = [each for each in traits if isinstance(each, Told)]
    asked = [key for each in told for key, _ in each.ask]
    if call is not None:
        entries = [call.cost.ask, call.call_id.ask, call.digest.ask, call.turn.ask]
        entries += [call.answer_ids, *(ask for _, ask in call.counting)]
        asked += [key for ask in entries for key, _ in ask]
        asked += [key for keys in call.prompt for key in keys]
    if tool is not None:
        asked += [key for key, _ in tool.tool_call_id.ask]
        asked += [*tool.arguments, *tool.result]
    return all(key in varying for key in asked)


def read_traits(span: Span, attributes: Attributes, varying: Collection[str]) -> Traits | None:
    """Return what `span` says, None where it has nothing to do with GenAI.

    `attributes`: all of the span's. `varying`: those that another span of its shape says otherwise.
    """
    said = verdict(span.name, span.scope, attributes)
    if said is None:
        return None
    fields = Fields(attributes, span.scope)
    return Traits(
        role=said.role,
        stamp=_told_by(names.AGENT, attributes, varying),
        agent=_told(fields, "agent", text, varying),
        workflow=_told(fields, "workflow", text, varying),
        conversation_id=_told(fields, "conversation_id", text, varying),
        user_id=_told(fields, "user_id", text, varying),
        model=_told_by("model", attributes, varying),
        call=_call(span, fields, said, varying) if said.role in _CLAIMING else None,
        tool=_tool(span, fields, varying) if said.role == "tool" else None,
    )


def _call(span: Span, fields: Fields, said: Verdict, varying: Collection[str]) -> CallTraits:
    attributes = fields.attributes
    request_model = fields.first("request_model", text) or said.model
    answer_model = fields.first("response_model", text)
    provider = _provider(span, fields, request_model or answer_model)
    habit = habits(span.scope, provider)
    ended = outcome_of(span, fields, habit)
    provider = provider or provider_of_error(ended.error_type)
    told = [_told(fields, name, count, varying) for name in COUNTS]
    part = part_of(span.scope, attributes)
    return CallTraits(
        operation=_operation(said.operation, request_model or answer_model),
        provider=provider,
        request_model=request_model,
        response_model=answer_model if ended.error_type is None or ended.began else None,
        habit=habit,
        ended=ended,
        service_tier=fields.first("service_tier", text),
        counts=tuple(each.value for each in told),
        counting=tuple((place, each.ask) for place, each in enumerate(told) if each.ask),
        answer_ids=_ask(fields, "response_id", varying),
        cut_short=_cut_short(ended, attributes, habit),
        cut_at_one=bool(ended.streaming) and provider == "anthropic" and not ended.finish_reason,
        guesses=bool(ended.streaming) and habit.estimates_streams is not None,
        cost=_told(fields, "cost", amount, varying),
        costed=text(attributes.get(names.COST_CURRENCY)) in (None, "USD"),
        by_provider=attributes.get(names.COST_SOURCE) == "provider",
        by_hand=attributes.get(names.COST_SOURCE) == names.BY_HAND,
        guarded=flag(attributes.get(names.GUARDED)) or False,
        leased=names.HOLDER in attributes,
        refused=said.role == "decision",
        estimated=flag(attributes.get(names.USAGE_ESTIMATED)) or False,
        call_id=_told_by(names.CALL_ID, attributes, varying),
        digest=_told_by(names.PROMPT_DIGEST, attributes, varying),
        turn=_told_by(names.TURN_DIGEST, attributes, varying),
        prompt=prompt_keys(attributes),
        part=part.name if part else None,
        continues_seconds=part.seconds if part else None,
    )


def _tool(span: Span, fields: Fields, varying: Collection[str]) -> ToolTraits:
    error_type = error_type_of(span, fields)
    return ToolTraits(
        tool=fields.first("tool_name", text) or span.name[:200],
        tool_call_id=_told(fields, "tool_call_id", text, varying),
        error_type=error_type,
        error_message=error_message_of(span, fields) if error_type else None,
        arguments=keys_of("arguments", fields.attributes),
        result=keys_of("result", fields.attributes),
    )


def _told(fields: Fields, field: str, read: Callable[[Any], Any], varying: Collection[str]) -> Told:
    ask = _ask(fields, field, varying)
    return Told(None, ask) if ask else Told(fields.first(field, read))


def _told_by(key: str, attributes: Attributes, varying: Collection[str]) -> Told:
    if key in varying:
        return Told(None, ((key, None),))
    return Told(text(attributes.get(key)))


def _ask(fields: Fields, field: str, varying: Collection[str]) -> Entries:
    """Return whom to ask for `field`; nobody where none of them varies."""
    entries = fields.entries(field)
    return entries if any(key in varying for key, _ in entries) else ()


def _provider(span: Span, fields: Fields, model: str | None) -> str | None:
    return canonical_provider(
        fields.first("provider", text),
        span.scope,
        model,
        fields.first("server_address", text),
        fields.has("azure_hint"),
    )


def _operation(said: str, model: str | None) -> str:
    """Return the operation; OpenInference calls Bedrock's embedding models LLMs."""
    return "embeddings" if said == "chat" and model and "embed" in model.lower() else said


def _cut_short(ended: Outcome, attributes: Attributes, habit: Habits) -> bool:
    """Tell whether an answer stopped before its end, so that its output was never counted."""
    if ended.error_type is not None:
        return True
    wanted = habit.complete_streams_have
    if not ended.streaming or not wanted:
        return False
    if wanted == "finish_reason":
        return ended.finish_reason is None
    return wanted not in attributes


@cache
def deciding() -> frozenset[str]:
    """Return the attributes whose values decide more than `VARYING` fields."""
    told = {
        key for key, rows in field_index().items() if any(row.field not in VARYING for row in rows)
    }
    return frozenset(told | deciding_keys() | _READ_BY_NAME)


Decider = tuple[str, tuple[str, ...]]
"""An attribute that decides what a span says, and the names inside its text by which it does; none
where the whole of it counts."""


@lru_cache(4096)
def deciders(varying: tuple[str, ...]) -> tuple[Decider, ...]:
    """Return those of the attributes that vary from span to span and decide more than numbers."""
    found = []
    for key in varying:
        if key not in deciding():
            continue
        rows = [row for row in field_index().get(key, ()) if row.field not in VARYING]
        whole = key in deciding_keys() or key in _READ_BY_NAME or any(not row.name for row in rows)
        names_in = () if whole else tuple(sorted({row.name for row in rows if row.name}))
        found.append((key, names_in))
    return tuple(found)


def decision_of(own: Attributes, asked: tuple[Decider, ...]) -> tuple[object, ...] | None:
    """Return what a span says by attributes that decide; None where that is too much to compare.

    Spans of one shape that say the same here have the same traits.
    """
    said: list[object] = []
    for key, names_in in asked:
        value = own[key]
        if names_in:
            said += [nested(value, name) for name in names_in]
        elif type(value) in _COMPARED and len(str(value)) <= _LONGEST_COMPARED:
            said += [type(value), value]
        else:
            return None
    return tuple(said)


_COMPARED = (str, int, bool)
_LONGEST_COMPARED = 256
