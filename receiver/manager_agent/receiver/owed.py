"""What is acknowledged and not yet stored: in which order, since when, and who waits for it."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from concurrent.futures import Future
from itertools import count

from manager_agent.receiver.sink import Kept


class Owed:
    """Requests of the journal, `waiting` to be handed on or with the intake. Not thread-safe.

    Times are seconds of one clock that only rises.
    """

    def __init__(self) -> None:
        self._numbers = count()
        # Ordered: to find the oldest, a dict looks through all that were taken out before it.
        self._since: OrderedDict[Kept, tuple[int, float]] = OrderedDict()
        self._watched: deque[tuple[int, Future[None]]] = deque()
        self.waiting: deque[Kept] = deque()
        """Those that the intake does not have yet, in the order in which it is to get them."""
        self.waiting_bytes = 0
        """Bytes of those."""
        self.handed_bytes = 0
        """Bytes of those that it has. All as they lie in the journal."""

    def __len__(self) -> int:
        return len(self._since)

    def add(self, kept: Iterable[Kept], since: float, *, handed: bool = False) -> None:
        """Owe further ones, which came at `since`; `handed`: the intake has them."""
        for each in kept:
            self._since[each] = next(self._numbers), since
            if handed:
                self.handed_bytes += each.size
            else:
                self._wait(each)

    def hand(self) -> Kept:
        """Return the next one that waits; the intake has it now."""
        kept = self.waiting.popleft()
        self.waiting_bytes -= kept.size
        self.handed_bytes += kept.size
        return kept

    def take_back(self, kept: Kept) -> None:
        """Let one wait again that the intake could not store."""
        self.handed_bytes -= kept.size
        self._wait(kept)

    def paid(self, kept: Kept) -> float:
        """Forget one that is stored; return since when it was owed."""
        self.handed_bytes -= kept.size
        _, since = self._since.pop(kept)
        oldest = self._oldest()
        while self._watched and (oldest is None or oldest[0] > self._watched[0][0]):
            self._watched.popleft()[1].set_result(None)
        return since

    def age(self, now: float) -> float:
        """Return for how many seconds the oldest has been owed, 0 where nothing is."""
        oldest = self._oldest()
        return 0.0 if oldest is None else max(0.0, now - oldest[1])

    def settled(self) -> "Future[None]":
        """Return what is done when all that is owed by now is stored; it cannot be cancelled."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        if self._since:
            self._watched.append((next(self._numbers), done))
        else:
            done.set_result(None)
        return done

    def give_up(self) -> None:
        """Let go of those who wait for it to be settled: it will not be in this run."""
        while self._watched:
            self._watched.popleft()[1].set_exception(TimeoutError("the manager is stopping"))

    def _wait(self, kept: Kept) -> None:
        self.waiting.append(kept)
        self.waiting_bytes += kept.size

    def _oldest(self) -> tuple[int, float] | None:
        return next(iter(self._since.values()), None)
