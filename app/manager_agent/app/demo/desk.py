"""An agent's desk: the provider's address, and when to stop."""

import asyncio
import os
import threading


class Desk:
    """What one agent of the fleet works with.

    `url`: the provider's, without a path. Work ends when `stop` is called or the process that
    started this one is gone.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._stopped = threading.Event()
        self._parent = os.getppid()

    def stop(self) -> None:
        """End the work after the call that is under way; safe in a signal handler."""
        self._stopped.set()

    def working(self) -> bool:
        """Return whether there is to be another turn."""
        return not self._stopped.is_set() and os.getppid() == self._parent

    def rest(self, seconds: float) -> None:
        """Wait, at most until stopped."""
        self._stopped.wait(seconds)

    async def arest(self, seconds: float) -> None:
        """Wait, at most until stopped, and let other tasks run."""
        await asyncio.to_thread(self.rest, seconds)
