"""Answers of providers, whole and in pieces, for the tests of the protocols."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from manager_agent.instrumentation.endpoint import Api, Endpoint, Kind
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES

EVENTS, JSON, AWS = (
    "text/event-stream; charset=utf-8",
    "application/json",
    "application/vnd.amazon.eventstream",
)


def endpoint(
    api: Api,
    kind: Kind,
    *,
    provider: str | None = None,
    model: str | None = None,
    streaming: bool = False,
) -> Endpoint:
    return Endpoint(
        api, kind, provider or api, "chat", "localhost", 443, model=model, streaming=streaming
    )


def sse(*events: Any, end: bytes = b"\n") -> bytes:
    """Write events as OpenAI does: text as it is, anything else as JSON."""
    written = (item if isinstance(item, str) else dumps(item) for item in events)
    return b"".join(b"data: " + text.encode() + 2 * end for text in written)


def dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def streamed(at: Endpoint, *pieces: bytes, kind: str = EVENTS) -> Told:
    """Return what a stream in these pieces tells."""
    reader = WIRES[at.api].stream(at, kind)
    for piece in pieces:
        reader.feed(piece)
    return reader.told()


def whole(at: Endpoint, body: Any, status: int = 200) -> Told:
    """Return what an answer tells; `body` is written as JSON unless it is bytes."""
    return WIRES[at.api].whole(
        at, status, body if isinstance(body, bytes) else dumps(body).encode()
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut `data` at these places, taken modulo its length."""
    at = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(at)]


PLACES = st.lists(st.integers(0, 1 << 16), max_size=12)
FEW = settings(max_examples=25, deadline=None)
"""For properties that many tests share: each looks at a few cases, together they see many."""
