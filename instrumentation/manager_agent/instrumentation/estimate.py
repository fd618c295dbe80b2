"""An estimate of usage where the provider gave none, always flagged."""

from dataclasses import replace
from math import ceil

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.told import Told

BYTES_PER_TOKEN = 3.5
"""UTF-8 bytes of one token. English prose has about 4.5, code and JSON 3 to 3.5, Chinese and
Japanese about 3, so that an estimate of prose is some 25 % high and one of the others is close."""
TOKENS_PER_MEDIUM = 1_000
"""Tokens of one image, sound or file: providers charge 258 to 1,600 for an image."""


def estimated(asked: Asked, told: Told) -> Told:
    """Return `told` with the counts that it lacks, and flagged, where they can be estimated.

        input  = text_bytes / BYTES_PER_TOKEN + media x TOKENS_PER_MEDIUM
        output = delivered_bytes / BYTES_PER_TOKEN

    each rounded up, output at most what was allowed. Counts that the provider gave are kept, but
    of a stream that was left they are counts up to there, and the higher one is taken.
    Biased low for output that was made and not shown (hidden reasoning, or what is on its way
    when a stream is left), and high for English prose. Nothing is estimated for an answer that
    delivered nothing: nobody can tell what it cost, and it stays unknown.
    """
    usage = told.usage or Usage()
    read, written = usage.input_tokens, usage.output_tokens
    known = read is not None and written is not None
    if not told.delivered_bytes or (known and told.complete):
        return told
    guessed = usage._replace(
        input_tokens=_input(asked) if read is None else read,
        output_tokens=max(written or 0, _output(asked, told.delivered_bytes))
        if written is None or not told.complete
        else written,
    )
    return replace(told, usage=guessed, estimated=True)


def _input(asked: Asked) -> int | None:
    """Return the tokens of a prompt; None where the provider holds a part of it."""
    if asked.text_bytes is None or asked.held_context:
        return None
    return max(1, ceil(asked.text_bytes / BYTES_PER_TOKEN) + asked.media * TOKENS_PER_MEDIUM)


def _output(asked: Asked, delivered_bytes: int) -> int:
    tokens = ceil(delivered_bytes / BYTES_PER_TOKEN)
    if asked.max_output_tokens is None:
        return tokens
    return max(1, min(tokens, asked.max_output_tokens * asked.choices))
