"""A caller that waits for money, in a thread or in a coroutine."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


class Waiter:
    """Waits for one answer. `usd` and `tokens`: what it must reserve before its call may leave."""

    __slots__ = ("_wake", "answer", "tokens", "usd")

    def __init__(self, usd: int, tokens: int, wake: Callable[[], None]) -> None:
        """`wake` is called once, from any thread, after `answer` was set; it must not block."""
        self.usd = usd
        self.tokens = tokens
        self.answer: Any = None
        self._wake = wake

    def resolve(self, answer: object) -> None:
        """Give it its answer and wake it."""
        self.answer = answer
        self._wake()


def for_thread(usd: int, tokens: int) -> tuple[Waiter, threading.Event]:
    """Return a waiter and the event that is set when it is answered."""
    event = threading.Event()
    return Waiter(usd, tokens, event.set), event


def for_coroutine(usd: int, tokens: int) -> "tuple[Waiter, asyncio.Event]":
    """Return a waiter and the event of the running loop that is set when it is answered."""
    import asyncio  # where a loop runs it is loaded; elsewhere an agent's start does not pay for it

    loop, event = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        try:
            loop.call_soon_threadsafe(event.set)
        except RuntimeError:  # the loop is closed, and nobody waits any more
            return

    return Waiter(usd, tokens, wake), event
