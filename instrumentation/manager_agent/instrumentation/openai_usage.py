"""OpenAI's `usage` object, and what compatible providers made of it -> canonical usage."""

from decimal import Decimal

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.endpoint import Kind
from manager_agent.instrumentation.lenient import Json, count, first_count, mapping, money

_NO_OUTPUT: frozenset[Kind] = frozenset({"embeddings"})
_MANY = 2**50
_PARTS_IN = frozenset({"cached_tokens", "audio_tokens"})
_PARTS_OUT = frozenset(
    {"reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"}
)
_XAI_TICKS_PER_USD = 10**10


def usage_of(raw: Json, kind: Kind) -> Usage | None:
    """Return the usage in `raw`, None where it counts nothing.

    0 and 0 is what some servers send in place of "I do not know": a call that was served has read
    something. A transcription that is billed by seconds counts no tokens.
    """
    if kind == "images":  # its output is pictures
        return _usage_of(raw, kind)
    return _plain(raw) or _usage_of(raw, kind)


_TOTALS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens"})
_PLAIN = _TOTALS | {"prompt_tokens_details", "completion_tokens_details"}


def _plain(raw: Json) -> Usage | None:
    """Return the usage as OpenAI's own chat completions have it, quickly; None: look closer."""
    if not raw.keys() <= _PLAIN:
        return None
    read, written = raw.get("prompt_tokens"), raw.get("completion_tokens")
    if type(read) is not int or type(written) is not int or not 0 < read < _MANY > written >= 0:
        return None
    if raw.get("total_tokens") != read + written:
        return None
    into, out = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    if into is None and out is None:
        return Usage(read, written)
    if type(into) is not dict or type(out) is not dict:
        return None
    cached, heard = into.get("cached_tokens"), into.get("audio_tokens")
    thought, spoken = out.get("reasoning_tokens"), out.get("audio_tokens")
    for part, most in ((cached, read), (heard, read), (thought, written), (spoken, written)):
        if part is not None and (type(part) is not int or not 0 <= part <= most):
            return None
    if not into.keys() <= _PARTS_IN or not out.keys() <= _PARTS_OUT:
        return None
    return Usage(read, written, cached, None, 0, thought, heard, spoken)


def _usage_of(raw: Json, kind: Kind) -> Usage | None:
    read, written = _inputs(raw)
    if not (read or written):
        return None
    if written is None and kind in _NO_OUTPUT:
        written = 0
    into = _details(raw, "prompt_tokens", "input_tokens")
    out = _details(raw, "completion_tokens", "output_tokens")
    cached, stored = _cache(raw, into)
    thought = first_count((out.get("reasoning_tokens"), raw.get("reasoning_tokens")))
    read, written = _with_parts_outside(raw, read, written, (cached, stored, thought))
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=stored,
        reasoning_tokens=thought,
        input_audio_tokens=count(into.get("audio_tokens")),
        output_audio_tokens=count(out.get("audio_tokens")),
        input_image_tokens=count(into.get("image_tokens")),
        output_image_tokens=_images_out(out, written, kind),
    )


def cost_of(raw: Json) -> Decimal | None:
    """Return the USD that the provider says it charged, in `usage`.

    OpenRouter: `cost`, and where the user brought a key of their own, what that key is charged.
    Perplexity: `cost.total_cost`. xAI: `cost_in_usd_ticks`.
    """
    if "cost" not in raw and "cost_in_usd_ticks" not in raw:
        return None
    ticks = count(raw.get("cost_in_usd_ticks"))
    if ticks is not None:
        return Decimal(ticks) / _XAI_TICKS_PER_USD
    cost = raw.get("cost")
    charged = money(cost.get("total_cost") if isinstance(cost, dict) else cost)
    if charged is not None and raw.get("is_byok") is True:
        upstream = money(mapping(raw.get("cost_details")).get("upstream_inference_cost"))
        return None if upstream is None else charged + upstream
    return charged


def _inputs(raw: Json) -> tuple[int | None, int | None]:
    read = first_count((raw.get("prompt_tokens"), raw.get("input_tokens")))
    return read, first_count((raw.get("completion_tokens"), raw.get("output_tokens")))


def _details(raw: Json, *names: str) -> Json:
    """Return the parts of a count; transcriptions say `input_token_details`."""
    for name in names:
        for key in (f"{name}_details", f"{name[:-1]}_details"):
            if isinstance(raw.get(key), dict):
                return mapping(raw[key])
    return {}


def _cache(raw: Json, into: Json) -> tuple[int | None, int | None]:
    """Return reads and writes: OpenAI and most; DeepSeek; Moonshot; LiteLLM's proxy."""
    cached = first_count(
        (
            into.get("cached_tokens"),
            raw.get("prompt_cache_hit_tokens"),
            raw.get("cached_tokens"),
            raw.get("cache_read_input_tokens"),
        )
    )
    stored = first_count(
        (
            into.get("cache_write_tokens"),
            into.get("cache_creation_tokens"),
            raw.get("cache_creation_input_tokens"),
        )
    )
    return cached, stored


def _with_parts_outside(
    raw: Json, read: int | None, written: int | None, parts: tuple[int | None, ...]
) -> tuple[int | None, int | None]:
    """Add parts that a provider counts beside its totals, which the grand total gives away.

    xAI and some others leave reasoning out of `completion_tokens`, Gemini's compatible service
    leaves it out and does not name it, a few gateways leave the cache out of `prompt_tokens`.
    A part that is larger than its total is outside it whatever the grand total says.
    """
    cached, thought = (parts[0] or 0) + (parts[1] or 0), parts[2] or 0
    total = count(raw.get("total_tokens"))
    missing = 0 if total is None else total - (read or 0) - (written or 0)
    if written is not None:
        if thought and (missing in (thought, thought + cached) or thought > written):
            written += thought
        elif missing > 0 and missing != cached and parts[2] is None:
            written += missing
    outside = missing in (cached, cached + thought) and missing != thought
    if read is not None and cached and (outside or cached > read):
        read += cached
    return read, written


def _images_out(out: Json, written: int | None, kind: Kind) -> int | None:
    """Return the image tokens generated: all that image models generate, where nothing is said."""
    told = count(out.get("image_tokens"))
    return written if told is None and kind == "images" else told
