"""Finalizers run anywhere, also in the midst of our own code while it holds a lock.

A stream that nobody closed is settled by the garbage collector, which may strike within
`Policy.decide` or the span queue, in the same thread: settling at once would wait for a lock that
this very thread holds. What is asked for meanwhile is done right after.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class _Here(threading.local):
    busy = False


_here = _Here()
_later: deque[Callable[[], None]] = deque()


def guarded(work: Callable[[T], object], subject: T) -> None:
    """Do `work(subject)` now or, inside other work of ours, right after that."""
    if _here.busy:
        _later.append(lambda: guarded(work, subject))
        return
    enter()
    try:
        work(subject)
    finally:
        leave()


def put_off(work: Callable[[], None]) -> bool:
    """Do `work` once this thread is out of our code; tell whether it is in it. If not, do nothing.

    For handlers of signals: what they interrupt may hold a lock that others need. Whoever leaves
    our code first does the work, so that may be another thread.
    """
    if not _here.busy:
        return False
    _later.append(work)
    return True


@contextmanager
def inside() -> Iterator[None]:
    """Be code of ours in the block, which may hold locks; it must not wait for anybody."""
    outermost = enter()
    try:
        yield
    finally:
        if outermost:
            leave()


def enter() -> bool:
    """Say that code of ours begins which may hold locks; return whether it was not inside yet."""
    outermost, _here.busy = not _here.busy, True
    return outermost


def leave() -> None:
    """Say that it is over, and do what was asked for meanwhile."""
    _here.busy = False
    while _later:
        try:
            work = _later.popleft()
        except IndexError:  # another thread was faster
            return
        work()
