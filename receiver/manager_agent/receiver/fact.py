"""What recognition reads off one span, small enough to keep for the length of the merge window."""

import json
from functools import lru_cache
from typing import Any, Literal, NamedTuple

Role = Literal["call", "agent", "workflow", "tool", "genai", "sum", "decision"]


class Leased(NamedTuple):
    """To which leases of which holder a guard charged a call, and what it settled, in nano-USD.

    A lease of None: nothing bounded that unit, and the span is what tells of it.
    """

    holder: str
    usd_lease: int | None = None
    token_lease: int | None = None
    settled_nano: int | None = None


class CallFact(NamedTuple):
    """One emitter's claim that a billable call happened.

    Tokens: `input_tokens` includes cache reads and writes, `output_tokens` includes reasoning,
    whatever the emitter's own convention; None is unknown. Costs are nano-USD.
    """

    operation: str
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    estimated: bool = False
    interrupted: bool = False
    error: bool = False
    error_type: str | None = None
    http_status: int | None = None
    streaming: bool | None = None
    finish_reason: str | None = None
    service_tier: str | None = None
    cost_by_provider: bool = False
    guarded: bool = False
    refused: bool = False
    """It never left: our gate refused it. Claims that are one call with this one are no call."""
    part: str | None = None
    """Which of several reporters behind one scope this is (`claims.Part`)."""
    # What follows differs from call to call.
    response_id: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    error_message: str | None = None
    prompt_digest: str | None = None
    reported_cost_nano: int | None = None
    call_id: str | None = None
    continues_seconds: float | None = None
    """Set where this span reports the end of a stream whose request another span reported: how
    long before this span the stream began."""
    turn_digest: str | None = None
    """Of what the request adds to the one before it."""
    leased: Leased | None = None

    @property
    def answered(self) -> bool:
        """Whether it knows of an answer."""
        return bool(self.response_id or self.input_tokens or self.output_tokens)


class ToolFact(NamedTuple):
    """One execution of a tool; digests are keyed, never the content."""

    tool: str
    tool_call_id: str | None = None
    error: bool = False
    error_type: str | None = None
    error_message: str | None = None
    arguments_digest: str | None = None
    result_digest: str | None = None


class SumFact(NamedTuple):
    """One data point of a metric that sums up calls: one field of one series.

    `value`: tokens, or nano-USD for the field `cost`. `series`: a digest of all that tells the
    point's series apart. `cumulative`: the value counts from the beginning of the series.
    `within_ns`: how far outside of its interval others may have told of the calls it sums up.
    """

    field: str
    value: int
    series: str
    model: str | None = None
    provider: str | None = None
    cumulative: bool = False
    within_ns: int = 0


class DecisionFact(NamedTuple):
    """A call that a gate decided on and that, being refused, never left; sums in nano-USD."""

    decision: str
    reason: str | None = None
    call_id: str | None = None
    limit_name: str | None = None
    limit_nano: int | None = None
    spent_nano: int | None = None
    reserved_nano: int | None = None


class Fact(NamedTuple):
    """What a GenAI span says: its part in the story, and whom it names.

    Log records and data points that tell of calls are spans here, made for the purpose.

    `stamped`: the agent was named by our own attribute. `model`: a model that calls below this
    span use without saying so (Codex).
    """

    role: Role
    agent: str | None = None
    stamped: bool = False
    workflow: str | None = None
    conversation_id: str | None = None
    user_id: str | None = None
    model: str | None = None
    call: CallFact | None = None
    tool: ToolFact | None = None
    sum: SumFact | None = None
    decision: DecisionFact | None = None
    """Of a new span only: it is stored when it arrives, and nothing later asks for it."""

    @property
    def claims(self) -> bool:
        """Whether it claims a call, a tool call, a sum of calls, or that a call was refused."""
        return self.call is not None or self.tool is not None or self.sum is not None

    @property
    def told(self) -> bool:
        """Whether it tells of calls, of one or of a sum of them."""
        return self.call is not None or self.sum is not None


def to_json(fact: Fact) -> str:
    """Return `fact` as JSON, without the fields at their defaults.

    What many facts have in common is encoded once, and the counts of tokens are a list: this runs
    for every span that is stored, and its text is a good part of what the store writes.
    """
    role, agent, stamped, workflow, conversation_id, user_id, model, call, tool, summed, _ = fact
    text = _common_json(role, agent, stamped, workflow, model)
    if conversation_id is not None:
        text += f',"conversation_id":{_quoted(conversation_id)}'
    if user_id is not None:
        text += f',"user_id":{_quoted(user_id)}'
    if call is not None:
        text += _call_json(call)
    if tool is not None:
        text += _tool_json(tool)
    if summed is not None:
        text += f',"sum":{_ENCODER.encode(_sparse(summed))}'
    return text + "}"


def _call_json(call: CallFact) -> str:
    """Return the member `call`. Most calls have an answer's id and counts, and nothing rare."""
    own: tuple[Any, ...] = call[_OWN:]
    response_id, sent, answered, reads, writes, an_hour, thoughts, *rare = own
    hour = "null" if an_hour is None else an_hour  # hardly anybody tells
    counts = f"{sent},{answered},{reads},{writes},{hour},{thoughts}"
    if "None" in counts:  # whole numbers, null and None are all there is in it
        counts = counts.replace("None", "null")
    answer = "null" if response_id is None else _quoted(str(response_id))
    rest = "" if rare == _NOTHING_RARE else _rare_json(call)
    return f'{_common_call_json(call[:_OWN])}{answer},"tokens":[{counts}]{rest}}}'


def _rare_json(call: CallFact) -> str:
    parts: list[str] = []
    for name, value in zip(_RARE_NAMES, call[_RARE:-1], strict=True):
        if value is not None:
            parts += (name, _quoted(value) if type(value) is str else repr(value))
    if call.leased is not None:
        parts.append(f',"leased":{_ENCODER.encode(call.leased)}')
    return "".join(parts)


def _tool_json(tool: ToolFact) -> str:
    """Return the member `tool`. Most tools have an id and digests, and did not fail."""
    name, tool_call_id, failed, error_type, message, arguments, result = tool
    if failed or error_type is not None or message is not None:
        return f',"tool":{_ENCODER.encode(_sparse(tool))}'
    text = f',"tool":{{"tool":{_quoted(name)}'
    if tool_call_id is not None:
        text += f',"tool_call_id":{_quoted(tool_call_id)}'
    if arguments is not None:
        text += f',"arguments_digest":{_quoted(arguments)}'
    if result is not None:
        text += f',"result_digest":{_quoted(result)}'
    return text + "}"


@lru_cache(4096)
def _common_json(
    role: Role, agent: str | None, stamped: bool, workflow: str | None, model: str | None
) -> str:
    return _ENCODER.encode(_sparse(Fact(role, agent, stamped, workflow, model=model)))[:-1]


@lru_cache(4096)
def _common_call_json(shared: tuple[Any, ...]) -> str:
    """Return how the member `call` begins, up to the answer's id."""
    members = _ENCODER.encode(_sparse(CallFact(*shared)))[1:-1]
    return f',"call":{{{members},"response_id":'


def from_json(text: str) -> Fact:
    """Return the fact that `to_json` wrote; earlier versions named each count of tokens."""
    record = json.loads(text)
    if "call" in record:
        call = record["call"]
        call.update(zip(TOKENS, call.pop("tokens", ()), strict=False))
        if "leased" in call:
            call["leased"] = Leased(*call["leased"])
        record["call"] = CallFact(**call)
    if "tool" in record:
        record["tool"] = ToolFact(**record["tool"])
    if "sum" in record:
        record["sum"] = SumFact(**record["sum"])
    return Fact(**record)


TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)
"""What the counts in a stored fact are, in that order; a further one goes to the end."""

_OWN = CallFact._fields.index("response_id")
_RARE = CallFact._fields.index(TOKENS[0]) + len(TOKENS)
_RARE_NAMES = tuple(f',"{name}":' for name in CallFact._fields[_RARE:-1])
_NOTHING_RARE = [None] * len(CallFact._fields[_RARE:])
_quoted = json.encoder.encode_basestring_ascii
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_REQUIRED = object()


def _sparse(record: Fact | CallFact | ToolFact | SumFact) -> dict[str, Any]:
    defaults = _DEFAULTS[type(record)]
    return {
        name: value
        for name, value, default in zip(record._fields, record, defaults, strict=True)
        if value is not default and value != default
    }


_DEFAULTS = {
    kind: tuple(kind._field_defaults.get(name, _REQUIRED) for name in kind._fields)
    for kind in (Fact, CallFact, ToolFact, SumFact)
}
