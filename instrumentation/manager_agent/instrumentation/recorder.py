"""Calls that wait to be recorded: a thread sends them, so that agents never wait for a manager."""

import atexit
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from threading import Condition, Thread
from typing import Any

from manager_agent.instrumentation import mishap
from manager_agent.instrumentation.manager_http import ManagerError
from manager_agent.instrumentation.records import APICall

MOST_WAITING = 10_000
"""Calls that are kept while the manager is away; then the oldest are given up, and counted."""

_TOGETHER = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_EXIT_SECONDS = 2.5
_LAST = -1000  # of the finalizers of multiprocessing, which run from the highest number down


Send = Callable[[Sequence[APICall]], object]


class Recorder:
    """Sends calls in their order, each until the manager has it; safe to use from any thread.

    `send` takes up to `together` calls, all or none, and raises `ManagerError`. Calls carry an id,
    so that one that arrived though its answer did not is not booked twice.
    """

    def __init__(self, send: Send, together: int = 1, most: int = MOST_WAITING) -> None:
        self._send = send
        self._together = together
        self._most = most
        self.sent = self.lost = 0
        self._begin()

    def _begin(self) -> None:
        self._wake = Condition()
        self._waiting: deque[APICall] = deque()
        self._thread: Thread | None = None
        self._hurry = False
        self.failing = False

    @property
    def waiting(self) -> int:
        """Calls that the manager does not have yet."""
        return len(self._waiting)

    def put(self, call: APICall) -> None:
        """Have `call` sent soon; returns at once."""
        with self._wake:
            if len(self._waiting) >= self._most:
                self._waiting.popleft()
                self._lose("too many calls wait for the manager; the oldest are given up")
            self._waiting.append(call)
            if self._thread is None or not self._thread.is_alive():
                self._thread = Thread(target=self._run, name="manager-agent-recorder", daemon=True)
                self._thread.start()
                _at_end_of_child()
            self._wake.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all that waits is sent, at most so long; return whether it is."""
        deadline = time.monotonic() + seconds
        with self._wake:
            self._hurry = True  # do not sit out a pause
            self._wake.notify_all()
            while self._waiting and (left := deadline - time.monotonic()) > 0:
                self._wake.wait(left)
            return not self._waiting

    def forget(self) -> None:
        """Begin anew: after a fork the parent sends what waits, and no thread is left here."""
        self._begin()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._wake:
                while not self._waiting:
                    self._wake.wait()
                calls = list(islice(self._waiting, self._together))
            if self._done(calls):
                pause = _FIRST_PAUSE
                self._remove(calls)
                continue
            self._rest(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _remove(self, calls: Sequence[APICall]) -> None:
        with self._wake:
            for call in calls:  # the first of them may have been given up meanwhile
                if self._waiting and self._waiting[0] is call:
                    self._waiting.popleft()
            self._wake.notify_all()

    def _done(self, calls: Sequence[APICall]) -> bool:
        """Send; return whether that is the end of it, be it that a call is given up."""
        try:
            self._send(calls)
        except ManagerError as error:
            if error.may_pass:
                if not self.failing:
                    mishap.warn("recorder.away", f"calls wait to be recorded: {error}")
                self.failing = True
                return False
            if len(calls) > 1:  # one of them is wrong: the others are not to suffer for it
                return all([self._done([call]) for call in calls])
            self._lose(f"a call cannot be recorded: {error}")
        except Exception as error:  # noqa: BLE001 - the thread must outlive one strange call
            self.lost += len(calls)
            mishap.note("recorder.send", "a call cannot be recorded", error)
        else:
            self.sent += len(calls)
            self.failing = False
        return True

    def _rest(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        with self._wake:
            while not self._hurry and (left := deadline - time.monotonic()) > 0:
                self._wake.wait(left)
            hurried, self._hurry = self._hurry, False
        if hurried:
            time.sleep(0.05)  # who flushes waits for the manager: ask it often, not without end

    def _lose(self, why: str) -> None:
        self.lost += 1
        mishap.warn("recorder.lost", why)


_recorders: dict[int, tuple[object, Recorder]] = {}
"""By id, the tracker kept beside its recorder so that the id stays its own."""


def of(tracker: Any) -> Recorder:
    """Return the one recorder of `tracker` in this process, made where there is none.

    `tracker` records by `record_api_calls`, else one by one by `record_api_call`.
    """
    found = _recorders.get(id(tracker))
    if found is None:
        if hasattr(tracker, "record_api_calls"):
            made = Recorder(lambda calls: tracker.record_api_calls(calls), _TOGETHER)
        else:
            made = Recorder(lambda calls: tracker.record_api_call(calls[0]))
        found = _recorders.setdefault(id(tracker), (tracker, made))
    return found[1]


def known(tracker: object) -> Recorder | None:
    """Return the recorder of `tracker`, None where nothing was ever recorded by it."""
    found = _recorders.get(id(tracker))
    return None if found is None else found[1]


def flush(seconds: float = _EXIT_SECONDS) -> None:
    """Send what waits in all recorders, within so many seconds. Never raises."""
    deadline = time.monotonic() + seconds
    for _, recorder in list(_recorders.values()):
        if not recorder.flush(max(0.0, deadline - time.monotonic())):
            mishap.warn("recorder.exit", f"{recorder.waiting} calls were not recorded in time")


def after_fork() -> None:
    """Begin anew in the child of a fork. Never raises."""
    for _, recorder in list(_recorders.values()):
        recorder.forget()


def _at_end_of_child() -> None:
    """Flush in a child of multiprocessing, which leaves without running exit handlers."""
    util = sys.modules.get("multiprocessing.util")
    process = sys.modules.get("multiprocessing.process")
    if util is not None and process is not None and process.parent_process() is not None:
        util.Finalize(None, flush, exitpriority=_LAST)


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
