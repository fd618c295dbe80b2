"""The one thread that decides: gathers what waits, stores once for all of it, then answers."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Event, Thread, current_thread
from time import perf_counter, time_ns
from typing import Any, TypeVar, get_args

import structlog

from manager_agent.contract.budget import BudgetPolicy
from manager_agent.contract.guard import Policy
from manager_agent.contract.metric import Metric
from manager_agent.control.authority import Authority
from manager_agent.control.book import Book
from manager_agent.control.commands import Command, Gone, Tick, To
from manager_agent.control.connected import Connected, Deliver
from manager_agent.control.counters import Counters
from manager_agent.control.guard_policy import Conduct, Policies
from manager_agent.control.keeper import KeeperError
from manager_agent.control.mailbox import Item, Look, Mailbox, Post
from manager_agent.control.subject import Seat, Subject
from manager_agent.control.views import (
    AccountView,
    HolderView,
    PauseView,
    account_views,
    holder_views,
    pause_views,
    sums,
)

_log = structlog.get_logger()
T = TypeVar("T")

TICK_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_LOOK_SECONDS = 10.0
_PRUNE_US, _PRUNE_BUSY_US = 600_000_000, 3_600_000_000
_DEAF_US = 2_000_000
"""A pause of the clerk from which on it counts as one: holders could not be heard meanwhile."""


class ClerkError(Exception):
    """The budget authority cannot answer at present; the message says why."""


class Clerk:
    """Owns the ledger and what else is decided for guards; every method is for any thread.

    What a command changed is on the disk before anybody is told of it. Where storing fails nobody
    is told anything, and what guards said waits until it can be stored.
    """

    def __init__(
        self,
        authority: Authority,
        conduct: Conduct,
        others: Sequence[Seat] = (),
        changed: Callable[[BudgetPolicy], None] = lambda policy: None,
        now_us: Callable[[], int] = lambda: time_ns() // 1000,
    ) -> None:
        """`changed`: told of the limits that hold, at once and after each change of them.

        `now_us`: the time in microseconds since 1970; where it goes back, it stands still.
        """
        self._authority = authority
        self._seats = (Seat(authority, frozenset(get_args(Command))), *others)
        self._policies = Policies(conduct)
        self._changed = changed
        self._follow()
        self._clock = now_us
        self._mail = Mailbox()
        self._connected = Connected()
        self._counters = Counters()
        self._renewed = False
        self._sums = sums(authority.book)
        self._pruned_us = 0
        self._now_us = self._ticked_us = now_us()
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="clerk", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Return why nothing can be stored at present; None where all is well."""
        return self._counters.trouble

    def start(self) -> None:
        """Begin to decide."""
        self._thread.start()

    def stop(self) -> None:
        """Decide what waits, and end. Safe to repeat."""
        self._stopping.set()
        self._mail.wake()
        if self._thread.is_alive():
            self._thread.join()

    def tell(self, command: Any) -> None:
        """Have a command decided; nobody waits for it."""
        self._mail.put(Item(command))

    def ask(self, command: Any) -> Future[Sequence[To]]:
        """Have a command decided; the future is done once that is stored.

        Its result is what was said of the commands that were decided together with it. It raises
        `KeeperError` where nothing can be stored at present, and then nothing has changed; or what
        is wrong with the command.
        """
        asked: Future[Sequence[To]] = Future()
        asked.set_running_or_notify_cancel()  # who waits no more cannot call it back
        self._mail.put(Item(command, asked))
        return asked

    def waiting(self, holder: str) -> int:
        """Return how many messages of a holder are still to be decided."""
        return self._mail.waiting(holder)

    def connect(self, holder: str, deliver: Deliver) -> None:
        """Have messages for `holder` handed to `deliver`, which must not block."""
        self._connected.add(holder, deliver)

    def disconnect(self, holder: str, deliver: Deliver) -> None:
        """Deliver nothing more there, unless the holder has come back by another way since."""
        if self._connected.remove(holder, deliver):
            self.tell(Gone(holder))

    def policy(self) -> BudgetPolicy:
        """Return the limits that hold: configured, or set by people in their place."""
        return self._policy

    def overridden(self) -> frozenset[str]:
        """Return the agents, `default` among them, whose budgets people set."""
        return self._overridden

    def accounts(self) -> Sequence[AccountView]:
        """Return each limit in its present window. Raises `ClerkError`."""
        return self.look(account_views)

    def holders(self) -> Sequence[HolderView]:
        """Return the processes that may spend. Raises `ClerkError`."""
        return self.look(lambda book, now_us: holder_views(book, self._connected.holders()))

    def paused(self) -> Sequence[PauseView]:
        """Return what is paused. Raises `ClerkError`."""
        return self.look(lambda book, now_us: pause_views(book))

    def look(self, question: Callable[[Book, int], T]) -> T:
        """Return what `question` finds in the book as it is stored; asked in the clerk's thread.

        Raises `ClerkError` where there is no answer in time, or the disk cannot be read.
        """
        if current_thread() is self._thread:
            return question(self._authority.stored(self._now_us), self._now_us)
        asked: Future[T] = Future()
        asked.set_running_or_notify_cancel()
        if not self._mail.look(Look(question, asked)):
            raise ClerkError("the budget ledger is closed: the manager stops")
        try:
            return asked.result(_LOOK_SECONDS)
        except (TimeoutError, KeeperError) as error:
            raise ClerkError(f"the budget ledger does not answer ({error!r})") from error

    def metrics(self) -> list[Metric]:
        """Return the numbers of the budget authority, those of leases at the last tick."""
        return self._counters.metrics(self._sums, len(self._connected.holders()), self._mail.size())

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn(self._mail.gather(TICK_SECONDS))
            if self._counters.trouble is not None:
                self._stopping.wait(_RETRY_SECONDS)
        self._turn(self._mail.gather(0))
        while self._mail.size() and self._counters.trouble is None:
            self._turn(self._mail.gather(0))
        self._show(self._mail.end())

    def _turn(self, post: Post) -> None:
        """Decide what came and let people look, whatever happens."""
        try:
            self._decide(post.items)
        except Exception as error:  # noqa: BLE001 - without this thread no agent gets money
            self._counters.stumbles += 1
            _log.error("the clerk stumbled", error=repr(error))
        self._show(post.looks)

    def _decide(self, items: list[Item]) -> None:
        """Decide what came, store it, answer; and let time pass now and then."""
        started = perf_counter()
        now_us = self._now_us = max(self._now_us, self._clock())
        postponed = self._counters.postponed
        self._decided(items)
        passed_us = now_us - self._ticked_us
        if passed_us >= TICK_SECONDS * 1_000_000 and postponed == self._counters.postponed:
            # After what they said while nobody listened: that was no silence of theirs.
            self._decided([Item(Tick(passed_us if passed_us > _DEAF_US else 0))])
            self._ticked_us = now_us
            self._sums = sums(self._authority.book)
            self._tidy(busy=bool(items))
        if items:
            self._counters.batch(len(items), perf_counter() - started)

    def _decided(self, items: list[Item]) -> None:
        """Put commands to whom they are for, and deliver what is said of them."""
        for seat in self._seats:
            mine = [item for item in items if type(item.command) in seat.takes]
            said = self._put_to(seat.subject, mine) if mine else []
            self._counters.said(said)
            self._connected.send(said, self._policy_of)
        if self._renewed:
            self._renewed = False
            self._connected.renew(self._policy_of)

    def _put_to(self, subject: Subject, items: list[Item]) -> list[To]:
        """Have commands decided together; where one is bad, the others without it."""
        try:
            said = subject.decide([item.command for item in items], self._now_us)
        except KeeperError as error:
            self._postpone(items, error)
            return []
        except Exception as error:  # noqa: BLE001 - a bad command must not fail its batch
            if len(items) == 1:
                self._fail(items[0], error)
                return []
            middle = len(items) // 2
            return [
                *self._put_to(subject, items[:middle]),
                *self._put_to(subject, items[middle:]),
            ]
        if self._authority.book.terms is not self._terms:
            self._follow()
            self._renewed = True
        for item in items:
            self._counters.commands[type(item.command).__name__] += 1
            if item.asked is not None and not item.asked.done():
                item.asked.set_result(said)
            if self._counters.trouble is not None and not isinstance(item.command, Tick):
                self._counters.trouble = None
                _log.info("the budget ledger is stored again")
        return said

    def _postpone(self, items: list[Item], error: KeeperError) -> None:
        """Keep what guards said until it can be stored; who waits for an end is told."""
        if self._counters.trouble is None:
            _log.error("the budget ledger cannot be stored", error=str(error))
        self._counters.trouble = str(error)
        self._counters.postponed += len(items)
        for item in items:
            if item.asked is not None and not item.asked.done():
                item.asked.set_exception(error)
        kept = [item for item in items if item.asked is None and type(item.command) is not Tick]
        self._mail.put_back(kept)

    def _fail(self, item: Item, error: Exception) -> None:
        self._counters.bad += 1
        if item.asked is not None and not item.asked.done():
            item.asked.set_exception(error)  # who asked tells, or logs
            return
        kind = type(item.command).__name__
        _log.error("a command cannot be done", kind=kind, sender=item.sender, error=repr(error))

    def _follow(self) -> None:
        """Let others see which limits hold, before who changed them hears that it is done."""
        self._terms = self._authority.book.terms
        self._policy = self._terms.effective
        set_by_people = self._terms.set_by_people.values()
        single = {one.name for one in set_by_people if one.scope == "agent"}
        self._overridden = frozenset(single.union(self._authority.book.budgets))
        self._changed(self._policy)

    def _tidy(self, busy: bool) -> None:
        """Have rows deleted that are long over; while there is much to do, not so soon."""
        since_us = self._now_us - self._pruned_us
        if since_us < (_PRUNE_BUSY_US if busy else _PRUNE_US):
            return
        self._pruned_us = self._now_us
        try:
            pruned = self._authority.prune(self._now_us)
        except KeeperError as error:
            _log.warning("old rows of the ledger are still there", error=str(error))
        else:
            self._counters.pruned += pruned

    def _policy_of(self, agent: str) -> Policy:
        return self._policies.of(agent, self._authority.book.terms, self._now_us)

    def _show(self, looks: list[Look]) -> None:
        """Answer those who look."""
        for look in looks:
            try:
                book = self._authority.stored(self._now_us)
                look.asked.set_result(look.question(book, self._now_us))
            except Exception as error:  # noqa: BLE001 - it is the asker's, who gets it raised
                look.asked.set_exception(error)
