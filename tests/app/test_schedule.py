"""What recurs keeps its schedule, and leaves others time where it cannot."""

import asyncio
from time import monotonic

import pytest

from manager_agent.app.schedule import due_again, rest


@pytest.mark.parametrize(
    ("every", "took", "waits"),
    [
        pytest.param(30.0, 0.0, 30.0, id="what takes no time waits for all of it"),
        pytest.param(30.0, 8.0, 22.0, id="what takes some time keeps its schedule"),
        pytest.param(30.0, 29.0, 14.5, id="what takes nearly all leaves others a third"),
        pytest.param(1.0, 4.0, 2.0, id="what takes too long leaves others a third"),
    ],
)
def test_it_is_due_again(every: float, took: float, waits: float) -> None:
    assert rest(every, took) == waits


def test_an_end_is_not_waited_for() -> None:
    async def ended() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_soon(stop.set)
        await due_again(stop, 3600.0, monotonic())

    asyncio.run(asyncio.wait_for(ended(), 60))
