"""The meter: follows one allowed call to its end, and settles it exactly once."""

import os
import sys
import time
from collections.abc import Mapping
from threading import RLock
from typing import Literal
from weakref import ref

from manager_agent.contract.decision import Allow
from manager_agent.instrumentation import mishap, reentry, spans
from manager_agent.instrumentation.call import Ask, Ended, Ending, Unread
from manager_agent.instrumentation.endpoint import Endpoint
from manager_agent.instrumentation.inflate import Inflater, inflater
from manager_agent.instrumentation.policy import Policy
from manager_agent.instrumentation.retry_after import Headers, retry_after
from manager_agent.instrumentation.told import Told
from manager_agent.instrumentation.unread import WholeAnswer, with_estimate, with_headers
from manager_agent.instrumentation.unsent import unsent
from manager_agent.instrumentation.wire import StreamReader
from manager_agent.instrumentation.wires import WIRES

_ERROR_BYTES = 65_536
"""Bytes of an error's body that are kept where it comes in pieces."""
_TRIES = 10
_PATIENCE_SECONDS = 0.1
"""Of the end of the process with one call, which another thread may be reading for ever."""
_BEFORE = frozenset(
    ("ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError", "PoolTimeout")
)
"""Time-outs that struck before anything was asked."""


class Call:
    """One attempt that was allowed, from leaving to its end.

    Safe to use from several threads; whatever ends it first counts and the rest is ignored. No
    method raises. A call that is forgotten is settled as abandoned when it is collected.
    """

    __slots__ = (
        "__weakref__",
        "_done",
        "_first_ns",
        "_headers",
        "_inflate",
        "_left_ns",
        "_lock",
        "_pid",
        "_policy",
        "_reader",
        "_sent",
        "_status",
        "ask",
        "decision",
    )

    def __init__(self, ask: Ask, decision: Allow, policy: Policy) -> None:
        """Begin: the request of `ask` is about to leave; `policy` will be told of the end."""
        self.ask, self.decision, self._policy = ask, decision, policy
        self._lock = RLock()  # a signal's handler may close a stream that is just being read
        self._done = False
        self._sent = True
        self._pid = os.getpid()
        self._left_ns = time.time_ns()
        self._status: int | None = None
        self._first_ns: int | None = None
        self._reader: StreamReader | None = None
        self._inflate: Inflater | None = None
        self._headers: Mapping[str, str] | Headers = {}
        _open[id(self)] = ref(self)

    def answered(self, status: int, headers: Mapping[str, str] | Headers) -> None:
        """Note the head of the answer; its body follows by `whole`, or in pieces by `chunk`."""
        self._status = status
        self._headers = headers

    def whole(self, body: bytes) -> None:
        """End with the whole body, which is not compressed."""
        if self._done:
            return
        # Read later, most of it off the caller's way; only what the policy asks for is read now.
        self._end("whole", None, WholeAnswer(self.ask, self._status or 0, self._headers, body))

    def chunk(self, raw: bytes, decoded: bool = False) -> None:
        """Read on in a body that comes in pieces: as they come from the wire, or `decoded`."""
        if self._done:
            return
        if self._first_ns is None:
            self._first_ns = time.time_ns()
        with self._lock:
            try:
                self._feed(raw, decoded)
            except Exception as error:  # noqa: BLE001 - not the agent's concern
                mishap.note("meter.chunk", "a piece of an answer cannot be metered", error)

    def finished(self) -> None:
        """End: the pieces were read to the last."""
        self._end("whole", None)

    def left(self) -> None:
        """End: the caller left before the last piece, or never read the answer."""
        self._end("abandoned", None)

    def failed(self, error: BaseException) -> None:
        """End with the exception that the caller sees."""
        if isinstance(error, GeneratorExit):
            self.left()
        else:
            if unsent(error):
                self._sent = False
            self._end(ending_of(error), type(error).__name__)

    def __del__(self) -> None:
        if not self._done and not sys.is_finalizing():
            self.left()

    def _feed(self, raw: bytes, decoded: bool) -> None:
        if self._reader is None:
            endpoint, status = self.ask.endpoint, self._status or 0
            if status >= 400:
                self._reader = _ErrorBody(endpoint, status)
            else:
                self._reader = WIRES[endpoint.api].stream(endpoint, self._said("content-type"))
            encoding = "" if decoded else self._said("content-encoding")
            self._inflate = inflater(encoding)
            if self._inflate is None:
                mishap.warn("meter.encoding", f"{encoding!r} bodies cannot be metered here")
        if self._inflate is not None:
            self._reader.feed(self._inflate.feed(raw))

    def _said(self, name: str) -> str:
        """Return what a header of the answer says, in lower case."""
        try:
            return (self._headers.get(name, "") or "").lower()
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("meter.answered", "the headers of an answer cannot be read", error)
            return ""

    def _end(
        self,
        ending: Ending,
        failure: str | None,
        answer: Unread | None = None,
        patience: float = -1,
    ) -> None:
        if patience < 0:
            self._lock.acquire()
        elif not self._lock.acquire(timeout=patience):
            return
        try:
            if self._done:
                return
            self._done = True
        finally:
            self._lock.release()
        _open.pop(id(self), None)
        if self._pid != os.getpid():
            return  # a copy that a fork made: the parent's settles
        try:
            ended = self._ended(ending, failure, answer)
            reentry.guarded(self._tell, ended)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("meter.end", "a call could not be settled", error)
        self._reader = self._inflate = None

    def _ended(self, ending: Ending, failure: str | None, answer: Unread | None) -> Ended:
        told: Told | Unread
        if answer is not None:
            told = answer
        else:
            told = self._reader.told() if self._reader else Told()
            if ending == "abandoned" and told.complete:
                ending = "whole"  # SDKs leave behind the last event, before the last byte
            told = with_estimate(self.ask, with_headers(self.ask, told, self._headers))
        streaming = self.ask.asked.streaming or self.ask.endpoint.streaming
        return Ended(
            ask=self.ask,
            decision=self.decision,
            ended_ns=time.time_ns(),
            ending=ending,
            told=told,
            status=self._status,
            first_chunk_ns=self._first_ns if streaming else None,
            failure=failure,
            sent=self._sent,
            left_ns=self._left_ns,
            retry_after_seconds=self._retry_after(),
        )

    def _retry_after(self) -> float | None:
        if (self._status or 0) < 400:
            return None
        try:
            return retry_after(self._headers)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("meter.retry_after", "the headers of an answer cannot be read", error)
            return None

    def _tell(self, ended: Ended) -> None:
        try:
            receipt = self._policy.settle(ended)
            if receipt is not None:
                ended.receipt = receipt
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("policy.settle", "the policy failed to settle a call", error)
        try:
            spans.emit(ended)
        except Exception as error:  # noqa: BLE001 - not the agent's concern
            mishap.note("spans.emit", "a call's span could not be sent", error)


_open: dict[int, ref[Call]] = {}


def close_open() -> None:
    """End all calls that are still open as abandoned: the process is about to end.

    Streams that are left at the top of a script are such: nothing closes them before.
    """
    for _ in range(_TRIES):
        try:
            calls = [held() for held in list(_open.values())]
            break
        except RuntimeError:  # another thread begins calls just now
            continue
    else:
        return
    for call in filter(None, calls):
        call._end("abandoned", None, patience=_PATIENCE_SECONDS)


class _ErrorBody:
    """Collects the body of an error that comes in pieces, its beginning at least."""

    def __init__(self, endpoint: Endpoint, status: int) -> None:
        self._endpoint, self._status = endpoint, status
        self._kept = bytearray()

    def feed(self, data: bytes) -> None:
        self._kept += data[: _ERROR_BYTES - len(self._kept)]

    def told(self) -> Told:
        wire = WIRES[self._endpoint.api]
        return wire.whole(self._endpoint, self._status, bytes(self._kept))


def ending_of(error: BaseException) -> Literal["cancelled", "broken"]:
    """Say whether the caller gave up, by cancelling or its own time-out, or the connection broke.

    A time-out while connecting is of the connection: nothing had been asked yet.
    """
    for kind in type(error).__mro__:
        name = kind.__name__
        if name in _BEFORE:
            return "broken"
        if name in ("CancelledError", "Cancelled", "KeyboardInterrupt", "SystemExit"):
            return "cancelled"
        if "Timeout" in name:
            return "cancelled"
    return "broken"
