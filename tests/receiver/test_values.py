"""Single values are read as emitters send them, and nothing odd becomes a number."""

from typing import Any

import pytest

from manager_agent.receiver.values import (
    amount,
    count,
    flag,
    nested,
    response_id,
    text,
    unwrapped_id,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(12, 12, id="an int"),
        pytest.param(12.0, 12, id="a double that is whole"),
        pytest.param("12", 12, id="text, as Claude Code and Codex send"),
        pytest.param("12.0", 12, id="a double as text"),
        pytest.param(0, 0, id="zero is a number"),
        pytest.param(12.5, None, id="no token is half"),
        pytest.param(True, None, id="a boolean is no number"),
        pytest.param(-1, None, id="below zero"),
        pytest.param(float("nan"), None, id="nan"),
        pytest.param("inf", None, id="infinity as text"),
        pytest.param(10**13, None, id="more tokens than there are"),
        pytest.param("1e400", None, id="an overflow"),
        pytest.param("", None, id="empty"),
        pytest.param([1], None, id="a list"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_count(value: Any, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("stop", "stop", id="text"),
        pytest.param(["stop", "length"], "stop", id="the first of a list"),
        pytest.param('["stop"]', "stop", id="a list as JSON, as LiteLLM sends"),
        pytest.param('"CHAT_MODEL"', "CHAT_MODEL", id="quoted, as MLflow sends"),
        pytest.param("", None, id="empty"),
        pytest.param("[", None, id="broken JSON"),
        pytest.param("[" * 5000, None, id="JSON too deep to read"),
        pytest.param({}, None, id="a map"),
        pytest.param(7, "7", id="a number"),
        pytest.param("x" * 999, "x" * 256, id="shortened"),
    ],
)
def test_text(value: Any, expected: str | None) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), ("False", False), ("true", True), ("yes", None), (1, None)],
)
def test_flag(value: Any, expected: bool | None) -> None:
    assert flag(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.5", 0.5),
        (2, 2.0),
        (-1, None),
        ("nan", None),
        (True, None),
        ([], None),
        (1e300, None),
        (200_000, None),
    ],
)
def test_amount(value: Any, expected: float | None) -> None:
    assert amount(value) == expected


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        pytest.param('{"cache_read": 12}', "cache_read", "12", id="JSON"),
        pytest.param("{'cached_tokens': 12, 'x': None}", "cached_tokens", "12", id="Python repr"),
        pytest.param("Usage(cached_tokens=12)", "cached_tokens", "12", id="repr of a call"),
        pytest.param('{"model": "gpt-4o"}', "model", "gpt-4o", id="text in JSON"),
        pytest.param('{"not_cached_tokens": 1}', "cached_tokens", None, id="part of a name"),
        pytest.param('{"a": "\\"cached_tokens\\": 9"}', "cached_tokens", None, id="inside a text"),
        pytest.param({"model": "m"}, "model", "m", id="a map"),
        pytest.param({"model": {"a": 1}}, "model", None, id="a map in a map"),
        pytest.param('{"input_tokens": {"a": 1}}', "input_tokens", None, id="no scalar"),
        pytest.param(5, "x", None, id="a number"),
    ],
)
def test_nested(value: Any, name: str, expected: str | None) -> None:
    assert nested(value, name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param('{"id":"msg_1234","content":[]}', "msg_1234", id="leads an SDK's dump"),
        pytest.param('{"a": {"id": "chatcmpl-abc123"}}', "chatcmpl-abc123", id="further in"),
        pytest.param("no id here", None, id="none"),
        pytest.param(None, None, id="no text"),
    ],
)
def test_response_id(value: Any, expected: str | None) -> None:
    assert response_id(value) == expected


def test_an_id_wrapped_by_litellm_is_unwrapped() -> None:
    wrapped = (
        "resp_bGl0ZWxsbTpjdXN0b21fbGxtX3Byb3ZpZGVyOm9wZW5haTttb2RlbF9pZDpOb25l"
        "O3Jlc3BvbnNlX2lkOnJlc3BfZmFrZTAwNzE1"
    )

    assert unwrapped_id(wrapped) == "resp_fake00715"
    assert unwrapped_id("resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b") == (
        "resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b"
    )
