"""Answers come from the threads that store; the event loop hears of many of them at once.

To wake a loop costs a write to a pipe, at which the thread that answers gives Python away and has
to get it back. For one request that is nothing; of a thousand a second it was what they waited for.
"""

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial

from manager_agent.receiver.answer import Answer


class Answers:
    """Brings answers to one event loop, which is running when it is made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._come: deque[tuple[asyncio.Future[Answer], Answer]] = deque()
        self._woken = False

    def of(self, offered: "Future[Answer]") -> "asyncio.Future[Answer]":
        """Return what the loop may wait for. Whoever gives up waiting changes nothing."""
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        offered.add_done_callback(partial(self._on_answer, waiting))
        return waiting

    def _on_answer(self, waiting: "asyncio.Future[Answer]", offered: "Future[Answer]") -> None:
        """Keep an answer for the loop, in whatever thread, and wake it unless it is about to look.

        What is appended before `_woken` is read is seen: the loop takes that back before it looks.
        """
        self._come.append((waiting, offered.result()))
        if self._woken or self._loop.is_closed():
            return
        self._woken = True
        self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._woken = False
        while self._come:
            waiting, answer = self._come.popleft()
            if not waiting.done():
                waiting.set_result(answer)
