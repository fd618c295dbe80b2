"""A caller that waits for money, in a thread or in a coroutine."""

from collections.abc import Callable
from typing import Any


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
