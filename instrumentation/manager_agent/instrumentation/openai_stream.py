"""Reads OpenAI's streams: chat completions, responses, completions, images, audio."""

import re
from copy import copy
from dataclasses import replace

from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.failure import named
from manager_agent.instrumentation.lenient import (
    Json,
    last_object,
    mapping,
    parsed,
    says,
    text,
)
from manager_agent.instrumentation.openai_told import error_of, finish_of, read_usage, usage_in
from manager_agent.instrumentation.openai_usage import cost_of
from manager_agent.instrumentation.told import Told

_UNNAMED = 8
"""Events that are parsed in search of id and model; some servers never give them."""
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
_VALUE = rb'"\s*:\s*"([^"\\]*(?:\\.[^"\\]*)*)"'
_CHAT = re.compile(rb'"(?:content|reasoning_content|reasoning|refusal|arguments)' + _VALUE, re.S)
_TEXT = re.compile(rb'"text' + _VALUE, re.S)
_DELTA = re.compile(rb'"delta' + _VALUE, re.S)


class OpenAIEvents:
    """What the events of one stream have told. Most events hold a piece of text and are not parsed:
    only those that say usage, an error or an end, and the first ones for id and model.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._kind = endpoint.kind
        self._told = Told()
        self._delivered = 0
        self._unnamed = _UNNAMED
        self._text = {"chat_completions": _CHAT, "completions": _TEXT}.get(endpoint.kind, _DELTA)

    def copy(self) -> "OpenAIEvents":
        """Return one that goes on from here and leaves this one as it is."""
        return copy(self)

    def told(self) -> Told:
        """Return what was told up to here."""
        return replace(self._told, delivered_bytes=self._delivered)

    def event(self, data: bytes) -> None:
        """Take note of the data of one event."""
        if data[:6] == b"[DONE]":
            self._told = replace(self._told, complete=True)
            return
        if self._unnamed or _matters(data):
            self._unnamed -= self._unnamed > 0
            event = parsed(data)
            if isinstance(event, dict):
                self._take(event)
            else:
                self._salvage(data)
        self._delivered += self._written(data)

    def _written(self, data: bytes) -> int:
        """Return the bytes of text in an event."""
        if self._text is not _CHAT:
            return delivered(self._text, data)
        pattern = _TEXT if b'"content":[' in data else _CHAT  # Mistral's thinking comes in parts
        return delivered(pattern, data, data.find(b'"delta"'))

    def _take(self, event: Json) -> None:
        body = mapping(event.get("response")) or event
        told = self._told
        raw = usage_in(body)
        usage = read_usage(body, raw, self._kind) or told.usage
        finish = finish_of(body) or told.finish_reason
        kind = text(event.get("type")) or ""
        named_by = body is not event or self._kind != "responses"
        self._told = replace(
            told,
            response_model=told.response_model or text(body.get("model")),
            response_id=told.response_id or (text(body.get("id")) if named_by else None),
            finish_reason=finish,
            tier=text(body.get("service_tier")) or told.tier,
            usage=usage,
            cost_usd=cost_of(raw) if raw else told.cost_usd,
            complete=told.complete
            or kind in _ENDS
            or (kind.endswith((".done", ".completed")) and bool(raw))
            or (finish is not None and usage is not None),
        )
        if self._told.response_model and self._told.response_id:
            self._unnamed = 0
        self._fail(event if kind == "error" and "error" not in event else error_of(body))

    def _fail(self, error: Json) -> None:
        if error:
            kind, message = named(error)
            self._told = replace(
                self._told, error_type=kind or "error", error_message=message, complete=True
            )

    def _salvage(self, data: bytes) -> None:
        """Find usage in an event that was too long to be kept whole."""
        raw = last_object(data, b"usage")
        usage = read_usage({}, raw, self._kind)
        if usage is not None:
            self._told = replace(self._told, usage=usage, cost_usd=cost_of(raw), complete=True)


def _matters(data: bytes) -> bool:
    return (
        says(data, b'"usage"')
        or says(data, b'"finish_reason"')
        or says(data, b'"error"')
        or b'"response"' in data
    )


def delivered(pattern: re.Pattern[bytes], data: bytes, start: int = 0) -> int:
    """Return the UTF-8 bytes of text that `pattern` finds in an event, from `start` on."""
    size = 0
    for piece in pattern.findall(data, max(0, start)):
        size += len(piece)
        if b"\\" in piece:
            size -= _saved(piece)
    return size


_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)", re.S)


def _saved(piece: bytes) -> int:
    """Return by how much escapes make `piece` longer than the UTF-8 that they stand for."""
    return sum(len(escape) - _width(escape) for escape in _ESCAPE.findall(piece))


def _width(escape: bytes) -> int:
    if len(escape) == 2:
        return 1
    code = int(escape[2:], 16)
    if 0xD800 <= code < 0xE000:  # a half of a pair that is four bytes
        return 2
    return 1 if code < 0x80 else 2 if code < 0x800 else 3
