"""OTLP trace requests as a fleet of agents would send them, made once and sent many times."""

import random
import struct
from collections.abc import Iterator
from itertools import count

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
)
_IDS = count(1)


def requests(agent: str, spans: int, now_ns: int, seed: int, content: bool) -> Iterator[bytes]:
    """Yield serialized requests of `spans` spans each, every id in them new, times near `now_ns`.

    One template is serialized; ids are overwritten in place, so that making load costs little.
    """
    template = _template(agent, spans, now_ns, seed, content).SerializeToString()
    traces = list(_positions(template, b"\x0a\x10TTTTTTTT", 2))
    spans_at = list(_positions(template, b"SSSS", 0))
    while True:
        raw = bytearray(template)
        base = next(_IDS) << 20 | seed << 44
        for at in traces:
            index = struct.unpack_from(">Q", raw, at + 8)[0]
            struct.pack_into(">Q", raw, at, base)
            struct.pack_into(">Q", raw, at + 8, base + index)
        for at in spans_at:
            struct.pack_into(">I", raw, at, base >> 20 & 0xFFFFFFFF)
        yield bytes(raw)


def _positions(raw: bytes, mark: bytes, skip: int) -> Iterator[int]:
    at = raw.find(mark)
    while at >= 0:
        yield at + skip
        at = raw.find(mark, at + len(mark))


def _template(
    agent: str, spans: int, now_ns: int, seed: int, content: bool
) -> ExportTraceServiceRequest:
    """Return a request: one agent span in eight, five calls, a tool, an HTTP span."""
    dice = random.Random(seed)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    for key, value in {
        "service.name": agent,
        "service.instance.id": f"{agent}-{seed}",
        "deployment.environment.name": "bench",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": "1.45.2",
    }.items():
        resource_spans.resource.attributes.add(key=key).value.string_value = value
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.genai.openai"
    for number in range(spans):
        _span(scope_spans.spans.add(), number, agent, now_ns, dice, content)
    return request


def _span(
    span: Span, number: int, agent: str, now_ns: int, dice: random.Random, content: bool
) -> None:
    run, part = divmod(number, 8)
    span.trace_id = b"TTTTTTTT" + struct.pack(">Q", run + 1)
    span.span_id = b"SSSS" + struct.pack(">I", number + 1)
    if part:
        span.parent_span_id = b"SSSS" + struct.pack(">I", run * 8 + 1)
    span.start_time_unix_nano = now_ns + number * 1000
    span.end_time_unix_nano = span.start_time_unix_nano + dice.randrange(10**8, 2 * 10**9)
    kind = ("agent", "chat", "chat", "tool", "chat", "http", "chat", "chat")[part]
    span.name = kind
    for key, value in _attributes(kind, agent, number, dice, content).items():
        field = span.attributes.add(key=key).value
        if isinstance(value, int):
            field.int_value = value
        elif isinstance(value, float):
            field.double_value = value
        else:
            field.string_value = value


def _attributes(
    kind: str, agent: str, number: int, dice: random.Random, content: bool
) -> dict[str, str | int | float]:
    if kind == "http":
        return {"http.request.method": "POST", "url.path": "/v1/chat", "server.port": 443}
    if kind == "agent":
        return {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": f"{agent}-writer"}
    if kind == "tool":
        return {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    provider, asked, answered = _MODELS[number % 2]
    chat: dict[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": asked,
        "gen_ai.response.model": answered,
        "gen_ai.response.id": f"chatcmpl-{dice.getrandbits(64):x}",
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.usage.input_tokens": dice.randrange(100, 20_000),
        "gen_ai.usage.output_tokens": dice.randrange(10, 2_000),
        "gen_ai.usage.cache_read.input_tokens": dice.randrange(0, 100),
        "gen_ai.response.finish_reasons": '["stop"]',
        "gen_ai.conversation.id": f"conv-{number // 8}",
        "gen_ai.output.type": "text",
        "openai.response.service_tier": "default",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.response.time_to_first_chunk": 0.4,
    }
    if content:
        chat["gen_ai.input.messages"] = "lorem ipsum dolor " * 228
        chat["gen_ai.output.messages"] = "sit amet " * 70
    return chat
