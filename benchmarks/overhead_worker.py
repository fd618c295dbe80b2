"""One process of the overhead bench: calls of OpenAI's SDK, bare and instrumented, in turns.

    python overhead_worker.py WAY MODE CALLS     prints JSON

Runs in environments of rivals, too: it imports nothing of ours but for our own ways. The transport
is in memory; answers are a real one's. What instruments is put in and taken out again between two
calls. Counted is the processor time of the thread that calls, which other programs do not lengthen;
what sends spans has threads of its own, whose time is told apart.
"""

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

MODES = ("sync", "async", "stream")
WARM_UP = 100
_ASKED: Any = {
    "model": "gpt-4o-mini",
    "messages": [
        {"role": "system", "content": "You are brief. " * 40},
        {"role": "user", "content": "What did region 7 earn last quarter?"},
    ],
}
_STREAMED: Any = {**_ASKED, "stream": True, "stream_options": {"include_usage": True}}
_USAGE = {"prompt_tokens": 160, "completion_tokens": 48, "total_tokens": 208}
_HEAD = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini-2024-07-18"}


def main() -> None:
    """Measure one way in one mode and print what was found."""
    way, mode, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    import openai  # noqa: F401 - what is patched must be there to be looked at

    places = [(owner, name, vars(owner).get(name)) for owner, name in _places()]
    before = _memory_kib()
    _WAYS[way]()
    swaps = [
        (owner, name, bare, vars(owner).get(name))
        for owner, name, bare in places
        if vars(owner).get(name) is not bare
    ]
    if not swaps and way != "bare":
        raise SystemExit(f"{way} instruments nothing of openai that this knows of")
    beside = time.process_time_ns() - time.thread_time_ns()
    taken = asyncio.run(_in_async(calls, swaps)) if mode == "async" else _sync(mode, calls, swaps)
    beside = time.process_time_ns() - time.thread_time_ns() - beside
    grown = _memory_kib() - before
    print(json.dumps({**taken, "beside_ns": beside / calls, "memory_kib": grown}))


def _places() -> Iterator[tuple[Any, str]]:
    """Yield where instrumentation of OpenAI's SDK is put in."""
    import httpx2
    from openai.resources.chat.completions import AsyncCompletions, Completions

    yield from ((httpx2.Client, "send"), (httpx2.AsyncClient, "send"))
    yield from ((Completions, "create"), (AsyncCompletions, "create"))


def _ours() -> None:
    """What an agent has where no official instrumentor is installed."""
    os.environ["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "*"
    _both()


def _both() -> None:
    """What an agent has where the official instrumentor is installed: it is switched on."""
    from manager_agent.instrumentation import boot

    boot.start()


def _ours_alone() -> None:
    """Gate and meter without sending of spans."""
    from manager_agent.instrumentation import spans

    _ours()
    spans.emit = lambda ended: None


def _official() -> None:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provider())


def _openllmetry() -> None:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provider())


def _openlit() -> None:
    import openlit

    openlit.init(disable_metrics=True)


def _provider() -> Any:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(insecure=True)))
    return provider


_WAYS: dict[str, Callable[[], None]] = {
    "bare": lambda: None,
    "gate and meter": _ours_alone,
    "manager-agent": _ours,
    "official": _official,
    "manager-agent and official": _both,
    "openllmetry": _openllmetry,
    "openlit": _openlit,
}


def _sync(mode: str, calls: int, swaps: list[Any]) -> dict[str, list[int]]:
    import httpx2
    from openai import OpenAI

    http = httpx2.Client(transport=httpx2.MockTransport(_answer))
    client = OpenAI(api_key="none", http_client=http)

    def whole() -> None:
        client.chat.completions.create(**_ASKED)

    def stream() -> None:
        for _ in client.chat.completions.create(**_STREAMED):
            pass

    call = stream if mode == "stream" else whole
    taken: dict[str, list[int]] = {"bare": [], "with": []}
    for number in range(2 * (WARM_UP + calls)):
        kind = _switched(number, swaps)
        began = time.thread_time_ns()
        call()
        taken[kind].append(time.thread_time_ns() - began)
    return {kind: each[WARM_UP:] for kind, each in taken.items()}


async def _in_async(calls: int, swaps: list[Any]) -> dict[str, list[int]]:
    import httpx2
    from openai import AsyncOpenAI

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(_answer))
    client = AsyncOpenAI(api_key="none", http_client=http)
    taken: dict[str, list[int]] = {"bare": [], "with": []}
    for number in range(2 * (WARM_UP + calls)):
        kind = _switched(number, swaps)
        call: Awaitable[Any] = client.chat.completions.create(**_ASKED)
        began = time.thread_time_ns()
        await call
        taken[kind].append(time.thread_time_ns() - began)
    return {kind: each[WARM_UP:] for kind, each in taken.items()}


def _switched(number: int, swaps: list[Any]) -> str:
    """Put instrumentation in or out for the next call, bare first in every other pair."""
    bare = (number + number // 2) % 2 == 0
    for owner, name, without, within in swaps:
        setattr(owner, name, without if bare else within)
    if number % 200 == 0:
        gc.collect()  # here, not in the middle of somebody's call
    return "bare" if bare else "with"


def _answer(request: Any) -> Any:
    import httpx2

    if b'"stream":true' in request.content:
        head = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=head, stream=_stream())
    return httpx2.Response(200, headers={"content-type": "application/json"}, content=_WHOLE)


_MESSAGE = {"role": "assistant", "content": "Region 7 earned 41.2. " * 8}
_CHOICE = {"index": 0, "message": _MESSAGE, "finish_reason": "stop"}
_WHOLE = json.dumps(
    {**_HEAD, "object": "chat.completion", "choices": [_CHOICE], "usage": _USAGE}
).encode()


def _events() -> Iterator[bytes]:
    head = {**_HEAD, "object": "chat.completion.chunk"}
    for number in range(24):
        delta = {"index": 0, "delta": {"content": "41.2 "}, "finish_reason": None}
        last = {**delta, "delta": {}, "finish_reason": "stop"}
        chunk = {**head, "choices": [last if number == 23 else delta], "usage": None}
        yield f"data: {json.dumps(chunk)}\n\n".encode()
    yield f"data: {json.dumps({**head, 'choices': [], 'usage': _USAGE})}\n\n".encode()
    yield b"data: [DONE]\n\n"


_PIECES = list(_events())


def _stream() -> Any:
    import httpx2

    class Events(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from _PIECES

    return Events()


def _memory_kib() -> int:
    """Return the most memory this process had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
