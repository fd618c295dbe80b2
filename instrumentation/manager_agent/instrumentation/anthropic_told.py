"""What Anthropic's messages tell: usage, ids, ends, errors; whole and in events."""

import re
from copy import copy
from dataclasses import replace

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.failure import named
from manager_agent.instrumentation.lenient import Json, count, mapping, objects, parsed, text
from manager_agent.instrumentation.openai_stream import delivered
from manager_agent.instrumentation.told import Told

_VALUE = rb'"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
_TEXT = re.compile(rb'"(?:text|thinking|partial_json)' + _VALUE, re.S)
_COUNTS = (
    "input_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens",
    "thinking_tokens",
    "ephemeral_1h_input_tokens",
)


def counts_of(raw: Json) -> dict[str, int]:
    """Return the counts that a usage object has, flat."""
    flat = {
        **raw,
        "thinking_tokens": mapping(raw.get("output_tokens_details")).get("thinking_tokens"),
        "ephemeral_1h_input_tokens": mapping(raw.get("cache_creation")).get(
            "ephemeral_1h_input_tokens"
        ),
    }
    return {key: number for key in _COUNTS if (number := count(flat.get(key))) is not None}


def usage_of(raw: Json) -> Usage | None:
    """Return the usage in a whole answer.

    What compacting the conversation took is not in the totals and is added; it is billed.
    """
    counts = counts_of(raw)
    for entry in objects(raw.get("iterations")):
        if entry.get("type") == "compaction":
            for key, number in counts_of(entry).items():
                counts[key] = counts.get(key, 0) + number
    return canonical(counts)


def canonical(counts: dict[str, int]) -> Usage | None:
    """Return canonical usage: Anthropic's `input_tokens` leaves out what caches read and wrote."""
    read, written = counts.get("input_tokens"), counts.get("output_tokens")
    cached = counts.get("cache_read_input_tokens")
    stored = counts.get("cache_creation_input_tokens")
    everything = None if read is None else read + (cached or 0) + (stored or 0)
    if not (everything or written):
        return None
    return Usage(
        input_tokens=everything,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=stored,
        cache_write_1h_tokens=counts.get("ephemeral_1h_input_tokens", 0),
        reasoning_tokens=counts.get("thinking_tokens"),
    )


class AnthropicEvents:
    """What the events of one stream of messages have told.

    Counts in `message_delta` are those of the whole answer and replace those of `message_start`,
    whose output is no count yet: a stream that is left before the delta has no known output.
    """

    def __init__(self) -> None:
        self._told = Told()
        self._counts: dict[str, int] = {}
        self._compacted: dict[str, int] = {}
        self._delivered = 0

    def copy(self) -> "AnthropicEvents":
        """Return one that goes on from here and leaves this one as it is."""
        other = copy(self)
        other._counts = dict(self._counts)
        return other

    def told(self) -> Told:
        """Return what was told up to here."""
        counts = dict(self._counts)
        for key, number in self._compacted.items():
            counts[key] = counts.get(key, 0) + number
        return replace(self._told, usage=canonical(counts) or None, delivered_bytes=self._delivered)

    def event(self, data: bytes) -> None:
        """Take note of the data of one event."""
        if b'"content_block_delta"' in data:
            self._delivered += delivered(_TEXT, data)
            return
        if b'"message_' not in data and b'"error"' not in data:
            return  # blocks that begin and end; one may hold all that a search found
        event = mapping(parsed(data))
        match event.get("type"):
            case "message_start":
                self._start(mapping(event.get("message")))
            case "message_delta":
                self._delta(event)
            case "message_stop":
                self._told = replace(self._told, complete=True)
            case _ if error := mapping(event.get("error")):
                kind, message = named(error)
                self._told = replace(
                    self._told, error_type=kind or "error", error_message=message, complete=True
                )
            case _:
                pass

    def _start(self, message: Json) -> None:
        raw = mapping(message.get("usage"))
        self._counts = counts_of(raw)
        self._counts.pop("output_tokens", None)
        self._told = replace(
            self._told,
            response_model=text(message.get("model")),
            response_id=text(message.get("id")),
            tier=text(raw.get("service_tier")),
        )

    def _delta(self, event: Json) -> None:
        raw = mapping(event.get("usage"))
        for key, number in counts_of(raw).items():
            self._counts[key] = max(number, self._counts.get(key, 0))
        compacted: dict[str, int] = {}
        for entry in objects(raw.get("iterations")):
            if entry.get("type") == "compaction":
                for key, number in counts_of(entry).items():
                    compacted[key] = compacted.get(key, 0) + number
        self._compacted = compacted or self._compacted
        reason = text(mapping(event.get("delta")).get("stop_reason"))
        self._told = replace(
            self._told,
            finish_reason=reason or self._told.finish_reason,
            complete=self._told.complete or reason is not None,
            tier=text(raw.get("service_tier")) or self._told.tier,
        )
