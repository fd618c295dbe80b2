"""What a call used and what it cost: the records that pricing takes and returns."""

from typing import Literal, NamedTuple

Source = Literal["genai-prices", "custom"]

Reason = Literal[
    "priced",  # the model's price times the usage
    "free",  # the price table says that this model costs nothing
    "parts_exceed_total",  # priced by the parts, which were larger than their total
    "unknown_usage",  # a token count that the price needs is unknown
    "no_model",  # neither the request nor the response named a model
    "unknown_provider",  # the price table does not have this provider
    "unpriced_model",  # the price table does not have this model
    "self_hosted",  # runs on the user's own machines: only a custom price can know
    "other_unit",  # sold by the hour, page or character, which telemetry does not tell
]
"""Why a call has the cost it has; the first three have a cost, the others have none."""


class Usage(NamedTuple):
    """Tokens of one call; None is unknown, which is not 0.

    `input_tokens` is ALL input and `output_tokens` ALL output. The other fields are parts of
    them and are never added: cache reads, cache writes (of which `cache_write_1h_tokens` were
    kept for an hour), audio and images in the input; reasoning, audio and images in the output.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int = 0
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    cache_audio_read_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    cache_image_read_tokens: int | None = None


class Priced(NamedTuple):
    """The cost of one call in nano-USD, None where it cannot be known, and why.

    `price_model` is the name under which the price was found (genai-prices' model id, or the
    model or pattern of a custom price); `source` is where, None without a cost.
    """

    cost_nano: int | None
    price_model: str | None
    source: Source | None
    reason: Reason
