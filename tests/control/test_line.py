"""What waits for a guard that reads slowly: the newest word of each thing, and not without end."""

import asyncio

import pytest

from manager_agent.contract.guard import (
    Answer,
    Breakers,
    Fence,
    FromManager,
    Grant,
    Pause,
    Pauses,
    Policy,
)
from manager_agent.control import line as lines
from manager_agent.control.line import Line


def grant(lease: int, total: int, recall_to: int | None = None, holder: str = "h") -> FromManager:
    return FromManager(
        grant=Grant(holder=holder, lease=lease, granted_total=total, recall_to=recall_to)
    )


def read(*messages: FromManager) -> list[FromManager]:
    async def run() -> list[FromManager]:
        line = Line()
        for message in messages:
            line.put(message)
        return await line.next()

    return asyncio.run(run())


def test_of_one_lease_only_the_newest_waits() -> None:
    found = read(grant(1, 5), grant(2, 1), grant(1, 9), grant(1, 9, holder="other"))

    assert found == [grant(1, 9), grant(2, 1), grant(1, 9, holder="other")]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [(0, None, 0), (None, 4, 4), (0, 4, 4), (None, None, None)],
    ids=["not yet read", "new", "newest", "none"],
)
def test_a_call_for_money_is_not_lost_with_the_message(
    first: int | None, second: int | None, left: int | None
) -> None:
    assert read(grant(1, 5, first), grant(1, 6, second)) == [grant(1, 6, left)]


def test_each_kind_has_its_own_place() -> None:
    kinds = [
        FromManager(policy=Policy(agent="a", revision=1)),
        FromManager(policy=Policy(agent="b", revision=1)),
        FromManager(fence=Fence("h")),
        FromManager(breakers=Breakers(1)),
        FromManager(pauses=Pauses(1)),
        FromManager(answer=Answer("q1")),
        FromManager(answer=Answer("q2")),
    ]
    paused = FromManager(pauses=Pauses(2, (Pause("agent", "a"),)))

    found = read(*kinds, paused)
    assert found == [*kinds[:4], paused, *kinds[5:]]


def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST", 2)

    async def run() -> tuple[bool, bool, int]:
        line = Line()
        for lease in (1, 2, 1):
            line.put(grant(lease, 5))
        before = line.overrun
        line.put(grant(3, 5))
        return before, line.overrun, len(await line.next())

    assert asyncio.run(run()) == (False, True, 2)


def test_it_may_be_filled_when_the_loop_is_gone() -> None:
    async def made() -> Line:
        return Line()

    asyncio.run(made()).put(grant(1, 1))
