"""The last turn of a request: the model's last answer and what followed, in each way to ask."""

import json
from typing import Any

import pytest

from manager_agent.contract.turn import last_turn

Messages = list[dict[str, Any]]


def chat(number: int, arguments: str, result: str) -> Messages:
    call = {"id": f"call_{number}", "function": {"name": "f", "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": f"call_{number}", "content": result},
    ]


def anthropic(number: int, arguments: str, result: str) -> Messages:
    use = {"type": "tool_use", "id": f"toolu_{number}", "name": "f", "input": {"a": arguments}}
    said = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": result}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [said]}]


def responses(number: int, arguments: str, result: str) -> Messages:
    call = {"arguments": arguments, "call_id": f"c{number}", "name": "f", "type": "function_call"}
    return [
        {**call, "id": f"fc_{number}"},
        {"call_id": f"c{number}", "output": result, "type": "function_call_output"},
    ]


def gemini(number: int, arguments: str, result: str) -> Messages:
    return [
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": arguments}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": result}}]},
    ]


def conventions(number: int, arguments: str, result: str) -> Messages:
    call = {"type": "tool_call", "id": f"i{number}", "name": "f", "arguments": arguments}
    said = {"type": "tool_call_response", "id": f"i{number}", "response": result}
    return [{"role": "assistant", "parts": [call]}, {"role": "tool", "parts": [said]}]


@pytest.mark.parametrize("turns", [chat, anthropic, responses, gemini, conventions])
@pytest.mark.parametrize("sort_keys", [False, True], ids=["as sent", "keys sorted"])
def test_it_differs_where_the_turn_does_and_nowhere_else(turns: Any, sort_keys: bool) -> None:
    """Whatever lies before it, and whatever ids its calls have."""

    def after(*said: tuple[str, str]) -> str | None:
        history = [{"role": "user", "content": "find it"}]
        for number, (arguments, result) in enumerate(said):
            history += turns(number, arguments, result)
        body = {"model": "m-1", "messages": history, "stream": True}
        return last_turn(json.dumps(body, sort_keys=sort_keys))

    same = ("x", "nothing")
    assert after(same, same) == after(same, same, same) == after(("y", "z"), same, same)
    assert after(same, same, ("x", "found")) != after(same, same, same)
    assert after(same, same, ("y", "nothing")) != after(same, same, same)


@pytest.mark.parametrize(
    "request_",
    ["", "not JSON", '{"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}'],
)
def test_a_first_turn_has_none(request_: str) -> None:
    assert last_turn(request_) is None


def test_what_people_write_is_no_mark() -> None:
    quoted = json.dumps([{"role": "user", "content": 'say "assistant" please'}])

    assert last_turn(quoted) is None
