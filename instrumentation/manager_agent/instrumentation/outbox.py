"""What waits to be sent, and the thread that sends it: bounded, and never waited for by callers."""

import logging
import os
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Event, RLock, Thread
from time import monotonic
from typing import Any

from opentelemetry.context import attach, detach, get_current, set_value

from manager_agent.instrumentation.call import Ended
from manager_agent.instrumentation.sender import GaveUpError, Sender, UnreachableError

_log = logging.getLogger("manager_agent")

_MOST_WAITING = 8192
_DELAY_SECONDS = 1.0
_MOST_AT_ONCE = 512
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 30.0
_MOST_HELD_BYTES = 32 << 20
"""Bytes of requests and answers that wait to be read in the thread; beyond, callers read them."""
_SUPPRESS = "suppress_instrumentation"
"""Under this key every OpenTelemetry instrumentation looks whether it shall keep out."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much waits (items), for how long it is gathered (seconds), and how much goes at once."""

    most_waiting: int = _MOST_WAITING
    delay_seconds: float = _DELAY_SECONDS
    most_at_once: int = _MOST_AT_ONCE


def bounds(env: Mapping[str, str]) -> Bounds:
    """Return the bounds that OpenTelemetry's variables for batches set; nonsense is not heeded."""

    def number(name: str, default: float) -> float:
        try:
            said = float(env.get(name, "") or default)
        except ValueError:
            return default
        return said if said > 0 else default

    return Bounds(
        int(number("OTEL_BSP_MAX_QUEUE_SIZE", _MOST_WAITING)),
        number("OTEL_BSP_SCHEDULE_DELAY", _DELAY_SECONDS * 1000) / 1000,
        int(number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _MOST_AT_ONCE)),
    )


class Outbox:
    """Items on their way to the manager; the thread starts with the first of them.

    `connect` makes the sender and is called in that thread, since it loads what is heavy. While
    nobody answers, items wait, as many as the bounds say; more are dropped and counted. It says so
    once, and again when it was well in between.

    `put` may strike in the midst of another `put` of the same thread, by the garbage collector that
    ends a forgotten stream: it takes no lock that this would wait for.
    """

    def __init__(self, connect: Callable[[], Sender], bounds: Bounds) -> None:
        self.dropped = 0
        """Items given up because too many waited, or because the receiver wants none of them."""
        self._connect = connect
        self._bounds = bounds
        self._new: deque[Any] = deque()
        self._ready: deque[Any] = deque()
        self._sender: Sender | None = None
        self._starting = RLock()
        self._thread: Thread | None = None
        self._signals: SimpleQueue[bool] = SimpleQueue()
        """For the thread: there is something (False), and it should hurry (True)."""
        self._signalled = self._hurried = False
        self._asked: deque[Event] = deque()
        self._held_bytes = 0
        self._closing = False
        self._troubled = False
        self._told_of_drops = False

    def put(self, item: Any) -> None:
        """Take an item in; costs a microsecond, or a thread's start with the first."""
        new = self._new
        if len(new) >= self._bounds.most_waiting or self._closing:
            self._drop(1)
            return
        if isinstance(item, Ended):
            self._held_bytes += item.held_bytes()
            if self._held_bytes > _MOST_HELD_BYTES:
                item.let_go()
        new.append(item)
        if self._thread is None:
            self._start()
        if not self._signalled:
            self._signalled = True
            self._signals.put(False)
        if not self._hurried and len(new) >= self._bounds.most_at_once:
            self._hurry()

    def flush(self, seconds: float) -> bool:
        """Send all that waits now, for at most so long; tell whether it all went."""
        if self._thread is None or not self._thread.is_alive():
            return not self._new and not self._ready
        done = Event()
        self._asked.append(done)
        self._hurry()
        return done.wait(seconds) and not self._ready

    def close(self, seconds: float) -> bool:
        """Flush, then end the thread; what comes later is dropped."""
        flushed = self.flush(seconds)
        self._closing = True
        self._hurry()
        return flushed

    def abandon(self) -> None:
        """Let go of what a fork inherited: what waits here is the parent's to send."""
        if self._sender is not None:
            self._sender.abandon()

    def _hurry(self) -> None:
        self._hurried = True
        self._signals.put(True)

    def _start(self) -> None:
        # A daemon: it must not keep a program alive that is done.
        thread = Thread(target=self._work, name="manager_agent", daemon=True)
        with self._starting:
            if self._thread is None:
                self._thread = thread
                try:
                    thread.start()
                except RuntimeError:  # the interpreter ends, and starts no more threads
                    self._thread = None
                    raise

    def _work(self) -> None:
        token = attach(set_value(_SUPPRESS, True, get_current()))
        rest = 0.0
        # At once, while the first answer is waited for: a process may be over before the delay is,
        # and has no time then to load what a sender needs.
        self._connected()
        while not self._closing:
            self._await_more(max(rest, self._bounds.delay_seconds))
            asked = [self._asked.popleft() for _ in range(len(self._asked))]
            rest = 0.0 if self._round() else _next_rest(rest)
            for done in asked:
                done.set()
        if self._sender is not None:
            self._sender.close()
        detach(token)

    def _await_more(self, seconds: float) -> None:
        """Wait until there is something, then gather more for some time unless it is urgent."""
        urgent = False if self._ready else self._signals.get()
        until = monotonic() + seconds
        try:
            while not urgent:
                urgent = self._signals.get(timeout=max(0.0, until - monotonic()))
        except Empty:
            pass  # time is up
        # Before what is new is taken: what comes after that signals again.
        self._signalled = self._hurried = False

    def _round(self) -> bool:
        """Prepare and send what waits; tell whether it went well."""
        sender = self._connected()
        if sender is None:
            return False
        try:
            self._take(sender)
            return self._send_all(sender)
        except Exception as error:  # noqa: BLE001 - the thread must outlive what nobody foresaw
            self._trouble(f"nothing can be sent to the manager: {error!r}")
            return False

    def _connected(self) -> Sender | None:
        """Return the sender, made if there is none yet; None where that fails, which is logged."""
        if self._sender is None:
            try:
                self._sender = self._connect()
            except Exception as error:  # noqa: BLE001 - such as a certificate it cannot read
                self._trouble(f"nothing can be sent to the manager: {error!r}")
        return self._sender

    def _take(self, sender: Sender) -> None:
        """Prepare what is new: it holds on to its caller's context, which must not be kept long."""
        items = [self._new.popleft() for _ in range(len(self._new))]
        self._held_bytes = 0
        try:
            sender.learn(items)
        except Exception:  # noqa: BLE001 - what is unknown then is left out of the spans
            _log.exception("what calls cost could not be asked for")
        for item in items:
            try:
                prepared = sender.prepare(item)
            except Exception:  # noqa: BLE001 - one strange call must not stop the others
                _log.exception("a call could not be told of to the manager")
                self._drop(1)
                continue
            if len(self._ready) >= self._bounds.most_waiting:
                self._drop(1)
            else:
                self._ready.append(prepared)

    def _send_all(self, sender: Sender) -> bool:
        """Send until nothing waits; tell whether somebody answered."""
        while self._ready:
            batch = list(islice(self._ready, self._bounds.most_at_once))
            try:
                sender.send(batch)
            except UnreachableError as error:
                self._trouble(str(error))
                return False
            except GaveUpError as error:
                self._trouble(str(error))
                self._drop(len(batch))
            except Exception:  # noqa: BLE001 - or a span that cannot be encoded would block all
                _log.exception("spans could not be sent to the manager")
                self._drop(len(batch))
            else:
                self._well()
            for _ in batch:
                self._ready.popleft()
        return True

    def _trouble(self, why: str) -> None:
        if not self._troubled:
            self._troubled = True
            _log.warning(
                "%s; calls go on, and up to %d wait to be told of", why, self._bounds.most_waiting
            )

    def _well(self) -> None:
        if self._troubled:
            self._troubled = self._told_of_drops = False
            _log.warning("the manager takes calls again; %d were dropped so far", self.dropped)

    def _drop(self, number: int) -> None:
        self.dropped += number
        if not self._told_of_drops:
            self._told_of_drops = True
            _log.warning(
                "calls are dropped that the manager will not know of: it does not take them, or"
                " more than %d wait (OTEL_BSP_MAX_QUEUE_SIZE)",
                self._bounds.most_waiting,
            )


def _next_rest(rest: float) -> float:
    # Jitter, so that a fleet does not come back in step when its manager does.
    doubled = min(_LONGEST_REST_SECONDS, max(_FIRST_REST_SECONDS, rest * 2))
    return doubled * random.Random(os.urandom(8)).uniform(0.8, 1.2)
