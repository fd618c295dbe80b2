"""The one thread that merges what was read and stores it.

Group commit: everything that is ready goes into one transaction; a request is answered when that
transaction is committed and synced. After any failure to store, the window is rebuilt from the
store, since only that knows what became durable.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Condition, Thread
from time import monotonic

import structlog

from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.call import Call
from manager_agent.receiver.changes import Arrived, Changes
from manager_agent.receiver.counts import Counts
from manager_agent.receiver.sink import FactSink, Limits
from manager_agent.receiver.window import MergeWindow

_log = structlog.get_logger()

_LINGER_SECONDS = 0.005
_LONGEST_LINGER_SECONDS = 0.1
_LONGEST_FILLING_SECONDS = 1.0
_SMALL_GROUP_BYTES = 4 * 1024 * 1024
"""A transaction of less waits a moment for more: each costs some ten milliseconds of its own."""
_GROUP_BYTES = 16 * 1024 * 1024
"""What may be ready for one transaction; more is not read before that has begun."""
_GROUP_SPANS = 16_384
"""What a transaction holds at most, where a request alone is not larger: one row group. The nearer
to that the less each span costs; with more than one, checkpoints write groups together anew
(docs/decisions/0019-row-groups.md)."""
_SWEEP_SECONDS = 1.0
_MAINTAIN_SECONDS = 60.0
_LONGEST_REST_SECONDS = 30.0
_REST_NS = round(_LONGEST_REST_SECONDS * 1e9)

STORE_REFUSES = Refused("the store cannot write at present; try again later", retryable=True)


@dataclass(frozen=True, slots=True)
class Read:
    """A request of `size` bytes, read: what it tells, and its answer once that is stored.

    `requests`: how many it was when it came.
    """

    size: int
    told: "Future[Answer]"
    answer: Answer = STORE_REFUSES
    arrived: Sequence[Arrived] = ()
    requests: int = 1

    def saying(self, answer: Answer, arrived: Sequence[Arrived] = ()) -> "Read":
        """Return the request as read."""
        return replace(self, answer=answer, arrived=arrived)


class Writer:
    """Merges, stores and answers requests, in its own thread; `put` hands them over.

    `reading`: whether more requests are about to be `put`. `answered`: told the size of
    requests that have their answer.
    """

    def __init__(
        self,
        store: FactSink,
        cost: Callable[[Call], Call],
        clock_ns: Callable[[], int],
        limits: Limits,
        counts: Counts,
        reading: Callable[[], bool],
        answered: Callable[[int], None],
        committed: Callable[[], None],
    ) -> None:
        self._store = store
        self._cost = cost
        self._clock_ns = clock_ns
        self._limits = limits
        self._counts = counts
        self._reading = reading
        self._answered = answered
        self._committed = committed
        self._window: MergeWindow | None = None
        self._ready: deque[Read] = deque()
        self._ready_bytes = self._ready_spans = 0
        self._jobs: deque[tuple[Callable[[], None], Future[None]]] = deque()
        self._wake = Condition()
        self._stopping = self._ended = False
        self.trouble: str | None = None
        """Why nothing can be stored at present, None while all is well."""
        self._rest_seconds = 0.0
        self._rest_until_ns = 0
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._last_sweep_ns = self._last_maintained_ns = clock_ns()

    @property
    def window_size(self) -> int:
        """Spans that the merge window remembers."""
        return self._window.size if self._window else 0

    def start(self) -> None:
        """Rebuild the window from the store, then begin to work. Raises what the store raises."""
        self._window = self._rebuilt()
        self._thread.start()

    def put(self, read: Read) -> None:
        """Hand a request over; waits while a whole transaction of others is ready."""
        with self._wake:
            while self._ready and self._ready_bytes >= _GROUP_BYTES:
                self._wake.wait()
            self._ready.append(read)
            self._ready_bytes += read.size
            self._ready_spans += len(read.arrived)
            self._wake.notify_all()

    def between_commits(self, job: Callable[[], None]) -> "Future[None]":
        """Run `job` on the writer's thread, where nothing else writes to the store."""
        done: Future[None] = Future()
        with self._wake:
            if self._stopping:
                done.cancel()
                return done
            self._jobs.append((job, done))
            self._wake.notify_all()
        return done

    def stop(self, the_last: Callable[[], None]) -> None:
        """Begin nothing new, answer what is `put` until `the_last` returns, and end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        the_last()
        with self._wake:
            self._ended = True
            self._wake.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            group, jobs = self._next_group()
            if group:
                self._answer(group)
            for job, done in jobs:
                _run_job(job, done)
            if not group and not jobs and self._ended:
                return
            self._do_chores()

    def _next_group(self) -> tuple[list[Read], list[tuple[Callable[[], None], "Future[None]"]]]:
        with self._wake:
            if not (self._ready or self._jobs or self._ended):
                self._wake.wait(_SWEEP_SECONDS)
            if self._ready and not self._jobs and not self._stopping:
                self._linger()
            jobs, group = list(self._jobs), self._filled()
            self._jobs.clear()
            self._wake.notify_all()
        return group, jobs

    def _filled(self) -> list[Read]:
        """Take what is ready, as much of it as one transaction holds."""
        group: list[Read] = []
        spans = 0
        while self._ready:
            spans += len(self._ready[0].arrived)
            if group and spans > _GROUP_SPANS:
                break
            read = self._ready.popleft()
            group.append(read)
            self._ready_bytes -= read.size
            self._ready_spans -= len(read.arrived)
        return group

    def _linger(self) -> None:
        """Wait for more to be ready while more is being read; longer where there is much."""
        began = monotonic()
        while not self._wake.wait_for(self._enough, _LINGER_SECONDS):
            much = self._ready_bytes >= _SMALL_GROUP_BYTES
            longest = _LONGEST_FILLING_SECONDS if much else _LONGEST_LINGER_SECONDS
            if monotonic() >= began + longest or not self._reading():
                return

    def _enough(self) -> bool:
        full = self._ready_bytes >= _GROUP_BYTES or self._ready_spans >= _GROUP_SPANS
        return full or bool(self._jobs) or self._stopping

    def _answer(self, group: list[Read]) -> None:
        try:
            answers = self._process(group)
        except Exception as error:  # noqa: BLE001 - even a bug must answer, and not end the thread
            self._window, self.trouble = None, repr(error)
            answers = [STORE_REFUSES] * len(group)
        self._answered(sum(read.size for read in group))
        for outcome, requests in _outcomes(group, answers).items():
            self._counts.add("requests", outcome, requests)
        for read, answer in zip(group, answers, strict=True):
            if read.told.set_running_or_notify_cancel():
                read.told.set_result(answer)

    def _process(self, group: Sequence[Read]) -> list[Answer]:
        """Return the answers to a group; its good requests are stored together."""
        if self._resting:
            return [_later(read.answer) for read in group]
        try:
            self._store_all([each for read in group for each in read.arrived])
        except Exception as error:  # noqa: BLE001 - whatever went wrong, senders must hear it and may try again
            return self._after_failure(error, group)
        return [read.answer for read in group]

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
        self.trouble = None
        self._counts.add("spans", "stored", len(changes.spans))
        self._counts.add("spans", "duplicate", changes.duplicates)
        self._counts.add("calls", "published", len(changes.calls))

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

    def _after_failure(self, error: Exception, group: Sequence[Read]) -> list[Answer]:
        """Answer a group that could not be stored.

        Where the data may be at fault each request is tried alone, and the one that fails again is
        refused for good. Where the storage is, all are to come again later.
        """
        _log.error("a group of requests was not stored", requests=len(group), error=repr(error))
        if not self._data_at_fault(error):
            return [_later(read.answer) for read in group]
        if len(group) > 1:
            return [self._process([read])[0] for read in group]
        (read,) = group
        try:
            self._store_all(read.arrived)
        except Exception as again:  # noqa: BLE001 - told to the sender
            if self._data_at_fault(again):
                _log.error("a request cannot be stored", error=repr(again))
                return [Refused(f"this request cannot be stored: {again}", retryable=False)]
            return [_later(read.answer)]
        return [read.answer]

    def _data_at_fault(self, error: Exception) -> bool:
        """Make the store usable again after `error`; tell whether the data may have caused it.

        Otherwise the storage is in trouble: the writer rests, longer each time, and refuses at
        once, since rebuilding the window only to fail again would keep every sender waiting.
        """
        self._window = None
        self.trouble = str(error)
        self._counts.add("store", "failed")
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
        spans, published, complete = self._store.recent(since_ns, limits.most_spans)
        window.restore(spans, published, now_ns, complete=complete)
        torn = window.torn()
        if torn:
            window.restore(*self._store.relatives(torn), now_ns, {late.trace_id for late in torn})
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
            self._counts.add("calls", "sealed", len(changes.sealed_calls))
            self._counts.add("calls", "sealed_early", changes.sealed_early)
            self._save(changes)
            self.trouble = None
            self._store.refresh()
            if abs(now_ns - self._last_maintained_ns) >= _MAINTAIN_SECONDS * 1e9:
                self._last_maintained_ns = now_ns
                self._store.maintain()
                # Versions that were taken back just before an earlier run ended.
                self._store.seal_overdue((now_ns - 2 * self._limits.window_ns) // 1000)
        except Exception as error:  # noqa: BLE001 - the writer must outlive a full disk
            _log.error("chores failed", error=repr(error))
            self._data_at_fault(error)


def _outcomes(group: Sequence[Read], answers: Sequence[Answer]) -> "Counter[str]":
    """Return how many requests became what. Several as one that are refused for good come again."""
    found: Counter[str] = Counter()
    for read, answer in zip(group, answers, strict=True):
        if isinstance(answer, Accepted):
            found["accepted"] += read.requests
        elif answer.retryable:
            found["unavailable"] += read.requests
        elif read.requests == 1:
            found["malformed"] += 1
    return found


def _later(answer: Answer) -> Answer:
    """Return what a request gets that was good but could not be stored."""
    return answer if isinstance(answer, Refused) else STORE_REFUSES


def _run_job(job: Callable[[], None], done: "Future[None]") -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        job()
    except Exception as error:  # noqa: BLE001 - handed to whoever waits for the job
        done.set_exception(error)
    else:
        done.set_result(None)
