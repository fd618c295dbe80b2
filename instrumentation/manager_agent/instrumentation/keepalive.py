"""When to ask a server that says nothing whether it is there, and when to give it up.

A frozen manager, or one behind a network that swallows everything, closes no connection. The
agent's lease ends after 10 s without it, and this is to be known before.
"""

_SILENCE_SECONDS = 3.0
_PATIENCE_SECONDS = 3.0
LONGEST_SECONDS = _SILENCE_SECONDS + _PATIENCE_SECONDS
"""How long nothing may come from a server before it counts as gone."""


class Keepalive:
    """Times are of the monotonic clock, in seconds; does no I/O."""

    def __init__(self, now: float) -> None:
        self.heard = now
        self._asked: float | None = None

    def hear(self, now: float) -> None:
        """Something came."""
        self.heard = now
        self._asked = None

    def asked(self, now: float) -> None:
        """The server was asked."""
        self._asked = now

    def due(self, now: float) -> bool:
        """Tell whether it should be asked now."""
        return self._asked is None and now - self.heard >= _SILENCE_SECONDS

    def dead(self, now: float) -> bool:
        """Tell whether it had its time to answer. Only after what came was read.

        Counted from the question: whoever was stopped himself asks anew first.
        """
        return self._asked is not None and now - self._asked >= _PATIENCE_SECONDS

    def next_in(self, now: float) -> float:
        """Return in how many seconds one of the two changes."""
        since, most = (
            (self.heard, _SILENCE_SECONDS)
            if self._asked is None
            else (self._asked, _PATIENCE_SECONDS)
        )
        return max(0.0, since + most - now)
