"""The spans of the load: runs of one agent, as an SDK exports them: children first."""

import random
import struct
from dataclasses import dataclass
from functools import cache

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

ID_MARK = b"\xa7ID\xf1\xd3\xb5"
"""Six bytes at the start of every id of a template."""
TEXT_MARK = b"=unique-id=="
"""Twelve characters in every text of a template that must differ from request to request."""
TIME_MARK = b"\xe9\xd5TM"
"""The upper four bytes of every time of a template."""

_OUTER = "opentelemetry.instrumentation.genai.openai"
_INNER = "opentelemetry.instrumentation.openai.v1"
_RUN = ("chat", "chat", "tool", "http", "chat", "chat", "chat", "agent")
_SECOND = 1 << 15
"""Added to the number of a span: what the second instrumentation reports of the same call."""
_HTTP, _AROUND_HTTP, _ROOT = 3, 4, 7
_HALF = 1 << 31
_MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
)
_TOOLS = ("search", "read_file", "run_tests", "fetch_url")

Value = str | int | float | list[str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the spans of one request have in common."""

    agent: str
    process: str
    content: bool
    double: bool


def run_length(double: bool) -> int:
    """Return how many spans a run has; with a second instrumentation each call has two."""
    return len(_RUN) + (_RUN.count("chat") if double else 0)


def add_run(
    request: ExportTraceServiceRequest, recipe: Recipe, run: int, dice: random.Random
) -> int:
    """Add run number `run` of an agent to the request; return the calls in it.

    Five calls, a tool, an HTTP span inside one of the calls, and the agent around all of them.
    """
    outer, inner = _scopes(request, recipe)
    for part, kind in enumerate(_RUN):
        number = run * len(_RUN) + part
        span = outer.spans.add(name=kind, kind=Span.SPAN_KIND_CLIENT)
        _frame(span, run, number, dice)
        if part != _ROOT:
            above = _AROUND_HTTP if part == _HTTP else _ROOT
            span.parent_span_id = _span_id(run * len(_RUN) + above)
        _say(span, _attributes(kind, recipe, number, dice))
        if recipe.double and kind == "chat":
            twin = inner.spans.add()
            twin.CopyFrom(span)
            twin.name = "openai.chat"
            twin.span_id = _span_id(number + _SECOND)
            twin.parent_span_id = span.span_id
    return _RUN.count("chat")


def _scopes(request: ExportTraceServiceRequest, recipe: Recipe) -> tuple[ScopeSpans, ScopeSpans]:
    """Return where the spans of the two instrumentations go; one place where there is only one."""
    if not request.resource_spans:
        resource_spans = request.resource_spans.add()
        for key, value in {
            "service.name": recipe.agent,
            "service.instance.id": recipe.process,
            "deployment.environment.name": "bench",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.45.2",
        }.items():
            resource_spans.resource.attributes.add(key=key).value.string_value = value
        resource_spans.scope_spans.add().scope.name = _OUTER
        if recipe.double:
            resource_spans.scope_spans.add().scope.name = _INNER
    found = request.resource_spans[0].scope_spans
    return found[0], found[-1]


def _frame(span: Span, run: int, number: int, dice: random.Random) -> None:
    span.trace_id = ID_MARK + struct.pack(">HQ", 1, run + 1)
    span.span_id = _span_id(number)
    start = dice.randrange(_HALF)
    span.start_time_unix_nano = _time(start)
    span.end_time_unix_nano = _time(start + dice.randrange(10**8, _HALF))


def _span_id(number: int) -> bytes:
    return ID_MARK + struct.pack(">H", number + 1)


def _time(low: int) -> int:
    return int.from_bytes(low.to_bytes(4, "little") + TIME_MARK, "little")


def _say(span: Span, attributes: dict[str, Value]) -> None:
    for key, value in attributes.items():
        field = span.attributes.add(key=key).value
        if isinstance(value, int):
            field.int_value = value
        elif isinstance(value, float):
            field.double_value = value
        elif isinstance(value, list):
            for each in value:
                field.array_value.values.add(string_value=each)
        else:
            field.string_value = value


def _attributes(kind: str, recipe: Recipe, number: int, dice: random.Random) -> dict[str, Value]:
    if kind == "http":
        return {
            "http.request.method": "POST",
            "http.response.status_code": 200,
            "url.full": "https://api.openai.com/v1/chat/completions",
            "server.address": "api.openai.com",
            "server.port": 443,
        }
    if kind == "agent":
        return {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": f"{recipe.agent}-writer",
            "gen_ai.conversation.id": f"conv-{_unique()}-{number // len(_RUN)}",
        }
    if kind == "tool":
        return {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": dice.choice(_TOOLS),
            "gen_ai.tool.call.id": f"call_{_unique()}{number:05}",
        }
    return _chat(recipe, number, dice)


def _chat(recipe: Recipe, number: int, dice: random.Random) -> dict[str, Value]:
    provider, asked, answered = dice.choice(_MODELS)
    tokens = dice.randrange(100, 20_000)
    said: dict[str, Value] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": asked,
        "gen_ai.response.model": answered,
        "gen_ai.response.id": f"chatcmpl-{_unique()}{number:05}",
        "gen_ai.request.max_tokens": 1024,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.usage.input_tokens": tokens,
        "gen_ai.usage.output_tokens": dice.randrange(10, 2_000),
        "gen_ai.usage.cache_read.input_tokens": dice.randrange(tokens),
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.conversation.id": f"conv-{_unique()}-{number // len(_RUN)}",
        "gen_ai.output.type": "text",
        "server.address": f"api.{provider}.com",
        "server.port": 443,
        "gen_ai.response.time_to_first_chunk": dice.randrange(50, 900) / 1000,
    }
    if provider == "openai":
        said["openai.response.service_tier"] = "default"
    if recipe.content:
        said["gen_ai.input.messages"] = _message("user", f"{_unique()}{number:05} {_words(4000)}")
        said["gen_ai.output.messages"] = _message("assistant", _words(540))
    return said


def _unique() -> str:
    return TEXT_MARK.decode("ascii")


def _message(role: str, text: str) -> str:
    return f'[{{"role": "{role}", "parts": [{{"type": "text", "content": "{text}"}}]}}]'


@cache
def _words(size: int) -> str:
    dice = random.Random(size)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ("".join(dice.choices(letters, k=dice.randrange(2, 10))) for _ in range(size))
    return " ".join(words)[:size]
