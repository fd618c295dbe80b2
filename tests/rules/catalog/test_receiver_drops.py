"""The rule that tells what the receiver turned away, and what to do about it."""

import pytest

from manager_agent.rules.catalog.receiver_drops import ReceiverDrops
from manager_agent.rules.testing import NOW, frames


@pytest.mark.parametrize(
    ("kind", "number", "told"),
    [
        pytest.param("items", 10, True, id="ten spans"),
        pytest.param("items", 9, False, id="nine spans"),
        pytest.param("requests", 5, True, id="five requests"),
        pytest.param("denied", 4, False, id="four without a token"),
    ],
)
def test_how_many_are_told(kind: str, number: int, told: bool) -> None:
    row = {"kind": kind, "reason": "malformed", "number": number}

    assert bool(list(ReceiverDrops().find(frames(drops=[row]), NOW))) == told


def test_it_says_what_to_do_where_that_is_known() -> None:
    rows = [{"kind": "requests", "reason": reason, "number": 7} for reason in ("no_room", "odd")]

    known, odd = ReceiverDrops().find(frames(drops=rows), NOW)

    assert "make room" in known.headline
    assert odd.headline == "7 requests of telemetry were turned away in ten minutes (odd)"
