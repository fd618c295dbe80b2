"""The way in: requests wait here, bounded, until they are read and handed to the writer.

Reading (decode, recognise) has no state that must be stored, so it goes on while the writer waits
for the disk. A request is answered when the writer has committed it.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread

import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.receiver.answer import Answer, Refused
from manager_agent.receiver.bind import owned
from manager_agent.receiver.call import Call
from manager_agent.receiver.content import Door
from manager_agent.receiver.counts import Counts
from manager_agent.receiver.early import accepted
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.reading import Reader
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.sink import FactSink, Limits
from manager_agent.receiver.span import Span
from manager_agent.receiver.wire import MalformedRequestError
from manager_agent.receiver.writer import STORE_REFUSES, Read, Writer

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Pending:
    payload: bytes
    signal: SignalName
    agent: str | None
    requests: int
    answer: "Future[Answer]"


class Intake:
    """Takes requests from any thread; one thread of its own reads them, the writer's stores them.

    `clock_ns`: the time, nanoseconds since 1970 UTC. `committed`: told after each commit that
    changed something, from the writer's thread. `closed`: why nothing may be taken in at present,
    None while all is well; asked for each request.
    """

    def __init__(
        self,
        store: FactSink,
        door: Door,
        cost: Callable[[Call], Call],
        clock_ns: Callable[[], int],
        *,
        limits: Limits | None = None,
        committed: Callable[[], None] = lambda: None,
        closed: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.counts = Counts()
        self._door = door
        self._limits = limits or Limits()
        self._writer = Writer(
            store,
            cost,
            clock_ns,
            self._limits,
            self.counts,
            reading=lambda: bool(self._busy or self._queue),
            answered=self._answered,
            committed=committed,
        )
        self._reader = Reader(self._recognised)
        self._closed = closed
        self._queue: deque[_Pending] = deque()
        self._waiting_bytes = 0
        self._wake = Condition()
        self._stopping = self._busy = False
        self._thread = Thread(target=self._run, name="intake", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, None while all is well."""
        return self._writer.trouble

    def metrics(self) -> list[Metric]:
        """Return the numbers of the receiver. May be called from any thread."""
        waiting = Sample(float(self._waiting_bytes))
        window = Sample(float(self.window_size))
        return [
            *self.counts.metrics(),
            Metric("manager_receiver_pending_bytes", "gauge", "Bytes not stored yet.", [waiting]),
            Metric("manager_receiver_window_spans", "gauge", "Spans remembered.", [window]),
        ]

    @property
    def well(self) -> bool:
        """Whether what is offered now may be expected to be stored."""
        return self.trouble is None and not self._stopping

    @property
    def window_size(self) -> int:
        """Spans that the merge window remembers."""
        return self._writer.window_size

    def start(self) -> None:
        """Rebuild the window from the store, then begin to work. Raises what the store raises."""
        self._writer.start()
        self._thread.start()

    def offer(
        self,
        payload: bytes,
        signal: SignalName = "traces",
        agent: str | None = None,
        *,
        requests: int = 1,
    ) -> "Future[Answer]":
        """Take a request of a signal in, or answer at once that there is no room; never blocks.

        `agent`: whom its sender proved to be; all of the request is booked on it. `requests`: how
        many it was when it came; several that are refused for good are not counted, for each of
        them is offered again.
        """
        pending = _Pending(payload, signal, agent, requests, Future())
        why = self._closed()
        if why is not None:
            self.counts.add("requests", "no_room", requests)
            pending.answer.set_result(Refused(f"{why}; try again later", retryable=True))
            return pending.answer
        with self._wake:
            full = self._waiting_bytes + len(payload) > self._limits.pending_bytes
            if self._stopping or (full and self._waiting_bytes):
                reason = "stopping" if self._stopping else "full"
                self.counts.add("requests", reason, requests)
                pending.answer.set_result(Refused(_TURNED_AWAY[reason], retryable=True))
                return pending.answer
            self._queue.append(pending)
            self._waiting_bytes += len(payload)
            self._wake.notify()
        return pending.answer

    def between_commits(self, job: Callable[[], None]) -> "Future[None]":
        """Run `job` on the writer's thread, where nothing else writes to the store."""
        return self._writer.between_commits(job)

    def stop(self) -> None:
        """Take nothing more in, work off what waits, answer it, and end the threads."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._writer.stop(self._thread.join)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._queue or self._stopping):
                    self._wake.wait()
                if not self._queue:
                    return
                pending = self._queue.popleft()
            self._busy = True
            self._writer.put(self._read(pending))
            self._busy = False

    def _answered(self, size: int) -> None:
        """Make room for others: a request of `size` bytes has its answer."""
        with self._wake:
            self._waiting_bytes -= size

    def _read(self, pending: _Pending) -> Read:
        read = Read(len(pending.payload), pending.answer, requests=pending.requests)
        try:
            reading = self._reader.read(pending.payload, pending.signal)
        except MalformedRequestError as error:
            return read.saying(Refused(str(error), retryable=False))
        except Exception:  # noqa: BLE001 - even a bug must answer, and not end the thread
            _log.exception("a request was not read", signal=pending.signal)
            return read.saying(STORE_REFUSES)
        for reason, n in reading.dropped.items():
            self.counts.add("dropped", reason, n)
        answer = accepted(pending.signal, reading.dropped)
        agent = pending.agent
        arrived = reading.arrived if agent is None else list(owned(reading.arrived, agent))
        return read.saying(answer, arrived)

    def _recognised(self, span: Span) -> Fact | None:
        try:
            return recognise(span, self._door)
        except Exception:  # noqa: BLE001 - one strange span must not cost its neighbours; it is kept and counted
            self.counts.add("dropped", "recognition_failed")
            _log.exception("span not understood", scope=span.scope, trace_id=span.trace_id)
            return None


_TURNED_AWAY = {
    "full": "too many bytes wait to be stored; try again later",
    "stopping": "the manager is stopping; try again later",
}
