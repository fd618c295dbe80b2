"""A fork waits until threads of ours have loaded what they load.

Of a module that another thread is loading, a child gets the half that is there, for ever: nobody
in it goes on with that.
"""

import concurrent.futures.thread  # noqa: F401 - see below
import os
from collections.abc import Callable
from threading import RLock
from typing import TypeVar

_PATIENCE_SECONDS = 5.0
"""Not for ever: the thread that forks may itself be loading what we wait for."""

# Above: it has fork handlers of its own. Were it loaded while a fork waits here, the one that lets
# go of its lock would run without the one that takes it, and say so on the agent's stderr.

_Made = TypeVar("_Made")
_loading = RLock()
_forking = False


def loaded(make: Callable[[], _Made]) -> _Made:
    """Return what `make` makes with modules that it loads; nobody forks meanwhile."""
    with _loading:
        return make()


def _before() -> None:
    global _forking
    _forking = _loading.acquire(timeout=_PATIENCE_SECONDS)


def _after() -> None:
    global _forking
    if _forking:
        _forking = False
        _loading.release()


def _after_in_child() -> None:
    global _loading, _forking
    _loading, _forking = RLock(), False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_after_in_child)
