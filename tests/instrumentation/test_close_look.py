"""A prompt that is looked at closely: never fewer tokens than its text has bytes."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from manager_agent.contract.guard import Policy
from manager_agent.instrumentation.bounds import Bounds
from manager_agent.instrumentation.call import Ask
from manager_agent.instrumentation.close_look import most_tokens
from manager_agent.instrumentation.openai_asked import asked as read
from tests.harness.alone import MODEL, call, rates
from tests.harness.metered import CHAT, asked

TOOL = {
    "type": "function",
    "function": {
        "name": "calculate",
        "description": "Perform arithmetic",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}},
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "calculate", "arguments": "{}"}}
SIMPLE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.dictionaries(
        st.sampled_from(["role", "content", "name", "tool_calls", "refusal", "strange"]), SIMPLE
    )
    | SIMPLE,
    max_size=4,
)


def request(messages: Any, **more: Any) -> bytes:
    return json.dumps({"model": MODEL, "messages": messages, "max_tokens": 60, **more}).encode()


def ask(body: bytes) -> Ask:
    made = asked(CHAT, read(CHAT, body), started_ns=call().started_ns)
    made.body = body
    return made


def test_what_the_model_does_not_read_does_not_count() -> None:
    body = request([{"role": "user", "content": "Do the work."}])

    assert most_tokens(CHAT, body) == 8 + len("Do the work.")
    assert len(body) == 96


def test_a_call_of_a_tool_counts_by_its_words_and_its_description_by_all_its_bytes() -> None:
    asks = {"role": "assistant", "content": None, "tool_calls": [CALL], "audio": None}

    plain = most_tokens(CHAT, request([asks]))
    described = most_tokens(CHAT, request([asks], tools=[TOOL]))

    assert plain == 8 + 16 + len("call_1calculate{}")
    assert described == plain + len(json.dumps({"tools": [TOOL]}, separators=(",", ":")))


@given(MESSAGES, SIMPLE)
def test_no_text_is_left_out_whatever_a_request_looks_like(messages: Any, more: Any) -> None:
    found = most_tokens(CHAT, request(messages, strange=more))

    assert found is not None
    assert found >= min(len(request(messages, strange=more)), _texts(messages) + _texts(more))


def _texts(value: Any, key: str = "") -> int:
    """Return the bytes of all strings in a value but roles, which the count of a message covers."""
    if isinstance(value, str):
        return 0 if key == "role" else len(value.encode())
    if isinstance(value, list):
        return sum(map(_texts, value))
    return sum(_texts(one, name) for name, one in value.items()) if isinstance(value, dict) else 0


def test_only_chats_that_are_all_there_are_looked_at() -> None:
    body = request([{"role": "user", "content": "Hi"}])

    assert most_tokens(replace(CHAT, kind="embeddings"), body) is None
    assert most_tokens(CHAT, None) is None
    assert most_tokens(CHAT, b"no JSON") is None
    assert most_tokens(CHAT, request([{"role": "user", "content": "x" * (1 << 15)}])) is None


def test_a_call_with_a_picture_is_not_bound_by_its_words() -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    one = ask(request([{"role": "user", "content": [picture]}]))
    bounds, policy = Bounds(rates()), Policy(agent="a", enforcement="hard", unpriced="refuse")
    found = bounds.of(one, policy)
    assert found is not None

    assert bounds.closely(one, policy, found) is found


def test_a_closer_look_never_reserves_more() -> None:
    one = ask(request([{"role": "user", "content": "Do the work."}]))
    bounds, policy = Bounds(rates()), Policy(agent="a", enforcement="hard", unpriced="refuse")
    found = bounds.of(one, policy)
    assert found is not None

    closer = bounds.closely(one, policy, found)

    assert (found.input_tokens, closer.input_tokens) == (96 + 64, 20 + 64)
    assert closer.output_tokens == found.output_tokens == 60
    assert (closer.nano or 0) < (found.nano or 0)
