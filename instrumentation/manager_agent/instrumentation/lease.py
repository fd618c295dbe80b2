"""One lease as its holder keeps it: whole numbers, no lock, no clock, no I/O.

The invariant, after every step:

    settled + reserved + available = granted - returned

by construction, for `reserved` is what the others leave, and nothing is reserved that is not
available. `granted`, `returned` and `settled` only grow; they are what the manager is told, so that
messages may be lost, repeated and reordered.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from manager_agent.instrumentation.journal import Entry

_AHEAD_SHIFT = 6
"""A 64th of what is available is written as reserved before it is."""
_NO_JOURNAL = 2**63


class Lease:
    """Money that this process may spend for one agent in one set of windows.

    `deadline_ns`: after it nothing is reserved; what is in flight still settles. `ends_ns`: the end
    of its windows. Both on the holder's own clock, counted from before the report was sent that
    they answer, so that the holder stops first, never the manager. `present`: new calls reserve of
    it. To reserve is to take from `available` and to count in `begun`; the wallet does it in place,
    since that is half of what a call pays. `told`, `final_seq`: how often its end was told, and in
    which report first. `claimed`: what the journal says was settled or is reserved; never less
    than what is, after whoever reserved has looked.
    """

    __slots__ = (
        "available",
        "begun",
        "calls",
        "claimed",
        "deadline_ns",
        "ends_ns",
        "entry",
        "estimated",
        "final_seq",
        "granted",
        "holder",
        "id",
        "present",
        "returned",
        "settled",
        "told",
    )

    def __init__(self, holder: str, id_: int) -> None:
        """Begin with nothing: what it holds is granted by `raise_to`."""
        self.holder = holder
        self.id = id_
        self.granted = 0
        self.returned = 0
        self.settled = 0
        self.available = 0
        self.calls = 0
        self.estimated = 0
        self.begun = 0
        self.deadline_ns = 0
        self.ends_ns = 0
        self.present = True
        self.told = 0
        self.final_seq = 0
        self.entry: Entry | None = None
        self.claimed = _NO_JOURNAL

    def raise_to(self, granted_total: int) -> None:
        """Take what was granted in all; less than before is an old message and changes nothing."""
        if granted_total > self.granted:
            self.available += granted_total - self.granted
            self.granted = granted_total
        if not self.present:
            self.give_back(0)

    @property
    def reserved(self) -> int:
        """Return what calls in flight hold."""
        return self.granted - self.returned - self.settled - self.available

    @property
    def in_flight(self) -> int:
        """Return how many calls hold something."""
        return self.begun - self.calls

    def note(self, typical: int) -> None:
        """Write where it stands into the journal, if it has a place there.

        Where much is available, as much more is written as reserved as some calls of `typical`
        reserve next, which then need not write: too much is in doubt then should the process be
        killed, never too little, and no more than a small share of what is available.
        """
        if self.entry is None:
            return
        ahead = self.available >> _AHEAD_SHIFT
        if not 0 < typical <= ahead:
            ahead = 0
        used = self.granted - self.returned - self.available
        self.claimed = used + ahead
        self.entry.write(self.settled, self.returned, used - self.settled + ahead)

    def settle(self, calls: int, reserved: int, spent: int, estimated: int) -> None:
        """End calls that reserved `reserved` and cost `spent` together, of which `estimated`.

        More than was reserved makes `available` negative.
        """
        self.settled += spent
        self.available += reserved - spent
        self.calls += calls
        self.estimated += estimated
        if not self.present:
            self.give_back(0)

    def release(self, reserved: int) -> None:
        """Take back a reservation whose call never left."""
        self.begun -= 1
        self.available += reserved
        if not self.present:
            self.give_back(0)

    def give_back(self, keep: int) -> None:
        """Return what is available above `keep`; this lease never uses it again."""
        if self.available > keep:
            self.returned += self.available - keep
            self.available = keep

    def retire(self) -> None:
        """Reserve no more of it: give back what is available, now and whenever a call ends."""
        self.present = False
        self.give_back(0)
