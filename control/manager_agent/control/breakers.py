"""Circuit breakers of the fleet: outcomes in; what is open, and who may try, out.

Two breakers stand before a call, its agent's and its model family's. A family that fails is to
blame before the agents that call it: what failed there is not held against them, and at most one
agent in ten is stopped without people's doing.
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from manager_agent.contract.breaker_key import BreakerKey
from manager_agent.contract.guard import Breakers, Bye, Hello, Outcomes
from manager_agent.control.breaker_book import (
    PLAIN,
    BreakerBook,
    Place,
    keys_of,
    state_of,
    view_of,
)
from manager_agent.control.breaker_rows import BreakerKeeper, BreakerView
from manager_agent.control.commands import Gone, SetBreaker, Tick, To
from manager_agent.control.observed import SPANS, Spent
from manager_agent.rules import breaker as machine
from manager_agent.rules.breaker import Breaker, Held, Probe, Seen, Terms, Window
from manager_agent.rules.burn import Burn, Burnt

BreakerCommand = Outcomes | Spent | SetBreaker | Tick | Gone | Hello | Bye
TAKES = frozenset((Outcomes, Spent, SetBreaker, Tick, Gone, Hello, Bye))
"""What of the clerk's commands is for breakers."""

AUTOMATIC = "manager"
"""Who did it, where nobody did."""

_AGAIN_US = 10 * 1_000_000
_CAP_PERCENT = 10
_CAP_TOLD_US = 600 * 1_000_000
_FORGET_EVERY_US = 60 * 1_000_000


class FleetBreakers:
    """Decides for one thread; `views` may be read from any."""

    def __init__(
        self,
        keeper: BreakerKeeper,
        terms: Terms,
        count_429: bool = False,
        draw: Callable[[], float] = random.random,
        new_id: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        """Read what is kept. `draw`: the jitter, 0 to below 1; `new_id`: of a probe."""
        self._keeper = keeper
        self._terms = terms
        self._count_429 = count_429
        self._draw = draw
        self._new_id = new_id
        self._book = BreakerBook()
        self._book.restore(keeper.load())
        self._holders: set[str] = set()
        self._stale = False
        self._told_us = self._forgot_us = self._revision = 0
        self._tell: set[str] = set()
        self._tell_all = False
        self.views: Sequence[BreakerView] = ()
        self._show()

    def decide(self, commands: Sequence[BreakerCommand], now_us: int) -> list[To]:
        """Apply commands in order, store what must be, and return what holders are to be told.

        Where storing fails, its error is raised and all breakers are as they were stored.
        """
        if self._stale:
            self._book.restore(self._keeper.load())
        self._stale = True
        self._tell.clear()
        for command in commands:
            self._apply(command, now_us)
        self._let_time_pass(now_us)
        rows = self._book.rows()
        if rows:
            self._keeper.keep(rows)
            self._tell_all = True
        self._book.stored()
        self._stale = False
        self._show()
        return self._said(now_us)

    def state_of(self, agent: str) -> str:
        """Return in a word what stands before an agent's calls: `closed`, `half_open`, `open`."""
        book = self._book
        keys = [BreakerKey(agent=agent), *list(book.used.get(agent, ()))]
        shown = {book.get(key).shown for key in keys}
        return next((word for word in ("open", "half_open") if word in shown), "closed")

    def _apply(self, command: BreakerCommand, now_us: int) -> None:
        match command:
            case Hello():
                self._holders.add(command.holder)
                self._tell.add(command.holder)
            case Gone() | Bye():
                self._lose(command.holder, ended=isinstance(command, Bye))
            case Outcomes():
                if command.holder != SPANS:
                    self._holders.add(command.holder)
                if command.probe:
                    self._probed(command, now_us)
                else:
                    self._heard(command, now_us)
            case Spent():
                self._spent(command, now_us)
            case SetBreaker():
                self._set(command, now_us)
            case Tick():
                pass  # time passes below

    def _heard(self, said: Outcomes, now_us: int) -> None:
        book = self._book
        place = (said.agent, said.provider, said.family)
        family, agent = keys_of(place)
        book.agents[said.agent] = now_us
        book.used.setdefault(said.agent, {})[family] = now_us
        seen, pressure, refused = book.difference(said, now_us)
        if self._count_429 and pressure:
            streak = said.counts.get("streak_429", seen.streak)
            seen = replace(seen, failed=seen.failed + pressure, streak=streak)
        if refused:
            for key in (family, agent):
                holders = book.wanted.setdefault(key, {})
                holders.pop(said.holder, None)
                holders[said.holder] = now_us
        if not (seen.ok or seen.failed):
            return
        if said.holder == SPANS:
            for key in (family, agent):
                self._observed(key, seen, now_us)
        before = book.get(family).shown
        self._count(family, seen, place, now_us)
        if before == "closed" and book.get(family).shown == "closed":
            self._count(agent, seen, place, now_us)  # what a family is to blame for is not theirs

    def _spent(self, said: Spent, now_us: int) -> None:
        """Judge an agent by what its failed calls cost, unless the family is to blame for them."""
        book = self._book
        family, agent = keys_of((said.agent, said.provider, said.family))
        book.agents[said.agent] = now_us
        book.used.setdefault(said.agent, {})[family] = now_us
        breaker = book.get(agent)
        if book.get(family).shown != "closed" or breaker.shown != "closed" or breaker.held:
            return
        told = Burnt(said.nano, said.failed_nano, said.failed)
        burn = book.burns.get(agent, Burn()).add(told, now_us, self._terms)
        book.see_burn(agent, burn)
        reason = burn.trips(self._terms)
        if reason is not None:
            self._open(agent, reason, now_us)

    def _observed(self, key: BreakerKey, seen: Seen, now_us: int) -> None:
        """Let calls that nobody could refuse try what is half open."""
        book = self._book
        before = book.get(key)
        new = machine.observed(before, seen, now_us, self._draw(), self._terms)
        book.put(key, new)
        if new.phase != before.phase:
            book.see(key, None)
            why = new.reason or f"{self._terms.successes} calls in a row succeeded"
            book.note(now_us, key, before.phase, new.phase, AUTOMATIC, why)

    def _count(self, key: BreakerKey, seen: Seen, place: Place, now_us: int) -> None:
        book = self._book
        breaker = book.get(key)
        if breaker.shown != "closed" or breaker.held is not None:
            return
        window = book.windows.get(key, Window()).add(seen, now_us, self._terms)
        book.see(key, window)
        reason = window.trips(self._terms)
        if reason is not None:
            self._open(key, reason, now_us)

    def _open(self, key: BreakerKey, reason: str, now_us: int) -> None:
        """Open what is closed, unless too many agents are stopped already."""
        book = self._book
        if key.agent and self._capped(key, reason, now_us):
            return
        new = machine.opened(book.get(key), reason, now_us, self._draw(), self._terms)
        book.put(key, new)
        book.note(now_us, key, "closed", "open", AUTOMATIC, reason)
        book.see(key, None)
        if not key.agent:
            for agent, families in book.used.items():
                if key in families:
                    book.see(BreakerKey(agent=agent), None)

    def _capped(self, key: BreakerKey, reason: str, now_us: int) -> bool:
        """Say whether so many agents are stopped already that people must decide about more.

        Also one that people hold counts: when they let go, it is stopped again by itself.
        """
        book = self._book
        stopped = sum(
            1 for one, breaker in book.breakers.items() if one.agent and breaker.phase != "closed"
        )
        most = max(1, len(book.agents) * _CAP_PERCENT // 100)
        if stopped < most:
            return False
        if now_us - book.capped_us.get(key, -_CAP_TOLD_US) >= _CAP_TOLD_US:
            book.capped_us[key] = now_us
            why = f"{reason}; but {stopped} of {len(book.agents)} agents are stopped already"
            book.note(now_us, key, "closed", "closed", AUTOMATIC, why)
        return True

    def _probed(self, said: Outcomes, now_us: int) -> None:
        book = self._book
        for key in keys_of((said.agent, said.provider, said.family)):
            before = book.get(key)
            if before.probe is None or before.probe.id != said.probe:
                continue
            new = machine.begun(before, said.probe)
            for result in ("ok", "failed", "neither"):
                if said.counts.get(result):
                    new = machine.probed(
                        before, said.probe, result, now_us, self._draw(), self._terms
                    )
            book.put(key, new)
            if new.phase != before.phase:
                book.see(key, None)
                why = new.reason or f"{self._terms.successes} probes in a row succeeded"
                book.note(now_us, key, before.phase, new.phase, AUTOMATIC, why)
            elif new.probe is None:
                self._lease(key, said.holder, now_us)  # whoever just called can call again

    def _set(self, command: SetBreaker, now_us: int) -> None:
        book = self._book
        key = BreakerKey(command.agent, command.provider, command.family)
        before = book.get(key)
        if command.to == "reset":
            new = PLAIN
        else:
            held = Held(command.to, command.until_us, command.by, command.why)
            new = machine.hold(before, held, now_us)
            if before.shown != command.to:
                new = replace(new, since_us=now_us)
        book.see(key, None)
        book.put(key, new)
        book.note(now_us, key, _words(before), _words(new), command.by, command.why)

    def _lose(self, holder: str, ended: bool) -> None:
        """Take back the probe of one that has ended; one that comes back may have begun it."""
        book = self._book
        self._holders.discard(holder)
        for holders in book.wanted.values():
            holders.pop(holder, None)
        for key, one in list(book.breakers.items()):
            if ended:
                book.put(key, machine.lost(one, holder))

    def _let_time_pass(self, now_us: int) -> None:
        book = self._book
        for key, before in list(book.breakers.items()):
            new = machine.at(before, now_us, self._terms)
            book.put(key, new)
            if _words(new) != _words(before):
                book.note(now_us, key, _words(before), _words(new), AUTOMATIC, "its time is over")
            self._lease(key, "", now_us)
            if book.get(key) == PLAIN or _forgettable(book.get(key), now_us, self._terms):
                del book.breakers[key]
        if now_us - self._forgot_us >= _FORGET_EVERY_US:
            book.forget(now_us)
            self._forgot_us = now_us

    def _lease(self, key: BreakerKey, first: str, now_us: int) -> None:
        """Give the probe of a half-open breaker to who wants to call, the last who did first."""
        book = self._book
        holders = book.wanted.get(key, {})
        candidates = [first, *reversed(holders)]
        for holder in candidates:
            breaker = book.get(key)
            if holder in self._holders and machine.wants_probe(
                breaker, holder, now_us, self._terms
            ):
                if breaker.probe is not None:
                    self._tell.add(breaker.probe.holder)
                book.put(key, machine.given(breaker, Probe(self._new_id(), holder, now_us)))
                holders.pop(holder, None)
                self._tell.add(holder)
                return

    def _said(self, now_us: int) -> list[To]:
        """Tell all where something changed, now and then while anything is open, else some."""
        again = bool(self._book.breakers) and now_us - self._told_us >= _AGAIN_US
        holders = self._holders if self._tell_all or again else self._tell & self._holders
        if self._tell_all or again:
            self._told_us = now_us
        if holders:
            self._revision = max(now_us, self._revision + 1)
        self._tell_all = False
        return [To(holder, self._told(holder, now_us)) for holder in sorted(holders)]

    def _told(self, holder: str, now_us: int) -> Breakers:
        states = (
            state_of(key, one, holder, now_us) for key, one in sorted(self._book.breakers.items())
        )
        found = tuple(one for one in states if one is not None)
        return Breakers(self._revision, found, self._terms.failures_in_row)

    def _show(self) -> None:
        book = self._book
        keys = sorted({*book.breakers, *book.windows})
        self.views = tuple(
            view_of(key, book.get(key), book.windows.get(key, Window()).streak) for key in keys
        )


def _words(breaker: Breaker) -> str:
    """Return what a breaker is, for the audit."""
    return breaker.phase if breaker.held is None else f"held {breaker.held.to}"


def _forgettable(breaker: Breaker, now_us: int, terms: Terms) -> bool:
    """Say whether nothing of a closed breaker matters any more."""
    closed = breaker.phase == "closed" and breaker.held is None
    return closed and now_us - breaker.since_us >= terms.base_open_us
