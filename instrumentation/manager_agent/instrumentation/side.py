"""One unit of a wallet: its present lease, older ones that still settle, and what to report.

How much to ask for: what is queued, and the pace of the last seconds for four seconds ahead. At one
second's worth the speaker is woken, so that a steady caller never waits; it seldom comes to that,
for each heartbeat asks, too.
"""

from manager_agent.contract.guard import Grant, LeaseUnit, Report
from manager_agent.instrumentation.epoch import Epoch
from manager_agent.instrumentation.lease import Lease

_AHEAD_NS = 2_000_000_000
_AHEADS = 2
"""How often that is asked for: what is spent between two heartbeats, and a second's worth more."""

_BELIEVED_PERCENT = 80
_QUIET_NS = 2_500_000_000
_MS = 1_000_000
_TELL_AGAIN = 100
_KEPT_SENT = 64


class Side:
    """Not for two threads at once; the wallet's lock guards it.

    `lease` is the present one; `active` is what calls reserve of: `lease`, or the allowance for the
    time without a manager. `unlimited`: nothing bounds this unit. `said`: the last that the manager
    said of a limit. `drawn`, `typical`: what was reserved since the last report, and last; below
    `low` more should be asked for. `said_ns`: when it was said, by the holder's clock.
    """

    def __init__(self, unit: LeaseUnit, agent: str, epoch: Epoch) -> None:
        """Begin without a lease: nothing can be reserved until a grant says so."""
        self.unit: LeaseUnit = unit
        self.agent = agent
        self.lease: Lease | None = None
        self.active: Lease | None = None
        self.allowance: Lease | None = None
        self.unlimited = False
        self.said: Grant | None = None
        self.said_ns = 0
        self._epoch = epoch
        self._older: list[Lease] = []
        self._newest = {False: 0, True: 0}  # ids, of leases and of allowances
        self._said_seq = 0
        self._sent: dict[int, int] = {}
        self._allowance_told: tuple[int, ...] = ()
        self._allowance_ns = 0
        self._refused: Grant | None = None
        self._recall: int | None = None
        self.drawn = 0
        self.typical = 0
        self._reported_ns: int | None = None
        self._pace = 0
        self._ahead = 0
        self.low = 0
        self._hungry = False

    def hungers(self) -> bool:
        """Say whether the speaker should ask for more; once until it did."""
        if self._hungry or self.unlimited:
            return False
        self._hungry = True
        return True

    def is_hungry(self) -> bool:
        """Say whether it hungers still; if not, it may again."""
        lease = self.active
        self._hungry = self._hungry and lease is not None and lease.available < self.low
        return self._hungry

    def shortage(self, amount: int) -> Grant | None:
        """Return why `amount` cannot be had, if the manager said so and nothing came since."""
        refused = self._refused
        if refused is None or (refused.verdict == "exhausted" and amount < refused.need):
            return None
        return refused

    def has(self, amount: int, now_ns: int) -> bool:
        """Say whether `amount` could be reserved now."""
        lease = self.active
        usable = lease is not None and lease.available >= amount and now_ns < lease.deadline_ns
        return self.unlimited or usable

    def take(self, grant: Grant, now_ns: int) -> bool:
        """Merge a grant; say whether it is for this epoch and no old message."""
        if grant.holder != self._epoch.holder:
            return False
        lease = self._found(grant)
        if lease is not None and lease is self.allowance:
            self._merge(lease, grant)
            lease.give_back(lease.available if grant.recall_to is None else grant.recall_to)
            return True
        if lease is None and grant.lease:
            return False  # of a lease that ended and was forgotten
        if lease is not None:
            self._merge(lease, grant)
        if grant.seq < self._said_seq or (lease is not None and lease is not self.lease):
            return lease is not None
        self._said_seq = grant.seq
        self.said, self.said_ns = grant, now_ns
        self.unlimited = grant.unlimited and grant.verdict != "paused"
        self._refused = grant if grant.verdict in ("exhausted", "paused") else None
        if grant.recall_to is not None:
            self._recall = grant.recall_to
        return True

    def begin(self, epoch: Epoch) -> None:
        """Let what is in flight settle under the old epoch; start with nothing."""
        self._retire()
        self._retire_allowance()
        self._epoch = epoch
        self._newest = {False: 0, True: 0}
        self._said_seq = 0
        self._sent.clear()
        self._refused = None
        self.unlimited = False

    def end(self) -> None:
        """Give back what is available, and reserve and ask for no more."""
        self.drawn = self.typical = self._pace = 0
        self._retire()
        self._retire_allowance()
        self.unlimited = False

    def go_offline(self, now_ns: int, amount: int) -> None:
        """Let calls reserve of the allowance: the manager cannot be reached, the lease is over.

        Or it is too small for a call of `amount`, and the allowance is not.
        """
        lease, allowance = self.lease, self.allowance
        over = lease is None or now_ns >= lease.deadline_ns
        small = lease is not None and lease.available < amount
        if over or (small and allowance is not None and amount <= allowance.available):
            self.active = allowance

    def leases(self) -> list[Lease]:
        """Return older leases, the allowance and the present one."""
        return [*self._older, *(one for one in (self.allowance, self.lease) if one)]

    def reports(self, queued: list[int], now_ns: int, longest_call_ms: int) -> list[Report]:
        """Return a report for each lease, and one without lease where there is none yet.

        None too soon after the last where nothing is limited: there is nothing to ask for.
        """
        last_ns = self._reported_ns
        quiet = self.unlimited and not self.leases() and last_ns is not None
        if quiet and now_ns - (last_ns or 0) < _QUIET_NS:
            return []
        if self.lease is not None and now_ns >= self.lease.ends_ns:
            self._retire()
        if self.allowance is not None and now_ns >= self.allowance.ends_ns:
            self._retire_allowance()
        self._measure(now_ns)
        others = self._older if self._is_told(now_ns) else [*self._older, self.allowance]
        said = [self._written(lease, now_ns, longest_call_ms, 0, 0) for lease in others if lease]
        self._forget()
        want, need = self._demand(queued, now_ns)
        said.append(self._written(self.lease, now_ns, longest_call_ms, want, need))
        self._hungry = False
        return said

    def _is_told(self, now_ns: int) -> bool:
        """Say whether the manager knows where the allowance stands: it seldom changes."""
        one = self.allowance
        if one is None:
            return True
        state = (one.id, one.granted, one.returned, one.settled, one.available)
        if state == self._allowance_told and now_ns - self._allowance_ns < _QUIET_NS:
            return True
        self._allowance_told, self._allowance_ns = state, now_ns
        return False

    def _demand(self, queued: list[int], now_ns: int) -> tuple[int, int]:
        """Return what is wanted and what is needed beyond what was granted; give back the rest."""
        lease = self.lease
        if self.unlimited:
            return 0, 0
        have = lease.available if lease is not None else 0
        usable = lease is not None and now_ns < lease.deadline_ns
        if queued and not (usable and have >= queued[0]):
            if lease is not None:
                lease.give_back(0)  # too small for the first: of use to others
            owed = max(0, -have)
            self._recall = None
            return sum(queued) + _AHEADS * self._ahead + owed, queued[0] + owed
        if lease is not None:
            idle = 2 * _AHEADS * self._ahead if self._recall is None else self._recall
            lease.give_back(max(idle, sum(queued)))
        self._recall = None
        return max(0, sum(queued) + _AHEADS * self._ahead - have), 0

    def _measure(self, now_ns: int) -> None:
        """Smooth the pace of reservations over reports, whatever the time between them."""
        before, self._reported_ns = self._reported_ns, now_ns
        if before is not None and now_ns > before:
            passed = now_ns - before
            weight = min(passed, _AHEAD_NS)
            pace = self.drawn * _AHEAD_NS // passed
            self._pace = (self._pace * (_AHEAD_NS - weight) + pace * weight) // _AHEAD_NS
            self.drawn = 0
        self._ahead = max(self._pace, self.typical)
        self.low = self._ahead // 2

    def _written(
        self, lease: Lease | None, now_ns: int, longest_call_ms: int, want: int, need: int
    ) -> Report:
        epoch = self._epoch
        seq = epoch.next()
        known = lease if lease is not None else Lease(epoch.holder, 0)
        if not known.present and not known.in_flight:
            known.told += 1
            known.final_seq = known.final_seq or seq
        if known.holder == epoch.holder:
            self._sent[seq] = now_ns
            if len(self._sent) > _KEPT_SENT:
                del self._sent[next(iter(self._sent))]
        return Report(
            holder=known.holder,
            seq=seq,
            lease=known.id,
            agent=self.agent,
            unit=self.unit,
            settled_total=known.settled,
            settled_calls=known.calls,
            estimated_total=known.estimated,
            reserved_now=known.reserved,
            in_flight=known.in_flight,
            returned_total=known.returned,
            want=want,
            need=need,
            longest_call_ms=longest_call_ms,
            granted_seen=known.granted,
        )

    def _forget(self) -> None:
        """Let go of older leases whose end was told often enough without an answer."""
        self._older = [one for one in self._older if one.in_flight or one.told < _TELL_AGAIN]

    def _found(self, grant: Grant) -> Lease | None:
        for lease in self.leases():
            if (lease.id, lease.holder) == (grant.lease, grant.holder):
                return lease
        if grant.lease <= self._newest[grant.offline]:
            return None
        self._newest[grant.offline] = grant.lease
        new = Lease(grant.holder, grant.lease)
        if grant.offline:
            self._retire_allowance()
            self.allowance = new
        else:
            self._retire()
            self.lease = self.active = new
        return new

    def _merge(self, lease: Lease, grant: Grant) -> None:
        lease.raise_to(grant.granted_total)
        if lease.final_seq and grant.seq >= lease.final_seq:
            self._older.remove(lease)  # the manager knows all of it
            return
        if grant.verdict == "paused":
            lease.give_back(0)
        sent_ns = self._sent.get(grant.seq)
        if sent_ns is None:
            return
        believed_ns = grant.ttl_ms * _MS * _BELIEVED_PERCENT // 100
        left_ns = grant.window_left_ms * _MS
        lease.ends_ns = max(lease.ends_ns, sent_ns + left_ns)
        lease.deadline_ns = max(lease.deadline_ns, sent_ns + min(believed_ns, left_ns))
        if lease is self.allowance:
            lease.deadline_ns = lease.ends_ns
        elif lease is self.lease:
            self.active = lease
        if not grant.window_left_ms and lease is self.lease:
            self._retire()

    def _retire(self) -> None:
        if self.lease is not None:
            self.lease.retire()
            self._older.append(self.lease)
            if self.active is self.lease:
                self.active = None
            self.lease = None

    def _retire_allowance(self) -> None:
        if self.allowance is not None:
            self.allowance.retire()
            self._older.append(self.allowance)
            if self.active is self.allowance:
                self.active = self.lease
            self.allowance = None
