"""The money of one agent in this process: reserve, settle, wait; no message per call, no I/O.

Callers reserve and settle in local memory under one lock. One speaker, a thread of its own, carries
`reports` to the manager and its grants back to `take`. Times are nanoseconds of one clock that also
runs while the host sleeps (`CLOCK_BOOTTIME`); each method is given the time.
"""

import threading
from collections import deque
from collections.abc import Callable

from manager_agent.contract.guard import Grant, Report
from manager_agent.instrumentation import reentry
from manager_agent.instrumentation.bell import Bell, bell_here
from manager_agent.instrumentation.charge import Charge, Reservation, settle_alike
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.journal import Entry, Journal
from manager_agent.instrumentation.lease import Lease
from manager_agent.instrumentation.shortage import Shortage
from manager_agent.instrumentation.side import Side
from manager_agent.instrumentation.waiter import Waiter


class Wallet:
    """Leases of one agent, in USD and in tokens, and the callers that wait for them, in order."""

    def __init__(
        self,
        agent: str,
        epoch: Epoch,
        wake: Callable[[], None],
        hungers: Callable[[], None] | None = None,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` asks the speaker to report soon, `hungers` to do so if `is_hungry`; neither must
        block. `settle` settles what has ended, before somebody waits for its money.
        """
        self.agent = agent
        self._wake = wake
        self._hungers = wake if hungers is None else hungers
        self._settle = settle
        self.begin(epoch)

    def begin(self, epoch: Epoch) -> None:
        """Hold nothing, as at first: for a child process. What its parent holds stays the parent's.

        The lock is a new one: in the parent some other thread may have held it at the fork.
        """
        self._lock = threading.Lock()
        # In the two methods of every call: half the cost of a `with`.
        self._acquire, self._let_go = self._lock.acquire, self._lock.release
        self._usd = Side("usd", self.agent, epoch)
        self._tokens = Side("tokens", self.agent, epoch)
        self._waiting: deque[Waiter] = deque()
        self._entries: list[Entry] = []

    def reserve(self, usd: int, tokens: int, now_ns: int) -> Reservation | None:
        """Hold money for a call if it is here and nobody waits for it; None if not."""
        self._acquire()
        try:
            return None if self._waiting else self._reserve(usd, tokens, now_ns)
        finally:
            self._let_go()

    def settle(
        self, held: Reservation, usd: int, tokens: int, now_ns: int, estimated: bool = False
    ) -> None:
        """End a call at what it cost; once for each reservation. What is left may be used again."""
        self.settle_all([(held, usd, tokens, estimated, "")], now_ns)

    def settle_all(self, charges: list[Charge], now_ns: int) -> None:
        """End calls at what they cost; the list is empty then.

        Each leaves it before it is settled: whatever interrupts this, none is settled twice.
        """
        self._acquire()
        try:
            while charges:
                settle_alike(charges)
            if self._waiting:
                self._came_back(now_ns)
        finally:
            self._let_go()

    def release(self, held: Reservation, now_ns: int) -> None:
        """Give up a reservation whose call never left."""
        usd_lease, usd_held, tokens_lease, tokens_held = held
        with self._lock:
            if usd_lease is not None:
                usd_lease.release(usd_held)
                usd_lease.note(usd_held)
            if tokens_lease is not None:
                tokens_lease.release(tokens_held)
                tokens_lease.note(tokens_held)
            if self._waiting:
                self._came_back(now_ns)

    def wait(
        self, usd: int, tokens: int, seconds: float, clock: Callable[[], int]
    ) -> Reservation | Shortage:
        """Reserve, and wait in line for it if need be; blocks at most `seconds`."""
        bell = Bell()
        waiter = Waiter(usd, tokens, bell.ring)
        answer = self._lined_up(waiter, clock())
        if answer is not None:
            return answer
        try:
            bell.wait(seconds)
        except BaseException:  # a signal's exception: nobody is left to take the money
            self._withdrawn(waiter, clock(), wanted=False)
            raise
        return self._withdrawn(waiter, clock())

    async def wait_async(
        self, usd: int, tokens: int, seconds: float, clock: Callable[[], int]
    ) -> Reservation | Shortage:
        """Do as `wait` does and leave the event loop free, asyncio's or trio's."""
        bell = bell_here()
        waiter = Waiter(usd, tokens, bell.ring)
        answer = self._lined_up(waiter, clock())
        if answer is not None:
            return answer
        try:
            await bell.wait(seconds)
        except BaseException:  # cancelled: nobody is left to take the money
            self._withdrawn(waiter, clock(), wanted=False)
            raise
        return self._withdrawn(waiter, clock())

    def _lined_up(self, waiter: Waiter, now_ns: int) -> Reservation | Shortage | None:
        with reentry.inside():
            self._settle()
            answer = self.queue(waiter, now_ns)
            if answer is None:
                self._settle()  # what was lined up by one who did not see that somebody waits
            return answer

    def _withdrawn(
        self, waiter: Waiter, now_ns: int, wanted: bool = True
    ) -> Reservation | Shortage:
        with reentry.inside():
            return self.withdraw(waiter, now_ns, wanted)

    def queue(self, waiter: Waiter, now_ns: int) -> Reservation | Shortage | None:
        """Answer at once if that is possible; if not, line up and return None."""
        with self._lock:
            if not self._waiting:
                held = self._reserve(waiter.usd, waiter.tokens, now_ns)
                if held is not None:
                    return held
            known = self._known_shortage(waiter.usd, waiter.tokens)
            if known is not None:
                return known
            self._waiting.append(waiter)
        self._wake()
        return None

    def withdraw(self, waiter: Waiter, now_ns: int, wanted: bool = True) -> Reservation | Shortage:
        """Take a waiter out of the line and return its answer; not `wanted` gives money back."""
        with self._lock:
            if waiter.answer is None:
                self._waiting.remove(waiter)
                self._serve(now_ns)
                return self.in_vain(waiter.usd, now_ns)
        answer: Reservation | Shortage = waiter.answer
        if not wanted and not isinstance(answer, Shortage):
            self.release(answer, now_ns)
        return answer

    def take(self, grant: Grant, now_ns: int) -> None:
        """Take what the manager says of a lease; serve or refuse those who wait."""
        side = self._tokens if grant.unit == "tokens" else self._usd
        with self._lock:
            if not side.take(grant, now_ns):
                return
            if grant.verdict in ("exhausted", "paused"):
                self._refuse(side, grant)
            self._serve(now_ns)
            more = bool(self._waiting) and grant.verdict == "exhausted"
        if more or grant.recall_to is not None:
            self._wake()

    def go_offline(self, now_ns: int, usd: int = 0, tokens: int = 0) -> None:
        """Use the allowance for the time without a manager; its next grant ends that.

        `usd`, `tokens`: of a call that asks for it; else of the first that waits.
        """
        with self._lock:
            if self._waiting and not usd and not tokens:
                usd, tokens = self._waiting[0].usd, self._waiting[0].tokens
            self._usd.go_offline(now_ns, usd)
            self._tokens.go_offline(now_ns, tokens)
            self._serve(now_ns)

    def fence(self, epoch: Epoch) -> None:
        """Begin a new epoch: calls in flight settle under the old one, nothing else is left."""
        with self._lock:
            self._usd.begin(epoch)
            self._tokens.begin(epoch)
        self._wake()

    def reports(self, now_ns: int, longest_call_ms: int) -> list[Report]:
        """Return what to tell the manager now, a report for each lease, the oldest first.

        What cannot serve the first who waits is given back in the same message, so that money does
        not lie about in pieces that are too small for anyone.
        """
        with self._lock:
            usd, tokens = [one.usd for one in self._waiting], [one.tokens for one in self._waiting]
            return [
                *self._usd.reports(usd, now_ns, longest_call_ms),
                *self._tokens.reports(tokens, now_ns, longest_call_ms),
            ]

    def leases(self) -> list[Lease]:
        """Return every lease that the manager may not have seen the end of."""
        with self._lock:
            return [*self._usd.leases(), *self._tokens.leases()]

    def record(self, journal: Journal) -> None:
        """Let the journal follow the leases from now on; close what it has of those that are over.

        Under the lock: what it holds must never be older than a call that has left.
        """
        with self._lock:
            leases = [*self._usd.leases(), *self._tokens.leases()]
            for lease in leases:
                if lease.entry is None:
                    lease.entry = journal.entry(lease.holder, lease.id)
                    lease.note(0)
            kept = {id(lease.entry) for lease in leases}
            for entry in self._entries:
                if id(entry) not in kept:
                    journal.close(entry)
            self._entries = [lease.entry for lease in leases if lease.entry is not None]

    def is_hungry(self) -> bool:
        """Say whether one of those who reserved was left with too little; ask once for each."""
        with self._lock:
            usd, tokens = self._usd.is_hungry(), self._tokens.is_hungry()
            return usd or tokens

    @property
    def waited_for(self) -> bool:
        """Say whether somebody waits for money, and what comes back is wanted at once."""
        return bool(self._waiting)

    @property
    def heard(self) -> bool:
        """Say whether the manager has said of both units what bounds them."""
        return self._usd.said is not None and self._tokens.said is not None

    @property
    def unlimited(self) -> bool:
        """Say whether nothing bounds this agent, in either unit."""
        return self._usd.unlimited and self._tokens.unlimited

    @property
    def unlimited_usd(self) -> bool:
        """Say whether no limit in USD bounds this agent."""
        return self._usd.unlimited

    def shortage(self, usd: int, tokens: int) -> Shortage | None:
        """Return why so much cannot be had, if the manager said so and nothing came since."""
        with self._lock:
            return self._known_shortage(usd, tokens)

    def in_flight(self) -> int:
        """Return for how many calls something is held: what they do not cost comes back."""
        return sum(lease.in_flight for lease in self.leases())

    def limit(self) -> int | None:
        """Return the limit in nano-USD that was last heard to be nearest; None without one."""
        said = self._usd.said
        return said.limit if said is not None and said.limit_name else None

    def ends_ns(self) -> int | None:
        """Return when the first window of a present lease ends; None without one."""
        with self._lock:
            leases = (self._usd.lease, self._tokens.lease)
            return min((one.ends_ns for one in leases if one and one.ends_ns), default=None)

    def in_vain(self, usd: int, now_ns: int) -> Shortage:
        """Return the shortage of one that cannot wait longer: of the unit that lacks."""
        side = self._tokens if self._usd.has(usd, now_ns) else self._usd
        return Shortage("wait", side.said, side.said_ns)

    def end(self) -> None:
        """Reserve no more and give all back, calls in flight as they end: the process ends."""
        with self._lock:
            self._usd.end()
            self._tokens.end()

    def _known_shortage(self, usd: int, tokens: int) -> Shortage | None:
        for side, amount in ((self._usd, usd), (self._tokens, tokens)):
            known = side.shortage(amount)
            if known is not None:
                return Shortage(known.verdict, known, side.said_ns)
        return None

    def _reserve(self, usd: int, tokens: int, now_ns: int) -> Reservation | None:
        usd_side, tokens_side = self._usd, self._tokens
        usd_lease, tokens_lease = usd_side.active, tokens_side.active
        if (
            usd_lease is None or usd_lease.available < usd or now_ns >= usd_lease.deadline_ns
        ) and not usd_side.unlimited:
            return None
        if not tokens_side.unlimited and (
            tokens_lease is None
            or tokens_lease.available < tokens
            or now_ns >= tokens_lease.deadline_ns
        ):
            return None
        if usd_lease is not None:
            left = usd_lease.available = usd_lease.available - usd
            usd_lease.begun += 1
            usd_side.drawn += usd
            usd_side.typical = usd
            if usd_lease.granted - usd_lease.returned - left > usd_lease.claimed:
                usd_lease.note(usd)
            if left < usd_side.low and usd_side.hungers():
                self._hungers()
        if tokens_lease is not None:
            left = tokens_lease.available = tokens_lease.available - tokens
            tokens_lease.begun += 1
            tokens_side.drawn += tokens
            tokens_side.typical = tokens
            if tokens_lease.granted - tokens_lease.returned - left > tokens_lease.claimed:
                tokens_lease.note(tokens)
            if left < tokens_side.low and tokens_side.hungers():
                self._hungers()
        return usd_lease, usd, tokens_lease, tokens

    def _serve(self, now_ns: int) -> None:
        waiting = self._waiting
        while waiting:
            held = self._reserve(waiting[0].usd, waiting[0].tokens, now_ns)
            if held is None:
                return
            waiting.popleft().resolve(held)

    def _came_back(self, now_ns: int) -> None:
        self._serve(now_ns)
        if self._waiting:
            self._wake()  # what is too small for us may be what lacks elsewhere

    def _refuse(self, side: Side, grant: Grant) -> None:
        """Refuse those who wait for what the manager said cannot be had."""
        kept: deque[Waiter] = deque()
        for waiter in self._waiting:
            amount = waiter.usd if side is self._usd else waiter.tokens
            if side.shortage(amount) is None:
                kept.append(waiter)
            else:
                waiter.resolve(Shortage(grant.verdict, grant, side.said_ns))
        self._waiting = kept
