"""The memory's JSON."""

import json

import pytest

from manager_agent.rules.memory import Memory


def test_an_empty_memory_is_readable() -> None:
    assert json.loads(Memory().to_json()) == {"format": 1, "revision": 0, "alerts": []}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param('{"format": 2}', "has format 2, this program reads 1", id="a newer format"),
        pytest.param("{", "Expecting property name", id="no JSON"),
        pytest.param("[]", "not a JSON object", id="another JSON"),
        pytest.param('{"format": 1, "revision": 0}', "lacks 'alerts'", id="a part is missing"),
        pytest.param(
            '{"format": 1, "revision": 0, "alerts": [{"finding": {"hold": 1}}]}',
            "lacks 'until'",
            id="a part of a part is missing",
        ),
    ],
)
def test_what_cannot_be_read_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Memory.from_json(text)
