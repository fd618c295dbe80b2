"""An agent whose user traces by `argv[1]`, as that product's documentation says; knows no us.

Two calls of the OpenAI SDK under one function; the second fails once and is tried again. Products
are imported by name: they are in no environment that types are checked in.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import httpx2
import openai

_seen = 0


def _answer(_: httpx2.Request) -> httpx2.Response:
    global _seen
    _seen += 1
    if _seen == 2:
        return httpx2.Response(500, json={"error": {"message": "try again"}})
    message = {"role": "assistant", "content": "fine"}
    body = {
        "id": f"chatcmpl-{_seen}",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }
    return httpx2.Response(200, json=body)


def _http() -> Any:
    return httpx2.Client(transport=httpx2.MockTransport(_answer))


def _langfuse() -> tuple[Any, Callable[..., Any], Callable[[], Any]]:
    langfuse = import_module("langfuse")
    client = import_module("langfuse.openai").OpenAI(api_key="x", http_client=_http())
    return client, langfuse.observe(), langfuse.get_client().flush


def _logfire() -> tuple[Any, Callable[..., Any], Callable[[], Any]]:
    logfire = import_module("logfire")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(f"{os.environ['THEIRS']}/v1/traces")
    logfire.configure(
        send_to_logfire=False,
        console=False,
        service_name="theirs",
        additional_span_processors=[BatchSpanProcessor(exporter)],
    )
    client = openai.OpenAI(api_key="x", http_client=_http())
    logfire.instrument_openai(client)
    return client, logfire.instrument(), logfire.force_flush


def _phoenix() -> tuple[Any, Callable[..., Any], Callable[[], Any]]:
    made = import_module("phoenix.otel").register(
        endpoint=f"{os.environ['THEIRS']}/v1/traces", protocol="http/protobuf", verbose=False
    )
    instrumentor = import_module("openinference.instrumentation.openai").OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=made)
    client = openai.OpenAI(api_key="x", http_client=_http())
    return client, lambda function: function, made.force_flush


def main(product: str) -> None:
    client, traced, flush = {"langfuse": _langfuse, "logfire": _logfire, "phoenix": _phoenix}[
        product
    ]()

    @traced
    def work() -> None:
        for _ in range(2):
            client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "a secret"}]
            )

    work()
    flush()
    assert _seen == 3, f"{_seen} requests were made"


main(sys.argv[1])
