"""Anthropic's protocol: usage equal to the server's, whole and streamed."""

from typing import Any

import pytest
from hypothesis import given

from manager_agent.contract.usage import Usage
from manager_agent.instrumentation.asked import Asked
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.wires import WIRES
from tests.harness.wires import FEW, PLACES, cut, dumps, endpoint, sse, streamed, whole

MESSAGES = endpoint("anthropic", "messages")
USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 500,
    "cache_read_input_tokens": 2000,
    "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 300},
    "output_tokens": 60,
    "output_tokens_details": {"thinking_tokens": 41},
    "server_tool_use": {"web_search_requests": 1},
    "service_tier": "standard",
}
SPENT = Usage(
    2512,
    60,
    cache_read_tokens=2000,
    cache_write_tokens=500,
    cache_write_1h_tokens=300,
    reasoning_tokens=41,
)
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "Hm", "signature": "EqQBCgIYAh=="},
        {"type": "text", "text": "Hallo, wie geht's?"},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": USAGE,
}
TOLD = Told(
    response_model="claude-sonnet-4-5-20250929",
    response_id="msg_1",
    finish_reason="end_turn",
    tier="standard",
    usage=SPENT,
    delivered_bytes=20,
    complete=True,
)


def delta(**what: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": what}


def events(first: dict[str, Any], last: dict[str, Any]) -> list[Any]:
    start = MESSAGE | {"content": [], "stop_reason": None, "usage": first}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking"}},
        {"type": "ping"},
        delta(type="thinking_delta", thinking="Hm"),
        delta(type="signature_delta", signature="EqQBCgIYAh=="),
        delta(type="text_delta", text="Hallo, "),
        delta(type="text_delta", text="wie geht's?"),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": last},
        {"type": "message_stop"},
    ]


FIRST = USAGE | {"output_tokens": 3, "output_tokens_details": None}
NOTHING = {"input_tokens": 0, "output_tokens": 0}


def test_a_message() -> None:
    assert whole(MESSAGES, MESSAGE) == TOLD


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(
            FIRST,
            {"output_tokens": 60, "output_tokens_details": {"thinking_tokens": 41}},
            id="input in the start, output in the delta",
        ),
        pytest.param(FIRST, USAGE, id="the delta repeats everything"),
        pytest.param(NOTHING | {"service_tier": "standard"}, USAGE, id="all of it in the delta"),
    ],
)
@FEW
@given(places=PLACES)
def test_a_stream_cut_anywhere_tells_what_the_whole_tells(
    first: dict[str, Any], last: dict[str, Any], places: list[int]
) -> None:
    assert streamed(MESSAGES, *cut(sse(*events(first, last)), places)) == TOLD


def test_a_stream_left_early_has_its_input_and_no_output() -> None:
    told = streamed(MESSAGES, sse(*events(FIRST, {})[:6]))

    assert told.usage == SPENT._replace(output_tokens=None, reasoning_tokens=None)
    assert (told.complete, told.delivered_bytes) == (False, 9)


def test_a_stream_that_fails_in_the_middle() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}

    told = streamed(MESSAGES, sse(*events(FIRST, {})[:6], error))

    assert (told.error_type, told.error_message) == ("overloaded_error", "Overloaded")
    assert told.usage is not None


def test_compacting_is_billed_beside_the_totals() -> None:
    entry = {"type": "compaction", "input_tokens": 1000, "output_tokens": 100}
    usage = USAGE | {"iterations": [entry, {"type": "message"} | USAGE]}
    expected = SPENT._replace(input_tokens=3512, output_tokens=160)

    assert whole(MESSAGES, MESSAGE | {"usage": usage}).usage == expected
    assert streamed(MESSAGES, sse(*events(FIRST, usage))).usage == expected


def test_an_error_answer() -> None:
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}}

    told = whole(MESSAGES, body, 429)

    assert told == Told(error_type="rate_limit_error", error_message="Slow", complete=True)


def test_asked() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A"}}
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 1024,
        "system": "Be kind.",
        "messages": [{"role": "user", "content": [image, {"type": "text", "text": "Größe?"}]}],
        "stream": True,
        "service_tier": "auto",
        "metadata": {"user_id": "user_7"},
    }
    raw = dumps(body).encode()

    assert WIRES["anthropic"].asked(MESSAGES, raw) == Asked(
        model="claude-sonnet-4-5",
        streaming=True,
        max_output_tokens=1024,
        tier="auto",
        body_bytes=len(raw),
        text_bytes=8 + 8,
        media=1,
        user_id="user_7",
    )
