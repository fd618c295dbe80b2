"""What is read on the way of every call is exact: the same as a closer look, or nothing at all."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manager_agent.instrumentation.lenient import parsed
from manager_agent.instrumentation.openai_usage import _usage_of, usage_of
from manager_agent.instrumentation.weight import text_alone, weigh
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import endpoint

TEXTS = st.text(max_size=8)
PARTS = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("input_text"), "text": TEXTS}),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
    st.just({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    st.just({"type": "image", "source": {"type": "base64", "data": "AAAA"}}),
    st.just({"type": "document", "source": {"type": "text", "data": "plain"}}),
    st.just({"type": "tool_use", "input": {"document": {"source": "x"}, "n": [1, 2]}}),
    st.just({"type": "tool_result", "content": [{"type": "image", "source": {"data": "A"}}]}),
    st.just({"image": {"bytes": "AAAA"}}),
    st.just({"inlineData": {"data": "AAAA"}}),
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool"])},
        optional={
            "content": st.none() | TEXTS | st.lists(PARTS | TEXTS, max_size=3),
            "parts": st.lists(PARTS, max_size=2),
            "tool_calls": st.just(
                [{"type": "function", "function": {"name": "f", "arguments": '{"image": {}}'}}]
            ),
            "name": TEXTS,
        },
    ),
    max_size=4,
)
COUNTS = st.one_of(st.none(), st.integers(-1, 5000), st.just(2**60), st.just(True), st.just(7.0))
REQUESTS = st.fixed_dictionaries(
    {"model": st.one_of(st.just("gpt-4o"), TEXTS, st.none()), "messages": MESSAGES},
    optional={
        "stream": st.booleans(),
        "stream_options": st.just({"include_usage": True}),
        "max_tokens": COUNTS,
        "max_completion_tokens": COUNTS,
        "max_output_tokens": COUNTS,
        "n": COUNTS,
        "service_tier": st.sampled_from(["auto", "priority", None]),
        "tools": st.just([{"type": "function", "function": {"name": "n", "parameters": {}}}]),
        "web_search_options": st.just({}),
        "user": TEXTS,
        "metadata": st.just({"session_id": "s1"}),
        "system": TEXTS | st.lists(PARTS, max_size=2),
        "contents": MESSAGES,
        "temperature": st.just(0.5),
    },
)
KINDS = [("openai", "chat_completions"), ("anthropic", "messages"), ("gemini", "generate_content")]


@pytest.mark.parametrize(("api", "kind"), KINDS)
@settings(max_examples=100, deadline=None)
@given(body=REQUESTS, ascii_only=st.booleans(), spaced=st.booleans())
def test_requests(api: Any, kind: Any, body: Any, ascii_only: bool, spaced: bool) -> None:
    between = (", ", ": ") if spaced else (",", ":")
    raw = json.dumps(body, ensure_ascii=ascii_only, separators=between).encode()
    at = endpoint(api, kind)

    glance, asked = WIRES[api].glance(at, raw), WIRES[api].asked(at, raw)

    if glance is not None:
        assert glance == replace(asked, text_bytes=None)
        assert glance.media == 0


def test_most_requests_are_seen_at_a_glance() -> None:
    """Else all of this would be for nothing."""
    at = endpoint("openai", "chat_completions")
    plain = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
    tools = {**plain, "tools": [{"type": "function", "function": {"name": "f"}}], "n": 2}

    for body in (plain, tools):
        assert WIRES["openai"].glance(at, json.dumps(body).encode()) is not None
    pictured = {**plain, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}
    assert WIRES["openai"].glance(at, json.dumps(pictured).encode()) is None


@settings(max_examples=150, deadline=None)
@given(MESSAGES)
def test_where_there_is_text_alone_no_medium_is_found(messages: Any) -> None:
    if text_alone(messages):
        assert weigh(messages).media == 0


DETAILS = st.none() | st.dictionaries(
    st.sampled_from(
        ["cached_tokens", "audio_tokens", "reasoning_tokens", "image_tokens", "text_tokens"]
    ),
    COUNTS,
    max_size=3,
)
SMALL = st.integers(0, 3)


@settings(max_examples=250, deadline=None)
@given(
    read=COUNTS | SMALL,
    written=COUNTS | SMALL,
    more=COUNTS | st.just(0),
    into=DETAILS,
    out=DETAILS,
    rest=st.dictionaries(
        st.sampled_from(["cost", "prompt_cache_hit_tokens", "input_tokens"]), COUNTS, max_size=1
    ),
)
@example(1000, 50, 0, {"cached_tokens": 200}, {"reasoning_tokens": 10}, {})
@example(1000, 50, 0, {"cached_tokens": 2000}, {"reasoning_tokens": 10}, {})
@example(1000, 50, 10, {"cached_tokens": 0}, {"reasoning_tokens": 10}, {})
def test_usage_as_openai_has_it(
    read: Any, written: Any, more: Any, into: Any, out: Any, rest: Any
) -> None:
    whole = all(type(each) in (int, float) for each in (read, written, more))
    raw = {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written + more if whole else None,
        "prompt_tokens_details": into,
        "completion_tokens_details": out,
        **rest,
    }

    assert usage_of(raw, "chat_completions") == _usage_of(raw, "chat_completions")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        ' {"a": 1}\n',
        "[1, 2]x",
        "",
        "{",
        '{"a": 1}{"b": 2}',
        "NaN",
        '"\\ud800"',
        "1",
        "é",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])
def test_json_is_read_as_it_always_was(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    try:
        expected = json.loads(data)
    except (ValueError, RecursionError):
        expected = None

    assert repr(parsed(data)) == repr(expected)
