"""What a span says, as the store keeps it."""

import pytest

from manager_agent.receiver.fact import (
    TOKENS,
    CallFact,
    Fact,
    Leased,
    ToolFact,
    from_json,
    to_json,
)

ALL = CallFact._make(
    (
        *("chat", "openai", "gpt-4o", "gpt-4o-2024-08-06", True, True, True, "None", 429, True),
        *("stop", "default", True, True, False, "sdk", 'resp_"1"', 1, 2, 3, 4, 5, 6),
        *("None of these\n", "digest", 7, "call-1", 0.5, "turn", Leased("h", None, 8, 9)),
    )
)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(ALL, id="everything"),
        pytest.param(CallFact("chat"), id="nothing"),
        pytest.param(CallFact("None", response_id="None"), id="texts that look like nothing"),
        pytest.param(ALL._replace(input_tokens=None, reasoning_tokens=None), id="some counts"),
        pytest.param(CallFact("chat", leased=Leased("h", 1)), id="a lease alone"),
        pytest.param(CallFact("chat", output_tokens=10**18), id="an absurd count"),
    ],
)
def test_a_call_comes_back_as_it_was(call: CallFact) -> None:
    fact = Fact("call", "writer", True, "flow", 'conv "1"', "ann", "gpt", call)

    assert from_json(to_json(fact)) == fact


@pytest.mark.parametrize(
    "tool",
    [
        pytest.param(ToolFact("search"), id="nothing"),
        pytest.param(ToolFact('"a"', '"b"', False, None, None, "in", "out"), id="as most are"),
        pytest.param(ToolFact("t", error=True), id="failed"),
        pytest.param(ToolFact("t", "i", True, "Oops", 'why "so"', "in", "out"), id="everything"),
        pytest.param(ToolFact("t", error_type="Oops"), id="a type alone"),
        pytest.param(ToolFact("t", error_message="why"), id="a message alone"),
    ],
)
def test_a_tool_comes_back_as_it_was(tool: ToolFact) -> None:
    fact = Fact("tool", tool=tool)

    assert from_json(to_json(fact)) == fact


def test_facts_that_earlier_versions_stored_are_read() -> None:
    stored = (
        '{"role":"call","conversation_id":"c","call":{"operation":"chat","response_id":"resp_1",'
        '"input_tokens":10,"output_tokens":2,"cache_write_1h_tokens":1,"call_id":"c1"}}'
    )
    call = CallFact(
        "chat",
        response_id="resp_1",
        input_tokens=10,
        output_tokens=2,
        cache_write_1h_tokens=1,
        call_id="c1",
    )

    assert from_json(stored) == Fact("call", conversation_id="c", call=call)


def test_stored_counts_are_the_counts_of_a_call_in_their_order() -> None:
    first = CallFact._fields.index(TOKENS[0])

    assert CallFact._fields[first : first + len(TOKENS)] == TOKENS
    assert CallFact._fields[first - 1] == "response_id"
