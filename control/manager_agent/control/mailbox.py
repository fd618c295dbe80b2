"""What waits for the clerk: from many threads, in bounds, and no sender before the others' turn."""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from threading import Condition
from typing import Any

from manager_agent.contract.guard import Outcomes, Question, Report
from manager_agent.control.commands import Charge

SHARE = 64
"""Messages of one sender in one batch; those of others come before the rest."""

_LARGEST = 2048


@dataclass(frozen=True, slots=True)
class Item:
    """One command that waits; `asked`: who waits for its end, None where nobody does."""

    command: Any
    asked: Future[Any] | None = None

    @property
    def sender(self) -> str:
        """Return the holder that sent it, "" for the manager's own parts."""
        return getattr(self.command, "holder", "")


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody who wants to see how things stand after all that was told before."""

    question: Callable[..., Any]
    asked: Future[Any]


@dataclass(frozen=True, slots=True)
class Post:
    """What was gathered: commands to be decided, and then who wants to see."""

    items: list[Item]
    looks: list[Look]


class Mailbox:
    """Commands by sender, in the order they came.

    Of what is told in totals only the newest waits: reports of one lease, outcomes of one breaker,
    a question, a charge. So what waits is bounded by what there is to tell about.
    """

    def __init__(self) -> None:
        self._ready = Condition()
        self._waiting: dict[str, dict[Hashable, Item]] = {}
        self._order = count()
        self._looks: list[Look] = []
        self._woken = False
        self._ended = False

    def put(self, item: Item) -> None:
        """Add one command, in place of an older one that it makes needless."""
        with self._ready:
            self._add(item)
            self._ready.notify()

    def put_back(self, items: Sequence[Item]) -> None:
        """Add commands that could not be done yet, unless newer ones have come meanwhile."""
        with self._ready:
            newer, self._waiting = self._waiting, {}
            for item in items:
                self._add(item)
            for inside in newer.values():
                for item in inside.values():
                    self._add(item)
            self._ready.notify()

    def waiting(self, sender: str) -> int:
        """Return how many commands of a sender wait."""
        return len(self._waiting.get(sender, ()))

    def size(self) -> int:
        """Return how many commands wait."""
        with self._ready:
            return sum(map(len, self._waiting.values()))

    def gather(self, seconds: float) -> Post:
        """Return what came, at most so much of each sender; wait up to `seconds` for something."""
        with self._ready:
            if not (self._waiting or self._looks or self._woken):
                self._ready.wait(seconds)
            self._woken = False
            found: list[Item] = []
            for sender in list(self._waiting):
                inside = self._waiting.pop(sender)
                taken = list(inside)[: SHARE if sender else _LARGEST]
                found += [inside.pop(key) for key in taken]
                if inside:
                    self._waiting[sender] = inside  # behind those who are still to come
                if len(found) >= _LARGEST:
                    break
            looks, self._looks = self._looks, []
            return Post(found, looks)

    def look(self, look: Look) -> bool:
        """Let somebody see what comes of all that is here; False after the end."""
        with self._ready:
            if not self._ended:
                self._looks.append(look)
            self._ready.notify()
            return not self._ended

    def end(self) -> list[Look]:
        """Let nobody look any more; return who still waits to."""
        with self._ready:
            self._ended = True
            return self._looks

    def wake(self) -> None:
        """Let `gather` return at once, the present or the next."""
        with self._ready:
            self._woken = True
            self._ready.notify()

    def _add(self, item: Item) -> None:
        inside = self._waiting.setdefault(item.sender, {})
        key = None if item.asked else _key(item.command)
        if key is None:
            key = next(self._order)
        known = inside.get(key)
        if known is None or _seq(known.command) <= _seq(item.command):
            inside[key] = item


def _key(command: Any) -> Hashable:
    """Return what a command is the newest word about; None where each counts."""
    match command:
        case Report():
            return ("report", command.lease, command.agent, command.unit)
        case Outcomes():
            place = (command.agent, command.provider, command.family)
            return ("outcomes", *place, command.probe)
        case Question():
            return ("question", command.id)
        case Charge():
            return ("charge", command.key)
    return None


def _seq(command: Any) -> int:
    return command.seq if isinstance(command, Report) else 0
