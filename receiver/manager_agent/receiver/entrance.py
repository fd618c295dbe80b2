"""Where requests come in: they wait for the store, or, where that is slow, only for the journal.

As long as the store keeps up, a request is answered when it is stored, and nothing else is written.
One that has waited too long is written to the journal, synced and answered; from then on all are,
until the store has caught up. What the journal keeps goes to the intake as room becomes free, in
order, as if it were sent again: parts of it that are stored already are known by their ids.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from threading import Condition, Thread
from time import monotonic

import structlog

from manager_agent.contract.metric import Metric, Sample
from manager_agent.receiver.answer import Accepted, Answer, Refused
from manager_agent.receiver.early import early_answer
from manager_agent.receiver.intake import Intake
from manager_agent.receiver.owed import Owed
from manager_agent.receiver.parcel import parcels
from manager_agent.receiver.patience import Patience
from manager_agent.receiver.request import Request
from manager_agent.receiver.signals import SignalName
from manager_agent.receiver.sink import Kept, Offer, RequestJournal

_log = structlog.get_logger()

_HANDED_BYTES = 24 * 1024 * 1024
"""What of the journal is with the intake at a time: a transaction, and what becomes the next."""
_AT_A_TIME_BYTES = 2 * 1024 * 1024
"""Then whoever came meanwhile is answered first."""
_SYNC_BYTES = 16 * 1024 * 1024
_RETRY_SECONDS = 1.0
_PAUSE_SECONDS = 0.4
"""Between two times that the intake is handed what waits, so that it is not stored one by one: each
transaction costs some ten milliseconds of its own, and no sender waits for it."""
_PAYING_BYTES = 4 * 1024 * 1024
"""So many wait that a transaction of its own pays for them."""
_REMEMBERED_BYTES = 16 * 1024 * 1024
"""Of what waits so much is not read from the file again."""
_IDLE_SECONDS = 1.0
"""After so long without anything to keep the file goes: it may hold prompts."""
_LONGEST_SLEEP_SECONDS = 1.0
_SHORTEST_SLEEP_SECONDS = 0.001
_LINGER_SECONDS = 0.004
_FEW_BYTES = 64 * 1024
"""While several requests come at a time that together are smaller, their next write waits a moment
for more: a sync takes as long for one as for a hundred, and so does waking who waits."""
_FULL = Refused("the journal is full, the store is too slow; try again later", retryable=True)


class Entrance:
    """Takes requests from any thread; a thread of its own keeps the journal.

    `journal` None: every request waits for the store. `closed`: why nothing may be taken in at
    present, None while all is well.
    """

    def __init__(
        self,
        intake: Intake,
        journal: RequestJournal | None = None,
        patience: Patience | None = None,
        *,
        closed: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`clock`: seconds, only rising."""
        self.counts = intake.counts
        self._intake = intake
        self._journal = journal
        self._patience = patience or Patience()
        self._closed = closed
        self._clock = clock
        self._direct: deque[Request] = deque()
        self._arrivals: deque[Request] = deque()
        self._finished: deque[tuple[Sequence[Kept], Answer]] = deque()
        self._alone: set[Kept] = set()
        self._owed = Owed()
        self._remembered: dict[Kept, Offer] = {}
        self._wake = Condition()
        self._journaling = self._stopping = False
        self._rest_until = self._retry_at = 0.0
        self._slow_at = self._handed_at = 0.0
        self._several = False
        self._thread = Thread(target=self._run, name="journal", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be stored at present, None while all is well."""
        return self._intake.trouble

    @property
    def well(self) -> bool:
        """Whether what is offered now may be expected to be taken."""
        return self._intake.well

    def metrics(self) -> list[Metric]:
        """Return the numbers of the way in. May be called from any thread."""
        with self._wake:
            age = self._owed.age(self._clock())
        size = float(self._journal.size if self._journal else 0)
        return [
            *self._intake.metrics(),
            Metric(
                "manager_receiver_journal_bytes", "gauge", "Size of the journal.", [Sample(size)]
            ),
            Metric(
                "manager_receiver_lag_seconds",
                "gauge",
                "Age of the oldest request that is acknowledged and not yet stored.",
                [Sample(age)],
            ),
        ]

    def start(self) -> None:
        """Begin to work, with what an earlier run left. Raises what store and journal raise."""
        left = [] if self._journal is None else self._journal.leftover()
        self._intake.start()
        if self._journal is None:
            return
        if left:
            _log.warning("requests that the journal kept are stored now", requests=len(left))
        self._owed.add(left, self._clock())
        self._journaling = bool(left)
        self._thread.start()

    def offer(
        self, payload: bytes, signal: SignalName = "traces", agent: str | None = None
    ) -> "Future[Answer]":
        """Take a request of a signal in, or answer at once that there is no room; never blocks.

        `agent`: whom its sender proved to be; all of the request is booked on it.
        """
        if self._journal is None:
            return self._intake.offer(payload, signal, agent)
        now = self._clock()
        request = Request(Offer(payload, signal, agent), now, direct=True)
        with self._wake:
            request.direct = not self._journaling or self._stopping or now < self._rest_until
            line = self._direct if request.direct else self._arrivals
            line.append(request)
            # Else the thread knows of an earlier one and is due before.
            if len(line) == 1 or (request.direct and len(line) == self._patience.crowd):
                self._wake.notify()
        if request.direct:
            stored = self._intake.offer(payload, signal, agent)
            stored.add_done_callback(partial(self._on_stored, request))
        return request.told

    def between_commits(self, job: Callable[[], None]) -> "Future[None]":
        """Run `job` on the writer's thread, where nothing else writes to the store."""
        return self._intake.between_commits(job)

    def settled(self) -> "Future[None]":
        """Return what is done when all that is acknowledged by now is stored."""
        with self._wake:
            return self._owed.settled()

    def stop(self) -> None:
        """Take nothing more in, answer what waits, and end the threads; the journal stays."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._intake.stop()
        if self._journal is not None:
            self._forget(self._journal)
            if not self._owed:
                self._give_room_back(self._journal)
            self._journal.close()
        with self._wake:
            self._owed.give_up()

    def _run(self) -> None:
        journal = self._journal
        assert journal is not None, "without one there is no thread"
        while True:
            with self._wake:
                if not self._due():
                    self._wake.wait(self._sleep())
                if self._several and self._arrivals and not self._stopping:
                    self._wake.wait(_LINGER_SECONDS)
                requests, stopping = self._to_keep(), self._stopping
            if requests:
                self._keep(journal, requests)
            self._forget(journal)
            if stopping:
                if not self._arrivals:
                    return
                continue
            self._hand_on(journal)
            self._calm(journal)

    def _due(self) -> bool:
        return bool(self._arrivals or self._finished or self._stopping) or self._late()

    def _late(self) -> bool:
        """Tell whether somebody has waited too long for the store."""
        while self._direct and self._direct[0].answered:
            self._direct.popleft()
        return bool(self._direct) and self._clock() >= self._late_at()

    def _late_at(self) -> float:
        """Return when the first of those who wait for the store will have waited too long."""
        patience = self._patience.of(len(self._direct))
        return max(self._rest_until, self._direct[0].since + patience)

    def _sleep(self) -> float:
        """Return for how many seconds nothing is due unless something happens."""
        now = self._clock()
        due = now + _LONGEST_SLEEP_SECONDS
        if self._direct:
            due = min(due, self._late_at())
        if self._owed.waiting:
            due = min(due, max(self._retry_at, self._handed_at + _PAUSE_SECONDS))
        return max(_SHORTEST_SLEEP_SECONDS, due - now)

    def _to_keep(self) -> list[Request]:
        """Return what is to be written now: arrivals, and all who wait if one did too long."""
        found: list[Request] = []
        if self._late() and not self._stopping:
            self._journaling, self._slow_at = True, self._clock()
            found = [each for each in self._direct if not each.answered]
            self._direct.clear()
        size = 0
        while self._arrivals and size < _SYNC_BYTES:
            size += len(self._arrivals[0].offer.payload)
            found.append(self._arrivals.popleft())
        self._several = len(found) > 1 and size < _FEW_BYTES
        return found

    def _keep(self, journal: RequestJournal, requests: Sequence[Request]) -> None:
        """Write requests to the journal and answer them; refuse those that it cannot keep."""
        good: list[tuple[Request, Answer]] = []
        room, why = self._patience.most_bytes - journal.size, self._closed()
        for request in requests:
            answer = early_answer(request.offer.payload, request.offer.signal)
            room -= len(request.offer.payload)
            if isinstance(answer, Refused):
                self._refuse_for_good(request, answer)
            elif why is not None:
                self._refuse(request, Refused(f"{why}; try again later", True), "no_room")
            elif room < 0:
                self._refuse(request, _FULL, "full")
            else:
                good.append((request, answer))
        try:
            kept = journal.append([request.offer for request, _ in good]) if good else []
        except OSError as error:
            _log.error("the journal cannot be written", error=str(error))
            self._rest_until = self._clock() + _RETRY_SECONDS
            later = Refused(f"the journal cannot be written ({error}); try again later", True)
            for request, _ in good:
                self._refuse(request, later, "unavailable")
            return
        self.counts.add("journal", "kept", len(kept))
        self._answer_early(good, kept)

    def _refuse_for_good(self, request: Request, answer: Refused) -> None:
        with self._wake:
            first, request.answered = not request.answered, True
        if not request.direct:
            self.counts.add("requests", "malformed")
        if first:
            request.tell(answer)

    def _refuse(self, request: Request, answer: Refused, outcome: str) -> None:
        """Turn a request away, unless it is with the intake: then it waits for that."""
        if not request.direct:
            self.counts.add("requests", outcome)
            request.tell(answer)

    def _answer_early(self, good: list[tuple[Request, Answer]], kept: Sequence[Kept]) -> None:
        """Tell those that are kept now, all at once; `kept` says where each of them lies."""
        slower: list[tuple[Request, Answer]] = []
        with self._wake:
            for (request, answer), place in zip(good, kept, strict=True):
                self._owed.add([place], request.since, handed=request.direct)
                if not request.direct and self._owed.waiting_bytes < _REMEMBERED_BYTES:
                    self._remembered[place] = request.offer
                request.kept = place
                # The intake may have answered while this was written: then it is stored, or refused
                # to its sender, and nothing is owed.
                if request.answered:
                    self._finished.append(((place,), Accepted()))
                else:
                    request.answered = True
                    slower.append((request, answer))
        for request, answer in slower:
            request.tell(answer)

    def _on_stored(self, request: Request, stored: "Future[Answer]") -> None:
        """Tell a request's answer, or note that the journal need not keep it any more."""
        with self._wake:
            first, request.answered = not request.answered, True
            if request.kept is not None:
                self._finish((request.kept,), stored)
        if first:
            request.tell(stored.result())

    def _on_handed(self, kept: Sequence[Kept], stored: "Future[Answer]") -> None:
        with self._wake:
            self._finish(kept, stored)

    def _finish(self, kept: Sequence[Kept], stored: "Future[Answer]") -> None:
        self._finished.append((kept, stored.result()))
        if len(self._finished) == 1:  # else the thread knows of an earlier one
            self._wake.notify()

    def _forget(self, journal: RequestJournal) -> None:
        """Have the journal forget what is stored; what could not be stored waits again."""
        while self._finished:
            kept, answer = self._finished.popleft()
            if isinstance(answer, Refused) and (answer.retryable or len(kept) > 1):
                self._take_back(kept, answer)
                continue
            with self._wake:
                for each in kept:
                    self._owed.paid(each)
            self._alone.difference_update(kept)
            outcome = "set_aside" if isinstance(answer, Refused) else "stored"
            self.counts.add("journal", outcome, len(kept))
            for each in kept:
                _let_go(journal, each, answer)

    def _take_back(self, kept: Sequence[Kept], refused: Refused) -> None:
        """Let requests wait again: a while if none can be stored now, else each for itself."""
        with self._wake:
            for each in kept:
                self._owed.take_back(each)
        if refused.retryable:
            self._retry_at = self._clock() + _RETRY_SECONDS
        else:
            self._alone.update(kept)

    def _hand_on(self, journal: RequestJournal) -> None:
        """Give the intake what it has room for."""
        owed, now = self._owed, self._clock()
        few = owed.waiting_bytes < _PAYING_BYTES
        if not owed.waiting or (few and now < self._handed_at + _PAUSE_SECONDS):
            return
        self._handed_at = now
        for kept, offer in parcels(self._next_waiting(journal, now), self._alone):
            stored = self._intake.offer(
                offer.payload, offer.signal, offer.agent, requests=len(kept)
            )
            stored.add_done_callback(partial(self._on_handed, kept))

    def _next_waiting(self, journal: RequestJournal, now: float) -> Iterator[tuple[Kept, Offer]]:
        """Yield what the intake has room for, which has it with that."""
        owed = self._owed
        most = min(_HANDED_BYTES, owed.handed_bytes + _AT_A_TIME_BYTES)
        while owed.waiting and owed.handed_bytes < most and self._retry_at <= now:
            with self._wake:
                kept = owed.hand()
            try:
                offer = self._remembered.pop(kept, None) or journal.read(kept)
            except (OSError, ValueError) as error:
                self._finished.append(((kept,), Refused(f"it cannot be read: {error}", False)))
                continue
            yield kept, offer

    def _calm(self, journal: RequestJournal) -> None:
        """Let senders wait for the store again where it keeps up; keep no file for nothing."""
        with self._wake:
            now = self._clock()
            if self._owed.age(now) > self._patience.seconds + 2 * _PAUSE_SECONDS:
                self._slow_at = now
            if self._journaling and not self._arrivals and not self._owed.waiting:
                self._journaling = now - self._slow_at < self._patience.calm_seconds
            idle = not self._owed and not self._arrivals and now - self._handed_at > _IDLE_SECONDS
        if idle and journal.size:
            self._give_room_back(journal)

    @staticmethod
    def _give_room_back(journal: RequestJournal) -> None:
        try:
            journal.rest()
        except OSError as error:
            _log.error("the journal's file cannot be removed", error=str(error))


def _let_go(journal: RequestJournal, kept: Kept, answer: Answer) -> None:
    """Have the journal forget a request, or set it aside where it was refused for good."""
    try:
        if isinstance(answer, Refused):
            journal.set_aside(kept, answer.message)
        else:
            journal.done(kept)
    except OSError as error:
        _log.error("the journal cannot forget a request", error=str(error))
