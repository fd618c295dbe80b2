"""The way in: requests wait here, bounded, until one thread has decoded, merged and stored them.

Group commit: everything that waits goes into one transaction; a request is answered when that
transaction is committed and synced. After any failure to store, the window is rebuilt from the
store, since only that knows what became durable.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread

import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes
from manager_agent.receiver.content import Door
from manager_agent.receiver.counts import Counts
from manager_agent.receiver.decode import Decoder
from manager_agent.receiver.fact import Fact
from manager_agent.receiver.recognise import recognise
from manager_agent.receiver.sink import FactSink, Limits
from manager_agent.receiver.span import Span
from manager_agent.receiver.window import MergeWindow
from manager_agent.receiver.wire import MalformedRequestError

_log = structlog.get_logger()

_LINGER_SECONDS = 0.005
_SMALL_GROUP_BYTES = 256 * 1024
_GROUP_BYTES = 32 * 1024 * 1024
_SWEEP_SECONDS = 1.0
_MAINTAIN_SECONDS = 60.0
_LONGEST_REST_SECONDS = 30.0
_REST_NS = round(_LONGEST_REST_SECONDS * 1e9)


@dataclass(frozen=True, slots=True)
class _Pending:
    payload: bytes
    answer: "Future[Answer]"


class Intake:
    """Takes requests from any thread; one thread of its own works on them.

    `clock_ns`: the time, nanoseconds since 1970 UTC. `committed`: told after each commit that
    changed something, from the intake's thread. `closed`: why nothing may be taken in at present,
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
        self._store = store
        self._door = door
        self._cost = cost
        self._clock_ns = clock_ns
        self._limits = limits or Limits()
        self._committed = committed
        self._closed = closed
        self._decoder = Decoder()
        self._window: MergeWindow | None = None
        self._queue: deque[_Pending] = deque()
        self._jobs: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._waiting_bytes = 0
        self._wake = Condition()
        self._stopping = False
        self._trouble: str | None = None
        self._rest_seconds = 0.0
        self._rest_until_ns = 0
        self._thread = Thread(target=self._run, name="intake", daemon=True)
        self._last_sweep_ns = self._last_maintained_ns = clock_ns()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, None while all is well."""
        return self._trouble

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
    def window_size(self) -> int:
        """Spans that the merge window remembers."""
        return self._window.size if self._window else 0

    def start(self) -> None:
        """Rebuild the window from the store, then begin to work. Raises what the store raises."""
        self._window = self._rebuilt()
        self._thread.start()

    def offer(self, payload: bytes) -> "Future[Answer]":
        """Take a request in, or answer at once that there is no room; never blocks."""
        pending = _Pending(payload, Future())
        why = self._closed()
        if why is not None:
            self.counts.add("requests", "no_room")
            pending.answer.set_result(Refused(f"{why}; try again later", retryable=True))
            return pending.answer
        with self._wake:
            full = self._waiting_bytes + len(payload) > self._limits.pending_bytes
            if self._stopping or (full and self._waiting_bytes):
                reason = "stopping" if self._stopping else "full"
                self.counts.add("requests", reason)
                pending.answer.set_result(Refused(_TURNED_AWAY[reason], retryable=True))
                return pending.answer
            self._queue.append(pending)
            self._waiting_bytes += len(payload)
            self._wake.notify()
        return pending.answer

    def between_commits(self, job: Callable[[], None]) -> "Future[None]":
        """Run `job` on the intake's thread, where nothing else writes to the store."""
        done: Future[None] = Future()
        with self._wake:
            if self._stopping:
                done.cancel()
                return done
            self._jobs.append((job, done))
            self._wake.notify()
        return done

    def stop(self) -> None:
        """Take nothing more in, work off what waits, answer it, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            group, jobs = self._next_group()
            if group:
                self._answer(group)
            for job, done in jobs:
                _run_job(job, done)
            if not group and not jobs and self._stopping:
                return
            self._do_chores()

    def _next_group(
        self,
    ) -> tuple[list[_Pending], list[tuple[Callable[[], None], "Future[None]"]]]:
        with self._wake:
            if not (self._queue or self._jobs or self._stopping):
                self._wake.wait(_SWEEP_SECONDS)
            if self._queue and self._waiting_bytes < _SMALL_GROUP_BYTES and not self._stopping:
                self._wake.wait(_LINGER_SECONDS)
            jobs = list(self._jobs)
            self._jobs.clear()
            group: list[_Pending] = []
            size = 0
            while self._queue and (not group or size + len(self._queue[0].payload) <= _GROUP_BYTES):
                group.append(self._queue.popleft())
                size += len(group[-1].payload)
        return group, jobs

    def _answer(self, group: list[_Pending]) -> None:
        try:
            answers = self._process([pending.payload for pending in group])
        except Exception as error:  # noqa: BLE001 - even a bug must answer, and not end the thread
            self._window, self._trouble = None, repr(error)
            answers = [_STORE_REFUSES] * len(group)
        with self._wake:
            self._waiting_bytes -= sum(len(pending.payload) for pending in group)
        for pending, answer in zip(group, answers, strict=True):
            outcome = "accepted" if isinstance(answer, Accepted) else _outcome(answer)
            self.counts.add("requests", outcome)
            if pending.answer.set_running_or_notify_cancel():
                pending.answer.set_result(answer)

    def _process(self, payloads: Sequence[bytes]) -> list[Answer]:
        """Return the answers to a group; its good requests are stored together."""
        if self._resting:
            return [_STORE_REFUSES] * len(payloads)
        answers: list[Answer] = []
        arrived: list[Arrived] = []
        for payload in payloads:
            answers.append(self._read(payload, arrived))
        try:
            self._store_all(arrived)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, senders must hear it and may try again
            return self._after_failure(error, payloads, answers)
        return answers

    def _read(self, payload: bytes, into: list[Arrived]) -> Answer:
        try:
            decoded = self._decoder.decode(payload)
        except MalformedRequestError as error:
            return Refused(str(error), retryable=False)
        into.extend(Arrived(span, self._recognised(span)) for span in decoded.spans)
        refused = {k: n for k, n in decoded.dropped.items() if k.startswith("invalid_")}
        for reason, n in decoded.dropped.items():
            self.counts.add("dropped", reason, n)
        said = ", ".join(f"{n} x {reason}" for reason, n in sorted(refused.items()))
        return Accepted(sum(refused.values()), f"refused spans: {said}" if said else "")

    def _recognised(self, span: Span) -> Fact | None:
        try:
            return recognise(span, self._door)
        except Exception:  # noqa: BLE001 - one strange span must not cost its neighbours; it is kept and counted
            self.counts.add("dropped", "recognition_failed")
            _log.exception("span not understood", scope=span.scope, trace_id=span.trace_id)
            return None

    def _store_all(self, arrived: Sequence[Arrived]) -> None:
        window = self._window
        if window is None:
            window = self._window = self._rebuilt()
        now_ns = self._clock_ns()
        late = window.late(arrived, now_ns)
        if late:
            spans, published = self._store.relatives(late)
            window.restore(spans, published, now_ns, {each.trace_id for each in late})
        changes = window.add(arrived, now_ns)
        self._save(changes)
        self._trouble = None
        self.counts.add("spans", "stored", len(changes.spans))
        self.counts.add("spans", "duplicate", changes.duplicates)
        self.counts.add("calls", "published", len(changes.calls))

    def _save(self, changes: Changes) -> None:
        if changes.empty:
            return
        try:
            self._store.append(changes)
        except BaseException:
            self._window = None
            raise
        self._rest_seconds = 0.0
        self._committed()

    def _after_failure(
        self, error: Exception, payloads: Sequence[bytes], answers: list[Answer]
    ) -> list[Answer]:
        """Answer a group that could not be stored.

        Where the data may be at fault each request is tried alone, and the one that fails again is
        refused for good. Where the storage is, all are to come again later.
        """
        _log.error("a group of requests was not stored", requests=len(payloads), error=repr(error))
        if not self._data_at_fault(error):
            return [_later(answer) for answer in answers]
        if len(payloads) > 1:
            return [self._process([payload])[0] for payload in payloads]
        try:
            arrived: list[Arrived] = []
            answer = self._read(payloads[0], arrived)
            self._store_all(arrived)
        except Exception as again:  # noqa: BLE001 - told to the sender
            if self._data_at_fault(again):
                _log.error("a request cannot be stored", error=repr(again))
                return [Refused(f"this request cannot be stored: {again}", retryable=False)]
            return [_later(answer) for answer in answers]
        return [answer]

    def _data_at_fault(self, error: Exception) -> bool:
        """Make the store usable again after `error`; tell whether the data may have caused it.

        Otherwise the storage is in trouble: the intake rests, longer each time, and refuses at
        once, since rebuilding the window only to fail again would keep every sender waiting.
        """
        self._window = None
        self._trouble = str(error)
        self.counts.add("store", "failed")
        try:
            at_fault = self._store.recover(error)
        except Exception as again:  # noqa: BLE001 - the store stays closed until after the rest
            _log.error("the fact store is not usable", error=repr(again))
            at_fault = False
        if not at_fault:
            self._rest_seconds = min(_LONGEST_REST_SECONDS, max(1.0, 2 * self._rest_seconds))
            self._rest_until_ns = self._clock_ns() + round(self._rest_seconds * 1e9)
        return at_fault

    @property
    def _resting(self) -> bool:
        """Whether nothing is tried at present: too soon after a failure, or too late to begin."""
        return self._window is None and (
            self._stopping or self._clock_ns() < self._rest_until_ns <= self._clock_ns() + _REST_NS
        )

    def _rebuilt(self) -> MergeWindow:
        """Return a window that knows what the store knows."""
        now_ns = self._clock_ns()
        limits = self._limits
        since_ns = now_ns - limits.window_ns
        self._store.seal_overdue(since_ns // 1000)
        window = MergeWindow(self._cost, window_ns=limits.window_ns, most_spans=limits.most_spans)
        spans, published = self._store.recent(since_ns, limits.most_traces)
        traces = {span.trace_id for span in spans}
        window.restore(spans, published, now_ns, complete=len(traces) < limits.most_traces)
        return window

    def _do_chores(self) -> None:
        """Seal what is due and let the store do its own; failures are told and tried again."""
        now_ns = self._clock_ns()
        if abs(now_ns - self._last_sweep_ns) < _SWEEP_SECONDS * 1e9:
            return
        self._last_sweep_ns = now_ns
        if self._resting:
            return
        try:
            if self._window is None:
                self._window = self._rebuilt()
            changes = self._window.sweep(now_ns)
            self.counts.add("calls", "sealed", len(changes.sealed_calls))
            self.counts.add("calls", "sealed_early", changes.sealed_early)
            self._save(changes)
            self._trouble = None
            if abs(now_ns - self._last_maintained_ns) >= _MAINTAIN_SECONDS * 1e9:
                self._last_maintained_ns = now_ns
                self._store.maintain()
                # Versions that were taken back just before an earlier run ended.
                self._store.seal_overdue((now_ns - 2 * self._limits.window_ns) // 1000)
        except Exception as error:  # noqa: BLE001 - the intake must outlive a full disk
            _log.error("chores failed", error=repr(error))
            self._data_at_fault(error)


_TURNED_AWAY = {
    "full": "too many bytes wait to be stored; try again later",
    "stopping": "the manager is stopping; try again later",
}


_STORE_REFUSES = Refused("the store cannot write at present; try again later", retryable=True)


def _outcome(answer: Refused) -> str:
    return "unavailable" if answer.retryable else "malformed"


def _later(answer: Answer) -> Answer:
    """Return what a request gets that was good but could not be stored."""
    if isinstance(answer, Refused):
        return answer
    return _STORE_REFUSES


def _run_job(job: Callable[[], None], done: "Future[None]") -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        job()
    except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
        done.set_exception(error)
    else:
        done.set_result(None)
