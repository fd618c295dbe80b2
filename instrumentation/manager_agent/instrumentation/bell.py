"""What one waits on until another thread rings: in a thread, under asyncio, under trio.

Not `threading.Event`, whose own lock a finalizer may find held by the very thread it runs in.
"""

import sys
import threading
from typing import Any, Protocol


class AsyncBell(Protocol):
    """What a coroutine waits on; `ring` is called from any thread."""

    def ring(self) -> None:
        """End the wait, the present or the next one."""

    async def wait(self, seconds: float) -> None:
        """Return when it was rung, or after so many seconds."""


class Bell:
    """What a thread waits on. `ring` may be called at any time, also by finalizers, and often."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        """Begin unrung."""
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """End the wait, the present or the next one."""
        try:
            self._lock.release()
        except RuntimeError:  # it was rung before, and nobody has heard it yet
            return

    def wait(self, seconds: float) -> None:
        """Block until it was rung, at most so many seconds."""
        self._lock.acquire(timeout=max(0.0, seconds))


class _Blocking(Bell):
    """For coroutines that somebody drives by hand: nothing else can run meanwhile."""

    async def wait(self, seconds: float) -> None:  # type: ignore[override]
        Bell.wait(self, seconds)


class _OfAsyncio:
    def __init__(self, asyncio: Any, loop: Any) -> None:
        self._asyncio, self._loop, self._event = asyncio, loop, asyncio.Event()

    def ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # the loop is closed, and nobody waits any more
            return

    async def wait(self, seconds: float) -> None:
        try:
            async with self._asyncio.timeout(max(0.0, seconds)):
                await self._event.wait()
        except TimeoutError:
            return
        self._event.clear()


class _OfTrio:
    def __init__(self, trio: Any) -> None:
        self._trio, self._token, self._event = (
            trio,
            trio.lowlevel.current_trio_token(),
            trio.Event(),
        )

    def ring(self) -> None:
        try:
            self._token.run_sync_soon(self._set, idempotent=True)
        except self._trio.RunFinishedError:  # nobody waits any more
            return

    def _set(self) -> None:
        self._event.set()

    async def wait(self, seconds: float) -> None:
        with self._trio.move_on_after(max(0.0, seconds)):
            await self._event.wait()
            self._event = self._trio.Event()


def bell_here() -> AsyncBell:
    """Return a bell for the coroutine that runs now, whatever loop runs it."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return _OfTrio(trio)
    import asyncio  # where a loop runs it is loaded; elsewhere an agent's start does not pay for it

    try:
        return _OfAsyncio(asyncio, asyncio.get_running_loop())
    except RuntimeError:
        return _Blocking()
