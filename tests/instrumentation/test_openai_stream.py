"""Passing over most events of a stream unparsed loses nothing, and keeps memory small."""

import json
import tracemalloc
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manager_agent.instrumentation import openai_stream
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import AWS, endpoint

CHAT = endpoint("openai", "chat_completions")
COUNTS = st.none() | st.fixed_dictionaries(
    {"prompt_tokens": st.integers(0, 9), "completion_tokens": st.integers(0, 9)}
)
NASTY = st.sampled_from(['"usage":{"prompt_tokens":7}', '\\"', "\\", '"', "ü", "\ud83d", "𝄞", "\n"])
SAID = st.lists(NASTY | st.text(max_size=5), max_size=4).map("".join)
CHOICE = st.fixed_dictionaries(
    {
        "delta": st.fixed_dictionaries({}, optional={"content": SAID, "reasoning_content": SAID}),
        "finish_reason": st.sampled_from([None, None, None, "stop", "length"]),
    }
)
EVENT = st.fixed_dictionaries(
    {
        "id": st.just("chatcmpl-1"),
        "model": st.just("m"),
        "choices": st.lists(CHOICE, max_size=2),
        "usage": COUNTS,
    },
    optional={
        "error": st.none() | st.fixed_dictionaries({"message": SAID, "code": st.just("bad")}),
        "x_groq": st.fixed_dictionaries({"usage": COUNTS}),
    },
)
SPACES = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")])


@settings(max_examples=60, deadline=None)
@given(events=st.lists(EVENT, max_size=12), spaces=SPACES, escaped=st.booleans())
def test_what_is_not_parsed_told_nothing(
    events: list[Any], spaces: tuple[str, str], escaped: bool
) -> None:
    written = [_written(event, spaces, escaped) for event in events]

    quick = _read(written)
    with patch.object(openai_stream, "_matters", lambda data: True):
        assert _read(written) == quick
    said = [text for e in events for c in e["choices"] for text in c["delta"].values()]
    assert quick.delivered_bytes == sum(len(text.encode("utf-8", "replace")) for text in said)


def _written(event: Any, spaces: tuple[str, str], escaped: bool) -> bytes:
    """Write an event as some server might; half a surrogate pair is written as U+003F is."""
    text = json.dumps(event, separators=spaces, ensure_ascii=False)
    whole = json.loads(text.encode("utf-8", "replace"))
    written = json.dumps(whole, separators=spaces, ensure_ascii=escaped)
    return b"data: " + written.encode() + b"\n\n"


def _read(written: list[bytes]) -> Told:
    reader = WIRES["openai"].stream(CHAT, "text/event-stream")
    for event in written:
        reader.feed(event)
    return reader.told()


DELTA = b'data: {"id":"1","model":"m","choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 16_000)


@pytest.mark.parametrize(
    ("at", "kind", "piece", "most"),
    [
        pytest.param(CHAT, "text/event-stream", DELTA, 200_000, id="events"),
        pytest.param(CHAT, "text/event-stream", b"data: " * 2700, 4_000_000, id="endless line"),
        pytest.param(
            CHAT,
            "text/event-stream",
            (b"data: %s\n" % (b"a" * 993)) * 16,
            4_000_000,
            id="endless event",
        ),
        pytest.param(
            endpoint("gemini", "generate_content", streaming=True),
            "application/json",
            b'[{"candidates":[' + b"x" * 16_000,
            4_000_000,
            id="endless object",
        ),
        pytest.param(
            endpoint("bedrock", "converse", streaming=True),
            AWS,
            b"x" * 16_000,
            200_000,
            id="no frames",
        ),
        pytest.param(CHAT, "application/json", b"x" * 16_000, 9_000_000, id="endless body"),
    ],
)
def test_a_long_stream_takes_no_memory(at: Endpoint, kind: str, piece: bytes, most: int) -> None:
    reader = WIRES[at.api].stream(at, kind)
    tracemalloc.start()
    try:
        for _ in range(1000):  # 16 MB
            reader.feed(bytes(piece))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < most
    reader.told()
