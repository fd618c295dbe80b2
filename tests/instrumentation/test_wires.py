"""No wire raises, whatever JSON it is shown: each known name with a value of any kind."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import manager_agent.instrumentation
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.endpoint import Api, Kind
from manager_agent.instrumentation.estimate import estimated
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.aws_events import chunk, event
from tests.harness.wires import AWS, JSON, dumps, endpoint, sse

SOURCES = Path(manager_agent.instrumentation.__file__).parent
PATTERNS = ("*_wire.py", "*_told.py", "*_usage.py", "*_asked.py", "*_stream.py")
NAMES = sorted(
    {
        word
        for pattern in (*PATTERNS, "failure.py", "weight.py")
        for path in SOURCES.glob(pattern)
        for word in path.read_text("utf-8").split('"')
        if word.isidentifier()
    }
)
"""Every word in quotes in the wires: the names that they look for, and some more."""

ODD: list[Any] = [None, True, -1, 0, 7, 2**70, 1.5, 1e308, "", "x", "\ud800", "é" * 300, [], {}]
WORDS = st.sampled_from([*ODD, *NAMES, "message_start", "message_delta", "error", "completed"])
VALUES = st.recursive(
    WORDS,
    lambda each: (
        st.dictionaries(st.sampled_from(NAMES), each, max_size=6) | st.lists(each, max_size=2)
    ),
    max_leaves=20,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
KINDS: dict[Api, tuple[Kind, ...]] = {
    "openai": get_args(Kind)[:8],
    "anthropic": ("messages", "message_batch"),
    "gemini": get_args(Kind)[10:14],
    "bedrock": ("converse", "invoke_model"),
}


def test_names_are_found() -> None:
    assert {"usage", "prompt_tokens", "usageMetadata", "inputTokens", "cache_creation"} <= {*NAMES}


@pytest.mark.parametrize("api", list(KINDS))
@settings(max_examples=20, deadline=None)
@given(body=BODIES, more=BODIES)
def test_nothing_raises(api: Api, body: Any, more: Any) -> None:
    raw = dumps(body).encode("utf-8", "replace")
    for kind in KINDS[api]:
        for streaming in (False, True):
            at = endpoint(api, kind, streaming=streaming)
            asked = WIRES[api].asked(at, raw)
            _check(asked, WIRES[api].whole(at, 200, raw))
            _check(asked, WIRES[api].whole(at, 500, raw))
            for content, written in _streams(body, more, raw):
                reader = WIRES[api].stream(at, content)
                reader.feed(written)
                _check(asked, reader.told())


@pytest.mark.parametrize("api", list(KINDS))
@settings(max_examples=60, deadline=None)
@given(body=BODIES)
def test_a_glance_sees_what_a_closer_look_sees(api: Api, body: Any) -> None:
    """What is read on the way of every call is what is read of it all, or nothing."""
    raw, wire = dumps(body).encode("utf-8", "replace"), WIRES[api]
    for kind in KINDS[api]:
        at = endpoint(api, kind)
        glance, counted = wire.glance(at, raw), wire.counted(at, raw)
        if glance is not None:
            asked = wire.asked(at, raw)
            assert glance == replace(asked, text_bytes=glance.text_bytes)
            assert glance.text_bytes in (None, asked.text_bytes)
        if counted is not None:
            told = wire.whole(at, 200, raw)
            assert told.error_type is None
            names = ("response_model", "tier", "usage", "cost_usd", "complete")
            assert [getattr(counted, each) for each in names] == [
                getattr(told, each) for each in names
            ]


def _streams(body: Any, more: Any, raw: bytes) -> list[tuple[str, bytes]]:
    """Return both bodies as streams of every form."""
    events = [dumps(each).encode("utf-8", "replace").decode() for each in (body, more)]
    name = next(iter(body), "metadata")
    clean = json.loads(raw)
    frames = chunk(clean) + event(name, clean) + event("metadata", clean)
    return [("text/event-stream", sse(*events)), (JSON, raw), (AWS, frames), ("", raw)]


def _check(asked: Asked, told: Told) -> None:
    """Check that what is told can be sent on: text that is UTF-8, counts that are counts."""
    found = estimated(asked, told)
    for words in (found.error_message, found.error_type, found.response_id, found.finish_reason):
        assert words is None or len(words.encode()) <= 4 * 512
    for number in found.usage or ():
        assert number is None or 0 <= number < 2**60
    assert asked.choices >= 1
