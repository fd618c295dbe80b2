"""Reads Bedrock's streams: converse, and each model's own events inside `invoke_model`'s."""

from base64 import b64decode
from dataclasses import replace

from manager_agent.instrumentation.anthropic_told import AnthropicEvents
from manager_agent.instrumentation.bedrock_told import (
    METRICS,
    converse_usage,
    metrics_usage,
    piece_told,
)
from manager_agent.instrumentation.event_stream import EventStream, Message
from manager_agent.instrumentation.failure import LONGEST_MESSAGE
from manager_agent.instrumentation.lenient import Json, mapping, parsed, text
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.weight import weigh


class BedrockReader:
    """Reads one stream as it passes."""

    def __init__(self) -> None:
        self._frames = EventStream()
        self._told = Told()
        self._delivered = 0
        self._anthropic: AnthropicEvents | None = None

    def feed(self, data: bytes) -> None:
        """Read on."""
        for message in self._frames.feed(data):
            self._take(message)

    def told(self) -> Told:
        """Return what was told up to here."""
        if self._anthropic is None:
            return replace(self._told, delivered_bytes=self._told.delivered_bytes + self._delivered)
        told = self._anthropic.told()
        usage = told.usage
        if usage is None or usage.output_tokens is None:
            usage = self._told.usage or usage
        failed = self._told.error_type is not None
        return replace(
            told,
            usage=usage,
            error_type=self._told.error_type if failed else told.error_type,
            error_message=self._told.error_message if failed else told.error_message,
            complete=told.complete or self._told.complete,
        )

    def _take(self, message: Message) -> None:
        headers = message.headers
        name = headers.get(":event-type", "")
        if headers.get(":message-type", "event") != "event":
            self._fail(message)
        elif name == "chunk":
            self._chunk(message.payload)
        else:
            self._event(name, mapping(parsed(message.payload)))

    def _fail(self, message: Message) -> None:
        headers, body = message.headers, mapping(parsed(message.payload))
        kind = headers.get(":exception-type") or headers.get(":error-code")
        said = text(body.get("message"), LONGEST_MESSAGE) or headers.get(":error-message")
        self._told = replace(
            self._told, error_type=kind or "error", error_message=said, complete=True
        )

    def _event(self, name: str, body: Json) -> None:
        """Take note of an event of `converse`; Nova's are the same, one to a chunk."""
        match name:
            case "contentBlockDelta":
                self._delivered += weigh(body.get("delta")).text_bytes
            case "messageStop":
                self._told = replace(self._told, finish_reason=text(body.get("stopReason")))
            case "metadata":
                tier = text(mapping(body.get("serviceTier")).get("type"))
                usage = converse_usage(mapping(body.get("usage")))
                self._told = replace(self._told, usage=usage, tier=tier, complete=True)
            case _:
                pass

    def _chunk(self, payload: bytes) -> None:
        encoded = mapping(parsed(payload)).get("bytes")
        try:
            data = b64decode(encoded) if isinstance(encoded, str) else b""
        except ValueError:
            return
        if self._anthropic is not None and b'"content_block_delta"' in data:
            self._anthropic.event(data)
            return
        body = mapping(parsed(data))
        if body.get("type") == "message_start" and self._anthropic is None:
            self._anthropic = AnthropicEvents()
        if self._anthropic is not None:
            self._anthropic.event(data)
            metrics = mapping(body.get(METRICS))
            if metrics:
                self._told = replace(self._told, usage=metrics_usage(metrics), complete=True)
            return
        nova = next((key for key in body if isinstance(body[key], dict) and key in _NOVA), None)
        if nova is None:
            self._told = piece_told(self._told, body)
        else:
            self._event(nova, mapping(body[nova]))


_NOVA = frozenset(
    {"messageStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"}
)
