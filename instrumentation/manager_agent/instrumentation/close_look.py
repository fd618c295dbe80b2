"""Pure: how many tokens a prompt has at most, by its text instead of by the size of its request.

Taken only where money is short: the JSON of a chat that says little is mostly quotes and names of
fields, of which the model sees nothing. What is left out here is what OpenAI documents not to be
read by the model; everything that is not known counts with all its bytes.
"""

import json
from typing import Any

from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.lenient import parsed
from manager_agent.instrumentation.weight import utf8

_LARGEST = 1 << 15
"""Bytes of a request that is looked at; of a larger one little is anything but text."""
_FOR_A_MESSAGE, _FOR_A_CALL = 8, 16
"""Tokens around a message (OpenAI says 3, and 1 for its role) and a call of a tool in it."""
_NOT_READ = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "model",
        "n",
        "seed",
        "stream",
        "stream_options",
        "temperature",
        "top_p",
        "user",
    }
)
"""Fields of a request that tell how to answer; the model reads nothing of them."""


def most_tokens(endpoint: Endpoint, body: bytes | None) -> int | None:
    """Return what the prompt in `body` has at most, None where only its size bounds that.

    Its framing is not included: see `bound`.
    """
    if endpoint.kind != "chat_completions" or body is None or len(body) > _LARGEST:
        return None
    fields = parsed(body)
    if not isinstance(fields, dict) or not isinstance(fields.get("messages"), list):
        return None
    found = sum(map(_of_message, fields["messages"]))
    found += sum(
        _of_json({key: value})
        for key, value in fields.items()
        if key != "messages" and key not in _NOT_READ
    )
    return min(found, len(body))


def _of_message(message: Any) -> int:
    if not isinstance(message, dict):
        return _FOR_A_MESSAGE + _of_json(message)
    found = _FOR_A_MESSAGE
    for key, value in message.items():
        if value is None or (key == "role" and isinstance(value, str)):
            continue
        if key == "content":
            found += _of_content(value)
        elif key in ("name", "refusal") and isinstance(value, str):
            found += utf8(value)
        elif key == "tool_calls" and isinstance(value, list):
            found += sum(map(_of_call, value))
        else:
            found += _of_json({key: value})
    return found


def _of_content(content: Any) -> int:
    if isinstance(content, str):
        return utf8(content)
    if not isinstance(content, list):
        return _of_json(content)
    return sum(
        utf8(part["text"]) + 1
        if isinstance(part, dict)
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and isinstance(part["text"], str)
        else _of_json(part)
        for part in content
    )


def _of_call(call: Any) -> int:
    made = call.get("function") if isinstance(call, dict) else None
    if (
        not isinstance(made, dict)
        or call.keys() != {"id", "type", "function"}
        or made.keys() != {"name", "arguments"}
        or not all(isinstance(value, str) for value in (call["id"], *made.values()))
    ):
        return _of_json(call)
    return _FOR_A_CALL + utf8(made["name"]) + utf8(made["arguments"]) + utf8(call["id"])


def _of_json(value: Any) -> int:
    return utf8(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
