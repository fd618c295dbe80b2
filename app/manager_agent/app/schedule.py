"""When what recurs is due again: on its schedule, whatever it takes."""

import asyncio
from time import monotonic


async def due_again(stop: asyncio.Event, every: float, began: float) -> None:
    """Wait until what `began` then (monotonic) and has ended is due again, or until `stop`."""
    try:
        await asyncio.wait_for(stop.wait(), rest(every, monotonic() - began))
    except TimeoutError:
        return


def rest(every: float, took: float) -> float:
    """Return the seconds to wait after what took so many and is to be done `every` so many.

    What takes more than two thirds of that leaves others a third of the time.
    """
    return max(every - took, took / 2)
