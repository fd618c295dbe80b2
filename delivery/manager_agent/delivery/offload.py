"""Blocking work beside the event loop, which neither a stuck call nor an exit has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], timeout_seconds: float) -> T:
    """Return `work()`, run in a thread of its own.

    Not asyncio's pool: at exit Python waits for that one, and a server that must stop within
    seconds cannot wait for somebody else's network. After `timeout_seconds` the work is abandoned
    and TimeoutError raised; what `work` raises is raised here.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if done.done() else act())
        except RuntimeError:
            return  # the loop is closed: nobody waits for this any more

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed on to the caller, whatever it is
            caught = error
            settle(lambda: done.set_exception(caught))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, name="manager-delivery", daemon=True).start()
    return await asyncio.wait_for(done, timeout_seconds)
