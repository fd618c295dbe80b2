"""Ends somebody's wait for a socket from any thread, finalizer or signal handler."""

import os
import socket
from contextlib import suppress


class Waker:
    """A pair of sockets of which one end is waited for. A forked child wakes nobody by it."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def fileno(self) -> int:
        """Return what is waited for; it can be read after `wake`."""
        return self._near.fileno()

    def wake(self) -> None:
        """End the present wait, or the next. Never blocks, never raises."""
        if os.getpid() != self._pid:
            return  # both ends are shared with the parent, who must not notice
        with suppress(OSError):  # full: it is awake already; closed: nobody waits
            self._far.send(b"\0")

    def heard(self) -> bool:
        """Tell whether somebody called, and forget it."""
        found = False
        with suppress(OSError):  # nothing more
            while self._near.recv(4096):
                found = True
        return found

    def close(self) -> None:
        """Close both ends, of this process alone."""
        self._near.close()
        self._far.close()
