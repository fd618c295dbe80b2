"""What waits to be written to one guard: of each thing only the newest word, so it is bounded."""

import asyncio
from collections.abc import Hashable
from dataclasses import replace
from threading import Lock

from manager_agent.contract.guard import FromManager, Grant

MOST = 20_000
"""Messages that may wait for one process; more agents than that no process speaks for."""


class Line:
    """Filled by any thread, emptied by the event loop that made it. Nothing in it blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = Lock()
        self._waiting: dict[Hashable, FromManager] = {}
        self._woken = False
        self._there = asyncio.Event()
        self.overrun = False

    def put(self, message: FromManager) -> None:
        """Add a message, in place of an older one about the same lease, agent or question."""
        key = _key(message)
        with self._lock:
            older = self._waiting.get(key)
            if older is None and len(self._waiting) >= MOST:
                self.overrun = True
            else:
                self._waiting[key] = message if older is None else _merged(older, message)
            if self._woken:
                return
            self._woken = True
        self.wake()

    def wake(self) -> None:
        """Let `next` look again."""
        try:
            self._loop.call_soon_threadsafe(self._there.set)
        except RuntimeError:
            return  # the loop is closed, and with it every stream

    async def next(self) -> list[FromManager]:
        """Return what waits, once there is something or `wake` was called."""
        await self._there.wait()
        with self._lock:
            self._there.clear()
            self._woken = False
            found = list(self._waiting.values())
            self._waiting.clear()
        return found


def _key(message: FromManager) -> Hashable:
    if message.grant is not None:
        grant = message.grant
        return ("grant", grant.holder, grant.lease, grant.agent, grant.unit)
    if message.policy is not None:
        return ("policy", message.policy.agent)
    if message.answer is not None:
        return ("answer", message.answer.id)
    if message.fence is not None:
        return ("fence", message.fence.holder)
    return ("breakers",) if message.breakers is not None else ("pauses",)


def _merged(older: FromManager, newer: FromManager) -> FromManager:
    """Return the newer message; a call for money that was not read yet still holds."""
    if older.grant is None or newer.grant is None:
        return newer
    asked_back: int | None = older.grant.recall_to
    if asked_back is None or newer.grant.recall_to is not None:
        return newer
    grant: Grant = replace(newer.grant, recall_to=asked_back)
    return FromManager(grant=grant)
