"""What a function returned -> what it tells of the model call inside: usage, model, id, cost.

Objects are read by the names of their members, never by their classes: no SDK is loaded here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

_MOST_TOKENS = 10**12
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What is told; None is unknown. Input holds cache reads and writes, output reasoning."""

    model: str | None = None
    provider: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: Decimal | None = None
    response_id: str | None = None

    @property
    def counted(self) -> bool:
        """Whether it tells of tokens or of a cost."""
        counts = (self.input_tokens, self.output_tokens, self.total_tokens, self.cost_usd)
        return any(count is not None for count in counts)

    def then(self, later: "Answer") -> "Answer":
        """Return what both tell: of two pieces of one stream, counts grow and the rest stays."""
        told = {}
        for field in fields(self):
            one, other = getattr(self, field.name), getattr(later, field.name)
            known = [value for value in (one, other) if value is not None]
            grows = field.name.endswith("_tokens")
            told[field.name] = (max(known) if grows else known[0]) if known else None
        return Answer(**told)

    def plus(self, later: "Answer") -> "Answer":
        """Return the sum of two pieces that each count only themselves."""
        both = self.then(later)
        sums = {
            field.name: (getattr(self, field.name) or 0) + (getattr(later, field.name) or 0)
            for field in fields(self)
            if field.name.endswith("_tokens") and getattr(both, field.name) is not None
        }
        return Answer(**{field.name: getattr(both, field.name) for field in fields(both)} | sums)


def read(found: Any) -> Answer:
    """Return what `found` tells; of a tuple or list, the first member that tells of usage.

    OpenAI's, Anthropic's, Gemini's and Bedrock's answers as objects or dicts, LangChain's
    messages, anything with `usage`, and dicts of your own with `tokens`, `cost`, `model`.
    """
    if isinstance(found, tuple | list):
        told = (read_one(each) for each in found[:8])
        return next((each for each in told if each.counted), Answer())
    return read_one(found)


def read_one(found: Any) -> Answer:
    """Return what one object tells."""
    if found is None or isinstance(found, str | bytes | int | float):
        return Answer()
    for holder in ("message", "response"):  # events of streams hold the answer so far
        inner = _get(found, holder)
        if _usage(found) is None and inner is not None and _usage(inner) is not None:
            found = inner
    usage = _usage(found)
    told = _counts(usage, found) if usage is not None else {}
    own = _own(found)
    cost = own.pop("cost_usd")
    return Answer(
        model=_model(found) or _model(usage),
        provider=_text(_get(found, "provider")) if usage is None else None,
        response_id=_text(_get(found, "id")) if usage is not None else None,
        cost_usd=_usd(_get(usage, "cost", "cost_usd")) if cost is None else cost,
        **{**own, **{name: count for name, count in told.items() if count is not None}},
    )


def adds_up(found: Any) -> bool:
    """Tell whether pieces of a stream like `found` count only themselves, as LangChain's do."""
    metadata = _get(found, "usage_metadata")
    return metadata is not None and _get(metadata, "input_tokens") is not None


def _usage(found: Any) -> Any:
    for name in ("usage", "usage_metadata", "usageMetadata"):
        usage = _get(found, name)
        if callable(usage):  # pydantic-ai's results
            usage = _called(usage)
        if usage is not None and not isinstance(usage, str | int | float):
            return usage
    return None


def _counts(usage: Any, found: Any) -> dict[str, int | None]:
    """Return the counts of a usage object, whoever's."""
    for names, read_as in (
        (("prompt_token_count", "promptTokenCount"), _gemini),
        (("inputTokens", "outputTokens"), _bedrock),
        (("prompt_tokens", "completion_tokens"), _openai),
    ):
        if _get(usage, *names) is not None:
            return read_as(usage)
    return _messages(usage)


def _openai(usage: Any) -> dict[str, int | None]:
    given = _get(usage, "prompt_tokens_details")
    made = _get(usage, "completion_tokens_details")
    return {
        "input_tokens": _count(usage, "prompt_tokens"),
        "output_tokens": _count(usage, "completion_tokens"),
        "total_tokens": _count(usage, "total_tokens"),
        "cache_read_tokens": _count(given, "cached_tokens"),
        "reasoning_tokens": _count(made, "reasoning_tokens"),
    }


def _gemini(usage: Any) -> dict[str, int | None]:
    thoughts = _count(usage, "thoughts_token_count", "thoughtsTokenCount")
    tools = _count(usage, "tool_use_prompt_token_count", "toolUsePromptTokenCount")
    said = _count(usage, "candidates_token_count", "candidatesTokenCount")
    return {
        "input_tokens": _sum(_count(usage, "prompt_token_count", "promptTokenCount"), tools),
        "output_tokens": _sum(said, thoughts),
        "total_tokens": _count(usage, "total_token_count", "totalTokenCount"),
        "cache_read_tokens": _count(usage, "cached_content_token_count", "cachedContentTokenCount"),
        "reasoning_tokens": thoughts,
    }


def _bedrock(usage: Any) -> dict[str, int | None]:
    reads = _count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    writes = _count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    return {
        "input_tokens": _sum(_count(usage, "inputTokens"), reads, writes),
        "output_tokens": _count(usage, "outputTokens"),
        "cache_read_tokens": reads,
        "cache_write_tokens": writes,
    }


def _messages(usage: Any) -> dict[str, int | None]:
    """Read `input_tokens` and `output_tokens`: Anthropic's leave the cache out, others' do not."""
    reads = _count(usage, "cache_read_input_tokens")
    writes = _count(usage, "cache_creation_input_tokens")
    given = _get(usage, "input_tokens_details", "input_token_details")
    made = _get(usage, "output_tokens_details", "output_token_details")
    return {
        "input_tokens": _sum(_count(usage, "input_tokens"), reads, writes),
        "output_tokens": _count(usage, "output_tokens"),
        "total_tokens": _count(usage, "total_tokens") if reads is writes is None else None,
        "cache_read_tokens": _or(
            reads, _count(given, "cached_tokens", "cache_read"), _count(usage, "cache_read_tokens")
        ),
        "cache_write_tokens": _or(
            writes, _count(given, "cache_creation"), _count(usage, "cache_write_tokens")
        ),
        "reasoning_tokens": _count(made, "reasoning_tokens", "reasoning"),
    }


def _own(found: Any) -> dict[str, Any]:
    """Return what a dict of the user's own says: `tokens`, `cost`, and the plain names."""
    if not isinstance(found, Mapping):
        return {"cost_usd": None}
    return {
        "input_tokens": _count(found, "input_tokens", "prompt_tokens"),
        "output_tokens": _count(found, "output_tokens", "completion_tokens"),
        "total_tokens": _count(found, "total_tokens", "tokens", "tokens_used"),
        "cost_usd": _usd(_get(found, "cost", "cost_usd", "total_cost")),
    }


def _model(found: Any) -> str | None:
    metadata = _get(found, "response_metadata")
    return _text(
        _get(found, "model", "model_version", "modelVersion", "model_name", "modelId")
    ) or _text(_get(metadata, "model_name", "model", "model_id"))


def _get(found: Any, *names: str) -> Any:
    """Return the first member that is there under one of `names`, None without; never raises."""
    if found is None:
        return None
    for name in names:
        try:
            value = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        except Exception:  # noqa: BLE001 - a user's object may do anything; then it tells nothing
            value = None
        if value is not None:
            return value
    return None


def _called(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception:  # noqa: BLE001 - a user's object may do anything; then it tells nothing
        return None


def _count(found: Any, *names: str) -> int | None:
    value = _get(found, *names)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


def _usd(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        cost = Decimal(str(value))
    except InvalidOperation:
        return None
    return cost if cost.is_finite() and cost >= 0 else None


def _text(value: Any) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) and value else None


def _sum(*parts: int | None) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def _or(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
