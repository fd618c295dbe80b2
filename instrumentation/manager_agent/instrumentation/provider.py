"""The private way out of this process: one outbox, made at the first call, renewed after a fork.

Never the global tracer provider: the user's own set-up keeps working beside it.
"""

import os
from threading import RLock
from typing import Any

from manager_agent.instrumentation import leaving
from manager_agent.instrumentation.loading import loaded
from manager_agent.instrumentation.outbox import Outbox, bounds
from manager_agent.instrumentation.sender import Sender

_outbox: Outbox | None = None
_making = RLock()
_watching_forks = False


def put(item: Any) -> None:
    """Send an ended or refused call, or a finished span, soon."""
    outbox = _outbox
    if outbox is None:
        outbox = _made()
    outbox.put(item)


def flush(seconds: float) -> bool:
    """Send what waits, for at most so long; tell whether all of it went."""
    return _outbox is None or _outbox.flush(seconds)


def shutdown(seconds: float) -> bool:
    """Flush and stop; calls that end later are not told of. Tell whether all of it went."""
    return _outbox is None or _outbox.close(seconds)


def after_fork() -> None:
    """Begin anew in a child: what the parent has not sent is the parent's to send."""
    global _outbox, _making
    _making = RLock()  # another thread of the parent may hold it for ever
    inherited, _outbox = _outbox, None
    if inherited is not None:
        inherited.abandon()


def dropped() -> int:
    """Return how many calls and spans of this process were given up."""
    return 0 if _outbox is None else _outbox.dropped


def _made() -> Outbox:
    global _outbox, _watching_forks
    with _making:
        if _outbox is None:
            if not _watching_forks and hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=after_fork)
                _watching_forks = True
            _outbox = Outbox(_connect, bounds(os.environ))
            leaving.at_sigterm()
        return _outbox


def _connect() -> Sender:
    # Here, in the outbox's thread: the SDK and HTTP/2 take some 100 ms to load.
    return loaded(_loaded_and_connected)


def _loaded_and_connected() -> Sender:
    from manager_agent.instrumentation.exporter import connect

    return connect()
